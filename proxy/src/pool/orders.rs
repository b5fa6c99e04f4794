//! What a pool is told to do: by operators, by a reload, by a name that leads elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use super::Pool;
use super::roster::{Generation, ServerCard};
use crate::client::replication::Replication;
use crate::cores::CoreId;
use crate::server::connect::ServerAddress;

impl Pool {
    /// Hands out no server any more and closes each as soon as it is free, until
    /// [`Pool::resume`].
    pub fn pause(&self, reason: &'static str) {
        self.state().pause();
        self.close_idle(reason);
    }

    /// Hands out no server any more, until [`Pool::resume`].
    pub fn hold(&self) {
        self.state().hold();
    }

    /// Hands out servers again.
    pub fn resume(self: &Arc<Self>) {
        let (woken, open) = self.state().resume();
        for waiter in woken {
            waiter.waker.wake();
        }
        self.open(open);
    }

    /// Closes each server that is open now as soon as it is free, and those of replication at once.
    pub fn renew(&self, reason: &'static str) {
        self.roster.renew();
        self.close_idle(reason);
    }

    /// Renews the pool if one of its servers is at none of `addresses`, where its hosts are now.
    /// Says whether one is.
    pub fn leave_addresses_but(&self, addresses: &[IpAddr]) -> bool {
        let generation = self.roster.generation();
        let elsewhere = |card: &Arc<ServerCard>| match &card.target.address {
            ServerAddress::Tcp(address) => !addresses.contains(&address.ip()),
            ServerAddress::Unix(_) | ServerAddress::Abstract(_) => false,
        };
        let mut servers = self.roster.all();
        servers.retain(|card| card.generation == generation);
        let left = servers.iter().any(elsewhere);
        if left {
            self.renew("obsolete connection");
        }
        left
    }

    /// Whether a server is open that was to be closed by [`Pool::renew`].
    #[must_use]
    pub fn has_outdated(&self) -> bool {
        let generation = self.roster.generation();
        let servers = self.roster.all();
        servers.iter().any(|card| card.generation != generation)
    }

    /// How often its servers have been outdated.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.roster.generation()
    }

    /// Whether nobody holds a server, not even a replication connection its own.
    #[must_use]
    pub fn is_released(&self) -> bool {
        let servers = self.roster.all();
        let mut servers = servers.iter();
        self.census().servers_active == 0
            && servers.all(|card| card.replication == Replication::None)
    }

    fn close_idle(&self, reason: &'static str) {
        let idle = {
            let mut state = self.state();
            let cores = (0..self.commons.cores).map(|core| u16::try_from(core).unwrap_or(u16::MAX));
            cores
                .flat_map(|core| state.remove_idle(CoreId(core), |_| true))
                .collect::<Vec<_>>()
        };
        for mut server in idle {
            server.seat.blame(reason);
            server.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::cancel::CancelTarget;
    use crate::client::card::{Began, ClientCard, ConnectionId};
    use crate::clock::LastTime;

    /// Lists a server at `address`.
    fn open_at(pool: &Pool, address: ServerAddress) {
        let target = CancelTarget {
            address,
            encryption: None,
            key: None,
        };
        pool.roster.enter(&Arc::new(ServerCard {
            id: ConnectionId::next(),
            target: Arc::new(target),
            local: None,
            began: Began::now(),
            generation: pool.roster.generation(),
            tls: None,
            replication: Replication::None,
            taken: LastTime::now(),
            prepared: AtomicU32::new(0),
        }));
    }

    #[test]
    fn a_host_that_moves_outdates_its_servers_once() {
        let pool = ClientCard::sample().pool;
        let at = |last: u8| IpAddr::from([10, 0, 0, last]);
        let tcp = |last| ServerAddress::Tcp((at(last), 5432).into());
        open_at(&pool, tcp(1));
        open_at(&pool, ServerAddress::Unix("/run/.s.PGSQL.5432".into()));
        assert!(!pool.leave_addresses_but(&[at(2), at(1)]));
        assert!(!pool.has_outdated());
        // It is where only one of its servers is.
        open_at(&pool, tcp(2));
        assert!(pool.leave_addresses_but(&[at(2)]));
        assert!(pool.has_outdated());
        // What was outdated is not looked at again.
        open_at(&pool, tcp(2));
        assert!(!pool.leave_addresses_but(&[at(2)]));
        assert!(pool.leave_addresses_but(&[at(1)]));
    }
}
