//! A pooler that runs already, named by its address.

use std::str::FromStr;

use tokio_postgres::config::{Config, Host};

use super::TargetError;
use crate::engine::Endpoint;

/// Port of an address that names none: PostgreSQL's own.
const DEFAULT_PORT: u16 = 5432;
/// Longest name that keeps a table's column narrow.
const NAME_BYTES_MAX: usize = 32;

/// A target that somebody else runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningElsewhere {
    /// Name of its column.
    pub name: String,
    /// Where it listens.
    pub endpoint: Endpoint,
}

impl RunningElsewhere {
    /// Reads `NAME` and `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    ///
    /// A name or an address that cannot be one.
    pub(crate) fn parse(name: &str, url: &str) -> Result<Self, TargetError> {
        check_name(name)?;
        let wrong = |reason: &str| TargetError::Address {
            name: name.to_owned(),
            reason: reason.to_owned(),
        };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("the address does not begin with postgres://"));
        }
        let config = Config::from_str(url).map_err(|error| wrong(&error.to_string()))?;
        let host = match config.get_hosts() {
            [Host::Tcp(host)] => host.clone(),
            [] => return Err(wrong("it names no host")),
            [_] => {
                return Err(wrong(
                    "a Unix socket is not supported, only a host and a port",
                ));
            }
            _ => return Err(wrong("it names several hosts, and a target is one")),
        };
        let user = config.get_user().ok_or_else(|| wrong("it names no user"))?;
        let password = config
            .get_password()
            .map(|password| String::from_utf8_lossy(password).into_owned());
        let endpoint = Endpoint {
            host,
            port: config.get_ports().first().copied().unwrap_or(DEFAULT_PORT),
            user: user.to_owned(),
            password,
            // As libpq does.
            dbname: config.get_dbname().unwrap_or(user).to_owned(),
            tls: None,
        };
        Ok(Self {
            name: name.to_owned(),
            endpoint,
        })
    }
}

/// Whether a table, a file and a threshold can carry a target's name.
pub(super) fn check_name(name: &str) -> Result<(), TargetError> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    let reserved = name == poolproof_reports::gate::BASELINE;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || reserved || !name.bytes().all(plain) {
        return Err(TargetError::Name(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let (name, url) = text.split_once('=').expect("NAME=ADDRESS");
        match RunningElsewhere::parse(name, url) {
            Ok(target) => format!("{} {}", target.name, target.endpoint),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_are_read_as_libpq_reads_them() {
        assert_eq!(
            check("odyssey=postgres://me:secret@db.example:6532/shop"),
            "odyssey me@db.example:6532/shop"
        );
        assert_eq!(check("old=postgresql://me@db"), "old me@db:5432/me");
        // A pooler of the catalog that somebody else runs, in a container say.
        assert_eq!(
            check("pgbouncer=postgres://me@db:6432/shop"),
            "pgbouncer me@db:6432/shop"
        );
    }

    #[test]
    fn what_is_missing_is_named_and_the_password_is_not() {
        for (text, expected) in [
            ("a=db:5432", "does not begin with postgres://"),
            ("a=postgres://me:sesame@/shop", "names no host"),
            ("a=postgres://db/shop", "names no user"),
            ("a=postgres://me:sesame@h1,h2/shop", "several hosts"),
            ("baseline=postgres://me@db", "stands for an earlier run"),
            ("A b=postgres://me@db", "lower-case letters"),
            ("=postgres://me@db", "lower-case letters"),
        ] {
            let said = check(text);
            assert!(said.contains(expected), "{text}: {said}");
            assert!(!said.contains("sesame"), "{said}");
        }
    }
}
