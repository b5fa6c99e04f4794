//! Replication connections: each has a server of its own, opened for it and closed with it.
//!
//! It ends with what its server is outdated by, as there is no end of a transaction to wait for.
//! What passes on such a connection is not followed, as there is no moment at which its server
//! could be another's: the client is a standby or a consumer of changes, and the server streams to
//! it for as long as both live.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt as _, copy, split};

use super::connection::log_end;
use super::end::End;
use super::farewell::{part, say_farewell};
use super::refusal::Refusal;
use crate::cancel::{Holder, Registered};
use crate::config::Config;
use crate::io::Stream;
use crate::pool::Listed;
use crate::pool::Pool;
use crate::protocol::message::backend::{
    SqlState, TransactionStatus, authentication_ok, backend_key_data, parameter_status,
    ready_for_query,
};
use crate::protocol::startup::{CancelKey, StartupParameters};
use crate::server::connect::{ConnectError, Connected, connect_as};
use crate::server::login::LoginError;
use crate::shared::Present;

/// Startup parameter by which replication is asked for.
pub const PARAMETER: &str = "replication";

/// Which kind of replication a connection is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Replication {
    /// None: it is for queries.
    #[default]
    None,
    /// Of the whole cluster: `replication=true`.
    Physical,
    /// Of one database: `replication=database`.
    Logical,
}

impl Replication {
    /// What `startup` asks for, by PostgreSQL's rules: a boolean or the word `database`.
    ///
    /// # Errors
    /// What the client is told of another value.
    pub fn of(startup: &StartupParameters) -> Result<Self, Refusal> {
        let Some(value) = startup.get(PARAMETER) else {
            return Ok(Self::None);
        };
        let is = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
        if is(&["database"]) {
            Ok(Self::Logical)
        } else if is(&["true", "t", "yes", "y", "on", "1"]) {
            Ok(Self::Physical)
        } else if is(&["false", "f", "no", "n", "off", "of", "0"]) {
            Ok(Self::None)
        } else {
            let words = format!("invalid value for parameter \"replication\": \"{value}\"");
            let refusal = Refusal::new(SqlState::INVALID_PARAMETER_VALUE, words);
            Err(refusal.with_hint("Valid values are: \"false\", 0, \"true\", 1, \"database\"."))
        }
    }

    /// The word in SHOW CLIENTS and SHOW SERVERS.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Physical => "physical",
            Self::Logical => "logical",
        }
    }

    /// What a server is asked for.
    const fn value(self) -> &'static str {
        match self {
            Self::None => "false",
            Self::Physical => "true",
            Self::Logical => "database",
        }
    }
}

/// A client and its server.
pub(super) struct Line {
    cancel: Registered,
    server: Connected,
    listed: Listed,
    greeting: BytesMut,
}

/// Opens a server for a client that may have one, and says how the client is greeted. Cancelled,
/// the connection to the server is closed.
///
/// # Errors
/// What the client is told if there is no server for it.
pub(super) async fn open(
    pool: &Arc<Pool>,
    replication: Replication,
    startup: &StartupParameters,
    config: &Config,
    cancel: Registered,
    key: &CancelKey,
) -> Result<Line, Refusal> {
    let ignored = &config.settings.ignore_startup_parameters;
    let others = startup.parameters.iter().filter(|(name, _)| {
        !name.eq_ignore_ascii_case(PARAMETER) && !ignored.contains_ignoring_case(name)
    });
    let parameters: Vec<(&str, &str)> = [(PARAMETER, replication.value())]
        .into_iter()
        .chain(others.map(|(name, value)| (name.as_str(), value.as_str())))
        .collect();
    // First, so that a change of the settings is not missed.
    let generation = pool.generation();
    let settings = pool.settings();
    let server = Box::pin(connect_as(&settings, 0, pool.commons(), &parameters))
        .await
        .map_err(|error| refusal(&error))?;
    let listed = Listed::new(pool, &server, replication, generation);
    listed.log_begin();
    let mut greeting = BytesMut::new();
    authentication_ok(&mut greeting);
    for (name, value) in &server.reported {
        parameter_status(&mut greeting, name, value);
    }
    backend_key_data(&mut greeting, key.process, &key.key);
    ready_for_query(&mut greeting, TransactionStatus::Idle);
    let interner = &pool.commons().interner;
    let mut own = interner.blank();
    for (name, value) in &startup.parameters {
        own.set(name, value);
    }
    let own = interner.intern(own);
    cancel.holder.has_parameters(&own);
    Ok(Line {
        cancel,
        server,
        listed,
        greeting,
    })
}

