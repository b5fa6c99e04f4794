//! The servers of a pool by name: for the console and the log, and to know which are outdated.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::cancel::CancelTarget;
use crate::client::card::{Began, ConnectionId};
use crate::client::replication::Replication;
use crate::clock::LastTime;

/// What stays the same of a server as long as it is open.
#[derive(Debug)]
pub struct ServerCard {
    /// Its number.
    pub id: ConnectionId,
    /// Where it is, and its process there. It also tells servers apart: a client that is busy
    /// holds the same one.
    pub target: Arc<CancelTarget>,
    /// Our end of the connection, where it has an address.
    pub local: Option<SocketAddr>,
    /// When it was opened.
    pub began: Began,
    /// How often the pool had been renewed by then.
    pub generation: Generation,
    /// TLS version and cipher, or nothing on a plain connection.
    pub tls: Option<Box<str>>,
    /// Whether it belongs to a replication connection, which the pool does not share out.
    pub replication: Replication,
    /// When a client last took it.
    pub taken: LastTime,
    /// Statements that are prepared on it under the pooler's names.
    pub prepared: AtomicU32,
}

impl ServerCard {
    /// So many statements are prepared on it.
    pub fn has_prepared(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.prepared.store(count, Ordering::Relaxed);
    }
}

/// How often the servers of a pool have been called outdated, all at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generation(u32);

/// All servers of a pool. Changes only when one is opened or closed.
#[derive(Debug, Default)]
pub(super) struct Roster {
    cards: Mutex<BTreeMap<ConnectionId, Arc<ServerCard>>>,
    generation: AtomicU32,
    /// Told when the generation changes.
    renewed: Notify,
}

impl Roster {
    fn cards(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Arc<ServerCard>>> {
        // Each change is a single call.
        self.cards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, card: &Arc<ServerCard>) {
        self.cards().insert(card.id, Arc::clone(card));
    }

    pub(super) fn leave(&self, id: ConnectionId) {
        self.cards().remove(&id);
    }

    pub(super) fn all(&self) -> Vec<Arc<ServerCard>> {
        self.cards().values().cloned().collect()
    }

    /// Whether there is one that clients share, open and not about to be.
    pub(super) fn has_shared(&self) -> bool {
        let cards = self.cards();
        cards
            .values()
            .any(|card| card.replication == Replication::None)
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Every server that is open now is outdated from now on.
    pub(super) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.renewed.notify_waiters();
    }

    /// Waits until the servers of `generation` are outdated. Cancel safe.
    pub(super) async fn outdated(&self, generation: Generation) {
        loop {
            let renewed = self.renewed.notified();
            tokio::pin!(renewed);
            // Before the question, so that no renewal passes unheard between it and the wait.
            renewed.as_mut().enable();
            if self.generation() != generation {
                return;
            }
            renewed.await;
        }
    }
}
