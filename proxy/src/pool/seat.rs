//! A place among the servers of a pool: what makes a server count, however it ends.

use std::borrow::Cow;
use std::sync::Arc;

use super::account::Counted;
use super::roster::ServerCard;
use super::{Pool, PoolId};

/// A place among the servers of a pool, given up when it is dropped.
#[derive(Debug)]
pub struct Seat {
    pub(super) pool: Arc<Pool>,
    pub(super) card: Arc<ServerCard>,
    /// Until the place is given up.
    pub(super) counted: Option<Counted>,
    /// Why the server closes, once that is known.
    pub(super) reason: Option<Cow<'static, str>>,
}

impl Seat {
    /// The pool in which the place is.
    #[must_use]
    pub const fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Who has it.
    #[must_use]
    pub const fn card(&self) -> &Arc<ServerCard> {
        &self.card
    }

    /// Whether its server was opened before the pool was renewed.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.pool.is_outdated(&self.card)
    }

    /// Says why the server is about to be closed; the first reason given is the one that counts.
    pub fn blame(&mut self, reason: impl Into<Cow<'static, str>>) {
        self.reason.get_or_insert_with(|| reason.into());
    }

    fn log_end(&mut self) {
        if !self.pool.commons.config.load().settings.log_disconnections {
            return;
        }
        let reason = self.reason.take();
        let reason = reason.as_deref().unwrap_or("unclean server");
        let PoolId { database, user } = &self.pool.id;
        tracing::info!(
            conn = %format_args!("S-{}", self.card.id),
            %database,
            %user,
            address = %self.card.target.address,
            "closing because: {reason} (age={}s)",
            self.card.began.age_s()
        );
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pool.roster.leave(self.card.id);
        self.log_end();
        // First, so that whoever opens one in its place finds room.
        drop(self.counted.take());
        let open = self.pool.state().closed();
        self.pool.open(open);
        self.pool.commons.closed.notify_waiters();
    }
}
