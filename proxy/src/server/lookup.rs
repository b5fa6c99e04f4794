//! `auth_query`: asks PostgreSQL for the password of a user whom `auth_file` does not list.
//!
//! For each database in which users are looked up there is one connection of its own. No client
//! ever speaks on it, so nothing that a client sets, a search_path above all, can bend the query
//! (CVE-2025-12819). Look-ups take turns on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connect::{ConnectError, connect};
use super::login::ServerError;
use crate::auth::credential::Credential;
use crate::config::{Config, Secret};
use crate::io::Stream;
use crate::pool::Commons;
use crate::pool::settings::PoolSettings;
use crate::protocol::frame::Header;
use crate::protocol::message::frontend;

/// Longest message of an answer in bytes.
const MESSAGE_BYTES_MAX: u32 = 64 << 10;
/// Users of one database whose secrets are kept.
const KNOWN_MAX: usize = 10_000;

/// Why a user could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The server cannot be had.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The query failed.
    #[error("auth_query failed: {0}")]
    Refused(ServerError),
    /// The answer is none.
    #[error("auth_query: expected rows of a name and a password, got {0}")]
    Answer(&'static str),
    /// The connection broke.
    #[error("server connection lost during auth_query: {0}")]
    Lost(#[from] std::io::Error),
}

/// All places where users are looked up, by the database's name and `auth_user`.
#[derive(Debug, Default)]
pub struct Lookups(Mutex<HashMap<(String, String), Arc<Desk>>>);

/// Where the users of one database are looked up.
#[derive(Debug, Default)]
pub struct Desk {
    line: tokio::sync::Mutex<Option<Line>>,
    known: Mutex<HashMap<String, (String, Arc<Credential>)>>,
}

/// The connection, and the configuration under which it was opened.
#[derive(Debug)]
struct Line {
    stream: Stream,
    config: Arc<Config>,
    /// When it was last asked.
    used: Instant,
}

impl Line {
    /// Whether it may stay open at `now`, under `config`.
    fn is_of_use(&self, config: &Arc<Config>, now: Instant) -> bool {
        let timeout = config.settings.server_idle_timeout.get();
        let idle = now.saturating_duration_since(self.used);
        Arc::ptr_eq(&self.config, config) && timeout.is_none_or(|timeout| idle < timeout)
    }
}

/// What is asked, where and as whom.
#[derive(Debug)]
pub struct Question<'a> {
    /// The configuration of this moment.
    pub config: &'a Arc<Config>,
    /// How to open the connection.
    pub settings: &'a PoolSettings,
    /// The query; `$1` is the user.
    pub query: &'a str,
    /// The user.
    pub user: &'a str,
}

impl Lookups {
    /// The desk for a database and an `auth_user`.
    #[must_use]
    pub fn desk(&self, database: &str, auth_user: &str) -> Arc<Desk> {
        let mut desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (database.to_owned(), auth_user.to_owned());
        Arc::clone(desks.entry(key).or_default())
    }

    /// Closes the connections that have been idle for `server_idle_timeout` or were opened under
    /// another configuration, and forgets the desks that have none: strangers name databases as they
    /// like.
    pub fn tidy(&self, config: &Arc<Config>, now: Instant) {
        let mut desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        desks.retain(|_, desk| {
            // Nobody else can come to it meanwhile.
            let is_asked = Arc::strong_count(desk) > 1;
            is_asked || desk.has_line_of_use(config, now)
        });
    }
}

impl Desk {
    fn has_line_of_use(&self, config: &Arc<Config>, now: Instant) -> bool {
        let line = self.line.try_lock();
        line.is_ok_and(|line| {
            line.as_ref()
                .is_some_and(|line| line.is_of_use(config, now))
        })
    }

