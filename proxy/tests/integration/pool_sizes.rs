//! How many servers and clients there may be: of a pool, of a database, of a user.

use crate::cluster::{APP, OTHER};
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, row};
use crate::site::{Against, OURS, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";
const MORE: &str = "[databases]\nsecond = {postgres} dbname={database}";

/// `waiter` asks, and gets no server before `holder` has ended its transaction.
#[track_caller]
fn assert_waits_for(site: &Site, waiter: &mut Client, holder: &mut Client) {
    waiter.say("Q SELECT 1");
    // A session past the pooler takes longer than the waiter's answer would.
    site.sql("SELECT 1");
    assert!(waiter.hears_nothing(), "{:?}", site.against());
    assert_eq!(holder.run("Q COMMIT"), "C COMMIT | Z I");
    let answer = waiter.read_until(b"Z").join(" | ");
    assert_eq!(answer, ONE, "{:?}", site.against());
}

#[test]
fn a_pool_in_use_keeps_its_least_number_of_servers() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(5)
                .with("min_pool_size", 3)
                .with("server_idle_timeout", 1);
            let site = Site::start(*against, &pool);
            assert_eq!(site.backends(), 0, "{against:?}: nobody is there");
            let _client = site.client();
            wait_until("the least number", || site.backends() == 3);
            site.assert_whole(5);
            wait_until("the others to be closed", || site.backends() == 3);
        }
    });
}

#[test]
fn a_database_keeps_its_own_least_number_of_servers() {
    bounded(|| {
        let pool = Pool::of(5).on_database("min_pool_size=2");
        let site = Site::start(Against::Proxy, &pool);
        let _client = site.client();
        wait_until("the least number", || site.backends() == 2);
    });
}

/// A database that names its user has servers before the first client comes.
#[test]
fn servers_of_a_fixed_user_need_no_client() {
    bounded(|| {
        let pool = Pool::of(5).on_database("user=app").with("min_pool_size", 2);
        let site = Site::start(Against::Proxy, &pool);
        wait_until("the least number", || site.backends() == 2);
    });
}

/// As in PgBouncer, whoever the clients are.
#[test]
fn clients_of_a_fixed_user_share_its_pool() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).on_database("user=app"));
            let mut holder = site.client();
            let mut other = site.client_of(OTHER, site.database());
            let name = other.run("Q SELECT current_user");
            assert_eq!(row(&name), APP, "{against:?}");
            holder.run("Q BEGIN");
            assert_waits_for(&site, &mut other, &mut holder);
        }
    });
}

#[test]
fn the_reserve_is_for_those_who_wait_too_long() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1)
                .with("reserve_pool_size", 1)
                .with("reserve_pool_timeout", 1);
            let site = Site::start(*against, &pool);
            let mut holders = [site.client(), site.client(), site.client()];
            for holder in &mut holders[..2] {
                assert_eq!(holder.run("Q BEGIN"), "C BEGIN | Z T", "{against:?}");
            }
            let [first, _, third] = &mut holders;
            assert_waits_for(&site, third, first);
        }
    });
}

/// Of a database, and of a user.
#[test]
fn each_has_its_own_reserve() {
    bounded(|| {
        let reserves = [
            Pool::of(1).on_database("reserve_pool_size=1"),
            Pool::of(1).more("[users]\napp = reserve_pool_size=1"),
        ];
        for pool in reserves {
            let site = Site::start(Against::Proxy, &pool.with("reserve_pool_timeout", 1));
            let mut holders = [site.client(), site.client()];
            for holder in &mut holders {
                assert_eq!(holder.run("Q BEGIN"), "C BEGIN | Z T");
            }
        }
    });
}

#[test]
fn sizes_of_databases_and_users_come_before_the_default() {
    bounded(|| {
        let pools = [
            Pool::of(9).on_database("pool_size=1"),
            Pool::of(9)
                .on_database("pool_size=5")
                .more("[users]\napp = pool_size=1"),
        ];
        for pool in pools {
            let site = Site::start(Against::Proxy, &pool);
            let (mut holder, mut waiter) = (site.client(), site.client());
            holder.run("Q BEGIN");
            assert_waits_for(&site, &mut waiter, &mut holder);
        }
    });
}

#[test]
fn all_users_share_the_servers_of_a_database() {
    bounded(|| {
        for against in POOLERS {
            let pools = [
                Pool::of(2).with("max_db_connections", 1),
                Pool::of(2).on_database("max_db_connections=1"),
            ];
            for pool in pools {
                let site = Site::start(*against, &pool);
                let mut app = site.client();
                let mut other = site.client_of(OTHER, site.database());
                // Each time the idle server of one makes room for one of the other.
                for _ in 0..3 {
                    assert_eq!(app.run("Q SELECT 1"), ONE, "{against:?}");
                    assert_eq!(other.run("Q SELECT 1"), ONE, "{against:?}");
                }
                app.run("Q BEGIN");
                assert_waits_for(&site, &mut other, &mut app);
                wait_until("one server", || site.backends() <= 1);
            }
        }
    });
}

