//! Loopback ports for the servers.

use std::{
    collections::BTreeMap,
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

/// Ports that the user chose, by target; `direct` is PostgreSQL's.
pub type ChosenPorts = BTreeMap<CatalogTarget, u16>;

/// The chosen port of `target` if it is free, or any free one if none was chosen.
pub(super) fn reserve(
    target: CatalogTarget,
    chosen: &ChosenPorts,
) -> Result<u16, EnvironmentError> {
    if let Some(&port) = chosen.get(&target) {
        let address = loopback(port);
        return TcpListener::bind(address)
            .map(|_| port)
            .map_err(|source| EnvironmentError::Busy {
                target: target.name(),
                address,
                source,
            });
    }
    let mut random = rand::rng();
    (0..TRIES)
        .map(|_| random.random_range(SERVER_PORTS))
        .find(|&port| TcpListener::bind(loopback(port)).is_ok())
        .ok_or_else(|| {
            EnvironmentError::io("find a free port on 127.0.0.1 between 20000 and 31999")(
                std::io::ErrorKind::AddrInUse.into(),
            )
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
        let chosen = ChosenPorts::from([(CatalogTarget::Proxy, address.port())]);
        let error = reserve(CatalogTarget::Proxy, &chosen).expect_err("busy");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(error.remedy().contains("ss -ltnp"));
    }

    #[test]
    fn without_a_wish_any_free_port_will_do() {
        let port = reserve(CatalogTarget::Direct, &ChosenPorts::new()).expect("a port");
        assert!(SERVER_PORTS.contains(&port));
    }
}