    /// Asks for a user. Cancelled in the middle of it, the connection is closed and the next
    /// look-up opens another.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn ask(
        &self,
        question: &Question<'_>,
        commons: &Commons,
    ) -> Result<Option<Arc<Credential>>, LookupError> {
        let mut line = self.line.lock().await;
        // A connection that has been idle may have been closed by the server meanwhile.
        let current = |line: &Line| Arc::ptr_eq(&line.config, question.config);
        if let Some(mut kept) = line.take().filter(current)
            && let Ok(secret) = ask(&mut kept.stream, question).await
        {
            kept.used = Instant::now();
            *line = Some(kept);
            return Ok(self.keep(question.user, secret));
        }
        let connected = Box::pin(connect(question.settings, 0, commons)).await?;
        let mut fresh = Line {
            stream: connected.stream,
            config: Arc::clone(question.config),
            used: Instant::now(),
        };
        let secret = ask(&mut fresh.stream, question).await?;
        *line = Some(fresh);
        Ok(self.keep(question.user, secret))
    }

    /// The user with that secret. What was derived from it, or proved by a client, is kept as
    /// long as the secret stays the same.
    fn keep(&self, user: &str, secret: Option<String>) -> Option<Arc<Credential>> {
        let secret = secret?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((old, credential)) = known.get(user)
            && *old == secret
        {
            return Some(Arc::clone(credential));
        }
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let credential = Arc::new(Credential::new(user.to_owned(), &Secret::new(&secret)));
        known.insert(user.to_owned(), (secret, Arc::clone(&credential)));
        Some(credential)
    }
}

/// The secret in the first row; the empty one, with which nobody logs in, if it is null; `None` if
/// there is no row.
async fn ask(stream: &mut Stream, question: &Question<'_>) -> Result<Option<String>, LookupError> {
    let mut out = BytesMut::new();
    frontend::ask(&mut out, question.query, question.user);
    stream.write_all(&out).await?;
    stream.flush().await?;
    let mut input = BytesMut::new();
    let mut secret = None;
    let mut refused = None;
    loop {
        let header = Header::read(&input, MESSAGE_BYTES_MAX)
            .map_err(|_| LookupError::Answer("a message longer than 64 kB"))?;
        let Some(header) = header.filter(|header| input.len() >= header.len) else {
            if stream.read_buf(&mut input).await? == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            continue;
        };
        let message = input.split_to(header.len);
        let body = &message[5..];
        match header.tag {
            b'D' if secret.is_none() => secret = Some(second_column(body)?),
            b'E' => refused = Some(ServerError::parse(body)),
            b'Z' => break,
            _ => {}
        }
    }
    refused.map_or(Ok(secret), |error| Err(LookupError::Refused(error)))
}

/// The second value of a DataRow, empty if it is null.
fn second_column(body: &[u8]) -> Result<String, LookupError> {
    const SHORT: LookupError = LookupError::Answer("a row that is cut short");
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or(SHORT)?;
    if u16::from_be_bytes(*count) < 2 {
        return Err(LookupError::Answer("fewer than two columns"));
    }
    let mut value: &[u8] = &[];
    for _ in 0..2 {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        // -1 is null.
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        (value, rest) = after.split_at_checked(length).ok_or(SHORT)?;
    }
    let value = str::from_utf8(value).map_err(|_| LookupError::Answer("no UTF-8"))?;
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_without_a_connection_is_forgotten_once_nobody_asks_there() {
        let text = "[pgbouncer]\nlisten_addr = *\nauth_type = any\n";
        let config = Config::parse(std::path::Path::new("test.ini"), text).unwrap();
        let config = Arc::new(config);
        let lookups = Lookups::default();
        let asked = lookups.desk("shop", "looker");
        for number in 0..100 {
            drop(lookups.desk(&format!("none{number}"), "looker"));
        }
        lookups.tidy(&config, Instant::now());
        assert_eq!(lookups.0.lock().unwrap().len(), 1);
        assert!(Arc::ptr_eq(&lookups.desk("shop", "looker"), &asked));
        drop(asked);
        lookups.tidy(&config, Instant::now());
        assert_eq!(lookups.0.lock().unwrap().len(), 0);
    }

    #[test]
    fn rows() {
        let second = |body: &[u8]| second_column(body).map_err(|error| error.to_string());
        assert_eq!(
            second(b"\0\x02\0\0\0\x03bob\0\0\0\x02pw"),
            Ok("pw".to_owned())
        );
        assert_eq!(
            second(b"\0\x02\0\0\0\x03bob\xff\xff\xff\xff"),
            Ok(String::new())
        );
        assert!(
            second(b"\0\x01\0\0\0\x03bob")
                .unwrap_err()
                .contains("two columns")
        );
        let whole = b"\0\x02\0\0\0\x03bob\0\0\0\x02pw";
        for length in 0..whole.len() {
            assert!(second(&whole[..length]).is_err(), "{length}");
        }
        assert!(
            second(b"\0\x02\0\0\0\0\0\0\0\x01\xff")
                .unwrap_err()
                .contains("UTF-8")
        );
    }
}
