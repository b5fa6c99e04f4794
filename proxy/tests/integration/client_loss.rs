//! Clients that go away.

use crate::cluster::APP;
use crate::latch::Latch;
use crate::patience::bounded;
use crate::raw::{Client, bytes_of, startup};
use crate::site::{OURS, POOLERS, Pool, Site};

/// Every way to leave: politely, by a closed connection, and by one that is reset.
const FAREWELLS: [fn(Client); 3] = [
    |mut client| client.send(&bytes_of("X")),
    |client| client.close_writing(),
    Client::vanish,
];

/// Lets clients leave in the midst of `script`, of which nothing may be left.
fn leave_during(script: &str) {
    for against in POOLERS {
        for farewell in FAREWELLS {
            let site = Site::start(*against, &Pool::of(1));
            site.sql("CREATE TABLE t (n int)");
            for _ in 0..3 {
                let mut client = site.client();
                client.run(script);
                farewell(client);
                let answer = site.client().run("Q SELECT n FROM t");
                assert_eq!(answer, "T n:23 | C SELECT 0 | Z I", "{against:?} {script}");
            }
            site.assert_whole(1);
        }
    }
}

#[test]
fn trap_17_an_open_transaction_is_rolled_back() {
    bounded(|| leave_during("Q BEGIN | < Z | Q INSERT INTO t VALUES (1)"));
}

#[test]
fn trap_17_a_failed_transaction_is_rolled_back() {
    bounded(|| leave_during("Q BEGIN | < Z | Q INSERT INTO t VALUES (1) | < Z | Q SELECT 1/0"));
}

#[test]
fn a_batch_without_its_sync_is_rolled_back() {
    bounded(|| leave_during("P - INSERT INTO t VALUES (1) | B - - | E - | H | < C"));
}

#[test]
fn half_a_copy_is_rolled_back() {
    bounded(|| leave_during("Q COPY t FROM STDIN | d 1 | d 2 | < G"));
}

#[test]
fn half_a_copy_that_waits_for_its_server_is_rolled_back() {
    let line = format!("d {} | ", "1".repeat(9));
    let data = line.repeat(10_000);
    bounded(move || {
        leave_during(&format!(
            "Q COPY t (n) FROM STDIN /* discard */ | {data}< G"
        ));
    });
}

#[test]
fn trap_18_a_result_that_nobody_reads_reaches_nobody_else() {
    bounded(|| leave_during("Q SELECT repeat('x', 10000) FROM generate_series(1, 2000) | < T"));
}

#[test]
fn trap_18_a_query_whose_client_has_left_does_not_keep_its_server() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1));
            let mut client = site.client();
            let latch = Latch::close(&site);
            latch.hold(&site, &mut client);
            client.vanish();
            site.assert_serves();
            latch.open();
            site.assert_whole(1);
        }
    });
}

/// PgBouncer does not look at those who wait, and at times runs what they have left.
#[test]
fn those_who_left_the_queue_are_not_served() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(1));
            site.sql("CREATE TABLE t (n int)");
            let mut holder = site.client();
            holder.run("Q BEGIN");
            for _ in 0..10 {
                let mut waiter = site.client();
                waiter.say("Q INSERT INTO t VALUES (1)");
                waiter.vanish_noticed();
            }
            let mut stayer = site.client();
            stayer.say("Q SELECT n FROM t");
            assert_eq!(holder.run("Q COMMIT"), "C COMMIT | Z I");
            let answer = stayer.read_until(b"Z").join(" | ");
            assert_eq!(answer, "T n:23 | C SELECT 0 | Z I", "{against:?}");
            site.assert_whole(1);
        }
    });
}

#[test]
fn half_a_message_dies_with_its_client() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1));
            site.sql("CREATE TABLE t (n int)");
            let bytes = bytes_of("Q INSERT INTO t VALUES (1)");
            for at in 1..bytes.len() {
                let mut client = site.client();
                client.send(&bytes[..at]);
                client.vanish();
            }
            site.assert_whole(1);
            assert!(site.sql("SELECT n FROM t").is_empty(), "{against:?}");
        }
    });
}

#[test]
fn trap_26_logins_that_are_given_up_leave_nothing() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1));
            let packet = startup(&[("user", APP), ("database", site.database())]);
            for at in 0..packet.len() {
                let mut client = Client::silent(site.address());
                client.send(&packet[..at]);
                client.vanish();
            }
            site.assert_whole(1);
        }
    });
}
