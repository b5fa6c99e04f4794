//! How a session ends: what the log says, and what the client is told.

use std::io;

use thiserror::Error;

use super::intake::BadMessage;
use super::refusal::Refusal;
use crate::protocol::message::backend::SqlState;
use crate::server::ServerFault;
use crate::server::dialogue::DialogueError;

/// Why a session is over. The words are those that operators know from PgBouncer's log.
#[derive(Debug, Error)]
pub enum End {
    /// The client said that it leaves.
    #[error("client close request")]
    Terminated,
    /// The client closed its connection.
    #[error("client unexpected eof")]
    Eof,
    /// The client's connection broke.
    #[error("client connection broke: {0}")]
    Client(io::Error),
    /// The client sent what no client may send.
    #[error(transparent)]
    BadMessage(#[from] BadMessage),
    /// The client's server is of no use any more.
    #[error(transparent)]
    Server(#[from] ServerFault),
    /// The client's server said farewell itself, and the client has heard it.
    #[error("server closed the connection")]
    ServerFarewell,
    /// An operator has ended it, or its database is no more.
    #[error("{0}")]
    Killed(&'static str),
    /// Something lasted longer than it may, or is more than the pool's mode allows.
    #[error("{0}")]
    Overdue(&'static str),
    /// The client cannot have a server, or not as it wants it.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

impl End {
    /// A server could not be given the client's session parameters.
    #[must_use]
    pub fn from_alignment(error: &DialogueError) -> Self {
        Self::Refused(match error {
            DialogueError::Fault(fault) => {
                Refusal::new(SqlState::PROTOCOL_VIOLATION, fault.to_string())
            }
            DialogueError::Refused(error) => Refusal::new(error.code, error.message.clone()),
        })
    }

    /// What the client is told, if it is still there and does not know.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Terminated | Self::Eof | Self::Client(_) | Self::ServerFarewell => None,
            Self::BadMessage(_) | Self::Server(_) | Self::Overdue(_) => {
                Some(Refusal::new(SqlState::PROTOCOL_VIOLATION, self.to_string()))
            }
            Self::Killed(reason) => Some(Refusal::new(SqlState::ADMIN_SHUTDOWN, *reason)),
            Self::Refused(refusal) => Some(refusal.clone()),
        }
    }
}
