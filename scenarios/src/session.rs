//! Session scripts: what several clients say to a server, step by step, in a notation that a person
//! reads at a glance.
//!
//! ```text
//! name: failed-parse-is-forgotten
//! about: A Parse that failed leaves no statement behind.
//! source: PostgreSQL manual, Extended Query
//!
//! A: Parse s "SELECT nothing" | Sync
//! A: wait
//! A: Parse s "SELECT 1" | Bind "" s | Execute | Sync
//! A: wait
//! ```
//!
//! `docs/differential-testing.md` explains every word. This module reads and writes the notation; it
//! runs nothing.

mod action;
mod message;
mod payload;
mod read;
mod write;

use std::fmt;

pub use action::{Action, CancelKind, Condition, Cuts};
pub use message::{Message, Name, StartupParameter};
pub use payload::{Payload, Piece};

use crate::{ScenarioError, pool::PoolMode};

/// A script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// What it is about.
    pub header: Header,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// What stands above the steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Name of the case; empty for a generated session.
    pub name: String,
    /// One sentence: what must hold.
    pub about: String,
    /// Where it is written down, or whose fault it was.
    pub source: String,
    /// Numbers in the list of known traps, where the case stands for one.
    pub traps: Vec<u8>,
    /// Pool modes that promise what the script asks for; empty means all.
    pub modes: Vec<PoolMode>,
    /// Size of the pool, where it matters.
    pub pool: Option<u32>,
    /// What the connections of its clients go over; `None` leaves it to whoever performs it.
    pub transport: Option<Transport>,
    /// Version of the protocol that a login asks for where the script does not spell it out.
    pub protocol: Option<(u16, u16)>,
    /// Whether the tables that every case finds are there.
    pub fixture: Fixture,
    /// Statements that make what the script needs, run before it and beside the target.
    pub setup: Vec<String>,
    /// Clients whose traces may change places, since the server decides which comes first.
    pub interchangeable: Vec<Client>,
}

/// What a connection goes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// TCP, in the clear.
    #[default]
    Tcp,
    /// A Unix socket.
    Unix,
    /// TLS over TCP, begun with an SSLRequest.
    Tls,
}

impl Transport {
    /// Every one, with its word in scripts and on the command line.
    pub const ALL: [(&'static str, Self); 3] =
        [("tcp", Self::Tcp), ("unix", Self::Unix), ("tls", Self::Tls)];
}

impl fmt::Display for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Tcp => "tcp",
            Self::Unix => "unix",
            Self::Tls => "tls",
        })
    }
}

/// The tables that a session finds before its own statements are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fixture {
    /// Those that the cases of the catalog share.
    #[default]
    Shared,
    /// None: an application brings its own.
    None,
}

impl Header {
    /// Whether a pool in `mode` promises what the script asks for.
    #[must_use]
    pub fn promised_by(&self, mode: PoolMode) -> bool {
        self.modes.is_empty() || self.modes.contains(&mode)
    }
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who does it.
    pub who: Who,
    /// What is done.
    pub action: Action,
}

/// Who takes a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// One client.
    One(Client),
    /// The script itself, for all of them.
    All,
}

/// A client's name: an upper-case letter, then letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client(String);

impl Client {
    /// Longest name, in bytes.
    pub const BYTES_MAX: usize = 16;

    /// A client called `name`, if that is a client's name.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let upper = name.starts_with(|first: char| first.is_ascii_uppercase());
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (upper && plain && name.len() <= Self::BYTES_MAX).then(|| Self(name.to_owned()))
    }

    /// The `index`-th of the clients A, B … Z, A1, B1 ….
    #[must_use]
    pub fn nth(index: usize) -> Self {
        let letter = char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"[index % 26]);
        match index / 26 {
            0 => Self(letter.to_string()),
            round => Self(format!("{letter}{round}")),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Session {
    /// Reads a script; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, ScenarioError> {
        read::session(text, file)
    }

    /// Every client, in the order of their first steps.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        let mut clients = Vec::new();
        for step in &self.steps {
            if let Who::One(client) = &step.who
                && !clients.contains(client)
            {
                clients.push(client.clone());
            }
        }
        clients
    }
}

#[cfg(test)]
mod tests;
