//! Servers that a pool lists and does not share out: those of replication connections.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::roster::{Generation, ServerCard};
use super::{Pool, PoolId};
use crate::client::card::{Began, ConnectionId};
use crate::client::replication::Replication;
use crate::clock::LastTime;
use crate::server::connect::Connected;

/// A server that is listed, and logged, as long as this exists.
#[derive(Debug)]
pub struct Listed {
    pool: Arc<Pool>,
    card: Arc<ServerCard>,
    reason: Cow<'static, str>,
}

impl Listed {
    /// Lists a server that was opened just now; `generation` is the pool's when that began.
    #[must_use]
    pub fn new(
        pool: &Arc<Pool>,
        connected: &Connected,
        replication: Replication,
        generation: Generation,
    ) -> Self {
        let card = Arc::new(ServerCard {
            id: ConnectionId::next(),
            target: Arc::clone(&connected.cancel),
            local: connected.stream.local_addr(),
            began: Began::now(),
            generation,
            tls: connected.stream.tls_words().map(Into::into),
            replication,
            taken: LastTime::now(),
            prepared: AtomicU32::new(0),
        });
        pool.roster.enter(&card);
        Self {
            pool: Arc::clone(pool),
            card,
            reason: "client gone".into(),
        }
    }

    /// Logs that it is there.
    pub fn log_begin(&self) {
        if self.pool.commons.config.load().settings.log_connections {
            self.log(format_args!("new connection to server (replication)"));
        }
    }

    /// Waits until it is to be closed: nobody gives it back, after which that could be done. Cancel
    /// safe.
    pub async fn outdated(&self) {
        self.pool.roster.outdated(self.card.generation).await;
    }

    /// Says why it is about to be closed.
    pub fn blame(&mut self, reason: impl Into<Cow<'static, str>>) {
        self.reason = reason.into();
    }

    fn log(&self, words: std::fmt::Arguments<'_>) {
        let PoolId { database, user } = &self.pool.id;
        tracing::info!(
            conn = %format_args!("S-{}", self.card.id),
            %database,
            %user,
            address = %self.card.target.address,
            "{words}"
        );
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.pool.roster.leave(self.card.id);
        if self.pool.commons.config.load().settings.log_disconnections {
            let age = self.card.began.age_s();
            self.log(format_args!(
                "closing because: {} (age={age}s)",
                self.reason
            ));
        }
        self.pool.commons.closed.notify_waiters();
    }
}
