//! Logins as messages of the server: the ways in, and the ways to stay out.

use super::{Credentials, Endpoint, Frame, Login, LoginStep};

fn credentials(password: Option<&str>) -> Credentials {
    Credentials::new(&Endpoint {
        host: "localhost".into(),
        port: 5432,
        user: "app".into(),
        password: password.map(str::to_owned),
        dbname: "bank".into(),
        tls: None,
    })
    .unwrap()
}

/// Runs messages (tag, body) and returns the step of the last, or the class of the failure.
fn run(password: Option<&str>, messages: &[(u8, &[u8])]) -> Result<LoginStep, String> {
    let mut credentials = credentials(password);
    let mut login = Login::default();
    let mut last = LoginStep::Wait;
    for &(tag, body) in messages {
        last = login
            .take(
                &Frame {
                    tag,
                    body,
                    whole: true,
                },
                &mut credentials,
            )
            .map_err(|failure| failure.class.to_string())?;
    }
    Ok(last)
}

const OK: (u8, &[u8]) = (b'R', &[0, 0, 0, 0]);
const PLAIN: (u8, &[u8]) = (b'R', &[0, 0, 0, 3]);
const MD5: (u8, &[u8]) = (b'R', &[0, 0, 0, 5, 1, 2, 3, 4]);
const SASL: (u8, &[u8]) = (b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
const READY: (u8, &[u8]) = (b'Z', b"I");

#[test]
fn ways_in() {
    let done = Ok(LoginStep::Done);
    let key: (u8, &[u8]) = (b'K', &[0; 8]);
    assert_eq!(run(None, &[OK, (b'S', b"a\0b\0"), key, READY]), done);
    assert_eq!(run(Some("x"), &[PLAIN, OK, READY]), done);
    assert_eq!(run(Some("x"), &[MD5, OK, READY]), done);
    assert_eq!(
        run(Some("x"), &[PLAIN]),
        Ok(LoginStep::Send(b"p\0\0\0\x06x\0".to_vec()))
    );
}

#[test]
fn md5_is_what_postgresql_computes() {
    // 'md5' || md5(md5('x' || 'app') || '\x01020304'), by Python's hashlib.
    let expected = b"p\0\0\0\x28md58c1d335da33f84d770113323386583c8\0";
    assert_eq!(
        run(Some("x"), &[MD5]),
        Ok(LoginStep::Send(expected.to_vec()))
    );
}

#[test]
fn ways_to_stay_out() {
    let check = |password, messages: &[(u8, &[u8])], class: &str| {
        assert_eq!(
            run(password, messages),
            Err(class.to_owned()),
            "{messages:?}"
        );
    };
    check(None, &[PLAIN], "auth");
    check(None, &[SASL], "auth");
    check(Some("x"), &[(b'R', b"\0\0\0\x0aSCRAM-SHA-512\0\0")], "auth");
    check(Some("x"), &[(b'R', &[0, 0, 0, 7])], "auth");
    check(None, &[(b'E', b"SFATAL\0C28P01\0Mno\0\0")], "auth");
    check(
        None,
        &[(b'E', b"SFATAL\0C53300\0Mfull\0\0")],
        "sqlstate 53300",
    );
    check(None, &[READY], "protocol violation");
    check(None, &[(b'D', b"")], "protocol violation");
    check(None, &[(b'R', &[0, 0])], "protocol violation");
    check(None, &[OK, OK], "protocol violation");
    check(None, &[OK, (b'Z', b"T")], "protocol violation");
    check(Some("x"), &[SASL, OK], "protocol violation");
    check(
        Some("x"),
        &[SASL, (b'R', &[0, 0, 0, 12])],
        "protocol violation",
    );
    check(
        Some("x"),
        &[SASL, (b'R', &[0, 0, 0, 11])],
        "protocol violation",
    );
    check(Some("x"), &[(b'R', &[0, 0, 0, 5, 1])], "protocol violation");
}
