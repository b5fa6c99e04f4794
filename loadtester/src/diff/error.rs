//! What keeps a session from being performed. What a target does wrong is in the trace instead.

use std::{io, time::Duration};

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The connection beside the target, through which the schema is made and the server watched.
    #[error("the connection beside the target: {0}")]
    Beside(#[from] tokio_postgres::Error),
    /// The connection beside the target did not answer.
    #[error("expected an answer on the connection beside the target within {0:?}, got none")]
    BesideSilent(Duration),
    /// A message that cannot be put on the wire.
    #[error("step {step} cannot be sent: {source}")]
    Encode {
        /// Which one, from 1.
        step: usize,
        /// Why.
        source: io::Error,
    },
    /// A script that asks for what cannot be done there.
    #[error("step {step}: {reason}")]
    Script {
        /// Which one, from 1.
        step: usize,
        /// What was expected.
        reason: String,
    },
    /// Names of user and database that cannot be sent.
    #[error("the endpoint cannot be logged in to: {0}")]
    Endpoint(String),
    /// No runtime for it.
    #[error("no runtime: {0}")]
    Runtime(#[source] io::Error),
}
