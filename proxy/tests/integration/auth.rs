//! Logging in: every method on both sides, with every client, on our pooler and on PgBouncer from
//! the very same files.

use postgres_protocol::message::frontend;

use crate::cluster::Cluster;
use crate::patience::{bounded, bounded_by, wait_until};
use crate::raw;

mod clients;
mod lookup;
#[cfg(feature = "pam")]
mod pam;
pub(crate) mod poolers;
mod roles;

use clients::{Answer, CLIENTS, tokio_postgres};
use poolers::{POOLERS, Pooler, Site, Started};
use roles::{PASSWORD, ROLES};

/// The methods towards clients that need a password.
const METHODS: [&str; 3] = ["plain", "md5", "scram-sha-256"];

/// What PgBouncer says of a wrong password, where `secret` is stored of it.
fn wrong_password(auth_type: &str, secret: Secret) -> &'static str {
    match (auth_type, secret) {
        ("scram-sha-256", _) | ("md5", Secret::Scram) => "SASL authentication failed",
        _ => "password authentication failed",
    }
}

/// What is stored of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secret {
    Plain,
    Md5,
    Scram,
}

#[test]
fn every_method_on_both_sides_with_every_client() {
    bounded_by(std::time::Duration::from_secs(120), || {
        roles::create();
        for auth_type in METHODS.into_iter().chain(["trust"]) {
            let site = Site::new(&format!("auth_type = {auth_type}"), &roles::userlist());
            for pooler in POOLERS {
                let running = site.start(pooler);
                for role in ROLES {
                    for client in CLIENTS {
                        let answer = client(&site.target(role), PASSWORD);
                        assert_eq!(answer, Answer::of(role), "{pooler:?} {auth_type} {role}");
                    }
                }
                drop(running);
            }
        }
    });
}

/// A client that knows what it will be asked may say all at once.
#[test]
fn trap_11_a_password_and_a_query_behind_the_startup_packet() {
    bounded(|| {
        roles::create();
        let site = Site::new("auth_type = plain", &roles::userlist());
        for pooler in POOLERS {
            let running = site.start(pooler);
            let target = site.target("login_clear");
            let names = [("user", &*target.user), ("database", &*target.database)];
            let mut bytes = raw::startup(&names);
            frontend::password_message(PASSWORD.as_bytes(), &mut bytes).expect("no zero bytes");
            bytes.extend_from_slice(&raw::bytes_of("Q SELECT current_user"));
            let mut client = raw::Client::silent(target.address);
            client.send(&bytes);
            let heard = client.read_until(b"ZZ").join(" | ");
            let expected = "Z I | T current_user:19 | D login_clear | C SELECT 1 | Z I";
            assert!(heard.ends_with(expected), "{pooler:?}: {heard}");
            drop(running);
        }
    });
}

#[test]
fn stored_secrets_open_both_sides() {
    bounded(|| {
        roles::create();
        // What PostgreSQL itself stores, copied as an operator would.
        let users = roles::stored(&["login_md5", "login_scram"]);
        assert!(
            users.contains("\"md5") && users.contains("\"SCRAM-SHA-256$"),
            "{users}"
        );
        for auth_type in ["plain", "md5", "scram-sha-256"] {
            let site = Site::new(&format!("auth_type = {auth_type}"), &users);
            for pooler in POOLERS {
                let running = site.start(pooler);
                for (role, secret) in [("login_md5", Secret::Md5), ("login_scram", Secret::Scram)] {
                    let right = tokio_postgres(&site.target(role), PASSWORD);
                    // A SCRAM secret opens a server only after a client has proved it with SCRAM,
                    // and an md5 digest answers no SCRAM.
                    let expected = match (auth_type, secret) {
                        ("plain", Secret::Scram) | ("scram-sha-256", Secret::Md5) => None,
                        _ => Some(Answer::of(role)),
                    };
                    match expected {
                        Some(expected) => assert_eq!(right, expected, "{pooler:?} {auth_type}"),
                        None => assert!(right.is_refused(), "{pooler:?} {auth_type}: {right:?}"),
                    }
                    let wrong = tokio_postgres(&site.target(role), "falsch");
                    assert_eq!(
                        wrong.words(),
                        wrong_password(auth_type, secret),
                        "{pooler:?}"
                    );
                }
                drop(running);
            }
        }
    });
}

/// A SCRAM secret alone opens no server: what a client has proved of it must not be lost.
#[test]
fn what_a_client_has_proved_outlives_a_reload() {
    bounded(|| {
        roles::create();
        let users = roles::stored(&["login_scram"]);
        let settings = "auth_type = scram-sha-256\npool_mode = transaction";
        let site = Site::new(settings, &users);
        let running = site.start(Pooler::Ours);
        let Started::Ours(pooler) = &running else {
            panic!("ours was started");
        };
        let target = site.target("login_scram");
        let mut config = ::tokio_postgres::Config::new();
        let address = target.address;
        config.host(address.ip().to_string()).port(address.port());
        config.user(&target.user).dbname(&target.database);
        config.password(PASSWORD);
        clients::run(async {
            let connected = config.connect(::tokio_postgres::NoTls).await;
            let (client, connection) = connected.expect("let in");
            tokio::spawn(connection);
            client.simple_query("SELECT 1").await.expect("a server");
            pooler.reload_file().expect("a sound configuration");
            Cluster::shared().sql(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                target.database
            ));
            wait_until("its end", || {
                Cluster::shared().backends(&target.database) == 0
            });
            client.simple_query("SELECT 1").await.expect("another one");
        });
    });
}

