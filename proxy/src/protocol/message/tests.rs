//! Messages against the bytes that the chapter «Message Formats» prescribes.

use bytes::BytesMut;

use super::backend::*;
use super::frontend::*;

fn check(write: impl FnOnce(&mut BytesMut), expected: &[u8]) {
    // What stands in the buffer before must stay as it is.
    let mut out = BytesMut::from(&b"before"[..]);
    write(&mut out);
    assert_eq!(out.strip_prefix(b"before"), Some(expected));
}

#[test]
fn backend_messages() {
    check(
        |out| error_response(out, Severity::Fatal, SqlState::INVALID_PASSWORD, "no"),
        b"E\0\0\0\x1eSFATAL\0VFATAL\0C28P01\0Mno\0\0",
    );
    check(
        |out| {
            let code = SqlState::QUERY_CANCELED;
            error_with_hint(out, Severity::Error, code, "a\0b", Some("c"));
        },
        b"E\0\0\0\x21SERROR\0VERROR\0C57014\0Mab\0Hc\0\0",
    );
    check(
        |out| error_response(out, Severity::Notice, SqlState::ADMIN_SHUTDOWN, "x"),
        b"N\0\0\0\x1fSNOTICE\0VNOTICE\0C57P01\0Mx\0\0",
    );
    check(
        |out| ready_for_query(out, TransactionStatus::Idle),
        b"Z\0\0\0\x05I",
    );
    check(
        |out| ready_for_query(out, TransactionStatus::InTransaction),
        b"Z\0\0\0\x05T",
    );
    check(
        |out| ready_for_query(out, TransactionStatus::Failed),
        b"Z\0\0\0\x05E",
    );
    check(
        |out| parameter_status(out, "a", "b c"),
        b"S\0\0\0\x0aa\0b c\0",
    );
    check(
        |out| backend_key_data(out, 258, &[1, 2, 3, 4]),
        b"K\0\0\0\x0c\0\0\x01\x02\x01\x02\x03\x04",
    );
    check(
        |out| negotiate_protocol_version(out, crate::protocol::startup::PROTOCOL_3_2, &["_pq_.x"]),
        b"v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0",
    );
    check(authentication_ok, b"R\0\0\0\x08\0\0\0\0");
    check(authentication_cleartext_password, b"R\0\0\0\x08\0\0\0\x03");
    check(
        |out| authentication_md5_password(out, *b"salt"),
        b"R\0\0\0\x0c\0\0\0\x05salt",
    );
    check(
        |out| authentication_sasl(out, &["A", "B"]),
        b"R\0\0\0\x0d\0\0\0\x0aA\0B\0\0",
    );
    check(
        |out| authentication_sasl_continue(out, "r=x"),
        b"R\0\0\0\x0b\0\0\0\x0br=x",
    );
    check(
        |out| authentication_sasl_final(out, "v=x"),
        b"R\0\0\0\x0b\0\0\0\x0cv=x",
    );
    check(
        |out| command_complete(out, "SELECT 1"),
        b"C\0\0\0\x0dSELECT 1\0",
    );
    check(empty_query_response, b"I\0\0\0\x04");
    check(parse_complete, b"1\0\0\0\x04");
    check(close_complete, b"3\0\0\0\x04");
}

#[test]
fn frontend_messages() {
    check(
        |out| startup_message(out, 196_608, [("user", "a"), ("database", "b")]),
        b"\0\0\0\x1b\0\x03\0\0user\0a\0database\0b\0\0",
    );
    check(ssl_request, b"\0\0\0\x08\x04\xd2\x16\x2f");
    check(
        |out| cancel_request(out, 1, &[9, 8, 7, 6]),
        b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\x09\x08\x07\x06",
    );
    check(
        |out| password_message(out, "geheim"),
        b"p\0\0\0\x0bgeheim\0",
    );
    check(
        |out| sasl_initial_response(out, "M", "n,,"),
        b"p\0\0\0\x0dM\0\0\0\0\x03n,,",
    );
    check(|out| sasl_response(out, "c=biws"), b"p\0\0\0\x0ac=biws");
    check(|out| query(out, "SELECT 1"), b"Q\0\0\0\x0dSELECT 1\0");
    check(terminate, b"X\0\0\0\x04");
}

#[test]
fn transaction_statuses() {
    for status in [
        TransactionStatus::Idle,
        TransactionStatus::InTransaction,
        TransactionStatus::Failed,
    ] {
        assert_eq!(TransactionStatus::from_byte(status.as_byte()), Some(status));
    }
    assert_eq!(TransactionStatus::from_byte(b'X'), None);
}

#[test]
fn sql_states() {
    assert_eq!(
        SqlState::from_bytes(b"28P01"),
        Some(SqlState::INVALID_PASSWORD)
    );
    for wrong in [&b""[..], b"28P0", b"28P011", b"28P0\n", b"28P0\xff"] {
        assert_eq!(SqlState::from_bytes(wrong), None);
    }
}
