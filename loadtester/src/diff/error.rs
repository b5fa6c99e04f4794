//! What keeps a session from being performed. What a target does wrong is in the trace instead.

use std::{error::Error, io, time::Duration};

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The connection beside the target, through which the schema is made and the server watched.
    #[error("the connection beside the target: {}", told(.0))]
    Beside(#[from] tokio_postgres::Error),
    /// A statement that makes what the session finds.
    #[error("{}: {}", place(*.nth, *.line), told(.source))]
    Setup {
        /// Which one of the script's, from 1.
        nth: usize,
        /// In which line of it, from 1, where PostgreSQL tells.
        line: Option<usize>,
        /// Why.
        source: tokio_postgres::Error,
    },
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

/// Where a statement of the set-up stands.
fn place(nth: usize, line: Option<usize>) -> String {
    let line = line.map_or_else(String::new, |line| format!(", line {line}"));
    format!("setup statement {nth}{line}")
}

/// What PostgreSQL says, or what kept it from saying anything.
pub(crate) fn told(error: &tokio_postgres::Error) -> String {
    let Some(said) = error.as_db_error() else {
        let cause = error.source().map(|cause| format!(": {cause}"));
        return format!("{error}{}", cause.unwrap_or_default());
    };
    let code = said.code().code();
    let hint = said.hint().map(|hint| format!("; {hint}"));
    format!(
        "{} {code}: {}{}",
        said.severity(),
        said.message(),
        hint.unwrap_or_default()
    )
}
