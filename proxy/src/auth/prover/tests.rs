//! What servers may ask, in turn and out of turn.

use proptest::prelude::*;

use super::*;
use crate::config::Secret;

fn credential(stored: &str) -> Credential {
    Credential::new("admin".to_owned(), &Secret::new(stored))
}

#[test]
fn requests_are_read() {
    let parse = |body: &'static [u8]| Request::parse(body).map_err(|error| error.to_string());
    assert_eq!(parse(&[0, 0, 0, 0]), Ok(Request::Ok));
    assert_eq!(parse(&[0, 0, 0, 3]), Ok(Request::CleartextPassword));
    assert_eq!(
        parse(&[0, 0, 0, 5, 1, 2, 3, 4]),
        Ok(Request::Md5Password([1, 2, 3, 4]))
    );
    assert_eq!(
        parse(b"\0\0\0\x0aA\0B\0\0"),
        Ok(Request::Sasl(vec![b"A", b"B"]))
    );
    assert_eq!(parse(b"\0\0\0\x0a\0"), Ok(Request::Sasl(vec![])));
    assert_eq!(parse(b"\0\0\0\x0bx"), Ok(Request::SaslContinue(b"x")));
    assert_eq!(parse(b"\0\0\0\x0cx"), Ok(Request::SaslFinal(b"x")));
    for body in [
        &b""[..],
        &[0, 0, 0],
        &[0, 0, 0, 5, 1, 2, 3],
        &[0, 0, 0, 7],
        &[0, 0, 0, 1],
    ] {
        assert!(Request::parse(body).is_err(), "{body:?}");
    }
}

#[test]
fn first_answers() {
    let check = |stored: Option<&str>, request: Request<'_>, expected: Result<&str, &str>| {
        let credential = stored.map(credential);
        let got = Prover::new("admin", credential.as_ref()).reply(&request);
        let got = match got {
            Ok(Reply::Password(text)) => Ok(text),
            Ok(Reply::SaslInitial(_, text)) => Ok(text[..8].to_owned()),
            Ok(other) => Ok(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        };
        assert_eq!(
            got.as_deref().map_err(String::as_str),
            expected,
            "{request:?}"
        );
    };
    let salt = Request::Md5Password([1, 2, 3, 4]);
    let digest = "md545f2603610af569b6155c45067268c6b";
    // The same numbers as in the tests of md5 itself.
    let response = Md5Secret::derive("admin", "1234").response([1, 2, 3, 4]);
    let none = Err("server asks for a password, and none is known for this user");
    check(None, Request::Ok, Ok("Done"));
    check(None, Request::CleartextPassword, none);
    check(Some(""), salt.clone(), none);
    check(Some("1234"), Request::CleartextPassword, Ok("1234"));
    check(Some("1234"), salt.clone(), Ok(&response));
    check(Some(digest), salt, Ok(&response));
    check(
        Some(digest),
        Request::CleartextPassword,
        Err("server asks for the password in clear, which an md5 secret cannot answer"),
    );
    let sasl = Request::Sasl(vec![b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"]);
    check(Some("1234"), sasl.clone(), Ok("n,,n=,r="));
    check(
        Some(digest),
        sasl,
        Err("server asks for SCRAM-SHA-256, which an md5 secret cannot answer"),
    );
    check(
        Some("1234"),
        Request::Sasl(vec![b"OAUTHBEARER"]),
        Err("server offers no SASL mechanism that is supported: expected SCRAM-SHA-256"),
    );
    let out_of_turn = "malformed authentication request from the server: expected AuthenticationOk";
    check(Some("1234"), Request::SaslContinue(b""), Err(out_of_turn));
    check(Some("1234"), Request::SaslFinal(b""), Err(out_of_turn));
}

#[test]
fn a_server_cannot_skip_its_own_proof_or_ask_again() {
    let credential = credential("1234");
    let sasl = Request::Sasl(vec![b"SCRAM-SHA-256"]);
    let mut prover = Prover::new("admin", Some(&credential));
    prover.reply(&sasl).unwrap();
    let error = prover.reply(&Request::Ok).unwrap_err().to_string();
    assert_eq!(
        error,
        "malformed authentication request from the server: expected SASLContinue"
    );

    let mut prover = Prover::new("admin", Some(&credential));
    let Reply::SaslInitial(_, first) = prover.reply(&sasl).unwrap() else {
        panic!("SCRAM begins with an initial response");
    };
    let nonce = first.strip_prefix("n,,n=,r=").unwrap();
    let server_first = format!("r={nonce}x,s=c2FsdA==,i=1");
    prover
        .reply(&Request::SaslContinue(server_first.as_bytes()))
        .unwrap();
    let error = prover.reply(&Request::Ok).unwrap_err().to_string();
    assert_eq!(
        error,
        "malformed authentication request from the server: expected SASLFinal"
    );

    let mut prover = Prover::new("admin", Some(&credential));
    prover.reply(&Request::Md5Password([0; 4])).unwrap();
    assert!(
        prover.reply(&Request::CleartextPassword).is_err(),
        "a second request is refused"
    );
}

proptest! {
    #[test]
    fn any_request_is_answered(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let credential = credential("1234");
        let mut prover = Prover::new("admin", Some(&credential));
        if let Ok(request) = Request::parse(&body) {
            let _ = prover.reply(&request);
        }
    }
}

#[test]
fn a_proof_is_bound_to_the_connection_where_the_server_can() {
    let credential = Credential::new("bob".to_owned(), &Secret::new("geheim"));
    let first = |end_point: Option<Vec<u8>>, offered: Vec<&[u8]>| {
        let mut prover = Prover::new("bob", Some(&credential)).bound_to(end_point);
        match prover.reply(&Request::Sasl(offered)) {
            Ok(Reply::SaslInitial(mechanism, text)) => {
                format!("{mechanism} {}", &text[..text.find("n=").unwrap()])
            }
            other => format!("{other:?}"),
        }
    };
    let (plain, plus): (&[u8], &[u8]) = (b"SCRAM-SHA-256", b"SCRAM-SHA-256-PLUS");
    let hash = || Some(vec![1, 2, 3]);
    // RFC 5802, chapter 6: «y» tells a server that does offer it that its offer was taken away.
    assert_eq!(
        first(hash(), vec![plus, plain]),
        "SCRAM-SHA-256-PLUS p=tls-server-end-point,,"
    );
    assert_eq!(first(hash(), vec![plain]), "SCRAM-SHA-256 y,,");
    assert_eq!(first(None, vec![plus, plain]), "SCRAM-SHA-256 n,,");
    assert_eq!(first(None, vec![plus]), "Err(Mechanism)");
}