fn refusal(error: &ConnectError) -> Refusal {
    match error {
        ConnectError::Login(LoginError::Refused(error)) => {
            Refusal::new(error.code, error.message.clone())
        }
        error => Refusal::new(SqlState::CANNOT_CONNECT, error.to_string()),
    }
}

/// Passes bytes both ways until one side ends. Cancelled, both connections close.
pub(super) async fn run(mut client: Stream, line: Line, present: Present) {
    let Line {
        cancel,
        mut server,
        mut listed,
        greeting,
    } = line;
    let holder = &cancel.holder;
    holder.takes(&server.cancel);
    let end = match client.write_all(&greeting).await {
        Ok(()) => tokio::select! {
            end = relay(&mut client, &mut server.stream) => end,
            end = sentenced(holder) => end,
            () = listed.outdated() => End::Killed("connection outdated"),
        },
        Err(error) => End::Client(error),
    };
    log_end(&holder.card, &end);
    listed.blame(end.to_string());
    // Closed first, so that a client that is told of the end finds PostgreSQL free of it soon.
    drop((server, listed));
    match end.refusal() {
        Some(refusal) => say_farewell(&mut client, refusal).await,
        None => part(&mut client).await,
    }
    drop(present);
}

/// Passes bytes until one of the two sides ends. Cancelled, bytes may be lost.
async fn relay(client: &mut Stream, server: &mut Stream) -> End {
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    tokio::select! {
        sent = copy(&mut from_client, &mut to_server) => {
            // Terminate is the server's to understand.
            sent.map_or_else(End::Client, |_| End::Eof)
        }
        sent = copy(&mut from_server, &mut to_client) => {
            sent.map_or_else(End::Client, |_| End::ServerFarewell)
        }
    }
}

/// Waits until the client is to be ended. Cancel safe.
async fn sentenced(holder: &Holder) -> End {
    std::future::poll_fn(|cx| {
        holder.begins(cx.waker());
        match holder.sentence() {
            Some(reason) => std::task::Poll::Ready(End::Killed(reason)),
            None => std::task::Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::startup::PROTOCOL_3_0;

    #[test]
    fn what_is_asked_for() {
        let of = |value: Option<&str>| {
            let parameter = value.map(|value| (PARAMETER.to_owned(), value.to_owned()));
            let startup = StartupParameters {
                version: PROTOCOL_3_0,
                user: "u".to_owned(),
                database: "d".to_owned(),
                parameters: parameter.into_iter().collect(),
                protocol_options: Vec::new(),
            };
            Replication::of(&startup).map_err(|refusal| refusal.code)
        };
        for (value, expected) in [
            (None, Replication::None),
            (Some("off"), Replication::None),
            (Some("0"), Replication::None),
            (Some("TRUE"), Replication::Physical),
            (Some("1"), Replication::Physical),
            (Some("on"), Replication::Physical),
            (Some("Database"), Replication::Logical),
        ] {
            assert_eq!(of(value), Ok(expected), "{value:?}");
        }
        for value in ["", "2", "data base", "physical"] {
            let error = SqlState::INVALID_PARAMETER_VALUE;
            assert_eq!(of(Some(value)), Err(error), "{value:?}");
        }
    }
}
