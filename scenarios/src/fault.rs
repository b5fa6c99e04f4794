//! The fault model: what may be done to the parties of a run while the load goes on.
//!
//! A fault comes once in a window: not before [`Fault::at`], and not before [`Fault::after`]
//! transactions have succeeded. It lasts [`Fault::lasts`] and is then undone: what was stopped is
//! started, what was frozen thaws, the link is whole again. `docs/faults.md` says what each does.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One fault of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What is done.
    pub kind: FaultKind,
    /// Time from the begin of the window before which it does not come.
    #[serde(
        default,
        with = "crate::load::span",
        skip_serializing_if = "Duration::is_zero"
    )]
    #[schemars(with = "String")]
    pub at: Duration,
    /// Transactions that have succeeded before it comes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub after: u64,
    /// How long it lasts. Kinds that are over at once do not take it.
    #[serde(
        default,
        rename = "for",
        with = "crate::load::span",
        skip_serializing_if = "Duration::is_zero"
    )]
    #[schemars(with = "String")]
    pub lasts: Duration,
    /// Which link a `link-…` is done to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub link: LinkPlace,
    /// By how much `link-delayed` delays what it passes on, each way.
    #[serde(
        default,
        with = "crate::load::span",
        skip_serializing_if = "Duration::is_zero"
    )]
    #[schemars(with = "String")]
    pub by: Duration,
    /// The message after which a link is stalled, cut or reset; without one it happens at once, to
    /// every connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Message>,
    /// How many clients a `clients-…` adds to the load.
    #[serde(default, skip_serializing_if = "is_default")]
    pub clients: u32,
}

/// A kind takes only what it needs, so what was not said is not written either.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Every backend of the load is ended with `pg_terminate_backend`.
    BackendsKilled,
    /// PostgreSQL is stopped, and started when the fault is over.
    PostgresStopped,
    /// PostgreSQL is stopped and started again.
    PostgresRestarted,
    /// Every process of PostgreSQL stands still (SIGSTOP).
    PostgresFrozen,
    /// The pooler reads its configuration again.
    PoolerReloaded,
    /// The pooler is stopped in order and started again.
    PoolerRestarted,
    /// The pooler keeps its clients waiting.
    PoolerPaused,
    /// Every process of the pooler stands still (SIGSTOP).
    PoolerFrozen,
    /// The pooler is killed (SIGKILL), and started when the fault is over.
    PoolerKilled,
    /// The link passes everything on later.
    LinkDelayed,
    /// The link passes nothing on, and keeps every connection.
    LinkStalled,
    /// The link closes connections in order (FIN), and while it lasts every new one.
    LinkCut,
    /// The same with a reset (RST).
    LinkReset,
    /// Further clients begin a query and are gone before its end.
    ClientsVanish,
    /// Further clients ask for a large result and do not read it.
    ClientsStopReading,
    /// Further clients send half of a message and wait.
    ClientsHalfSay,
}

/// Who is hit by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// PostgreSQL.
    Postgres,
    /// The target, which must be a pooler.
    Pooler,
    /// A link between two parties.
    Link,
    /// Clients beside those of the load.
    Clients,
}

/// Between whom a link stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LinkPlace {
    /// Between the clients and the target.
    Client,
    /// Between the target and PostgreSQL. For the target `direct` it is the same as `client`.
    #[default]
    Server,
}

/// A message of the protocol by which a link finds its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Message {
    /// From the client: a simple query.
    Query,
    /// From the client.
    Parse,
    /// From the client.
    Bind,
    /// From the client.
    Execute,
    /// From the client.
    Sync,
    /// From the server.
    ParseComplete,
    /// From the server.
    BindComplete,
    /// From the server.
    RowDescription,
    /// From the server.
    DataRow,
    /// From the server.
    CommandComplete,
    /// From the server.
    ReadyForQuery,
}

/// Whence a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The side nearer to the clients.
    Client,
    /// The side nearer to PostgreSQL.
    Server,
}

