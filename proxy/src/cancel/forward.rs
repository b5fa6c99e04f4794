//! Carrying a cancel request to the server.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::peers::pass_to_address;
use super::route::{Route, route};
use super::{CancelRegistry, CancelTarget, Holder, Order, Parked};
use crate::config::Config;
use crate::deadline::{Deadline, Elapsed};
use crate::protocol::message::frontend;
use crate::protocol::startup::CancelKey;
use crate::server::connect::open;
use crate::server::dialogue::hand_on;
use crate::server::encrypt::Asking;

/// Does what a client asked for with `key`, here or at the pooler whose client it is. A key of
/// nobody does nothing, as with PostgreSQL. Cancelled, the servers parked for its sake are closed.
pub async fn cancel(registry: &CancelRegistry, key: &CancelKey, config: &Config) {
    match route(key, registry.peer_id()) {
        Route::Here => {}
        Route::Nowhere => return,
        Route::Peer(peer_id, key) => {
            if let Err(error) = registry.peers.pass(peer_id, &key, config).await {
                tracing::warn!(peer_id, %error, "cannot pass a cancel request on");
            }
            return;
        }
    }
    let Some(holder) = registry.find(key) else {
        return ask_predecessor(registry, key, config).await;
    };
    let Order::Send(target) = holder.begin() else {
        return;
    };
    let mut under_way = UnderWay {
        holder,
        settled: false,
    };
    // A server that takes longer over it is given up.
    let deadline = Deadline::after(config.settings.cancel_wait_timeout);
    let sent = deadline.bound(send(&target)).await;
    match sent.unwrap_or_else(|_: Elapsed| Err(io::ErrorKind::TimedOut.into())) {
        Ok(()) => under_way.settled = true,
        Err(error) => {
            tracing::warn!(server = %target.address, %error, "cancel request failed");
        }
    }
}

/// A key that nobody has here may belong to a client of the pooler that this one took over from.
async fn ask_predecessor(registry: &CancelRegistry, key: &CancelKey, config: &Config) {
    let Some(predecessor) = registry.predecessor() else {
        return;
    };
    let passed = pass_to_address(predecessor, key);
    // A predecessor that is gone has no clients either.
    let deadline = Deadline::after(config.settings.cancel_wait_timeout);
    let _ = deadline.bound(passed).await;
}

/// A cancel request between the decision and its end.
struct UnderWay {
    holder: Arc<Holder>,
    /// The server has dealt with it.
    settled: bool,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        for Parked { server, tenure } in self.holder.end() {
            if self.settled {
                let pool = Arc::clone(server.seat.pool());
                hand_on(&pool, server, tenure);
            }
            // Otherwise the request may still arrive, and the server is closed.
        }
    }
}

/// Sends it and waits until the server closes the connection. Cancel safe in that nothing is
/// lost; whether the server got the request is then unknown.
async fn send(target: &CancelTarget) -> io::Result<()> {
    let Some(key) = &target.key else {
        return Ok(());
    };
    let mut stream = open(&target.address).await.map_err(io::Error::other)?;
    if let Some(encryption) = &target.encryption {
        // The key must not be read on the way: whoever has it can cancel again.
        let encrypted = encryption.begin(stream, &target.address, Asking::Always);
        stream = encrypted.await.map_err(io::Error::other)?;
    }
    let mut message = BytesMut::new();
    frontend::cancel_request(&mut message, key.process, &key.key);
    stream.write_all(&message).await?;
    let mut nothing = [0; 16];
    while stream.read(&mut nothing).await? > 0 {}
    Ok(())
}
