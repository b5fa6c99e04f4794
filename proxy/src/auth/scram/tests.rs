//! The vectors of RFC 7677, both sides against each other, and what breaks the rules.

use std::sync::OnceLock;

use proptest::prelude::*;

use super::client::{AwaitServerFirst, Binding};
use super::server::{AwaitFirst, Outcome};
use super::*;

const RFC_SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const RFC_CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const RFC_SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const RFC_CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const RFC_SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const RFC_CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const RFC_SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

/// Derived once: unoptimised, 4,096 iterations take a while.
fn rfc_secret() -> ScramSecret {
    static SECRET: OnceLock<ScramSecret> = OnceLock::new();
    let salt = || BASE64.decode(RFC_SALT).unwrap();
    SECRET
        .get_or_init(|| ScramSecret::derive("pencil", &salt(), 4096))
        .clone()
}

fn rfc_server() -> AwaitFirst {
    AwaitFirst::with_nonce(rfc_secret(), RFC_SERVER_NONCE.to_owned())
}

#[test]
fn the_server_side_of_rfc_7677() {
    let (server, first) = rfc_server()
        .client_first(RFC_CLIENT_FIRST.as_bytes())
        .unwrap();
    assert_eq!(first, RFC_SERVER_FIRST);
    let salt = BASE64.decode(RFC_SALT).unwrap();
    let client_key = ClientKey(ScramKeys::derive("pencil", &salt, 4096).client_key);
    assert_eq!(
        server.client_final(RFC_CLIENT_FINAL.as_bytes()),
        Ok(Outcome::Proved {
            server_final: RFC_SERVER_FINAL.to_owned(),
            client_key
        })
    );
}

