//! Servers that go away.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::cluster::{APP, Cluster};
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, row, startup};
use crate::site::{AS_POSTGRES, Against, OURS, POOLERS, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

/// What PostgreSQL says to a client whose backend is terminated.
const TERMINATED: &str = "E FATAL 57P01 terminating connection due to administrator command | eof";

/// Ends all backends of `site` as an operator would, and returns when they are gone.
fn terminate(site: &Site) {
    let of_site = format!("WHERE datname = '{}'", site.database());
    site.cluster().sql(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity {of_site}"
    ));
    wait_until("the backends to end", || site.backends() == 0);
}

#[test]
fn trap_19_idle_servers_that_die_are_not_handed_out() {
    bounded(|| {
        for against in POOLERS {
            let site = Site::start(*against, &Pool::of(3));
            for _ in 0..5 {
                site.assert_whole(3);
                let mut client = site.client();
                terminate(&site);
                for _ in 0..5 {
                    assert_eq!(client.run("Q SELECT 1"), ONE, "{against:?}");
                }
            }
            site.assert_whole(3);
        }
    });
}

/// Lets the backends die while a client is at `script`, and returns all that it then hears.
fn die_during(site: &Site, script: &str, running: &str) -> String {
    let mut client = site.client();
    client.run(script);
    if !running.is_empty() {
        client.say(&format!("Q SELECT {running}"));
        wait_until("the query to run", || site.running(running) == 1);
    }
    terminate(site);
    client.read_to_end().join(" | ")
}

#[test]
fn trap_19_a_client_whose_server_dies_hears_one_error() {
    bounded(|| {
        for against in AS_POSTGRES {
            let site = Site::start(*against, &Pool::of(1));
            for (script, running) in [
                ("Q SELECT 1", "pg_sleep(60)"),
                ("Q BEGIN", "pg_sleep(61)"),
                ("Q BEGIN", ""),
                ("Q BEGIN | < Z | Q SELECT 1/0", ""),
                ("P - BEGIN | B - - | E - | S", ""),
            ] {
                let heard = die_during(&site, script, running);
                let heard = heard.trim_start_matches("T pg_sleep:2278 | ");
                assert_eq!(heard, TERMINATED, "{against:?} {script} {running}");
            }
            site.assert_whole(1);
        }
    });
}

#[test]
fn trap_19_a_crash_of_all_backends_is_survived() {
    bounded(|| {
        for against in OURS {
            let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
            let site = Site::start_on(cluster, *against, &quick_to_retry(3));
            let mut client = site.client();
            client.run("Q BEGIN");
            let pid =
                cluster.sql("SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'");
            kill(&pid[0], Signal::SIGKILL);
            let heard = client.read_to_end().join(" | ");
            assert!(
                heard.starts_with("E FATAL ") && heard.ends_with(" | eof"),
                "{heard}"
            );
            assert_eq!(heard.matches("E FATAL").count(), 1, "{heard}");
            wait_until_back(&site);
            site.assert_whole(3);
        }
    });
}

#[test]
fn trap_20_clients_get_errors_while_postgresql_is_down_and_service_returns() {
    bounded(|| {
        for against in OURS {
            let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
            let site = Site::start_on(cluster, *against, &quick_to_retry(2));
            site.assert_whole(2);
            let mut idle = site.client();
            cluster.crash();
            let start = Instant::now();
            for _ in 0..3 {
                let heard = attempt(&site);
                let code = heard.split(' ').nth(2).unwrap_or_default();
                assert!(heard.starts_with("E FATAL ") && code.len() == 5, "{heard}");
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{:?}",
                start.elapsed()
            );
            cluster.restart();
            wait_until_back(&site);
            site.assert_whole(2);
            assert_eq!(idle.run("Q SELECT 1"), ONE);
        }
    });
}

