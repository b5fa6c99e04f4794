//! Waiting for a server has an end.

use crate::patience::bounded;
use crate::site::{Against, OURS, POOLERS, Pool, Site};

#[test]
fn trap_21_waiting_ends_with_an_error_and_the_query_is_never_run() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("query_wait_timeout", 1));
            site.sql("CREATE TABLE t (n int)");
            let mut holder = site.client();
            holder.run("Q BEGIN");
            let mut waiter = site.client();
            let answer =
                waiter.run("Q INSERT INTO t VALUES (1) | Q INSERT INTO t VALUES (2) | < eof");
            let expected = match against {
                // PgBouncer 1.18 leaves out the field that is never translated.
                Against::PgBouncer => "E  08P01 query_wait_timeout | eof",
                _ => "E FATAL 08P01 query_wait_timeout | eof",
            };
            assert_eq!(answer, expected);
            assert_eq!(holder.run("Q COMMIT"), "C COMMIT | Z I");
            site.assert_whole(1);
            assert!(site.sql("SELECT n FROM t").is_empty(), "{against:?}");
        }
    });
}

#[test]
fn a_server_that_comes_in_time_is_used() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1).with("query_wait_timeout", 20));
            let mut holder = site.client();
            let mut waiter = site.client();
            for _ in 0..3 {
                holder.run("Q BEGIN");
                waiter.say("Q SELECT 1");
                assert_eq!(holder.run("Q COMMIT"), "C COMMIT | Z I");
                let answer = waiter.read_until(b"Z").join(" | ");
                assert_eq!(
                    answer, "T ?column?:23 | D 1 | C SELECT 1 | Z I",
                    "{against:?}"
                );
            }
        }
    });
}

#[test]
fn trap_21_many_give_up_and_the_pool_stays_whole() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(2).with("query_wait_timeout", 1));
            let mut holders = [site.client(), site.client()];
            for holder in &mut holders {
                holder.run("Q BEGIN");
            }
            let mut waiters: Vec<_> = (0..50).map(|_| site.client()).collect();
            for waiter in &mut waiters {
                waiter.say("Q SELECT 1");
            }
            for waiter in &mut waiters {
                let answer = waiter.read_to_end().join(" | ");
                assert_eq!(answer, "E FATAL 08P01 query_wait_timeout | eof");
            }
            for holder in &mut holders {
                assert_eq!(holder.run("Q COMMIT"), "C COMMIT | Z I");
            }
            site.assert_whole(2);
        }
    });
}
