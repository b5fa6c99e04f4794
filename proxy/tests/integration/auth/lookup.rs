//! `auth_query`: users whom `auth_file` does not list.

use super::clients::{Answer, psql, tokio_postgres};
use super::poolers::{POOLERS, Pooler, Site, Started, Target};
use super::roles::{self, PASSWORD};
use crate::cluster::{Cluster, psql_at};
use crate::patience::{bounded, bounded_by, wait_until};

/// `auth_file` with the one user who looks the others up.
const USERS: &str = "\"looker\" \"looks\"\n";

/// The role that looks users up, and one whose password has run out.
fn set_up() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        roles::create();
        let cluster = Cluster::shared();
        cluster.sql("CREATE ROLE looker LOGIN SUPERUSER PASSWORD 'looks'");
        cluster.role("expired", PASSWORD, &["auth_trust"]);
        cluster.sql("ALTER ROLE expired VALID UNTIL '2001-01-01'");
    });
}

#[test]
fn users_are_looked_up_and_their_secrets_open_servers() {
    bounded_by(std::time::Duration::from_secs(60), || {
        set_up();
        for settings in ["", "auth_dbname = postgres\n"] {
            let settings = format!("auth_type = scram-sha-256\nauth_user = looker\n{settings}");
            let site = Site::new(&settings, USERS);
            if settings.contains("auth_dbname") {
                let port = Cluster::shared().address().port();
                let ini = site.folder().join("ini");
                let text = std::fs::read_to_string(&ini).expect("read");
                let line = format!("[databases]\npostgres = host=127.0.0.1 port={port}\n");
                std::fs::write(&ini, text.replace("[databases]\n", &line)).expect("write");
            }
            // PgBouncer knows auth_dbname from 1.19 on.
            let known_to_both = !settings.contains("auth_dbname");
            for pooler in POOLERS {
                if pooler == Pooler::PgBouncer && !known_to_both {
                    continue;
                }
                let running = site.start(pooler);
                // The secret that PostgreSQL stores, proved by the client, opens the server.
                for client in [psql, tokio_postgres] {
                    let answer = client(&site.target("login_scram"), PASSWORD);
                    assert_eq!(answer, Answer::of("login_scram"), "{pooler:?}");
                    let wrong = client(&site.target("login_scram"), "falsch");
                    assert!(wrong.is_refused(), "{pooler:?} {wrong:?}");
                }
                drop(running);
            }
            let _running = site.start(Pooler::Ours);
            // Nobody learns whether a user does not exist, has the wrong password, or had one.
            let wrong = tokio_postgres(&site.target("login_scram"), "falsch");
            for user in ["nobody", "expired"] {
                assert_eq!(
                    tokio_postgres(&site.target(user), PASSWORD),
                    wrong,
                    "{user}"
                );
            }
            // Nor which databases there are.
            let elsewhere: Target = site.target("nobody").on("no_such_database");
            assert_eq!(tokio_postgres(&elsewhere, PASSWORD), wrong);
        }
    });
}

#[test]
fn a_new_password_is_taken_at_the_next_login() {
    bounded(|| {
        set_up();
        let cluster = Cluster::shared();
        cluster.role("changing", "first", &[]);
        let settings = "auth_type = scram-sha-256\nauth_user = looker\nserver_login_retry = 0\n";
        let site = Site::new(settings, USERS);
        let _running = site.start(Pooler::Ours);
        let target = site.target("changing");
        assert_eq!(tokio_postgres(&target, "first"), Answer::of("changing"));
        cluster.sql("ALTER ROLE changing PASSWORD 'second'");
        assert!(tokio_postgres(&target, "first").is_refused());
        assert_eq!(tokio_postgres(&target, "second"), Answer::of("changing"));
        // A server that has to be opened now is opened with the new one.
        cluster.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            target.database
        ));
        assert_eq!(tokio_postgres(&target, "second"), Answer::of("changing"));
    });
}

#[test]
fn a_search_path_does_not_reach_the_query() {
    bounded(|| {
        set_up();
        let cluster = Cluster::shared();
        let settings = "auth_type = scram-sha-256\nauth_user = looker\n\
                        auth_query = SELECT usename, passwd FROM secrets WHERE usename = $1\n\
                        ignore_startup_parameters = extra_float_digits, search_path, options\n\
                        track_extra_parameters = IntervalStyle, search_path\n";
        let site = Site::new(settings, USERS);
        let target = site.target("login_scram");
        for sql in [
            "CREATE VIEW public.secrets AS SELECT usename, passwd FROM pg_shadow",
            "CREATE SCHEMA evil",
            "CREATE TABLE evil.secrets AS SELECT 'login_scram'::text usename, 'known'::text passwd",
        ] {
            cluster.sql_as("postgres", &target.database, sql);
        }
        let _running = site.start(Pooler::Ours);
        // A client may ask for any search_path in its first message (CVE-2025-12819), and the
        // forged secret that it leads to lets nobody in.
        let forged = |password: &str| {
            let output = psql_at(target.address, "login_scram", &target.database)
                .args(["-c", "SELECT 42"])
                .env("PGOPTIONS", "-c search_path=evil")
                .env("PGPASSWORD", password)
                .output()
                .expect("run psql");
            output.status.success()
        };
        assert!(
            forged(PASSWORD),
            "the options themselves are no reason to be refused"
        );
        assert!(!forged("known"));
        assert!(tokio_postgres(&target, "known").is_refused());
        // Whoever knows the password of the looker sets what it likes in a session of its own.
        let looker = tokio_postgres(&site.target("looker"), "looks");
        assert_eq!(looker, Answer::of("looker"));
        assert_eq!(tokio_postgres(&target, PASSWORD), Answer::of("login_scram"));
    });
}

#[test]
fn trap_21_a_look_up_that_hangs_ends_at_query_wait_timeout() {
    bounded(|| {
        set_up();
        let settings = "auth_type = scram-sha-256\nauth_user = looker\nquery_wait_timeout = 1\n\
                        auth_query = SELECT usename, passwd FROM pg_shadow, pg_sleep(20) WHERE usename = $1\n";
        let site = Site::new(settings, USERS);
        let _running = site.start(Pooler::Ours);
        let began = std::time::Instant::now();
        let answer = tokio_postgres(&site.target("login_scram"), PASSWORD);
        assert_eq!(answer.words(), "query_wait_timeout");
        assert!(began.elapsed().as_secs() < 10);
    });
}

/// A stranger's name is enough to have it opened, and nobody need ever come again.
#[test]
fn the_connection_for_look_ups_is_closed_when_idle_and_by_a_reload() {
    bounded(|| {
        set_up();
        let settings = "auth_type = scram-sha-256\nauth_user = looker\n";
        for (timeout, reload) in [(1, false), (600, true)] {
            let site = Site::new(&format!("{settings}server_idle_timeout = {timeout}"), USERS);
            let running = site.start(Pooler::Ours);
            let target = site.target("nobody");
            let sql = format!(
                "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND usename = 'looker'",
                target.database
            );
            let lines = || Cluster::shared().sql(&sql).len();
            assert!(tokio_postgres(&target, "falsch").is_refused());
            if reload {
                assert_eq!(lines(), 1);
                let Started::Ours(pooler) = &running else {
                    panic!("ours was started");
                };
                pooler.reload_file().expect("a sound configuration");
            }
            wait_until("the connection to be closed", || lines() == 0);
        }
    });
}
