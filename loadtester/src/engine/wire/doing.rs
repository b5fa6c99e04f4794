//! What a client is about, from its first connect to its last answer.

use std::time::Instant;

use crate::engine::{
    Failure,
    protocol::{Answer, Login, Status},
};

/// What a client is about.
#[derive(Debug)]
pub(super) enum Doing {
    /// Nothing until then.
    Resting { until: Instant },
    /// Waits for a transaction of an open load to arrive.
    Free,
    /// Waits for the socket. The transaction has begun.
    Connecting { began: Instant },
    /// Waits to be let in; `done` says that it was.
    LoggingIn {
        began: Instant,
        login: Login,
        done: bool,
    },
    /// Waits for an answer.
    Asking(Ask),
    /// Sleeps within a transaction, as its script says.
    Sleeping {
        until: Instant,
        at: At,
        /// What the server said last.
        status: Status,
    },
    /// Waits until the transaction that failed is rolled back.
    Mending {
        began: Instant,
        answer: Answer,
        ended: bool,
    },
}

/// A transaction in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// Whence its latency counts.
    pub(super) began: Instant,
    /// Index into the script.
    pub(super) transaction: usize,
    /// When it last went on: the patience of a client begins there.
    pub(super) asked: Instant,
}

/// A transaction that waits for an answer.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) at: At,
    /// The statement that is answered; the last one of a pipeline.
    pub(super) statement: usize,
    pub(super) answer: Answer,
    /// ReadyForQuery came, with this status.
    pub(super) ended: Option<Status>,
}

impl Doing {
    /// When the transaction in flight began, if there is one.
    pub(super) fn in_flight(&self) -> Option<Instant> {
        match self {
            Self::Connecting { began } | Self::LoggingIn { began, .. } => Some(*began),
            Self::Asking(ask) => Some(ask.at.began),
            Self::Sleeping { at, .. } => Some(at.began),
            Self::Resting { .. } | Self::Free | Self::Mending { .. } => None,
        }
    }

    /// Since when the server is waited for, if it is.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        match self {
            Self::Mending { began, .. } => Some(*began),
            Self::Asking(ask) => Some(ask.at.asked),
            Self::Sleeping { .. } => None,
            _ => self.in_flight(),
        }
    }

    /// Whether the client was not let in yet.
    pub(super) fn is_connecting(&self) -> bool {
        matches!(self, Self::Connecting { .. } | Self::LoggingIn { .. })
    }

    /// The ErrorResponse of the answer that is coming in, taken out.
    pub(super) fn error(&mut self) -> Option<Failure> {
        match self {
            Self::Asking(ask) => ask.answer.error(),
            Self::Mending { answer, .. } => answer.error(),
            Self::Resting { .. }
            | Self::Free
            | Self::Sleeping { .. }
            | Self::Connecting { .. }
            | Self::LoggingIn { .. } => None,
        }
    }

    /// For messages: the client was …
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Resting { .. } | Self::Free => "idle",
            Self::Connecting { .. } => "connecting",
            Self::LoggingIn { .. } => "waiting to be let in",
            Self::Asking(_) => "waiting for an answer",
            Self::Sleeping { .. } => "thinking in a transaction",
            Self::Mending { .. } => "waiting for the answer to ROLLBACK",
        }
    }
}
