//! The pooler stops, as gently as it is asked to.

use std::net::TcpStream;

use poolproof_proxy::Stop;

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, startup};
use crate::site::{Against, Pool, Site};

const ONE: &str = "T ?column?:23 | D 1 | C SELECT 1 | Z I";

fn is_refused(site: &Site) -> bool {
    TcpStream::connect(site.address()).is_err()
}

#[test]
fn waiting_for_clients_lets_them_finish() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let mut busy = site.client();
        let mut idle = site.client();
        busy.run("Q BEGIN");
        site.pooler().shutdown(Stop::WaitForClients);
        wait_until("newcomers to be refused", || is_refused(&site));
        assert_eq!(busy.run("Q COMMIT"), "C COMMIT | Z I");
        assert_eq!(idle.run("Q SELECT 1"), ONE);
        assert_eq!(busy.run("Q SELECT 1"), ONE);
        busy.vanish();
        assert_eq!(idle.run("Q SELECT 1"), ONE);
        idle.vanish();
        site.pooler().join().unwrap();
        wait_until("the servers to go", || site.backends() == 0);
    });
}

/// Connects and begins to log in; the pooler has accepted it. The rest of what it has to say comes too.
fn half_logged_in(site: &Site, present: usize) -> (Client, Vec<u8>) {
    let packet = startup(&[("user", APP), ("database", site.database())]);
    let (head, tail) = packet.split_at(7);
    let mut client = Client::silent(site.address());
    client.send(head);
    wait_until("it to be accepted", || {
        site.pooler().view().clients == present
    });
    (client, tail.to_vec())
}

/// With `-R` it would else depend on luck whether a successor serves a client or nobody does.
#[test]
fn waiting_for_clients_lets_those_in_who_have_come() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let (mut client, rest) = half_logged_in(&site, 1);
        site.pooler().shutdown(Stop::WaitForClients);
        wait_until("newcomers to be refused", || is_refused(&site));
        client.send(&rest);
        client.finish_login().expect("it came in time");
        assert_eq!(client.run("Q SELECT 1"), ONE);
        client.vanish();
        site.pooler().join().unwrap();
    });
}

#[test]
fn waiting_for_servers_lets_nobody_in() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let mut busy = site.client();
        busy.run("Q BEGIN");
        let (mut client, rest) = half_logged_in(&site, 2);
        site.pooler().shutdown(Stop::WaitForServers);
        wait_until("newcomers to be refused", || is_refused(&site));
        client.send(&rest);
        let told = "E FATAL 57P03 the database system is shutting down | eof";
        assert_eq!(client.read_to_end().join(" | "), told);
        assert_eq!(busy.run("Q COMMIT"), "C COMMIT | Z I");
        site.pooler().join().unwrap();
    });
}

#[test]
fn waiting_for_servers_lets_transactions_finish() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(2));
        site.sql("CREATE TABLE t (n int)");
        let mut busy = site.client();
        let mut idle = site.client();
        busy.run("Q BEGIN | < Z | Q INSERT INTO t VALUES (1)");
        site.pooler().shutdown(Stop::WaitForServers);
        wait_until("newcomers to be refused", || is_refused(&site));
        assert_eq!(busy.run("Q COMMIT"), "C COMMIT | Z I");
        site.pooler().join().unwrap();
        for client in [&mut busy, &mut idle] {
            let heard = client.read_to_end().join(" | ");
            assert!(heard == "eof" || heard.starts_with("E FATAL "), "{heard}");
        }
        assert_eq!(site.sql("SELECT n FROM t"), ["1"]);
        wait_until("the servers to go", || site.backends() == 0);
    });
}

#[test]
fn at_once_means_at_once() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        site.sql("CREATE TABLE t (n int)");
        let mut busy = site.client();
        let mut waiting = site.client();
        let mut idle = site.client();
        busy.run("Q BEGIN | < Z | Q INSERT INTO t VALUES (1)");
        waiting.say("Q INSERT INTO t VALUES (2)");
        site.pooler().shutdown(Stop::Immediate);
        site.pooler().join().unwrap();
        for client in [&mut busy, &mut waiting, &mut idle] {
            let heard = client.read_to_end().join(" | ");
            assert!(heard == "eof" || heard.starts_with("E FATAL "), "{heard}");
        }
        assert!(site.sql("SELECT n FROM t").is_empty());
        wait_until("the servers to go", || site.backends() == 0);
    });
}

#[test]
fn a_second_order_is_obeyed_at_once() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let mut busy = site.client();
        busy.run("Q BEGIN");
        site.pooler().shutdown(Stop::WaitForClients);
        wait_until("newcomers to be refused", || is_refused(&site));
        site.pooler().shutdown(Stop::WaitForClients);
        site.pooler().join().unwrap();
        wait_until("the servers to go", || site.backends() == 0);
    });
}