#[test]
fn the_client_side_answers_the_server_of_rfc_7677() {
    // The user is left out where the RFC names one, so the proof differs and is checked by the
    // server side, whose own vector is above.
    let client = AwaitServerFirst::with_nonce(RFC_CLIENT_NONCE);
    let client_first = client.client_first();
    assert_eq!(client_first, "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
    let (server, server_first) = rfc_server().client_first(client_first.as_bytes()).unwrap();
    let challenge = client.server_first(server_first.as_bytes()).unwrap();
    let keys = ScramKeys::derive("pencil", &challenge.salt, challenge.iterations);
    let (client, client_final) = challenge.answer(&keys);
    let Ok(Outcome::Proved { server_final, .. }) = server.client_final(client_final.as_bytes())
    else {
        panic!("the right password is accepted");
    };
    assert_eq!(client.server_final(server_final.as_bytes()), Ok(()));
}

/// The outcome of an exchange between both sides.
fn exchange(secret: &ScramSecret, password: &str) -> Outcome {
    let client = AwaitServerFirst::new(Binding::Impossible).unwrap();
    let server = AwaitFirst::new(secret.clone()).unwrap();
    let (server, first) = server
        .client_first(client.client_first().as_bytes())
        .unwrap();
    let challenge = client.server_first(first.as_bytes()).unwrap();
    let keys = ScramKeys::derive(password, &challenge.salt, challenge.iterations);
    let (_, last) = challenge.answer(&keys);
    server.client_final(last.as_bytes()).unwrap()
}

#[test]
fn only_the_right_password_is_accepted() {
    let secret = rfc_secret();
    assert!(matches!(
        exchange(&secret, "pencil"),
        Outcome::Proved { .. }
    ));
    for wrong in ["", "Pencil", "pencil ", "pencils"] {
        assert_eq!(exchange(&secret, wrong), Outcome::Wrong, "{wrong}");
    }
    assert!(secret.verify_plain("pencil"));
    assert!(!secret.verify_plain("pencils"));
}

#[test]
fn passwords_are_prepared_as_rfc_4013_says() {
    let same = |a, b| {
        let keys = |password| ScramKeys::derive(password, b"salt", 1);
        assert_eq!(keys(a), keys(b), "{a:?} {b:?}");
    };
    same("I\u{ad}X", "IX");
    same("\u{aa}", "a");
    same("\u{2168}", "IX");
    // A prohibited character: taken as it is, and not refused.
    assert_ne!(
        ScramKeys::derive("\u{7}", b"s", 1),
        ScramKeys::derive("", b"s", 1)
    );
}

#[test]
fn secrets_are_read_as_postgresql_writes_them() {
    // SELECT rolpassword FROM pg_authid after CREATE ROLE … PASSWORD 'pencil' with RFC 7677's salt.
    let text = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    assert_eq!(ScramSecret::parse(text), Some(rfc_secret()));
    for wrong in [
        "",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256$",
        "SCRAM-SHA-256$0:c2FsdA==$c2FsdA==:c2FsdA==",
        "SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:c2FsdA==",
        &text[..text.len() - 1],
        &text.replace("4096", "-1"),
        &text.replace("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
    ] {
        assert_eq!(ScramSecret::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn first_messages_of_clients_that_break_the_rules() {
    use ScramError::*;
    let check = |text: &str, expected: ScramError| {
        let got = rfc_server()
            .client_first(text.as_bytes())
            .map(|(_, first)| first);
        assert_eq!(got, Err(expected), "{text}");
    };
    check("", Malformed("a GS2 header"));
    check("n", Malformed("a GS2 header"));
    check("n,", Malformed("a GS2 header"));
    check("x,,n=,r=a", Malformed("n, y or p= as channel binding flag"));
    check("p=tls-server-end-point,,n=,r=a", ChannelBinding);
    check("n,a=bob,n=,r=a", AuthorizationIdentity);
    check("n,,m=x,n=,r=a", Extension);
    check("n,,r=a", Malformed("n=user"));
    check("n,,n=", Malformed("r=nonce"));
    check("n,,n=,r=", Malformed("a nonce of printable characters"));
    check("n,,n=,r=ä", Malformed("a nonce of printable characters"));
    check("n,,n=,r=a,xyz", Malformed("name=value"));
    let long = format!("n,,n=,r={}", "a".repeat(1017));
    check(&long, TooLong(1025));
    let longest = format!("n,,n=,r={}", "a".repeat(1016));
    assert!(rfc_server().client_first(longest.as_bytes()).is_ok());
    assert!(rfc_server().client_first(b"y,,n=,r=a,x=ext").is_ok());
    assert!(rfc_server().client_first(b"n,,n=\xff,r=a").is_err());
}

#[test]
fn final_messages_of_clients_that_break_the_rules() {
    use ScramError::*;
    let check = |text: &str, expected: Result<Outcome, ScramError>| {
        let (server, _) = rfc_server()
            .client_first(RFC_CLIENT_FIRST.as_bytes())
            .unwrap();
        assert_eq!(server.client_final(text.as_bytes()), expected, "{text}");
    };
    let with = |from: &str, to: &str| RFC_CLIENT_FINAL.replace(from, to);
    check("", Err(Malformed("p=proof at the end")));
    check("c=biws,r=x", Err(Malformed("p=proof at the end")));
    check(&with("biws", "eSws"), Err(ChannelBindingMismatch));
    check(&with("c=biws,", ""), Err(Malformed("c=channel binding")));
    check(&with("hvYD", "hvYE"), Err(Nonce));
    check(&with("r=rOpr", "r=Opr"), Err(Nonce));
    check(
        &with("p=dHzb", "p=dHz"),
        Err(Malformed("base64 of 32 bytes")),
    );
    check(
        &with("p=dHzb", "p=dHzbdHzb"),
        Err(Malformed("base64 of 32 bytes")),
    );
    check(&with("p=dHzb", "p=dHzc"), Ok(Outcome::Wrong));
    // An extension is part of what is signed, so the old proof does not hold for it.
    check(&with(",p=", ",x=1,p="), Ok(Outcome::Wrong));
    check(&with(",p=", ",m=1,p="), Err(Extension));
}

#[test]
fn a_server_that_breaks_the_rules() {
    use ScramError::*;
    let check = |text: &str, expected: ScramError| {
        let client = AwaitServerFirst::with_nonce(RFC_CLIENT_NONCE);
        assert_eq!(
            client.server_first(text.as_bytes()).map(drop),
            Err(expected),
            "{text}"
        );
    };
    let with = |from: &str, to: &str| RFC_SERVER_FIRST.replace(from, to);
    check("", Malformed("r=nonce"));
    check(&with("r=rOpr", "r=rOps"), Nonce);
    // A nonce to which the server adds nothing would let old answers be used again.
    check(&format!("r={RFC_CLIENT_NONCE},s={RFC_SALT},i=4096"), Nonce);
    check(&with(RFC_SALT, ""), Malformed("a salt in base64"));
    check(&with(RFC_SALT, "?"), Malformed("a salt in base64"));
    check(&with("i=4096", "i=0"), Malformed("a number of iterations"));
    check(&with("i=4096", "i=-1"), Malformed("a number of iterations"));
    check(&with("i=4096", "i=1000001"), Iterations(1_000_001));
    check(&with("i=4096", "i=99999999999"), Iterations(99_999_999_999));
    check(&with(",i=4096", ""), Malformed("i=iterations"));
    check(&format!("m=x,{RFC_SERVER_FIRST}"), Extension);
}

#[test]
fn a_server_that_does_not_know_the_password() {
    let check = |last: &str, expected| {
        let client = AwaitServerFirst::with_nonce(RFC_CLIENT_NONCE);
        let challenge = client.server_first(RFC_SERVER_FIRST.as_bytes()).unwrap();
        let keys = ScramKeys::derive("pencil", &challenge.salt, challenge.iterations);
        assert_eq!(
            challenge.answer(&keys).0.server_final(last.as_bytes()),
            expected
        );
    };
    check(RFC_SERVER_FINAL, Err(ScramError::Signature));
    check(
        "e=other-error",
        Err(ScramError::Server("other-error".to_owned())),
    );
    check("v=", Err(ScramError::Malformed("base64 of 32 bytes")));
    check("", Err(ScramError::Malformed("v=signature")));
}

proptest! {
    #[test]
    fn any_message_is_answered(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = rfc_server().client_first(&data);
        let (server, _) = rfc_server().client_first(RFC_CLIENT_FIRST.as_bytes()).unwrap();
        let _ = server.client_final(&data);
        let _ = AwaitServerFirst::with_nonce(RFC_CLIENT_NONCE).server_first(&data);
    }
}
