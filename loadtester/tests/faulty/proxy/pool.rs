//! The servers that no client holds, and who may be cancelled by whom.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::plant::Kept;
use super::server::{self, Key, Server};
use super::upstream::Upstream;
use crate::fault::Fault;

/// Most servers that clients hold at one moment, and most that lie idle.
const SERVERS_MAX: usize = 4;

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) upstream: Upstream,
    pub(crate) fault: Option<Fault>,
    pub(crate) kept: Kept,
    /// By startup packet, the one that was used last at the end.
    idle: Mutex<HashMap<Vec<u8>, Vec<Server>>>,
    places: Arc<Semaphore>,
    seats: Mutex<HashMap<Key, Arc<Seat>>>,
}

/// Which server a client holds now. Held locked while a cancel request is on its way, so that the
/// server stays with its client until then.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    pub(crate) holds: tokio::sync::Mutex<Option<Key>>,
    held_last: Mutex<Option<Key>>,
}

impl Seat {
    /// Notes which server the client has from now on. Cancel safe.
    pub(crate) async fn take(&self, key: Key) {
        *self.holds.lock().await = Some(key);
        *self
            .held_last
            .lock()
            .expect("no thread panics with the lock") = Some(key);
    }

    /// Notes that the client has none; waits for cancel requests on their way. Cancel safe.
    pub(crate) async fn leave(&self) {
        *self.holds.lock().await = None;
    }
}

impl Pool {
    pub(crate) fn new(upstream: Upstream, fault: Option<Fault>) -> Self {
        Self {
            upstream,
            fault,
            kept: Kept::default(),
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(SERVERS_MAX)),
            seats: Mutex::default(),
        }
    }

    /// Whether the proxy has this fault.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// A server that is logged in as `startup` asks, and the place it takes. Cancel safe.
    pub(crate) async fn take(&self, startup: &[u8]) -> io::Result<(Server, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(io::Error::other)?;
        let server = match self.take_idle(startup) {
            Some(server) => server,
            None => Server::open(&self.upstream, startup).await?,
        };
        Ok((server, place))
    }

    /// The idle server that was used last and is still there: between two sessions those are ended that
    /// a fault has left with a lock, say.
    fn take_idle(&self, startup: &[u8]) -> Option<Server> {
        let mut idle = self.idle_servers();
        let servers = idle.get_mut(startup)?;
        while let Some(server) = servers.pop() {
            if !server.is_gone() {
                return Some(server);
            }
        }
        None
    }

    /// Gives a server to the next client.
    pub(crate) fn put(&self, startup: &[u8], server: Server) {
        let mut idle = self.idle_servers();
        let servers = idle.entry(startup.to_vec()).or_default();
        if servers.len() < SERVERS_MAX {
            servers.push(server);
        }
    }

    /// A seat that cancel requests find by `key`.
    pub(crate) fn seat(&self, key: Key) -> Arc<Seat> {
        let seat = Arc::new(Seat::default());
        self.all_seats().insert(key, Arc::clone(&seat));
        seat
    }

    /// The client with this key has left.
    pub(crate) fn unseat(&self, key: Key) {
        self.all_seats().remove(&key);
    }

    /// Passes a cancel request on to the server of the client that owns `key`. Cancel safe, but the
    /// request may be on its way.
    pub(crate) async fn cancel(&self, key: Key) -> io::Result<()> {
        let Some(seat) = self.all_seats().get(&key).cloned() else {
            return Ok(());
        };
        if self.has(Fault::CancelReachesAnotherClient) {
            return self.cancel_another(key).await;
        }
        if self.has(Fault::CancelOutlivesItsQuery) {
            let last = *seat
                .held_last
                .lock()
                .expect("no thread panics with the lock");
            return match last {
                Some(key) => server::cancel(&self.upstream, key).await,
                None => Ok(()),
            };
        }
        let holds = seat.holds.lock().await;
        match *holds {
            Some(key) => server::cancel(&self.upstream, key).await,
            None => Ok(()),
        }
    }

    async fn cancel_another(&self, not: Key) -> io::Result<()> {
        let mut others: Vec<_> = self.all_seats().clone().into_iter().collect();
        others.sort_by_key(|(key, _)| *key);
        for (key, seat) in others {
            let holds = *seat.holds.lock().await;
            if let Some(holds) = holds.filter(|_| key != not) {
                return server::cancel(&self.upstream, holds).await;
            }
        }
        Ok(())
    }

    fn idle_servers(&self) -> std::sync::MutexGuard<'_, HashMap<Vec<u8>, Vec<Server>>> {
        self.idle.lock().expect("no thread panics with the lock")
    }

    fn all_seats(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Seat>>> {
        self.seats.lock().expect("no thread panics with the lock")
    }
}