#[test]
fn wrong_passwords_and_strangers_are_told_the_same() {
    bounded(|| {
        roles::create();
        for auth_type in METHODS {
            let site = Site::new(&format!("auth_type = {auth_type}"), &roles::userlist());
            for pooler in POOLERS {
                let running = site.start(pooler);
                for user in ["login_scram", "nobody"] {
                    let answer = tokio_postgres(&site.target(user), "falsch");
                    assert_eq!(
                        answer.words(),
                        wrong_password(auth_type, Secret::Plain),
                        "{pooler:?}"
                    );
                    if pooler == Pooler::Ours {
                        let oracle = tokio_postgres(&site.direct(user), "falsch");
                        assert_eq!(answer.code(), oracle.code(), "{user}");
                    }
                }
                drop(running);
            }
        }
    });
}

#[test]
fn trust_asks_for_no_password_but_for_a_listed_user() {
    bounded(|| {
        roles::create();
        let site = Site::new("auth_type = trust", &roles::userlist());
        for pooler in POOLERS {
            let running = site.start(pooler);
            let answer = tokio_postgres(&site.target("login_scram"), "");
            assert_eq!(answer, Answer::of("login_scram"), "{pooler:?}");
            let answer = tokio_postgres(&site.target("nobody"), "");
            assert_eq!(
                answer.words(),
                "\"trust\" authentication failed",
                "{pooler:?}"
            );
            drop(running);
        }
    });
}

#[test]
fn an_unknown_database_is_told_to_those_who_are_let_in() {
    bounded(|| {
        roles::create();
        let site = Site::new("auth_type = scram-sha-256", &roles::userlist());
        for pooler in POOLERS {
            let running = site.start(pooler);
            let target = site.target("login_scram").on("nowhere");
            let answer = tokio_postgres(&target, "falsch");
            assert_eq!(answer.words(), "SASL authentication failed", "{pooler:?}");
            let answer = tokio_postgres(&target, PASSWORD);
            assert_eq!(answer.words(), "no such database: nowhere", "{pooler:?}");
            if pooler == Pooler::Ours {
                let oracle = tokio_postgres(&site.direct("login_scram").on("nowhere"), PASSWORD);
                assert_eq!(answer.code(), oracle.code());
            }
            drop(running);
        }
    });
}

#[test]
fn a_startup_parameter_that_is_not_ignored_is_refused() {
    bounded(|| {
        roles::create();
        let settings = "auth_type = trust\nignore_startup_parameters =";
        let site = Site::new(settings, &roles::userlist());
        for pooler in POOLERS {
            let running = site.start(pooler);
            // sqlx sends it.
            let answer = clients::sqlx(&site.target("login_trust"), "");
            let words = "unsupported startup parameter: extra_float_digits";
            assert_eq!(
                (answer.words(), answer.code()),
                (words, Some("08P01")),
                "{pooler:?}"
            );
            drop(running);
        }
    });
}

#[test]
fn a_server_that_refuses_our_password_is_quoted() {
    bounded(|| {
        roles::create();
        let users = "\"login_scram\" \"falsch\"\n\"login_trust\" \"\"\n";
        let site = Site::new("auth_type = trust\nserver_login_retry = 0", users);
        let running = site.start(Pooler::Ours);
        let oracle = tokio_postgres(&site.direct("login_scram"), "falsch");
        let answer = tokio_postgres(&site.target("login_scram"), "");
        assert!(
            answer.is_refused() && answer.words().contains(oracle.words()),
            "{answer:?}"
        );
        // Others are not disturbed.
        let answer = tokio_postgres(&site.target("login_trust"), "");
        assert_eq!(answer, Answer::of("login_trust"));
        drop(running);
    });
}

#[test]
fn a_password_in_the_connect_string_is_used() {
    bounded(|| {
        roles::create();
        let user = "user=login_scram password='it''s geheim'";
        Cluster::shared().sql("ALTER ROLE login_quoted PASSWORD 'it''s geheim'");
        let user = user.replace("login_scram", "login_quoted");
        let site = Site::with_connect("auth_type = any", "", &user);
        for pooler in POOLERS {
            let running = site.start(pooler);
            let answer = tokio_postgres(&site.target("whoever"), "");
            assert_eq!(answer, Answer::of("login_quoted"), "{pooler:?}");
            drop(running);
        }
    });
}
