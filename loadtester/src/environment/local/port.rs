//! Loopback ports for the servers.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
};

use rand::RngExt;

use crate::{environment::EnvironmentError, targets::CatalogTarget};

/// Where servers are put. Below the ports that Linux and macOS give to outgoing connections, so that
/// a client of the load never sits on a port that a server is about to take.
const SERVER_PORTS: Range<u16> = 20_000..32_000;
/// Ports tried before giving up.
const TRIES: usize = 200;

/// Ports by target; `direct` is PostgreSQL's.
pub type Ports = BTreeMap<CatalogTarget, u16>;

/// A port for each target, the one that the user chose or any free one. It stays the target's for
/// the whole run, so that its configuration stays the same when it is started again.
pub(in crate::environment) fn assign(
    targets: impl IntoIterator<Item = CatalogTarget>,
    chosen: &Ports,
) -> Result<Ports, EnvironmentError> {
    let mut ports = Ports::new();
    for target in targets {
        let port = match chosen.get(&target) {
            Some(&port) => check(target, port)?,
            None => free(&ports)?,
        };
        ports.insert(target, port);
    }
    Ok(ports)
}

/// A port for a second instance of each target of `ports`.
pub(in crate::environment) fn beside(ports: &Ports) -> Result<Ports, EnvironmentError> {
    let mut twins = Ports::new();
    for target in ports.keys() {
        let port = loop {
            let port = free(&twins)?;
            if !ports.values().any(|taken| *taken == port) {
                break port;
            }
        };
        twins.insert(*target, port);
    }
    Ok(twins)
}

fn check(target: CatalogTarget, port: u16) -> Result<u16, EnvironmentError> {
    let address = loopback(port);
    TcpListener::bind(address)
        .map(|_| port)
        .map_err(|source| EnvironmentError::Busy {
            target: target.name(),
            address,
            source,
        })
}

fn free(taken: &Ports) -> Result<u16, EnvironmentError> {
    let mut random = rand::rng();
    (0..TRIES)
        .map(|_| random.random_range(SERVER_PORTS))
        .filter(|port| !taken.values().any(|taken| taken == port))
        .find(|&port| TcpListener::bind(loopback(port)).is_ok())
        .ok_or_else(|| {
            let doing = "find a free port on 127.0.0.1 between 20000 and 31999";
            EnvironmentError::io(doing)(io::ErrorKind::AddrInUse.into())
        })
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_refused_with_its_address() {
        let holder = TcpListener::bind(loopback(0)).expect("a port");
        let address = holder.local_addr().expect("an address");
        let chosen = Ports::from([(CatalogTarget::proxy(), address.port())]);
        let error = assign([CatalogTarget::proxy()], &chosen).expect_err("busy");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(error.remedy().contains("ss -ltnp"));
    }

    #[test]
    fn without_a_wish_each_gets_a_free_one_of_its_own() {
        let ports = assign(CatalogTarget::all(), &Ports::new()).expect("ports");
        let mut numbers: Vec<u16> = ports.into_values().collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CatalogTarget::all().count());
        assert!(numbers.iter().all(|port| SERVER_PORTS.contains(port)));
    }
}
