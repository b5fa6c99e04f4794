//! More clients than servers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use poolproof_proxy::pool::state::LOCALITY_SLACK;

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, bytes_of, rows, wait_until_read};
use crate::site::{Against, OURS, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

#[test]
fn a_transaction_keeps_its_server() {
    const CLIENTS: usize = 8;
    const TRANSACTIONS: usize = 25;
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(2));
            thread::scope(|scope| {
                for _ in 0..CLIENTS {
                    scope.spawn(|| {
                        let mut client = site.client();
                        for _ in 0..TRANSACTIONS {
                            transact_on_one_server(&mut client);
                        }
                    });
                }
            });
            site.assert_whole(2);
        }
    });
}

/// One transaction in several round trips, all of which the same backend must answer.
fn transact_on_one_server(client: &mut Client) {
    assert_eq!(client.run("Q BEGIN"), "C BEGIN | Z T");
    let pids = [(); 3].map(|()| client.run("Q SELECT pg_backend_pid()"));
    assert!(pids[0].ends_with("Z T"), "{pids:?}");
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    assert_eq!(client.run("Q COMMIT"), "C COMMIT | Z I");
}

#[test]
fn trap_17_nobody_gets_the_server_of_an_open_transaction() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(1));
            let mut holder = site.client();
            let mut waiter = site.client();
            site.sql("CREATE TABLE t (n int)");
            for (begin, end) in [
                ("Q BEGIN", "Q COMMIT"),
                ("Q BEGIN | < Z | Q SELECT 1/0", "Q ROLLBACK"),
                ("Q BEGIN | < Z | Q SELEKT | < Z | Q SELECT 1", "Q COMMIT"),
                (
                    "P - BEGIN | B - - | E - | S",
                    "P - COMMIT | B - - | E - | S",
                ),
                ("P - SELECT 1 | B - - | E - | H | < C", "S"),
                ("Q COPY t FROM STDIN | < G", "c | < Z"),
            ] {
                holder.run(begin);
                waiter.say("Q SELECT 1");
                // A session past the pooler takes longer than the waiter's answer would.
                site.sql("SELECT 1");
                assert!(waiter.hears_nothing(), "{against:?} {begin}");
                holder.run(end);
                let answer = waiter.read_until(b"Z").join(" | ");
                assert_eq!(answer, ONE, "{against:?} {begin}");
            }
        }
    });
}

#[test]
fn trap_24_servers_are_given_in_order_of_arrival() {
    bounded(|| {
        let pool = Pool::of(1).with("admin_users", APP);
        let one_core = pool.clone().with("worker_threads", 1);
        for (against, pool) in [(Against::PgBouncer, pool), (Against::Proxy, one_core)] {
            let site = Site::start(against, &pool);
            let order = order_of_service(&site, 30);
            assert_eq!(order, (0..30).collect::<Vec<_>>(), "{against:?}");
        }
    });
}

/// A server that is free on one core goes to who waits there, before older ones of other cores, but
/// only so often.
#[test]
fn trap_24_nobody_is_overtaken_for_long() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1).with("admin_users", APP));
        let order = order_of_service(&site, 60);
        for (place, client) in order.iter().enumerate() {
            let overtakers = order[..place].iter().filter(|other| *other > client);
            let overtakers = overtakers.count() as u64;
            assert!(overtakers <= LOCALITY_SLACK, "{client} in {order:?}");
        }
    });
}

/// Lets `count` clients arrive one after the other at a pool of one that is taken, and returns them
/// in the order in which they got the server. The console must be open.
fn order_of_service(site: &Site, count: usize) -> Vec<usize> {
    site.sql("CREATE TABLE served (place serial, client int)");
    let mut holder = site.client();
    holder.run("Q BEGIN");
    let mut console = site.console();
    let mut arrive = |client: usize| {
        let mut session = site.client();
        session.say(&format!("Q INSERT INTO served (client) VALUES ({client})"));
        wait_until("it to be in the queue", || {
            let pools = console.run("Q SHOW POOLS");
            let mut ours = rows(&pools).filter(|row| row.starts_with(site.database()));
            let waiting = ours.next().and_then(|row| row.split(' ').nth(3));
            waiting.is_some_and(|waiting| waiting == (client + 1).to_string())
        });
        session
    };
    let mut queue: Vec<Client> = (0..count).map(&mut arrive).collect();
    holder.run("Q COMMIT");
    for session in &mut queue {
        assert_eq!(session.read_until(b"Z"), ["C INSERT 0 1", "Z I"]);
    }
    let served = site.sql("SELECT client FROM served ORDER BY place");
    let number = |client: &String| client.parse().expect("a number");
    served.iter().map(number).collect()
}