/// Every kind and its name.
pub const KINDS: [(&str, FaultKind); 16] = [
    ("backends-killed", FaultKind::BackendsKilled),
    ("postgres-stopped", FaultKind::PostgresStopped),
    ("postgres-restarted", FaultKind::PostgresRestarted),
    ("postgres-frozen", FaultKind::PostgresFrozen),
    ("pooler-reloaded", FaultKind::PoolerReloaded),
    ("pooler-restarted", FaultKind::PoolerRestarted),
    ("pooler-paused", FaultKind::PoolerPaused),
    ("pooler-frozen", FaultKind::PoolerFrozen),
    ("pooler-killed", FaultKind::PoolerKilled),
    ("link-delayed", FaultKind::LinkDelayed),
    ("link-stalled", FaultKind::LinkStalled),
    ("link-cut", FaultKind::LinkCut),
    ("link-reset", FaultKind::LinkReset),
    ("clients-vanish", FaultKind::ClientsVanish),
    ("clients-stop-reading", FaultKind::ClientsStopReading),
    ("clients-half-say", FaultKind::ClientsHalfSay),
];

/// Every message, its name, its type byte and whence it comes («Message Formats» of the manual).
const MESSAGES: [(&str, Message, u8, Sender); 11] = [
    ("Query", Message::Query, b'Q', Sender::Client),
    ("Parse", Message::Parse, b'P', Sender::Client),
    ("Bind", Message::Bind, b'B', Sender::Client),
    ("Execute", Message::Execute, b'E', Sender::Client),
    ("Sync", Message::Sync, b'S', Sender::Client),
    (
        "ParseComplete",
        Message::ParseComplete,
        b'1',
        Sender::Server,
    ),
    ("BindComplete", Message::BindComplete, b'2', Sender::Server),
    (
        "RowDescription",
        Message::RowDescription,
        b'T',
        Sender::Server,
    ),
    ("DataRow", Message::DataRow, b'D', Sender::Server),
    (
        "CommandComplete",
        Message::CommandComplete,
        b'C',
        Sender::Server,
    ),
    (
        "ReadyForQuery",
        Message::ReadyForQuery,
        b'Z',
        Sender::Server,
    ),
];

impl Message {
    /// Every message and its name.
    #[must_use]
    pub fn names() -> [(&'static str, Self); MESSAGES.len()] {
        MESSAGES.map(|(name, message, _, _)| (name, message))
    }

    /// Its type byte, and whence it comes.
    #[must_use]
    pub fn on_the_wire(self) -> (u8, Sender) {
        let found = MESSAGES.iter().find(|(_, message, _, _)| *message == self);
        found.map_or((0, Sender::Server), |(_, _, tag, from)| (*tag, *from))
    }
}

impl FaultKind {
    /// Whom it hits.
    #[must_use]
    pub fn party(self) -> Party {
        match self {
            Self::BackendsKilled
            | Self::PostgresStopped
            | Self::PostgresRestarted
            | Self::PostgresFrozen => Party::Postgres,
            Self::PoolerReloaded
            | Self::PoolerRestarted
            | Self::PoolerPaused
            | Self::PoolerFrozen
            | Self::PoolerKilled => Party::Pooler,
            Self::LinkDelayed | Self::LinkStalled | Self::LinkCut | Self::LinkReset => Party::Link,
            Self::ClientsVanish | Self::ClientsStopReading | Self::ClientsHalfSay => Party::Clients,
        }
    }

    /// Whether it lasts; one that is over at once takes no `for`.
    #[must_use]
    pub fn lasts(self) -> bool {
        !matches!(
            self,
            Self::BackendsKilled
                | Self::PostgresRestarted
                | Self::PoolerReloaded
                | Self::PoolerRestarted
                | Self::ClientsVanish
        )
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = KINDS.iter().find(|(_, kind)| kind == self);
        out.write_str(found.map_or("", |(name, _)| name))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(out)?;
        if self.kind.party() == Party::Link {
            let between = match self.link {
                LinkPlace::Client => "clients and target",
                LinkPlace::Server => "target and PostgreSQL",
            };
            write!(out, " between {between}")?;
        }
        match &self.on {
            Some(message) => write!(out, " after {message:?}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_message_has_a_name_that_serde_reads() {
        let text = |name: &str| toml::Value::String(name.to_owned());
        for (name, kind) in KINDS {
            assert_eq!(text(name).try_into::<FaultKind>(), Ok(kind));
            assert_eq!(kind.to_string(), name);
        }
        for (name, message) in Message::names() {
            assert_eq!(text(name).try_into::<Message>(), Ok(message));
        }
        assert_eq!(Message::BindComplete.on_the_wire(), (b'2', Sender::Server));
        assert_eq!(Message::Sync.on_the_wire(), (b'S', Sender::Client));
    }
}
