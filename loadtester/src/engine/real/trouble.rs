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
    /// The script could not go on; the session can.
    Script(Failure),
}

impl Trouble {
    pub(super) fn failure(&self) -> &Failure {
        match self {
            Self::Failed(failure) | Self::Broken(failure) | Self::Script(failure) => failure,
        }
    }
}

/// An error while connecting.
pub(super) fn at_connect(error: &Error) -> Failure {
    let message = chain(error);
    match database(error) {
        Some(failure) => failure.at_login(),
        None if message.starts_with("error connecting to server")
            || message.starts_with("error performing TLS handshake") =>
        {
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

/// An error of `sqlx` while connecting.
pub(super) fn sqlx_at_connect(error: &sqlx::Error) -> Failure {
    match error {
        sqlx::Error::Database(_) => sqlx_in_session(error).at_login(),
        sqlx::Error::Io(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => {
            Failure::new(ErrorClass::Connect, error.to_string())
        }
        sqlx::Error::Tls(_) => Failure::new(ErrorClass::Connect, error.to_string()),
        sqlx::Error::Configuration(_) => Failure::new(ErrorClass::Auth, error.to_string()),
        _ => sqlx_in_session(error),
    }
}

/// An error of `sqlx` in a session.
pub(super) fn sqlx_in_session(error: &sqlx::Error) -> Failure {
    let database = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>());
    if let Some(error) = database {
        let severity = format!("{:?}", error.severity()).to_uppercase();
        return Failure::sqlstate(error.code(), &severity, error.message());
    }
    match error {
        sqlx::Error::Protocol(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
            Failure::violation(error.to_string())
        }
        _ => Failure::new(ErrorClass::Disconnect, error.to_string()),
    }
}
