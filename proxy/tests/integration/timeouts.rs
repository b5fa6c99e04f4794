//! How long things may last.

use crate::cluster::{APP, OTHER};
use crate::patience::{bounded, wait_until};
use crate::raw::Client;
use crate::site::{Against, OURS, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

/// What a client hears last, the severity that PgBouncer 1.18 leaves out aside.
fn farewell(client: &mut Client) -> String {
    let heard = client.read_to_end().join(" | ");
    let at = heard.rfind("E ").unwrap_or(0);
    heard[at..].replace("E FATAL ", "E ").replace("E  ", "E ")
}

#[test]
fn a_query_ends_at_its_timeout() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("query_timeout", 1));
            for script in [
                "Q SELECT pg_sleep(60)",
                "P - SELECT pg_sleep(60) | B - - | E - | S",
            ] {
                let mut client = site.client();
                client.say(script);
                let told = farewell(&mut client);
                assert_eq!(told, "E 08P01 query timeout | eof", "{against:?} {script}");
                site.assert_serves();
            }
        }
    });
}

#[test]
fn an_idle_transaction_ends_at_its_timeout() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1).with("idle_transaction_timeout", 1);
            let site = Site::start(*against, &pool);
            site.sql("CREATE TABLE t (n int)");
            let mut client = site.client();
            client.run("Q BEGIN | < Z | Q INSERT INTO t VALUES (1)");
            let told = farewell(&mut client);
            let expected = "E 08P01 idle transaction timeout | eof";
            assert_eq!(told, expected, "{against:?}");
            site.assert_whole(1);
            assert!(site.sql("SELECT n FROM t").is_empty(), "{against:?}");
        }
    });
}

/// A client that has flushed half a batch is idle in a transaction too, counted from then.
#[test]
fn half_a_batch_is_an_idle_transaction() {
    bounded(|| {
        let pool = Pool::of(1).with("idle_transaction_timeout", 2);
        let site = Site::start(Against::Proxy, &pool);
        site.assert_serves();
        let mut client = site.client();
        let answer = client.run("P - SELECT 1 | B - - | E - | H | < C");
        assert_eq!(answer, "1 | 2 | D 1 | C SELECT 1");
        assert_eq!(client.run("S"), "Z I", "it is not too late at once");
        client.run("P - SELECT 1 | B - - | E - | H | < C");
        let told = farewell(&mut client);
        assert_eq!(told, "E 08P01 idle transaction timeout | eof");
        site.assert_serves();
    });
}

#[test]
fn a_transaction_ends_at_its_timeout_however_busy_it_is() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1).with("transaction_timeout", 1));
        let mut client = site.client();
        client.run("Q BEGIN");
        let told = loop {
            let answer = client.run("Q SELECT 1 | < Z");
            if !answer.ends_with("Z T") {
                break answer;
            }
        };
        let expected = "E FATAL 08P01 transaction timeout";
        assert!(told.contains(expected), "{told}");
        site.assert_whole(1);
    });
}

#[test]
fn an_idle_client_ends_at_its_timeout() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("client_idle_timeout", 1));
            let mut client = site.client();
            assert_eq!(client.run("Q SELECT 1"), ONE);
            let told = farewell(&mut client);
            assert_eq!(told, "E 08P01 client_idle_timeout | eof", "{against:?}");
        }
    });
}

/// Who is busy is not idle, who is in a transaction neither, and a query of many is none too long.
#[test]
fn who_keeps_to_the_limits_is_left_alone() {
    bounded(|| {
        let pool = Pool::of(2)
            .with("client_idle_timeout", 2)
            .with("query_timeout", 2)
            .with("idle_transaction_timeout", 2)
            .with("transaction_timeout", 60);
        let site = Site::start(Against::Proxy, &pool);
        let mut busy = site.client();
        let mut within = site.client();
        within.run("Q BEGIN");
        let end = std::time::Instant::now() + std::time::Duration::from_secs(4);
        while std::time::Instant::now() < end {
            assert_eq!(busy.run("Q SELECT 1"), ONE);
            let answer = within.run("Q SELECT 1");
            assert!(answer.ends_with("Z T"), "{answer}");
        }
        assert_eq!(within.run("Q COMMIT"), "C COMMIT | Z I");
    });
}