#[test]
fn all_databases_share_the_servers_of_a_user() {
    bounded(|| {
        for against in POOLERS {
            let pools = [
                Pool::of(2).with("max_user_connections", 1).more(MORE),
                Pool::of(2)
                    .more(MORE)
                    .more("[users]\napp = max_user_connections=1"),
            ];
            for pool in pools {
                let site = Site::start(*against, &pool);
                let mut first = site.client();
                let mut second = site.client_of(APP, "second");
                for _ in 0..3 {
                    assert_eq!(first.run("Q SELECT 1"), ONE, "{against:?}");
                    assert_eq!(second.run("Q SELECT 1"), ONE, "{against:?}");
                }
                first.run("Q BEGIN");
                assert_waits_for(&site, &mut second, &mut first);
                wait_until("one server", || site.backends() <= 1);
            }
        }
    });
}

/// Many clients of many pools under one limit: everybody is served.
#[test]
fn a_limit_over_many_pools_starves_nobody() {
    const EACH: usize = 20;
    bounded(|| {
        let pool = Pool::of(5).with("max_db_connections", 2);
        let site = Site::start(Against::Proxy, &pool);
        std::thread::scope(|scope| {
            for user in [APP, OTHER, APP, OTHER, APP, OTHER] {
                let site = &site;
                scope.spawn(move || {
                    let mut client = site.client_of(user, site.database());
                    for _ in 0..EACH {
                        assert_eq!(client.run("Q SELECT 1"), ONE);
                    }
                });
            }
        });
        wait_until("two servers at most", || site.backends() <= 2);
    });
}

#[test]
fn clients_beyond_a_limit_are_refused() {
    bounded(|| {
        let words = |limit: &str| format!("E FATAL 08P01 client connections exceeded ({limit})");
        for (pool, limit) in [
            (
                Pool::of(1).with("max_db_client_connections", 2),
                "max_db_client_connections",
            ),
            (
                Pool::of(1).on_database("max_db_client_connections=2"),
                "max_db_client_connections",
            ),
            (
                Pool::of(1).with("max_user_client_connections", 2),
                "max_user_client_connections",
            ),
            (
                Pool::of(1).more("[users]\napp = max_user_client_connections=2"),
                "max_user_client_connections",
            ),
        ] {
            let site = Site::start(Against::Proxy, &pool);
            let first = site.client();
            let _second = site.client();
            let refused = site.client_with(&[]).err().unwrap_or_default();
            assert_eq!(refused, format!("{} | eof", words(limit)));
            first.vanish_noticed();
            wait_until("room for another", || site.client_with(&[]).is_ok());
        }
    });
}

#[test]
fn clients_beyond_max_client_conn_are_refused() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("max_client_conn", 2));
            let _inside = [site.client(), site.client()];
            let refused = site.client_with(&[]).err().unwrap_or_default();
            let told = refused.contains("no more connections allowed (max_client_conn)");
            assert!(told, "{against:?}: {refused}");
        }
    });
}

/// The backends that answer `count` transactions of one client, one after the other.
fn backends_used(site: &Site, count: usize) -> Vec<String> {
    let mut client = site.client();
    let mut ask = || row(&client.run("Q SELECT pg_backend_pid()")).to_owned();
    (0..count).map(|_| ask()).collect()
}

#[test]
fn the_server_used_last_is_used_again_unless_they_take_turns() {
    bounded(|| {
        for against in POOLERS {
            let pool = |turns: u32| Pool::of(3).with("server_round_robin", turns);
            let site = Site::start(*against, &pool(0));
            site.assert_whole(3);
            let used = backends_used(&site, 6);
            assert!(
                used.iter().all(|pid| *pid == used[0]),
                "{against:?} {used:?}"
            );
            let site = Site::start(*against, &pool(1));
            site.assert_whole(3);
            let used = backends_used(&site, 6);
            let mut first = used[..3].to_vec();
            assert_eq!(first, used[3..], "{against:?}: the same turns again");
            first.sort();
            first.dedup();
            assert_eq!(first.len(), 3, "{against:?}: each has its turn");
        }
    });
}

#[test]
fn limits_are_shown_with_what_there_is() {
    bounded(|| {
        let pool = Pool::of(1)
            .with("admin_users", APP)
            .on_database("max_db_connections=7 max_db_client_connections=8")
            .more("[users]\napp = max_user_connections=5 max_user_client_connections=6");
        for against in OURS {
            let site = Site::start(*against, &pool);
            let _client = site.client();
            let shown = site.console().run("Q SHOW DATABASES");
            let found = rows_with(&shown, site.database());
            assert!(found.contains(" 7 1 8 1 0 0"), "{found}");
            let shown = site.console().run("Q SHOW USERS");
            let found = rows_with(&shown, "app");
            assert!(found.contains(" 5 1 6 "), "{found}");
        }
    });
}

/// The rows that begin with `name`.
fn rows_with(answer: &str, name: &str) -> String {
    let ours = crate::raw::rows(answer).filter(|row| row.split(' ').next() == Some(name));
    ours.collect::<Vec<_>>().join("\n")
}
