//! Tables of first packets, whole, cut short and random.

use proptest::prelude::*;

use super::*;

/// A packet as PostgreSQL's manual writes it: code, then bytes.
fn packet(code: u32, rest: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), rest].concat()
}

fn session(rest: &[u8]) -> Result<StartupParameters, PacketError> {
    match parse(&packet(PROTOCOL_3_0, rest))? {
        StartupPacket::Session(parameters) => Ok(parameters),
        other => panic!("a session was expected, got {other:?}"),
    }
}

#[test]
fn lengths() {
    let check = |length: u32, expected| assert_eq!(body_length(length.to_be_bytes()), expected);
    check(8, Ok(4));
    check(10_004, Ok(10_000));
    // 0x16030100 opens a TLS handshake; 0x47455420 is «GET ».
    for wrong in [
        0,
        1,
        4,
        7,
        10_005,
        0x7fff_ffff,
        0x8000_0000,
        u32::MAX,
        0x1603_0100,
        0x4745_5420,
    ] {
        check(wrong, Err(PacketError::Length(wrong)));
    }
}

#[test]
fn codes_have_the_values_of_the_manual() {
    assert_eq!(
        [
            PROTOCOL_3_0,
            PROTOCOL_3_2,
            CANCEL_REQUEST,
            SSL_REQUEST,
            GSSENC_REQUEST
        ],
        [196_608, 196_610, 80_877_102, 80_877_103, 80_877_104]
    );
}

#[test]
fn encryption_requests() {
    assert_eq!(parse(&packet(SSL_REQUEST, b"")), Ok(StartupPacket::Ssl));
    assert_eq!(
        parse(&packet(GSSENC_REQUEST, b"")),
        Ok(StartupPacket::GssEncryption)
    );
    let version = |minor| Err(PacketError::Version { major: 1234, minor });
    assert_eq!(parse(&packet(SSL_REQUEST, b"x")), version(5679));
    assert_eq!(parse(&packet(GSSENC_REQUEST, b"x")), version(5680));
}

#[test]
fn cancel_requests() {
    let check = |key: &[u8], accepted: bool| {
        let rest = [&7_u32.to_be_bytes(), key].concat();
        let expected = if accepted {
            Ok(StartupPacket::Cancel(CancelKey {
                process: 7,
                key: key.into(),
            }))
        } else {
            Err(PacketError::CancelKey(key.len()))
        };
        assert_eq!(parse(&packet(CANCEL_REQUEST, &rest)), expected);
    };
    check(&[], false);
    check(&[1, 2, 3, 4], true);
    check(&[9; 32], true);
    check(&[9; 256], true);
    check(&[9; 257], false);
    assert_eq!(
        parse(&packet(CANCEL_REQUEST, &[1, 2])),
        Err(PacketError::CancelKey(0))
    );
}

#[test]
fn sessions() {
    let got = session(b"user\0alice\0database\0shop\0DateStyle\0ISO\0\0").unwrap();
    assert_eq!(
        (got.user.as_str(), got.database.as_str()),
        ("alice", "shop")
    );
    assert_eq!(got.parameters, [("DateStyle".to_owned(), "ISO".to_owned())]);
    assert_eq!(got.get("datestyle"), Some("ISO"));
    assert!(!got.needs_negotiation());

    let check = |rest: &[u8], expected: Result<(&str, &str), PacketError>| {
        let got = session(rest).map(|session| (session.user, session.database));
        let got = got
            .as_ref()
            .map(|(user, database)| (user.as_str(), database.as_str()));
        assert_eq!(got, expected.as_ref().map(|pair| *pair), "{rest:?}");
    };
    check(b"user\0a\0\0", Ok(("a", "a")));
    check(b"user\0a\0database\0\0\0", Ok(("a", "a")));
    check(b"user\0a\0user\0b\0\0", Ok(("b", "b")));
    check(b"\0", Err(PacketError::NoUser));
    check(b"database\0x\0\0", Err(PacketError::NoUser));
    check(b"user\0\0\0", Err(PacketError::NoUser));
    check(b"", Err(PacketError::Layout));
    check(b"user\0a\0", Err(PacketError::Layout));
    check(b"user\0a", Err(PacketError::Layout));
    check(b"user\0a\0\0x", Err(PacketError::Layout));
    check(b"user\0a\0\0\0", Err(PacketError::Layout));
    check(b"user\0\xff\0\0", Err(PacketError::Encoding));
}

#[test]
fn long_names() {
    let named = |user: usize, database: usize| {
        let (user, database) = ("u".repeat(user), "d".repeat(database));
        session(format!("user\0{user}\0database\0{database}\0\0").as_bytes()).map(drop)
    };
    let too_long = |what| Err(PacketError::NameTooLong { what, bytes: 64 });
    assert_eq!(named(63, 63), Ok(()));
    assert_eq!(named(64, 1), too_long("user"));
    assert_eq!(named(1, 64), too_long("database"));
}

#[test]
fn versions_and_protocol_options() {
    let check = |version, rest: &[u8], speaks, negotiates| {
        let Ok(StartupPacket::Session(got)) = parse(&packet(version, rest)) else {
            panic!("protocol {version:#x} must be a session");
        };
        assert_eq!(
            (got.negotiated_version(), got.needs_negotiation()),
            (speaks, negotiates)
        );
    };
    check(PROTOCOL_3_0, b"user\0a\0\0", PROTOCOL_3_0, false);
    check(PROTOCOL_3_2, b"user\0a\0\0", PROTOCOL_3_2, false);
    check(PROTOCOL_3_0 | 9999, b"user\0a\0\0", PROTOCOL_3_2, true);
    check(PROTOCOL_3_0, b"user\0a\0_pq_.x\0on\0\0", PROTOCOL_3_0, true);
    let check = |code: u32, major, minor| {
        let got = parse(&packet(code, b"user\0a\0\0"));
        assert_eq!(got, Err(PacketError::Version { major, minor }));
    };
    check(2 << 16, 2, 0);
    check(4 << 16, 4, 0);
    check(0, 0, 0);
    check(u32::MAX, 65535, 65535);
}

#[test]
fn cut_short_at_every_length_it_is_an_error() {
    let whole = packet(
        PROTOCOL_3_0,
        b"user\0alice\0database\0shop\0_pq_.a\0b\0x\0y\0\0",
    );
    assert!(parse(&whole).is_ok());
    for length in 0..whole.len() {
        assert_eq!(
            parse(&whole[..length]),
            Err(PacketError::Layout),
            "{length} bytes"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_session_is_answered(rest in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(got) = session(&rest) {
            prop_assert!(!got.user.is_empty() && got.user.len() <= NAME_BYTES_MAX);
        }
    }

    #[test]
    fn what_is_written_is_read(
        user in "[a-z]{1,63}",
        database in "[a-z]{1,63}",
        value in "[^\0]{0,40}",
    ) {
        let mut out = bytes::BytesMut::new();
        let pairs = [("user", &*user), ("database", &*database), ("TimeZone", &*value)];
        crate::protocol::message::frontend::startup_message(&mut out, PROTOCOL_3_2, pairs);
        let (header, body) = out.split_first_chunk::<4>().unwrap();
        prop_assert_eq!(body_length(*header), Ok(body.len()));
        let expected = StartupParameters {
            version: PROTOCOL_3_2,
            user,
            database,
            parameters: vec![("TimeZone".to_owned(), value)],
            protocol_options: vec![],
        };
        prop_assert_eq!(parse(body), Ok(StartupPacket::Session(expected)));
    }
}
