//! Whole logins through a pipe, with the pooler's own proof as the client.

use std::path::Path;

use bytes::BytesMut;
use tokio::io::{DuplexStream, duplex};

use super::*;
use crate::auth::credential::Credential;
use crate::auth::prover::{Prover, Reply, Request};
use crate::config::{Secret, Timeout};
use crate::protocol::message::frontend::{
    password_message, sasl_initial_response, sasl_response, terminate,
};
use crate::protocol::startup::PROTOCOL_3_0;

/// A configuration with users bob, whose password is geheim, and nopw, who has none.
fn config(settings: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, "\"bob\" \"geheim\"\n\"nopw\" \"\"\n").unwrap();
    let text = format!(
        "[databases]\nshop = host=x\nforced = host=x user=app\n\
         [pgbouncer]\nauth_file = {}\n{settings}\n",
        users.display()
    );
    Config::parse(Path::new("pgbouncer.ini"), &text).unwrap()
}

fn startup(user: &str, database: &str, parameters: &[(&str, &str)]) -> StartupParameters {
    StartupParameters {
        version: PROTOCOL_3_0,
        user: user.to_owned(),
        database: database.to_owned(),
        parameters: parameters
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect(),
        protocol_options: Vec::new(),
    }
}

/// Answers challenges with `password` until there are no more.
async fn answer(mut client: DuplexStream, user: &str, password: &str) {
    let credential = Credential::new(user.to_owned(), &Secret::new(password));
    let mut prover = Prover::new(user, Some(&credential));
    let mut header = [0; 5];
    while client.read_exact(&mut header).await.is_ok() {
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let mut body = vec![0; length as usize - 4];
        client.read_exact(&mut body).await.unwrap();
        let mut out = BytesMut::new();
        match prover.reply(&Request::parse(&body).unwrap()).unwrap() {
            Reply::Password(text) => password_message(&mut out, &text),
            Reply::SaslInitial(mechanism, data) => {
                sasl_initial_response(&mut out, mechanism, &data);
            }
            Reply::Sasl(data) => sasl_response(&mut out, &data),
            Reply::Wait | Reply::Done => {}
        }
        client.write_all(&out).await.unwrap();
    }
}

/// A client of the configuration's own users.
fn applicant<'a>(startup: &'a StartupParameters, config: &Config) -> Applicant<'a> {
    Applicant {
        startup,
        replication: Replication::of(startup).unwrap(),
        origin: Origin::Unix { user: None },
        shown: OnceLock::new(),
        known: config.credentials.lookup(&startup.user).cloned(),
    }
}

/// The user that is let in, or the code and words that the client is told.
async fn log_in(
    config: &Config,
    startup: &StartupParameters,
    password: &str,
) -> Result<String, String> {
    let (client, mut pooler) = duplex(4096);
    let (user, password) = (startup.user.clone(), password.to_owned());
    let client = tokio::spawn(async move { answer(client, &user, &password).await });
    let result = authenticate(
        &mut pooler,
        &applicant(startup, config),
        config,
        Deadline::NEVER,
    )
    .await;
    drop(pooler);
    client.await.unwrap();
    result
        .and_then(|()| identify(startup, config))
        .map(|identity| identity.server_user().to_owned())
        .map_err(|error| {
            let refusal = error.refusal().unwrap();
            format!("{} {}", refusal.code, refusal.message)
        })
}

#[tokio::test]
async fn only_who_knows_the_password_is_let_in() {
    for (auth_type, words) in [
        ("plain", "password authentication failed"),
        ("md5", "password authentication failed"),
        ("scram-sha-256", "SASL authentication failed"),
    ] {
        let wrong = Err(format!("28P01 {words}"));
        let config = config(&format!("auth_type = {auth_type}\nscram_iterations = 8"));
        let bob = startup("bob", "shop", &[]);
        assert_eq!(
            log_in(&config, &bob, "geheim").await,
            Ok("bob".to_owned()),
            "{auth_type}"
        );
        assert_eq!(log_in(&config, &bob, "falsch").await, wrong, "{auth_type}");
        // Strangers and unknown databases are told the same.
        for (user, database) in [("eve", "shop"), ("nopw", "shop"), ("bob", "none")] {
            let startup = startup(user, database, &[]);
            assert_eq!(
                log_in(&config, &startup, "falsch").await,
                wrong,
                "{auth_type} {user}"
            );
        }
        let none = log_in(&config, &startup("bob", "none", &[]), "geheim").await;
        assert_eq!(none, Err("3D000 no such database: none".to_owned()));
        let forced = log_in(&config, &startup("bob", "forced", &[]), "geheim").await;
        assert_eq!(forced, Ok("app".to_owned()));
    }
}