#[test]
fn trap_23_half_a_message_holds_no_server() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(1));
            for script in [
                "Q SELECT 1",
                "P - SELECT 1 | B - - | DP - | E - | S",
                "F 177 2 3",
            ] {
                let bytes = bytes_of(script);
                for at in [1, 4, 5, 9, bytes.len() - 1] {
                    let mut slow = site.client();
                    let (head, tail) = bytes.split_at(at);
                    slow.send(head);
                    wait_until_read(slow.stream());
                    site.assert_serves();
                    slow.send(tail);
                    let answer = slow.read_until(b"Z").join(" | ");
                    assert!(answer.ends_with("Z I"), "{against:?}: {answer}");
                }
            }
        }
    });
}

#[test]
fn trap_23_a_batch_without_its_sync_holds_no_server() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(1));
            let mut slow = site.client();
            slow.say("P - SELECT 1 | B - - | DP - | E -");
            site.assert_serves();
            let answer = slow.run("S");
            assert_eq!(answer, "1 | 2 | T ?column?:23 | D 1 | C SELECT 1 | Z I");
        }
    });
}

/// The classic stress test: 1,000 connections, 50 at a time, ten queries each.
#[test]
fn a_thousand_connections_share_twenty_servers() {
    const AT_A_TIME: usize = 50;
    const EACH: usize = 20;
    const QUERIES: usize = 10;
    const SERVERS: usize = 20;
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(20));
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                let watch = scope.spawn(|| most_backends(&site, &over));
                let clients = (0..AT_A_TIME).map(|lane| {
                    let site = &site;
                    scope.spawn(move || {
                        for connection in 0..EACH {
                            let nonce = (lane * EACH + connection) * QUERIES;
                            ask(&mut site.client(), nonce..nonce + QUERIES);
                        }
                    })
                });
                let outcomes: Vec<_> = clients.collect::<Vec<_>>();
                let failed = outcomes.into_iter().filter_map(|lane| lane.join().err());
                let failed = failed.count();
                over.store(true, Ordering::Relaxed);
                let most = watch.join().unwrap();
                assert_eq!(failed, 0, "{against:?}: lanes that failed");
                assert!((1..=SERVERS).contains(&most), "{against:?}: {most} servers");
            });
            site.assert_whole(SERVERS);
        }
    });
}

/// Asks for each nonce and must be answered with it.
fn ask(client: &mut Client, nonces: std::ops::Range<usize>) {
    for nonce in nonces {
        let answer = client.run(&format!("Q SELECT {nonce} AS nonce"));
        assert_eq!(answer, format!("T nonce:23 | D {nonce} | C SELECT 1 | Z I"));
    }
}

/// The most backends at any one time, asked of PostgreSQL itself.
fn most_backends(site: &Site, over: &AtomicBool) -> usize {
    let mut observer = Client::connect(site.cluster().address(), APP, "postgres");
    let question = format!(
        "Q SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'",
        site.database()
    );
    let mut most = 0;
    while !over.load(Ordering::Relaxed) {
        let answer = observer.run(&question);
        let count = answer
            .split(" | ")
            .nth(1)
            .and_then(|row| row.strip_prefix("D "));
        most = most.max(count.expect("one row").parse().expect("a number"));
    }
    most
}

#[test]
fn servers_are_shared_by_all_cores() {
    bounded(|| {
        for against in OURS {
            let site = Site::start(*against, &Pool::of(3));
            // Whichever core each client came to, there is a server for each of three.
            for _ in 0..20 {
                site.assert_whole(3);
            }
        }
    });
}

/// One database whose servers are all taken, with a hundred clients in its queue, among others.
#[test]
fn trap_29_one_busy_database_does_not_starve_the_others() {
    const DATABASES: usize = 19;
    const EACH: usize = 5;
    bounded(|| {
        let names: Vec<String> = (0..DATABASES)
            .map(|number| format!("quiet{number}"))
            .collect();
        let lines = names
            .iter()
            .map(|name| format!("{name} = {{postgres}} dbname={{database}}\n"));
        let databases = format!("[databases]\n{}", lines.collect::<String>());
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(2).more(&databases));
            let mut holders = [site.client(), site.client()];
            for holder in &mut holders {
                holder.run("Q BEGIN");
            }
            let mut queue: Vec<Client> = (0..100).map(|_| site.client()).collect();
            for waiter in &mut queue {
                waiter.say("Q SELECT 1");
            }
            for name in &names {
                let mut clients: Vec<Client> =
                    (0..EACH).map(|_| site.client_of(APP, name)).collect();
                for round in 0..4 * EACH {
                    let client = &mut clients[round % EACH];
                    assert_eq!(client.run("Q SELECT 1"), ONE, "{against:?} {name}");
                }
            }
            assert!(queue.iter().all(Client::hears_nothing), "{against:?}");
            for holder in &mut holders {
                holder.run("Q COMMIT");
            }
            for waiter in &mut queue {
                assert_eq!(waiter.read_until(b"Z").join(" | "), ONE, "{against:?}");
            }
        }
    });
}
