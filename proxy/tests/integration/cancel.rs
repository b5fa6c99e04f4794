//! A cancel reaches its own query and no other.

use std::{thread, time::Duration};

use nix::sys::signal::{Signal, kill};

use crate::cluster::{APP, Cluster};
use crate::latch::{Latch, WAITED};
use crate::patience::{bounded, bounded_by, wait_until};
use crate::raw::{CancelKey, Client, bytes_of, cancel, rows};
use crate::site::{Against, EVERYWHERE, OURS, POOLERS, Pool, Site};

const CANCELLED: &str = "E ERROR 57014 canceling statement due to user request | Z I";
const SLEPT: &str = "T pg_sleep:2278 | D | C SELECT 1 | Z I";
const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

/// Hundreds of queries, each with a connection for its cancel: ten seconds on an idle machine.
const MANY_QUERIES: Duration = Duration::from_secs(90);

fn answer(client: &mut Client) -> String {
    client.read_until(b"Z").join(" | ")
}

#[test]
fn the_own_query_is_cancelled() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(1));
            let mut client = site.client();
            for script in [
                "Q SELECT pg_sleep(60)",
                "P - SELECT pg_sleep(60) | B - - | E - | S",
            ] {
                client.say(script);
                wait_until("the query to run", || site.running("pg_sleep(60)") == 1);
                cancel(site.address(), client.key());
                let answer = answer(&mut client);
                assert!(answer.ends_with(CANCELLED), "{against:?}: {answer}");
                assert_eq!(client.run("Q SELECT 1"), ONE, "{against:?}");
            }
        }
    });
}

#[test]
fn a_neighbour_is_left_alone() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(2));
            let latch = Latch::close(&site);
            let mut neighbour = site.client();
            let mut client = site.client();
            latch.hold(&site, &mut neighbour);
            client.say("Q SELECT pg_sleep(60)");
            wait_until("the query to run", || site.running("pg_sleep") == 1);
            cancel(site.address(), client.key());
            assert_eq!(
                answer(&mut client),
                format!("T pg_sleep:2278 | {CANCELLED}")
            );
            latch.open();
            assert_eq!(answer(&mut neighbour), WAITED, "{against:?}");
        }
    });
}

#[test]
fn a_client_without_a_query_cancels_nothing() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1));
            let mut idle = site.client();
            assert_eq!(idle.run("Q SELECT 1"), ONE);
            let latch = Latch::close(&site);
            let mut neighbour = site.client();
            latch.hold(&site, &mut neighbour);
            for _ in 0..10 {
                cancel(site.address(), idle.key());
            }
            latch.open();
            assert_eq!(answer(&mut neighbour), WAITED, "{against:?}");
            assert_eq!(idle.run("Q SELECT 1"), ONE, "{against:?}");
        }
    });
}

/// A cancel that comes as its query ends must not meet the next client's on the same server.
#[test]
fn trap_01_a_late_cancel_does_not_meet_the_next_query() {
    const ROUNDS: usize = 150;
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1));
            let mut first = site.client();
            let mut second = site.client();
            for round in 0..ROUNDS {
                first.send(&bytes_of("Q SELECT pg_sleep(0.001)"));
                second.send(&bytes_of("Q SELECT pg_sleep(0.004)"));
                let (address, key) = (site.address(), first.key());
                let late = thread::spawn(move || cancel(address, key));
                let cancelled = answer(&mut first);
                assert!(
                    cancelled == SLEPT || cancelled.ends_with(CANCELLED),
                    "{cancelled}"
                );
                assert_eq!(answer(&mut second), SLEPT, "{against:?} in round {round}");
                late.join().unwrap();
            }
            site.assert_whole(1);
        }
    });
}

#[test]
fn trap_01_a_waiting_client_is_cancelled() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(1));
            site.sql("CREATE TABLE t (n int)");
            let mut holder = site.client();
            holder.run("Q BEGIN");
            let mut waiter = site.client();
            waiter.say("Q INSERT INTO t VALUES (1)");
            cancel(site.address(), waiter.key());
            assert_eq!(answer(&mut waiter), CANCELLED, "{against:?}");
            assert_eq!(
                holder.run("Q SELECT 1"),
                "T ?column?:23 | D 1 | C SELECT 1 | Z T"
            );
            assert_eq!(holder.run("Q COMMIT"), "C COMMIT | Z I");
            assert_eq!(waiter.run("Q SELECT n FROM t"), "T n:23 | C SELECT 0 | Z I");
        }
    });
}

