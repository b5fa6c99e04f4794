//! Servers of a script: what they send, and what comes of it.

use tokio::io::duplex;

use super::*;
use crate::config::{Secret, Timeout};
use crate::protocol::message::backend::{
    Severity, SqlState, TransactionStatus, authentication_md5_password, authentication_ok,
    backend_key_data, error_response, negotiate_protocol_version, parameter_status,
    ready_for_query,
};

/// What comes of a login at a server that sends `script` and closes.
async fn log_in(script: &[u8]) -> Result<ServerGreeting, String> {
    log_in_with(ProtocolVersion::V3_0, script).await
}

async fn log_in_with(version: ProtocolVersion, script: &[u8]) -> Result<ServerGreeting, String> {
    let (mut server, mut pooler) = duplex(2 << 20);
    server.write_all(script).await.unwrap();
    server.shutdown().await.unwrap();
    let credential = Credential::new("bob".to_owned(), &Secret::new("geheim"));
    let request = ServerLogin {
        user: "bob",
        database: "shop",
        version,
        credential: Some(&credential),
        parameters: &[("application_name", "x")],
        end_point: None,
        first_query: None,
    };
    login(&mut pooler, &request, Deadline::NEVER)
        .await
        .map_err(|error| error.to_string())
}

fn script(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    write(&mut out);
    out
}

fn friendly() -> BytesMut {
    script(|out| {
        authentication_ok(out);
        parameter_status(out, "server_version", "17.0");
        error_response(
            out,
            Severity::Notice,
            SqlState::ADMIN_SHUTDOWN,
            "by the way",
        );
        backend_key_data(out, 7, &[1, 2, 3, 4]);
        ready_for_query(out, TransactionStatus::Idle);
    })
}

#[tokio::test]
async fn a_greeting_is_read_with_what_comes_along() {
    let expected = ServerGreeting {
        parameters: vec![("server_version".to_owned(), "17.0".to_owned())],
        key: Some(CancelKey {
            process: 7,
            key: [1, 2, 3, 4].into(),
        }),
    };
    assert_eq!(log_in(&friendly()).await, Ok(expected.clone()));
    let mut with_more = friendly();
    parameter_status(&mut with_more, "TimeZone", "UTC");
    let more = ("TimeZone".to_owned(), "UTC".to_owned());
    let parameters = [expected.parameters, vec![more]].concat();
    assert_eq!(
        log_in(&with_more).await,
        Ok(ServerGreeting {
            parameters,
            ..expected
        })
    );
}

/// A server that knows only 3.0 says so, one that knows 3.2 gives a key of up to 256 bytes.
#[tokio::test]
async fn the_version_is_negotiated() {
    let negotiation = |version: u32, options: &[&str]| {
        script(|out| negotiate_protocol_version(out, version, options))
    };
    let after = |negotiation: &[u8]| [negotiation, &friendly()].concat();
    let newer = ProtocolVersion::V3_2;
    let old_server = after(&negotiation(PROTOCOL_3_0, &[]));
    assert_eq!(
        log_in_with(newer, &old_server).await,
        log_in(&friendly()).await
    );
    for wrong in [
        negotiation(PROTOCOL_3_2, &[]),
        negotiation(PROTOCOL_3_0, &["_pq_.x"]),
        negotiation(2 << 16, &[]),
        BytesMut::from(&b"v\0\0\0\x04"[..]),
    ] {
        let error = log_in_with(newer, &after(&wrong)).await.unwrap_err();
        assert!(error.contains("NegotiateProtocolVersion"), "{error}");
    }
    let unasked = log_in(&old_server).await.unwrap_err();
    assert!(unasked.contains("an authentication request"), "{unasked}");
    for length in [4, 32, 256] {
        let script = script(|out| {
            authentication_ok(out);
            backend_key_data(out, 7, &vec![9; length]);
            ready_for_query(out, TransactionStatus::Idle);
        });
        let key = log_in_with(newer, &script).await.unwrap().key.unwrap();
        assert_eq!(key.key.len(), length);
    }
}

#[tokio::test]
async fn cut_short_at_every_length_it_is_an_error() {
    let whole = friendly();
    for length in 0..whole.len() {
        let got = log_in(&whole[..length]).await;
        let lost = "server connection lost during login: unexpected end of file";
        assert_eq!(got, Err(lost.to_owned()), "{length} bytes");
    }
}

