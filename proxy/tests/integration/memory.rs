//! What a pooler holds of a message does not depend on the message's size.

use std::thread;

use crate::patience::{bounded, wait_until};
use crate::raw::{Client, bytes_of};
use crate::site::{POOLER_PROCESSES, Pool, Site};

/// How much the peak may grow while hundreds of megabytes pass, in kilobytes.
const GROWTH_MAX_KB: u64 = 1024;

/// Lets `traffic` pass, and fails when the pooler holds much of it.
fn bounded_memory(traffic: fn(&Site)) {
    for against in POOLER_PROCESSES {
        let site = Site::start(*against, &Pool::of(2));
        site.assert_whole(2);
        let before = site.peak_memory_kb();
        traffic(&site);
        let growth = site.peak_memory_kb() - before;
        assert!(growth <= GROWTH_MAX_KB, "{against:?} grew by {growth} kB");
        site.assert_whole(2);
    }
}

#[test]
fn rows_that_nobody_reads() {
    bounded(|| {
        bounded_memory(|site| {
            for sql in [
                "Q SELECT repeat('x', 1000000) FROM generate_series(1, 100)",
                "Q SELECT repeat('x', 100000000)",
            ] {
                let mut stuck = site.client();
                stuck.send(&bytes_of(sql));
                stuck.read_until(b"T");
                // PostgreSQL waits for the pooler, and the pooler for the client.
                wait_until("the backend to be stuck", || {
                    site.waiting("ClientWrite") == 1
                });
                stuck.vanish();
            }
        });
    });
}

#[test]
fn rows_that_are_read() {
    bounded(|| {
        bounded_memory(|site| {
            let answer = site.client().run("Q SELECT repeat('x', 100000000) AS x");
            assert_eq!(answer, "T x:25 | D x*100000000 | C SELECT 1 | Z I");
        });
    });
}

#[test]
fn messages_that_the_server_does_not_read() {
    bounded(|| {
        bounded_memory(|site| {
            let mut client = site.client();
            client.run("Q BEGIN");
            let mut writer = client.second_handle();
            let sender = thread::spawn(move || send_much(&mut writer));
            assert_eq!(client.read_until(b"ZZ").len(), 8);
            sender.join().expect("the sender");
        });
    });
}

/// A query that sleeps, and 50 MB behind it.
fn send_much(client: &mut Client) {
    let text = "x".repeat(50_000_000);
    client.send(&bytes_of("Q SELECT pg_sleep(1)"));
    client.send(&bytes_of(&format!("Q SELECT length('{text}')")));
}
