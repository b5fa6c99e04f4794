//! The way to the other poolers behind the same port, for cancel requests.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use crate::config::{Config, Peer, ServerHost};
use crate::deadline::Deadline;
use crate::protocol::message::frontend;
use crate::protocol::startup::CancelKey;
use crate::server::connect::{ServerAddress, open, resolve};

/// Requests on their way to each peer.
#[derive(Debug, Default)]
pub struct PeerLines(Mutex<BTreeMap<u32, Arc<Line>>>);

/// Requests on their way to one peer.
#[derive(Debug)]
struct Line {
    /// Connections at most, when it was first needed.
    size: usize,
    places: Semaphore,
    waiting: AtomicUsize,
    active: AtomicUsize,
}

/// The requests to one peer at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerView {
    /// Requests that are being passed on.
    pub active: usize,
    /// Requests that wait for a place.
    pub waiting: usize,
}

/// Counts as long as it exists.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn in_(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PeerLines {
    /// The requests to `peer_id` now.
    #[must_use]
    pub fn view(&self, peer_id: u32) -> PeerView {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .get(&peer_id)
            .map_or_else(PeerView::default, |line| PeerView {
                active: line.active.load(Ordering::Relaxed),
                waiting: line.waiting.load(Ordering::Relaxed),
            })
    }

    fn line(&self, peer_id: u32, size: usize) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            Arc::new(Line {
                size,
                places: Semaphore::new(size),
                waiting: AtomicUsize::new(0),
                active: AtomicUsize::new(0),
            })
        };
        let line = lines.entry(peer_id).or_insert_with(new);
        if line.size != size {
            // Requests on the old line end on it.
            *line = new();
        }
        Arc::clone(line)
    }

    /// Passes a request on to the pooler with `peer_id`, when there is a place. Cancel safe; whether
    /// the peer got the request is then unknown.
    ///
    /// # Errors
    /// When there is no such peer, or it cannot be reached in time.
    pub async fn pass(&self, peer_id: u32, key: &CancelKey, config: &Config) -> io::Result<()> {
        let Some(peer) = config.peers.get(&peer_id) else {
            let words = format!("no peer {peer_id} in [peers]");
            return Err(io::Error::new(io::ErrorKind::NotFound, words));
        };
        let size = peer.pool_size.unwrap_or(config.settings.default_pool_size);
        let line = self.line(peer_id, (size as usize).clamp(1, Semaphore::MAX_PERMITS));
        let passed = async {
            let waiting = Counted::in_(&line.waiting);
            let place = line.places.acquire().await.map_err(io::Error::other)?;
            drop(waiting);
            let _active = Counted::in_(&line.active);
            let sent = pass_to(peer, key).await;
            drop(place);
            sent
        };
        let patience = Deadline::after(config.settings.cancel_wait_timeout);
        let timeout = |_| io::Error::from(io::ErrorKind::TimedOut);
        patience.bound(passed).await.map_err(timeout)?
    }
}

async fn pass_to(peer: &Peer, key: &CancelKey) -> io::Result<()> {
    let none = || io::Error::new(io::ErrorKind::NotFound, "the peer has no host");
    let host: &ServerHost = peer.host.first().ok_or_else(none)?;
    let found = resolve(host, peer.port, Deadline::NEVER).await;
    let addresses = found.map_err(io::Error::other)?;
    let mut outcome = Err(none());
    for address in addresses {
        outcome = pass_to_address(&address, key).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Sends a request to the pooler at `address` and waits until it has dealt with it.
///
/// # Errors
/// When it cannot be reached.
pub(super) async fn pass_to_address(address: &ServerAddress, key: &CancelKey) -> io::Result<()> {
    let mut stream = open(address).await.map_err(io::Error::other)?;
    let mut message = BytesMut::new();
    frontend::cancel_request(&mut message, key.process, &key.key);
    stream.write_all(&message).await?;
    let mut nothing = [0; 16];
    while stream.read(&mut nothing).await? > 0 {}
    Ok(())
}
