//! Each method against each kind of stored password, with right and wrong answers.

use proptest::prelude::*;

use super::super::md5::Md5Secret;
use super::super::prover::{Prover, Reply, Request};
use super::super::scram::ScramSecret;
use super::*;
use crate::config::Secret;

const USER: &str = "bob";
const ITERATIONS: u32 = 2;

fn stored_text(kind: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    match kind {
        "plain" => "geheim".to_owned(),
        "md5" => format!("md5{}", super::super::hash::md5_hex(&[b"geheim", b"bob"])),
        "scram" => {
            let secret = ScramSecret::derive("geheim", b"salt", ITERATIONS);
            let text = |bytes: &[u8]| BASE64.encode(bytes);
            let keys = format!("{}:{}", text(&secret.stored_key), text(&secret.server_key));
            format!("SCRAM-SHA-256${ITERATIONS}:{}${keys}", text(&secret.salt))
        }
        _ => String::new(),
    }
}

fn subject(kind: &str) -> Subject {
    let credential = || Credential::new(USER.to_owned(), &Secret::new(&stored_text(kind)));
    let known = (kind != "unknown").then(|| Arc::new(credential()));
    Subject::new(USER, known.as_ref())
}

/// Runs an exchange with a client that has `password`; gives the names of the challenges, and the
/// verdict.
fn exchange(auth_type: AuthType, kind: &str, password: &str) -> (String, Result<(), Denial>) {
    let client = Credential::new(USER.to_owned(), &Secret::new(password));
    let mut prover = Prover::new(USER, Some(&client));
    let (mut verifier, mut challenge) =
        Verifier::begin(auth_type, subject(kind), ITERATIONS).unwrap();
    let mut asked = Vec::new();
    loop {
        let (name, request) = match &challenge {
            Challenge::CleartextPassword => ("password", Request::CleartextPassword),
            Challenge::Md5Password(salt) => ("md5", Request::Md5Password(*salt)),
            Challenge::Sasl => ("sasl", Request::Sasl(vec![MECHANISM.as_bytes()])),
            Challenge::SaslContinue(data) => ("continue", Request::SaslContinue(data.as_bytes())),
        };
        asked.push(name);
        let body = match prover.reply(&request).unwrap() {
            Reply::Password(text) => [text.as_bytes(), b"\0"].concat(),
            Reply::SaslInitial(mechanism, data) => initial(mechanism, data.as_bytes()),
            Reply::Sasl(data) => data.into_bytes(),
            other => panic!("a client has to answer, got {other:?}"),
        };
        match verifier.answer(&body).unwrap() {
            Step::Ask(next, asks) => (verifier, challenge) = (next, asks),
            Step::Denied(denial) => return (asked.join(" "), Err(denial)),
            Step::Granted(last) => {
                if let Some(last) = last {
                    let reply = prover.reply(&Request::SaslFinal(last.as_bytes()));
                    assert_eq!(reply.unwrap(), Reply::Wait);
                }
                assert_eq!(prover.reply(&Request::Ok).unwrap(), Reply::Done);
                return (asked.join(" "), Ok(()));
            }
        }
    }
}

fn initial(mechanism: &str, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [mechanism.as_bytes(), b"\0", &length, data].concat()
}

#[test]
fn every_method_with_every_kind_of_secret() {
    let check = |auth_type, kind: &str, asked: &str, fits: bool| {
        let denied = |denial| (asked.to_owned(), Err(denial));
        let (right, wrong) = match (kind, fits) {
            ("unknown", _) => (denied(Denial::UnknownUser), denied(Denial::UnknownUser)),
            (_, false) => (denied(Denial::Unfit), denied(Denial::Unfit)),
            (_, true) => ((asked.to_owned(), Ok(())), denied(Denial::WrongPassword)),
        };
        assert_eq!(
            exchange(auth_type, kind, "geheim"),
            right,
            "{auth_type:?} {kind}"
        );
        assert_eq!(
            exchange(auth_type, kind, "falsch"),
            wrong,
            "{auth_type:?} {kind}"
        );
    };
    for (kind, fits) in [
        ("plain", true),
        ("md5", true),
        ("scram", true),
        ("nothing", false),
        ("unknown", false),
    ] {
        check(AuthType::Plain, kind, "password", fits);
    }
    check(AuthType::Md5, "plain", "md5", true);
    check(AuthType::Md5, "md5", "md5", true);
    check(AuthType::Md5, "scram", "sasl continue", true);
    check(AuthType::Md5, "nothing", "md5", false);
    check(AuthType::Md5, "unknown", "md5", false);
    check(AuthType::ScramSha256, "plain", "sasl continue", true);
    check(AuthType::ScramSha256, "md5", "sasl continue", false);
    check(AuthType::ScramSha256, "scram", "sasl continue", true);
    check(AuthType::ScramSha256, "nothing", "sasl continue", false);
    check(AuthType::ScramSha256, "unknown", "sasl continue", false);
}

