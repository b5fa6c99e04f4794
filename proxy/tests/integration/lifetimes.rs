//! The life of a server: how it begins, how long it lasts, whether it still answers.

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::row;
use crate::site::{Against, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

fn pid(client: &mut crate::raw::Client) -> String {
    row(&client.run("Q SELECT pg_backend_pid()")).to_owned()
}

#[test]
fn a_server_past_its_lifetime_is_closed_when_it_is_free() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("server_lifetime", 1));
            let mut client = site.client();
            client.run("Q BEGIN");
            let first = pid(&mut client);
            assert_eq!(site.backends(), 1);
            client.run("Q COMMIT");
            wait_until("another server", || pid(&mut client) != first);
        }
    });
}

#[test]
fn a_database_has_a_lifetime_of_its_own() {
    bounded(|| {
        let site = Site::start(
            Against::Proxy,
            &Pool::of(1).on_database("server_lifetime=0"),
        );
        let mut client = site.client();
        let first = pid(&mut client);
        assert_ne!(first, pid(&mut client), "each server is used once");
    });
}

#[test]
fn idle_servers_are_closed() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(2).with("server_idle_timeout", 1));
            site.assert_whole(2);
            wait_until("the idle ones to be closed", || site.backends() == 0);
            site.assert_serves();
        }
    });
}

#[test]
fn an_idle_server_is_checked_before_use() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1)
                .with("server_check_delay", 0)
                .with("server_check_query", "INSERT INTO checks VALUES (1)");
            let site = Site::start(*against, &pool);
            site.sql("CREATE TABLE checks (n int)");
            let mut client = site.client();
            let checked = || site.sql("SELECT n FROM checks").len();
            wait_until("a check", || {
                assert_eq!(client.run("Q SELECT 1"), ONE, "{against:?}");
                checked() > 0
            });
        }
    });
}

/// A server that fails its check is replaced, and nobody hears of it.
#[test]
fn a_server_that_fails_its_check_is_replaced() {
    bounded(|| {
        let pool = Pool::of(1)
            .with("server_check_delay", 0)
            .with("server_check_query", "SELECT n FROM missing");
        let site = Site::start(Against::Proxy, &pool);
        let mut client = site.client();
        let first = pid(&mut client);
        assert_ne!(first, pid(&mut client));
        site.sql("CREATE TABLE missing (n int)");
        let second = pid(&mut client);
        assert_eq!(second, pid(&mut client));
        site.assert_whole(1);
    });
}

#[test]
fn a_new_server_runs_the_connect_query_first() {
    bounded(|| {
        for against in POOLERS {
            let pool =
                Pool::of(2).on_database("connect_query='CREATE TEMP TABLE mark AS SELECT 7'");
            let site = Site::start(*against, &pool);
            let mut clients = [site.client(), site.client()];
            for client in &mut clients {
                client.run("Q BEGIN");
                assert_eq!(row(&client.run("Q TABLE mark")), "7", "{against:?}");
            }
        }
    });
}

#[test]
fn a_connect_query_that_fails_is_ignored() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1).on_database("connect_query='SELECT 1/0'");
            let site = Site::start(*against, &pool);
            site.assert_whole(1);
        }
    });
}

/// In session mode a server that is outdated is waited for, unless it is to be closed fast.
#[test]
fn an_outdated_server_of_a_session_is_closed_at_once_on_request() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1)
                .with("admin_users", APP)
                .with("pool_mode", "session");
            let site = Site::start(*against, &pool.clone().with("server_fast_close", 0));
            let mut client = site.client();
            let before = pid(&mut client);
            site.console().run("Q RECONNECT");
            assert_eq!(pid(&mut client), before, "{against:?}");

            let site = Site::start(*against, &pool.with("server_fast_close", 1));
            let mut within = site.client();
            within.run("Q BEGIN");
            let before = pid(&mut within);
            site.console().run("Q RECONNECT");
            assert_eq!(
                pid(&mut within),
                before,
                "{against:?}: not in a transaction"
            );
            within.run("Q COMMIT");
            let heard = within.read_to_end();
            assert_eq!(heard.last().map(String::as_str), Some("eof"), "{heard:?}");
            assert!(heard[0].starts_with("E "), "{against:?}: {heard:?}");
        }
    });
}