/// Has PostgreSQL stop as soon as the session that comes back ends: until then it says 57P03. The
/// site's pooler, whose console must be open, has no server any more.
fn going_down(site: &Site) -> Client {
    assert_eq!(site.client().run("Q SELECT 1"), ONE);
    let cluster = site.cluster();
    // A smart shutdown waits for whoever is connected, and lets nobody in.
    let mut last = Client::connect(cluster.address(), APP, "postgres");
    nix::sys::signal::kill(cluster.postmaster(), Signal::SIGTERM).expect("send a signal");
    wait_until("PostgreSQL to let nobody in", || {
        let parameters = [("user", APP), ("database", "postgres")];
        Client::try_connect(cluster.address(), &parameters).is_err()
    });
    last.run(&format!(
        "Q SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
        site.database()
    ));
    let mut console = site.console();
    wait_until("the pooler to notice", || {
        !console.run("Q SHOW SERVERS").contains(" | D ")
    });
    last
}

/// Has PostgreSQL stop and start again.
fn back(cluster: &Cluster, last: Client) {
    let postmaster = cluster.postmaster();
    drop(last);
    wait_until("PostgreSQL to be down", || {
        nix::sys::signal::kill(postmaster, None).is_err()
    });
    cluster.restart();
}

/// PostgreSQL on its way down says 57P03: for `server_login_retry` clients wait for it to come back,
/// and only then are told.
#[test]
fn trap_20_a_restart_is_waited_for() {
    bounded(|| {
        let pool = Pool::of(1)
            .with("query_wait_timeout", 60)
            .with("admin_users", APP);
        for against in OURS {
            let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
            // Long enough for a restart on a busy machine, and less than the client's patience.
            let patient = pool.clone().with("server_login_retry", 8);
            let site = Site::start_on(cluster, *against, &patient);
            let mut client = site.client();
            let last = going_down(&site);
            client.say("Q SELECT 1");
            assert!(client.hears_nothing(), "{against:?}");
            back(cluster, last);
            assert_eq!(client.read_until(b"Z").join(" | "), ONE, "{against:?}");
            drop(site);

            let impatient = pool.clone().with("server_login_retry", 1);
            let site = Site::start_on(cluster, *against, &impatient);
            let mut client = site.client();
            let last = going_down(&site);
            let heard = client.run("Q SELECT 1 | < eof");
            let told = "E FATAL 57P03 the database system is shutting down | eof";
            assert_eq!(heard, told, "{against:?}");
            back(cluster, last);
            wait_until_back(&site);
            site.assert_whole(1);
        }
    });
}

#[test]
fn trap_20_a_frozen_postgresql_delays_and_loses_nothing() {
    bounded(|| {
        for against in OURS {
            let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start()));
            let site = Site::start_on(
                cluster,
                *against,
                &Pool::of(1).with("query_wait_timeout", 1),
            );
            let mut client = site.client();
            let pid = client.run("Q SELECT pg_backend_pid() AS pid");
            let pid = pid
                .split(" | ")
                .nth(1)
                .unwrap()
                .trim_start_matches("D ")
                .to_owned();
            kill(&pid, Signal::SIGSTOP);
            client.say("Q SELECT 1");
            let mut waiter = site.client();
            let heard = waiter.run("Q SELECT 2 | < eof");
            assert_eq!(heard, "E FATAL 08P01 query_wait_timeout | eof");
            assert!(client.hears_nothing());
            kill(&pid, Signal::SIGCONT);
            assert_eq!(client.read_until(b"Z").join(" | "), ONE);
            site.assert_whole(1);
        }
    });
}

/// A server that does not take a client's session parameters is given up, after `query_timeout` or,
/// without one, as soon as another could have been opened.
#[test]
fn trap_20_a_server_frozen_before_it_has_the_parameters_is_given_up() {
    bounded(|| {
        for (setting, words) in [
            ("query_timeout", "query timeout"),
            ("server_connect_timeout", "server_connect_timeout"),
        ] {
            let site = Site::start(Against::Proxy, &Pool::of(1).with(setting, 2));
            let named = |name| site.client_with(&[("application_name", name)]);
            let mut one = named("one").expect("to be let in");
            let answer = one.run("Q SELECT pg_backend_pid()");
            kill(row(&answer), Signal::SIGSTOP);
            let mut other = named("other").expect("to be let in");
            let heard = other.run("Q SELECT 1 | < eof");
            kill(row(&answer), Signal::SIGCONT);
            assert_eq!(heard, format!("E FATAL 08P01 {words} | eof"));
            assert_eq!(one.run("Q SELECT 1"), ONE, "{setting}");
        }
    });
}

