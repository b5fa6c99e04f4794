//! When a server goes back to its pool.

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::row;
use crate::site::{Against, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";
const NO_BLOCKS: &str = "transaction blocks not allowed in statement pooling mode";

#[test]
fn statement_mode_refuses_transactions_of_several_statements() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("pool_mode", "statement"));
            for script in [
                "Q BEGIN | < eof",
                "Q BEGIN; SELECT 1 | < eof",
                "P - BEGIN | B - - | E - | S | < eof",
            ] {
                let heard = site.client().run(script);
                let told = heard.contains(NO_BLOCKS) && heard.contains(" 08P01 ");
                assert!(told && heard.ends_with("eof"), "{against:?}: {heard}");
            }
            let mut client = site.client();
            for (script, expected) in [
                ("Q SELECT 1", ONE),
                (
                    "Q BEGIN; SELECT 1; COMMIT",
                    "C BEGIN | T ?column?:23 | D 1 | C SELECT 1 | C COMMIT | Z I",
                ),
                (
                    "P - SELECT 1 | B - - | E - | S",
                    "1 | 2 | D 1 | C SELECT 1 | Z I",
                ),
            ] {
                assert_eq!(client.run(script), expected, "{against:?}");
            }
            site.assert_serves();
        }
    });
}

#[test]
fn modes_of_databases_and_users_come_before_the_default() {
    bounded(|| {
        for against in POOLERS {
            for pool in [
                Pool::of(1).on_database("pool_mode=statement"),
                Pool::of(1).more("[users]\napp = pool_mode=statement"),
            ] {
                let site = Site::start(*against, &pool);
                let heard = site.client().run("Q BEGIN | < eof");
                assert!(heard.contains(NO_BLOCKS), "{against:?}: {heard}");
            }
        }
    });
}

#[test]
fn a_session_keeps_its_server_and_leaves_it_clean() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("pool_mode", "session"));
            let mut first = site.client();
            first.run("Q SET work_mem = '7MB' | < Z | Q CREATE TEMP TABLE t ()");
            let pid = first.run("Q SELECT pg_backend_pid()");
            let mut second = site.client();
            second.say("Q SHOW work_mem");
            assert!(second.hears_nothing(), "{against:?}");
            first.vanish();
            let answer = second.read_until(b"Z").join(" | ");
            assert_eq!(row(&answer), "4MB", "{against:?}");
            assert_eq!(second.run("Q SELECT pg_backend_pid()"), pid, "{against:?}");
            let gone = second.run("Q TABLE t");
            assert!(gone.contains("42P01"), "{against:?}: {gone}");
        }
    });
}

#[test]
fn simple_queries_can_be_refused() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("disable_pqexec", 1));
            let mut client = site.client();
            let answer = client.run("P - SELECT 1 | B - - | E - | S");
            assert_eq!(answer, "1 | 2 | D 1 | C SELECT 1 | Z I", "{against:?}");
            let heard = client.run("Q SELECT 1 | < eof");
            let told = heard.contains("08P01 PQexec disallowed");
            assert!(told && heard.ends_with("eof"), "{against:?}: {heard}");
        }
    });
}

/// A database that `*` stands for is forgotten when nobody has used it for long.
#[test]
fn a_database_made_on_demand_is_forgotten() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1)
                .with("admin_users", APP)
                .with("autodb_idle_timeout", 1)
                .with("server_idle_timeout", 1)
                .more("[databases]\n* = {postgres} dbname={database}");
            let site = Site::start(*against, &pool);
            let mut client = site.client_of(APP, "whatever");
            assert_eq!(client.run("Q SELECT 1"), ONE, "{against:?}");
            let known = || site.console().run("Q SHOW DATABASES").contains("whatever");
            assert!(known(), "{against:?}");
            client.vanish_noticed();
            wait_until("it to be forgotten", || !known());
        }
    });
}

