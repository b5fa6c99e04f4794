//! What the driver's errors mean in our classes.

use std::{error::Error as _, io};

use poolproof_reports::record::ErrorClass;
use tokio_postgres::Error;

use crate::engine::Failure;

/// A transaction that did not succeed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The session goes on.
    Failed(Failure),
    /// The session cannot be used any more.
    Broken(Failure),
}

impl Trouble {
    pub(super) fn failure(&self) -> &Failure {
        match self {
            Self::Failed(failure) | Self::Broken(failure) => failure,
        }
    }
}

/// An error while connecting.
pub(super) fn at_connect(error: &Error) -> Failure {
    let message = chain(error);
    match database(error) {
        Some(failure) => failure.at_login(),
        None if message.starts_with("error connecting to server") => {
            Failure::new(ErrorClass::Connect, message)
        }
        None if message.starts_with("authentication error")
            || message.starts_with("invalid configuration") =>
        {
            Failure::new(ErrorClass::Auth, message)
        }
        None => elsewhere(error, message),
    }
}

/// An error of a query.
pub(super) fn in_session(error: &Error) -> Failure {
    database(error).unwrap_or_else(|| elsewhere(error, chain(error)))
}

fn database(error: &Error) -> Option<Failure> {
    let error = error.as_db_error()?;
    Some(Failure::sqlstate(
        error.code().code(),
        error.severity(),
        error.message(),
    ))
}

/// What came without an SQLSTATE: the end of the connection, or nonsense. The driver keeps the
/// kinds of its errors to itself, so that its words have to do.
fn elsewhere(error: &Error, message: String) -> Failure {
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    let nonsense = message.starts_with("unexpected message")
        || message.starts_with("error parsing")
        || io.is_some_and(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            )
        });
    if nonsense {
        Failure::violation(message)
    } else {
        Failure::new(ErrorClass::Disconnect, message)
    }
}

/// The error and what caused it.
fn chain(error: &Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