#[test]
fn users_have_limits_of_their_own() {
    bounded(|| {
        for (limits, begin, words) in [
            ("query_timeout=1", "Q SELECT pg_sleep(60)", "query timeout"),
            (
                "idle_transaction_timeout=1",
                "Q BEGIN",
                "idle transaction timeout",
            ),
            ("transaction_timeout=1", "Q BEGIN", "transaction timeout"),
            ("client_idle_timeout=1", "Q SELECT 1", "client_idle_timeout"),
        ] {
            let pool = Pool::of(2).more(&format!("[users]\nother = {limits}"));
            let site = Site::start(Against::Proxy, &pool);
            let mut unlimited = site.client_of(APP, site.database());
            unlimited.run("Q BEGIN");
            let mut limited = site.client_of(OTHER, site.database());
            limited.say(begin);
            let told = farewell(&mut limited);
            assert_eq!(told, format!("E 08P01 {words} | eof"), "{limits}");
            assert_eq!(unlimited.run("Q COMMIT"), "C COMMIT | Z I", "{limits}");
        }
    });
}

/// A limit that a reload brings holds for those who are idle already.
#[test]
fn a_new_limit_holds_for_who_is_there() {
    bounded(|| {
        let pool = Pool::of(1).with("admin_users", APP);
        let site = Site::start(Against::Proxy, &pool);
        let mut idle = site.client();
        idle.run("Q SELECT 1");
        site.reconfigure(&pool.with("client_idle_timeout", 1));
        assert_eq!(farewell(&mut idle), "E 08P01 client_idle_timeout | eof");
    });
}

#[test]
fn who_waits_is_told_so_once_and_served_then() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(1).with("query_wait_notify", 1));
            let mut holder = site.client();
            holder.run("Q BEGIN");
            let mut waiter = site.client();
            waiter.say("Q SELECT 1");
            let notice = waiter.read_until(b"N").join(" | ");
            let words = "No server connection available in postgres backend, client being queued";
            assert_eq!(notice, format!("N NOTICE 00000 {words}"));
            holder.run("Q COMMIT");
            assert_eq!(waiter.read_until(b"Z").join(" | "), ONE);
        }
    });
}

#[test]
fn a_login_ends_at_its_timeout() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1)
                .with("client_login_timeout", 1)
                .with("tcp_defer_accept", 0);
            let site = Site::start(*against, &pool);
            let mut silent = Client::silent(site.address());
            let told = farewell(&mut silent);
            assert_eq!(told, "E 08P01 client_login_timeout | eof", "{against:?}");
        }
    });
}

/// A cancel request that the server does not take is given up.
#[test]
fn a_cancel_request_ends_at_its_timeout() {
    use nix::sys::signal::{Signal, kill};
    bounded(|| {
        let cluster: &'static crate::cluster::Cluster =
            Box::leak(Box::new(crate::cluster::Cluster::start()));
        let pool = Pool::of(1).with("cancel_wait_timeout", 1);
        let site = Site::start_on(cluster, Against::Proxy, &pool);
        let mut client = site.client();
        client.say("Q SELECT pg_sleep(60)");
        wait_until("the query to run", || site.running("pg_sleep") == 1);
        let postmaster = cluster.postmaster();
        kill(postmaster, Signal::SIGSTOP).expect("freeze PostgreSQL");
        // Waits for the end of the connection; the default timeout is as long as its patience.
        crate::raw::cancel(site.address(), client.key());
        kill(postmaster, Signal::SIGCONT).expect("wake PostgreSQL");
        client.vanish();
    });
}

/// A reset that does not end is given up, and its place is another server's.
#[test]
fn a_reset_ends_at_its_timeout() {
    bounded(|| {
        let pool = Pool::of(1)
            .with("server_reset_query", "SELECT pg_sleep(3600)")
            .with("server_connect_timeout", 2)
            .with("server_login_retry", 1);
        let site = Site::start(Against::Proxy, &pool);
        let mut client = site.client();
        assert_eq!(client.run("Q SET work_mem = '1234kB'"), "C SET | Z I");
        site.assert_serves();
    });
}