#[test]
fn a_database_of_its_own_comes_before_the_fallback() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1).more("[databases]\n* = {postgres} dbname=nowhere");
            let site = Site::start(*against, &pool);
            site.assert_serves();
            let other = Pool::of(1).more("[databases]\nalias = {postgres} dbname={database}");
            let site = Site::start(*against, &other);
            let mut client = site.client_of(APP, "alias");
            let name = client.run("Q SELECT current_database()");
            assert_eq!(row(&name), site.database(), "{against:?}");
        }
    });
}

/// `log_pooler_errors`.
#[test]
fn what_the_pooler_refuses_is_logged_unless_it_is_not_to_be() {
    bounded(|| {
        for against in crate::site::POOLER_PROCESSES {
            for (logged, on) in [(true, 1), (false, 0)] {
                let pool = Pool::of(1)
                    .with("log_pooler_errors", on)
                    .with("log_disconnections", 0);
                let site = Site::start(*against, &pool);
                let names = [("user", APP), ("database", "nowhere")];
                let refused = crate::raw::Client::try_connect(site.address(), &names);
                assert!(refused.is_err(), "{against:?}");
                // What comes after it in the log is there when it is.
                site.assert_serves();
                if logged {
                    wait_until("the log", || site.log().contains("pooler error: "));
                    let log = site.log();
                    let line = log.lines().find(|line| line.contains("pooler error: "));
                    // PgBouncer has no name for a database that it does not know.
                    let place = format!("/{APP}@127.0.0.1:");
                    assert!(
                        line.unwrap_or_default().contains(&place),
                        "{against:?}: {line:?}"
                    );
                } else {
                    wait_until("the log", || site.log().contains("login attempt: "));
                    assert!(!site.log().contains("pooler error: "), "{against:?}");
                }
            }
        }
    });
}

#[test]
fn what_is_longer_than_a_packet_may_be_is_refused() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("max_packet_size", 1000));
            let fits = format!("Q SELECT 1 /*{}*/", "x".repeat(900));
            assert_eq!(site.client().run(&fits), ONE, "{against:?}");
            let long = format!("Q SELECT 1 /*{}*/ | < eof", "x".repeat(1100));
            let heard = site.client().run(&long);
            assert!(
                heard.ends_with("eof") && !heard.contains("D 1"),
                "{against:?}: {heard}"
            );
            site.assert_serves();
        }
    });
}

/// `log_connections`, `log_disconnections`, `log_stats` and `stats_period`.
#[test]
fn the_log_says_what_it_is_to_say() {
    const LINES: [(&str, &str); 3] = [
        ("log_connections", "login attempt: "),
        (
            "log_disconnections",
            "closing because: client close request",
        ),
        ("log_stats", "stats: "),
    ];
    bounded(|| {
        for against in crate::site::POOLER_PROCESSES {
            for (at, (wanted, words)) in LINES.iter().enumerate() {
                let pool = LINES
                    .iter()
                    .fold(Pool::of(1).with("stats_period", 1), |pool, (key, _)| {
                        pool.with(key, u8::from(key == wanted))
                    });
                let site = Site::start(*against, &pool);
                site.client().run("Q SELECT 1 | X | < eof");
                wait_until("the line", || site.log().contains(words));
                for (other, (_, words)) in LINES.iter().enumerate() {
                    let said = site.log().contains(words);
                    assert_eq!(said, other == at, "{against:?} {wanted}: {}", site.log());
                }
            }
        }
    });
}

/// `suspend_timeout`: who is in a transaction for longer is cut off.
#[test]
fn a_suspension_waits_only_so_long() {
    bounded(|| {
        let pool = Pool::of(1)
            .with("admin_users", APP)
            .with("suspend_timeout", 1);
        let site = Site::start(Against::Proxy, &pool);
        let mut within = site.client();
        within.run("Q BEGIN");
        let mut console = site.console();
        assert_eq!(console.run("Q SUSPEND"), "C SUSPEND | Z I");
        let heard = within.read_to_end().join(" | ");
        assert_eq!(heard, "E FATAL 57P01 suspend_timeout | eof");
        assert_eq!(console.run("Q RESUME"), "C RESUME | Z I");
        site.assert_serves();
    });
}
