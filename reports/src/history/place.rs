//! Where a history is kept.

use std::{fmt, path::PathBuf, str::FromStr};

/// A file or a server.
#[derive(Clone, PartialEq, Eq)]
pub enum Store {
    /// A file of SQLite.
    File(PathBuf),
    /// A PostgreSQL, by its address.
    Server(String),
}

/// What names no store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a file or postgres://USER:PASSWORD@HOST:PORT/DATABASE, got {0:?}")]
pub struct StoreError(String);

impl FromStr for Store {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Server(text.to_owned()));
        }
        if text.is_empty() || text.contains("://") {
            let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
            // What follows may hold a password.
            return Err(StoreError(format!("{scheme}…")));
        }
        Ok(Self::File(text.into()))
    }
}

/// The file, or the address without what stands before its host.
impl fmt::Display for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(out),
            Self::Server(url) => {
                let address = url.split_once("://").map_or("", |(_, rest)| rest);
                let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
                // A password may also stand among the parameters.
                let host = host.split_once('?').map_or(host, |(host, _)| host);
                write!(out, "postgres://{host}")
            }
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Store({self})")
    }
}

impl Store {
    /// The address that the driver takes.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Server(url) => url.clone(),
            Self::File(path) => {
                let path = path.to_string_lossy();
                let path = path.replace('%', "%25").replace('?', "%3F");
                format!("sqlite:{}?mode=rwc", path.replace('#', "%23"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_file_or_a_server_and_tells_no_password() {
        for (text, expected) in [
            ("a/b.sqlite", "a/b.sqlite"),
            (
                "postgres://me:sesame@db:5433/runs",
                "postgres://db:5433/runs",
            ),
            ("postgresql://db/runs?password=sesame", "postgres://db/runs"),
            ("mysql://me:sesame@db/runs", "got \"mysql…\""),
            ("", "got \"…\""),
        ] {
            let said = match text.parse::<Store>() {
                Ok(store) => format!("{store} {store:?}"),
                Err(error) => error.to_string(),
            };
            assert!(
                said.contains(expected) && !said.contains("sesame"),
                "{said}"
            );
        }
    }
}