/// Three wait while three servers are being opened, and the first attempt that fails opens the
/// circuit. What becomes of the others nobody waits for.
#[test]
fn trap_20_who_waits_when_the_circuit_opens_is_told_at_once() {
    bounded(|| {
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
        let port = silent.local_addr().expect("an address").port();
        let pool = Pool::of(3)
            .on_database(&format!("port={port}"))
            .with("server_tls_sslmode", "disable")
            .with("circuit_breaker_failures", 1);
        let site = Site::start(Against::Proxy, &pool);
        let hello = startup(&[("user", APP), ("database", site.database())]);
        let begin = || {
            let mut client = Client::silent(site.address());
            client.send(&hello);
            client
        };
        let mut waiting = [begin(), begin(), begin()];
        let mut attempts = [(); 3].map(|()| Some(silent.accept().expect("an attempt")));
        attempts[0] = None;
        for client in &mut waiting {
            let told = client.finish_login().expect_err("nobody to be let in");
            assert!(told.contains("circuit open"), "{told}");
        }
        let told = begin().finish_login().expect_err("nobody to be let in");
        assert!(told.starts_with("E FATAL 08P01 "), "{told}");
    });
}

/// A server is lost while a statement is on its way to it. Whether the statement was run, the
/// client learns or not; it is never run a second time on another server.
#[test]
fn trap_25_nothing_is_run_twice() {
    const ROUNDS: usize = 20;
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1).with("server_login_retry", 0);
            let site = Site::start(*against, &pool);
            site.sql("CREATE TABLE runs (client int)");
            let mut confirmed = Vec::new();
            for round in 0..ROUNDS {
                let mut client = site.client();
                client.run("Q SELECT 1");
                let insert = format!("Q INSERT INTO runs VALUES ({round})");
                let of_site = format!("WHERE datname = '{}'", site.database());
                let end =
                    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity {of_site}");
                std::thread::scope(|scope| {
                    scope.spawn(|| site.cluster().sql(&end));
                    let heard = client.run(&insert);
                    if heard == "C INSERT 0 1 | Z I" {
                        confirmed.push(round);
                    }
                });
            }
            let count = |condition: &str| {
                let sql = format!("SELECT client FROM runs GROUP BY 1 HAVING {condition}");
                site.sql(&sql).len()
            };
            assert_eq!(count("count(*) > 1"), 0, "{against:?}");
            let ran = site.sql("SELECT client FROM runs");
            for round in confirmed {
                assert!(
                    ran.contains(&round.to_string()),
                    "{against:?}: {round} is lost"
                );
            }
        }
    });
}

/// A pool that doesn't wait for long before it tries again.
fn quick_to_retry(size: u32) -> Pool {
    Pool::of(size)
        .with("server_login_retry", 1)
        .with("query_wait_timeout", 2)
        .with("server_connect_timeout", 2)
        .with("circuit_breaker_timeout", 1)
}

/// One query of a new client, or what it hears instead.
fn attempt(site: &Site) -> String {
    let parameters = [("user", APP), ("database", site.database())];
    match Client::try_connect(site.address(), &parameters) {
        Ok(mut client) => client.run("Q SELECT 1"),
        Err(refusal) => refusal,
    }
}

fn wait_until_back(site: &Site) {
    wait_until("service to return", || attempt(site) == ONE);
}

fn kill(pid: &str, signal: Signal) {
    let pid = nix::unistd::Pid::from_raw(pid.parse().expect("a process number"));
    nix::sys::signal::kill(pid, signal).expect("send a signal");
}