#[tokio::test]
async fn trust_lets_in_who_is_listed_and_any_everybody() {
    let trust = config("auth_type = trust");
    let check = |config, user, database| {
        let startup = startup(user, database, &[]);
        async move { log_in(config, &startup, "").await }
    };
    assert_eq!(check(&trust, "bob", "shop").await, Ok("bob".to_owned()));
    assert_eq!(check(&trust, "nopw", "shop").await, Ok("nopw".to_owned()));
    let refused = Err("28000 \"trust\" authentication failed".to_owned());
    assert_eq!(check(&trust, "eve", "shop").await, refused);
    assert_eq!(check(&trust, "eve", "none").await, refused);
    let any = config("auth_type = any");
    assert_eq!(check(&any, "eve", "forced").await, Ok("app".to_owned()));
    let unforced = Err("XX000 bouncer config error".to_owned());
    assert_eq!(check(&any, "eve", "shop").await, unforced);
}

#[tokio::test]
async fn startup_parameters_that_cannot_be_carried_are_refused() {
    let plain = config("auth_type = trust");
    let ignoring = config("auth_type = trust\nignore_startup_parameters = extra_float_digits");
    let check = |config, name| {
        let startup = startup("bob", "shop", &[(name, "x")]);
        async move { log_in(config, &startup, "").await }
    };
    for name in [
        "client_encoding",
        "datestyle",
        "TimeZone",
        "application_name",
        "IntervalStyle",
    ] {
        assert_eq!(check(&plain, name).await, Ok("bob".to_owned()), "{name}");
    }
    let words = "08P01 unsupported startup parameter: extra_float_digits";
    assert_eq!(
        check(&plain, "extra_float_digits").await,
        Err(words.to_owned())
    );
    assert_eq!(
        check(&ignoring, "extra_float_digits").await,
        Ok("bob".to_owned())
    );
    let hint = AuthError::Parameter("x".to_owned())
        .refusal()
        .unwrap()
        .hint
        .unwrap();
    assert!(hint.ends_with("ignore_startup_parameters = x"), "{hint}");
}

/// The words for the log when a client sends `bytes` in answer to the first challenge.
async fn misbehave(bytes: &[u8]) -> String {
    let config = config("auth_type = md5");
    let (mut client, mut pooler) = duplex(8192);
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let startup = startup("bob", "shop", &[]);
    let result = authenticate(
        &mut pooler,
        &applicant(&startup, &config),
        &config,
        Deadline::NEVER,
    )
    .await;
    result.unwrap_err().to_string()
}

#[tokio::test]
async fn what_is_no_password_message_is_refused() {
    let mut goodbye = BytesMut::new();
    terminate(&mut goodbye);
    let got = misbehave(&goodbye).await;
    assert_eq!(got, "expected password response, got message type 'X'");
    let range = "expected a password message of 5 to 2048 bytes, got ";
    assert_eq!(
        misbehave(b"p\x7f\xff\xff\xff").await,
        format!("{range}2147483647")
    );
    assert_eq!(misbehave(b"p\0\0\0\x04").await, format!("{range}4"));
    assert_eq!(misbehave(b"p\0\0\0\0").await, format!("{range}0"));
    for cut in [&b""[..], b"p", b"p\0\0\0\x09abc"] {
        assert_eq!(misbehave(cut).await, "client unexpected eof");
    }
}

#[tokio::test]
async fn what_the_client_asks_beyond_the_protocol_is_negotiated_first() {
    let config = config("auth_type = trust");
    let mut startup = startup("bob", "shop", &[]);
    startup.protocol_options = vec!["_pq_.x".to_owned()];
    let (mut client, mut pooler) = duplex(4096);
    authenticate(
        &mut pooler,
        &applicant(&startup, &config),
        &config,
        Deadline::NEVER,
    )
    .await
    .unwrap();
    drop(pooler);
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.x\0");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_is_given_up() {
    let config = config("auth_type = md5");
    let (_client, mut pooler) = duplex(4096);
    let deadline = Deadline::after(Timeout::from_secs(60));
    let result = authenticate(
        &mut pooler,
        &applicant(&startup("bob", "shop", &[]), &config),
        &config,
        deadline,
    )
    .await;
    assert!(matches!(result, Err(AuthError::Timeout)), "{result:?}");
}