#[test]
fn trap_01_a_forged_key_cancels_nothing() {
    bounded(|| {
        for against in EVERYWHERE {
            let site = Site::start(*against, &Pool::of(1));
            let mut client = site.client();
            let latch = Latch::close(&site);
            latch.hold(&site, &mut client);
            let CancelKey { process, secret } = client.key();
            for forged in [
                CancelKey {
                    process,
                    secret: secret ^ 1,
                },
                CancelKey {
                    process: process ^ 1,
                    secret,
                },
                CancelKey {
                    process: 0,
                    secret: 0,
                },
            ] {
                cancel(site.address(), forged);
            }
            latch.open();
            assert_eq!(answer(&mut client), WAITED, "{against:?}");
        }
    });
}

#[test]
fn many_cancels_at_once_leave_the_pool_whole() {
    bounded_by(MANY_QUERIES, || {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(4));
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let mut client = site.client();
                        for _ in 0..10 {
                            client.say("Q SELECT pg_sleep(0.01)");
                            cancel(site.address(), client.key());
                            let answer = answer(&mut client);
                            assert!(answer == SLEPT || answer.ends_with(CANCELLED), "{answer}");
                        }
                    });
                }
            });
            site.assert_whole(4);
        }
    });
}

/// The pooler tells a server the next client's parameters with a query of its own, which a cancel
/// of that client must not end, nor may it reach the query after.
#[test]
fn trap_01_a_cancel_during_parameter_set_up_harms_nobody() {
    const ROUNDS: usize = 100;
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let client = |name: &str| {
            let names = [
                ("user", APP),
                ("database", site.database()),
                ("application_name", name),
            ];
            Client::try_connect(site.address(), &names).expect("to be let in")
        };
        let (mut one, mut other) = (client("one"), client("other"));
        for round in 0..ROUNDS {
            // Each query needs the parameters of its client set first.
            one.send(&bytes_of("Q SHOW application_name"));
            let (address, key) = (site.address(), one.key());
            let late = thread::spawn(move || cancel(address, key));
            let heard = answer(&mut one);
            let named = |name: &str| format!("T application_name:25 | D {name} | C SHOW | Z I");
            let right = heard == named("one") || heard.ends_with(CANCELLED);
            assert!(right, "round {round}: {heard}");
            assert_eq!(other.run("Q SHOW application_name"), named("other"));
            late.join().expect("no panic");
        }
        site.assert_whole(1);
    });
}

/// A server that its client let go while a request to cancel was on its way there is cleaned before
/// the next client gets it, as any other is.
#[test]
fn trap_01_a_server_that_waited_for_a_cancel_is_cleaned() {
    bounded(|| {
        let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
        for mode in ["transaction", "session"] {
            let pool = Pool::of(1).with("pool_mode", mode).with("admin_users", APP);
            let site = Site::start_on(cluster, Against::Proxy, &pool);
            let latch = Latch::close(&site);
            let mut client = site.client();
            client.say("Q SET work_mem = '1234kB'; SELECT pg_advisory_xact_lock(1)");
            let runs = || site.running("pg_advisory_xact_lock") == 1;
            wait_until("the query to run", runs);

            let postmaster = cluster.postmaster();
            kill(postmaster, Signal::SIGSTOP).expect("freeze PostgreSQL");
            let (address, key) = (site.address(), client.key());
            let late = thread::spawn(move || cancel(address, key));
            let mut console = site.console();
            wait_until("the request to be under way", || {
                let pools = console.run("Q SHOW POOLS");
                let active = |row: &str| row.split(' ').nth(4) == Some("1");
                rows(&pools).any(|row| row.starts_with(site.database()) && active(row))
            });
            latch.open();
            let heard = answer(&mut client);
            assert_eq!(heard, format!("C SET | {WAITED}"), "{mode}");
            if mode == "session" {
                client.vanish_noticed();
            }
            kill(postmaster, Signal::SIGCONT).expect("wake PostgreSQL");
            late.join().expect("no panic");
            let next = site.client().run("Q SHOW work_mem");
            assert_eq!(next, "T work_mem:25 | D 4MB | C SHOW | Z I", "{mode}");
        }
    });
}
