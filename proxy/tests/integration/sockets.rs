//! What the system is told of connections: `tcp_…`.

use std::net::SocketAddr;

use crate::cluster::APP;
use crate::patience::{bounded, wait_until};
use crate::raw::{Client, rows};
use crate::site::{Against, POOLERS, Pool, Site};

/// What `/proc/net/tcp` says of the timer at the end of a connection that is at `ours`: its kind,
/// and hundredths of a second until it goes off.
fn timer(ours: SocketAddr, theirs: SocketAddr) -> Option<(u8, u64)> {
    let hexadecimal = |address: SocketAddr| {
        let SocketAddr::V4(address) = address else {
            panic!("the tests use IPv4");
        };
        let host = u32::from_le_bytes(address.ip().octets());
        format!("{host:08X}:{:04X}", address.port())
    };
    let ends = format!("{} {} ", hexadecimal(ours), hexadecimal(theirs));
    let table = std::fs::read_to_string("/proc/net/tcp").expect("read /proc/net/tcp");
    let line = table.lines().find(|line| line.contains(&ends))?;
    let timer = line.split_whitespace().nth(5)?;
    let (kind, left) = timer.split_once(':')?;
    let left = u64::from_str_radix(left, 16).ok()?;
    Some((u8::from_str_radix(kind, 16).ok()?, left))
}

/// The kernel's number for a keep-alive timer.
const KEEPALIVE: u8 = 2;

#[test]
fn connections_of_clients_are_kept_alive_as_told() {
    bounded(|| {
        for against in POOLERS {
            let pool = Pool::of(1).with("tcp_keepidle", 77);
            for (pool, expected) in [
                (pool.clone().with("tcp_keepalive", 1), true),
                (pool.with("tcp_keepalive", 0), false),
            ] {
                let site = Site::start(*against, &pool);
                let mut client = site.client();
                client.run("Q SELECT 1");
                let local = client.stream().local_addr().expect("an address");
                let probing = || match timer(site.address(), local) {
                    Some((KEEPALIVE, left)) => left <= 7700 && left > 1000,
                    _ => false,
                };
                if expected {
                    wait_until("the timer", probing);
                } else {
                    assert!(!probing(), "{against:?}");
                }
            }
        }
    });
}

/// Clients that have said nothing are not there yet.
#[test]
fn a_silent_client_is_kept_out_on_request() {
    bounded(|| {
        for (deferred, expected) in [(0, 1), (1, 0)] {
            let pool = Pool::of(1)
                .with("admin_users", APP)
                .with("tcp_defer_accept", deferred);
            let site = Site::start(Against::Proxy, &pool);
            let mut console = site.console();
            let mut silent = Client::silent(site.address());
            let mut logging_in = || {
                let shown = console.run("Q SHOW LISTS");
                let row = rows(&shown).find(|row| row.starts_with("login_clients "));
                row.unwrap_or_default().to_owned()
            };
            let expected = format!("login_clients {expected}");
            wait_until("it to be counted or not", || logging_in() == expected);
            silent.send(&crate::raw::startup(&[
                ("user", APP),
                ("database", site.database()),
            ]));
            silent.finish_login().expect("a session");
        }
    });
}
