//! What the log says of a client: the lines that operators' scripts know from PgBouncer.

use super::card::{Began, ClientAddress, ClientCard, ConnectionId};
use super::refusal::Refusal;
use crate::config::Settings;

/// A client as the log calls it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mention<'a> {
    pub(super) id: ConnectionId,
    /// What it asked for; nothing before it has said so.
    pub(super) asked: Option<Asked<'a>>,
    pub(super) address: ClientAddress,
    pub(super) began: Began,
}

/// The names in a startup packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

impl<'a> Mention<'a> {
    /// Of a client that is logged in.
    pub(super) fn of(card: &'a ClientCard) -> Self {
        Self {
            id: card.id,
            asked: Some(Asked {
                database: &card.pool.id.database,
                user: card.user(),
            }),
            address: card.address,
            began: card.began,
        }
    }

    /// Its names, or PgBouncer's words for none.
    fn names(&self) -> (&'a str, &'a str) {
        let names = self.asked.map(|asked| (asked.database, asked.user));
        names.unwrap_or(("(nodb)", "(nouser)"))
    }

    /// Logs why it leaves, as `log_disconnections` has it.
    pub(super) fn log_end(&self, settings: &Settings, reason: &dyn std::fmt::Display) {
        if settings.log_disconnections {
            let (database, user) = self.names();
            tracing::info!(
                conn = %format_args!("C-{}", self.id),
                %database,
                %user,
                address = %self.address,
                "closing because: {reason} (age={}s)",
                self.began.age_s()
            );
        }
    }

    /// Logs what it is told, as `log_pooler_errors` has it.
    pub(super) fn log_refusal(&self, settings: &Settings, refusal: &Refusal) {
        if settings.log_pooler_errors {
            let (database, user) = self.names();
            tracing::warn!(
                conn = %format_args!("C-{}", self.id),
                %database,
                %user,
                address = %self.address,
                "pooler error: {}",
                refusal.message
            );
        }
    }
}
