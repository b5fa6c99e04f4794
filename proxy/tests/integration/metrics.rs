//! `/metrics` and `/health`, asked as Prometheus and load balancers ask.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::Client;
use crate::site::{Against, Pool, Site};

fn site(size: u32) -> (Site, SocketAddr) {
    let pool = Pool::of(size)
        .with("metrics_listen_addr", "127.0.0.1")
        .with("metrics_listen_port", 0)
        .with("admin_users", APP);
    let site = Site::start(Against::Proxy, &pool);
    let address = site.pooler().metrics_addrs()[0];
    (site, address)
}

/// Sends `request` as it is, and gives all that comes back.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connect");
    stream.write_all(request.as_bytes()).expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

/// The samples of a scrape by name and labels, once the text has been found to be what Prometheus
/// reads (text format 0.0.4): each family is typed before its samples, and each value a number.
fn samples(address: SocketAddr) -> BTreeMap<String, f64> {
    let answer = get(address, "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let mut family = String::new();
    let mut samples = BTreeMap::new();
    for line in body.lines().filter(|line| !line.is_empty()) {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            family = kind.split(' ').next().unwrap_or_default().to_owned();
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            assert!(name.starts_with(&family), "{line} under {family}");
            let number: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert_eq!(samples.insert(name.to_owned(), number), None, "{line}");
        }
    }
    samples
}

#[test]
fn what_clients_do_is_counted() {
    bounded(|| {
        let (site, address) = site(1);
        let labels = format!("{{database=\"{}\",user=\"{APP}\"}}", site.database());
        let mut client = site.client();
        for _ in 0..3 {
            client.run("Q SELECT 1");
        }
        client.run("Q BEGIN | Q SELECT 1/0 | Q ROLLBACK");
        let found = samples(address);
        let check = |name: &str, expected: f64| {
            let name = format!("{name}{labels}");
            assert_eq!(found.get(&name), Some(&expected), "{name} in {found:#?}");
        };
        check("poolproof_queries_total", 6.0);
        check("poolproof_transactions_total", 4.0);
        check("poolproof_query_errors_total", 1.0);
        check("poolproof_transaction_duration_seconds_count", 4.0);
        check("poolproof_query_duration_seconds_count", 6.0);
        check("poolproof_pool_size", 1.0);
        assert!(found["poolproof_logins_total{outcome=\"success\"}"] >= 1.0);
        let buckets = found
            .iter()
            .filter(|(name, _)| name.starts_with("poolproof_transaction_duration_seconds_bucket"));
        let last = buckets.map(|(_, count)| *count).fold(0.0, f64::max);
        assert_eq!(last, 4.0, "buckets add up to all");
        let closed = found.iter().find(|(name, _)| {
            name.starts_with("poolproof_circuit_state") && name.contains("closed")
        });
        assert_eq!(closed.map(|(_, value)| *value), Some(1.0));
    });
}

#[test]
fn who_waits_is_seen_and_the_wait_is_counted() {
    bounded(|| {
        let (site, address) = site(1);
        let state = |state: &str| {
            let database = site.database();
            let name = format!(
                "poolproof_pool_clients{{database=\"{database}\",user=\"{APP}\",state=\"{state}\"}}"
            );
            samples(address).get(&name).copied().unwrap_or_default()
        };
        let mut busy = site.client();
        let mut waiting = site.client();
        busy.run("Q BEGIN");
        waiting.say("Q SELECT 1");
        wait_until("a client to wait", || state("waiting") == 1.0);
        assert_eq!((state("active"), state("idle")), (1.0, 0.0));
        busy.run("Q COMMIT");
        waiting.read_until(b"Z");
        let counted = samples(address);
        let name = format!(
            "poolproof_wait_duration_seconds_count{{database=\"{}\",user=\"{APP}\"}}",
            site.database()
        );
        assert!(counted[&name] >= 1.0, "{counted:#?}");
    });
}

#[test]
fn health_tells_whether_clients_are_served() {
    bounded(|| {
        let (site, address) = site(1);
        let mut console = Client::connect(site.address(), APP, "pgbouncer");
        let check = |status: &str, words: &str| {
            let answer = get(address, "/health");
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{answer}"
            );
            assert!(answer.ends_with(&format!("\r\n\r\n{words}\n")), "{answer}");
        };
        check("200", "ok");
        assert_eq!(console.run("Q PAUSE"), "C PAUSE | Z I");
        check("503", "paused");
        assert_eq!(console.run("Q RESUME"), "C RESUME | Z I");
        check("200", "ok");
        site.pooler()
            .shutdown(poolproof_proxy::Stop::WaitForClients);
        wait_until("the end to begin", || {
            get(address, "/health").ends_with("shutting down\n")
        });
        drop(console);
        site.pooler().join().expect("an orderly end");
    });
}

#[test]
fn what_is_no_question_gets_an_answer_or_an_end() {
    bounded(|| {
        let (site, address) = site(1);
        // More that say nothing than there are places for connections: later ones wait for their
        // turn, and clients of the pooler notice nothing.
        let silent: Vec<_> = (0..8)
            .map(|_| TcpStream::connect(address).expect("connect"))
            .collect();
        site.assert_serves();
        drop(silent);
        let status = |request: &str| {
            let answer = ask(address, request);
            answer.split(' ').nth(1).unwrap_or_default().to_owned()
        };
        assert_eq!(status("GET /nothing HTTP/1.1\r\n\r\n"), "404");
        assert_eq!(status("POST /metrics HTTP/1.1\r\n\r\n"), "405");
        assert_eq!(status("nonsense\r\n\r\n"), "400");
        let endless = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(8 << 10));
        assert_eq!(status(&endless[..8 << 10]), "431");
        let head = ask(address, "HEAD /health HTTP/1.1\r\n\r\n");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
        assert!(get(address, "/health").starts_with("HTTP/1.1 200"));
    });
}