#[tokio::test]
async fn a_server_that_refuses_is_quoted() {
    let refuse = |out: &mut BytesMut| {
        error_response(out, Severity::Fatal, SqlState::TOO_MANY_CONNECTIONS, "full");
    };
    let words = Err("server refuses the login: FATAL: full (53300)".to_owned());
    assert_eq!(log_in(&script(refuse)).await, words);
    let after_ok = script(|out| {
        authentication_ok(out);
        refuse(out);
    });
    assert_eq!(log_in(&after_ok).await, words);
    let after_ready = [&friendly()[..], &script(refuse)].concat();
    assert_eq!(log_in(&after_ready).await, words);
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol() {
    let check = async |sent: &[u8], expected: &str| {
        let got = log_in(sent).await.unwrap_err();
        assert_eq!(
            got.strip_prefix("server breaks the protocol: expected "),
            Some(expected)
        );
    };
    check(
        b"H\0\0\0\x04",
        "an authentication request, got message type 'H'",
    )
    .await;
    let ok = script(authentication_ok);
    let after_ok = |rest: &[u8]| [&ok[..], rest].concat();
    check(
        &after_ok(b"T\0\0\0\x04"),
        "a server's greeting, got message type 'T'",
    )
    .await;
    check(
        &after_ok(b"Z\0\0\0\x05T"),
        "one ReadyForQuery with status I, got T",
    )
    .await;
    check(
        &after_ok(b"K\0\0\0\x04"),
        "a process and a key in BackendKeyData, got 0 bytes",
    )
    .await;
    check(
        &after_ok(b"S\0\0\0\x06a\0"),
        "a name and a value in ParameterStatus, got [97, 0]",
    )
    .await;
    let size = "a message of at most 64 kB, got message type 'S' of ";
    check(
        &after_ok(b"S\x7f\xff\xff\xff"),
        &format!("{size}2147483647 bytes"),
    )
    .await;
    check(&after_ok(b"S\0\0\0\0"), &format!("{size}0 bytes")).await;
    let endless = script(|out| {
        authentication_ok(out);
        while out.len() < LOGIN_BYTES_MAX + 1000 {
            parameter_status(out, "a", &"x".repeat(1000));
        }
    });
    let got = log_in(&endless).await.unwrap_err();
    assert!(
        got.starts_with("server breaks the protocol: expected ReadyForQuery, got "),
        "{got}"
    );
}

#[tokio::test]
async fn what_is_sent() {
    let (mut server, mut pooler) = duplex(4096);
    let client = tokio::spawn(async move {
        let credential = Credential::new("bob".to_owned(), &Secret::new("geheim"));
        let parameters = [("application_name", "x")];
        let request = ServerLogin {
            user: "bob",
            database: "shop",
            credential: Some(&credential),
            version: ProtocolVersion::V3_0,
            parameters: &parameters,
            end_point: None,
            first_query: None,
        };
        login(&mut pooler, &request, Deadline::NEVER)
            .await
            .map_err(|error| error.to_string())
    });
    let startup = b"\0\0\0\x33\0\x03\0\0user\0bob\0database\0shop\0application_name\0x\0\0";
    let mut got = vec![0; startup.len()];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(got, startup);
    server
        .write_all(&script(|out| authentication_md5_password(out, *b"salt")))
        .await
        .unwrap();
    let mut got = vec![0; 41];
    server.read_exact(&mut got).await.unwrap();
    // md5(md5(geheim bob) salt), with md5sum.
    assert_eq!(got, b"p\0\0\0\x28md586fc0b7a5ed79069f9f3eda9189b0a36\0");
    server.write_all(&friendly()).await.unwrap();
    assert!(client.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let (_server, mut pooler) = duplex(4096);
    let request = ServerLogin {
        user: "bob",
        database: "shop",
        credential: None,
        version: ProtocolVersion::V3_0,
        parameters: &[],
        end_point: None,
        first_query: None,
    };
    let deadline = Deadline::after(Timeout::from_secs(15));
    let result = login(&mut pooler, &request, deadline).await;
    assert!(matches!(result, Err(LoginError::Timeout)), "{result:?}");
}
