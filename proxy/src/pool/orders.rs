//! What a pool is told to do: by operators, by a reload, by a name that leads elsewhere.

use std::net::IpAddr;
use std::sync::Arc;

use super::Pool;
use super::roster::ServerCard;
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

    /// Closes each server that is open now as soon as it is free.
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
        let shared = |card: &ServerCard| card.replication == Replication::None;
        let mut servers = servers.iter().filter(|card| shared(card));
        servers.any(|card| card.generation != generation)
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