#[test]
fn an_empty_password_never_fits_nothing() {
    for auth_type in [AuthType::Plain, AuthType::Md5] {
        let (verifier, challenge) = Verifier::begin(auth_type, subject("nothing"), 1).unwrap();
        let answer = match challenge {
            Challenge::Md5Password(salt) => Md5Secret::derive(USER, "").response(salt),
            _ => String::new(),
        };
        let step = verifier.answer(format!("{answer}\0").as_bytes()).unwrap();
        assert!(
            matches!(step, Step::Denied(Denial::Unfit)),
            "{auth_type:?}: {step:?}"
        );
    }
}

#[test]
fn after_a_scram_login_the_very_secret_opens_servers() {
    let text = stored_text("scram");
    let known = Arc::new(Credential::new(USER.to_owned(), &Secret::new(&text)));
    let subject = Subject::new(USER, Some(&known));
    assert_eq!(known.scram_keys(b"salt", ITERATIONS), None);

    let client = Credential::new(USER.to_owned(), &Secret::new("geheim"));
    let mut prover = Prover::new(USER, Some(&client));
    let (verifier, _) = Verifier::begin(AuthType::ScramSha256, subject, ITERATIONS).unwrap();
    let Reply::SaslInitial(_, first) = prover
        .reply(&Request::Sasl(vec![MECHANISM.as_bytes()]))
        .unwrap()
    else {
        panic!("SCRAM begins with an initial response");
    };
    let step = verifier
        .answer(&initial(MECHANISM, first.as_bytes()))
        .unwrap();
    let Step::Ask(verifier, Challenge::SaslContinue(data)) = step else {
        panic!("SCRAM goes on");
    };
    let Reply::Sasl(last) = prover
        .reply(&Request::SaslContinue(data.as_bytes()))
        .unwrap()
    else {
        panic!("SCRAM ends with a proof");
    };
    assert!(matches!(
        verifier.answer(last.as_bytes()),
        Ok(Step::Granted(Some(_)))
    ));
    assert_eq!(
        known.scram_keys(b"salt", ITERATIONS),
        client.scram_keys(b"salt", ITERATIONS)
    );
}

#[test]
fn malformed_answers() {
    let check = |auth_type, body: &[u8], expected: &str| {
        let (verifier, _) = Verifier::begin(auth_type, subject("plain"), 1).unwrap();
        assert_eq!(verifier.answer(body).unwrap_err().to_string(), expected);
    };
    let text = "malformed password message: expected text that ends with its only zero byte";
    check(AuthType::Plain, b"", text);
    check(AuthType::Plain, b"geheim", text);
    check(AuthType::Md5, b"gehe\0im\0", text);
    check(
        AuthType::Plain,
        b"\xff\0",
        "malformed password message: expected UTF-8",
    );
    let mechanism = "client selected an invalid SASL authentication mechanism";
    let layout = "malformed password message: expected a mechanism, a length and that many bytes";
    check(AuthType::ScramSha256, b"", layout);
    check(AuthType::ScramSha256, b"SCRAM-SHA-256", layout);
    check(AuthType::ScramSha256, b"SCRAM-SHA-256\0\0\0\0", layout);
    check(
        AuthType::ScramSha256,
        b"SCRAM-SHA-256\0\0\0\0\x09n,,n=,r=",
        layout,
    );
    check(
        AuthType::ScramSha256,
        b"SCRAM-SHA-256\0\xff\xff\xff\xff",
        layout,
    );
    check(
        AuthType::ScramSha256,
        &initial("SCRAM-SHA-256-PLUS", b"n,,n=,r=a"),
        mechanism,
    );
    check(AuthType::ScramSha256, b"md5\0", mechanism);
}

proptest! {
    #[test]
    fn any_answer_is_judged(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        for auth_type in [AuthType::Plain, AuthType::Md5, AuthType::ScramSha256] {
            let (verifier, _) = Verifier::begin(auth_type, subject("plain"), 1).unwrap();
            let granted = matches!(verifier.answer(&body), Ok(Step::Granted(_)));
            prop_assert!(!granted || body == b"geheim\0");
        }
    }
}
