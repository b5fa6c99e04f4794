//! The side of the pooler that faces PostgreSQL servers.

pub mod circuit;
pub mod connect;
pub mod dialogue;
pub mod encrypt;
pub mod login;
pub mod lookup;
pub mod names;
pub mod residue;
pub mod stopwatch;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use thiserror::Error;

use crate::cancel::CancelTarget;
use crate::clock::Second;
use crate::cores::CoreId;
use crate::io::Stream;
use crate::parameters::{Interner, Tracked, parameter_status};
use crate::pool::Seat;
use crate::prepared::{NameChange, Shelf};
use crate::protocol::exchange::{Exchange, Shown, Unexpected};
use crate::protocol::message::backend::TransactionStatus;
use crate::protocol::message::frontend;
use crate::protocol::walker::{WalkError, Walker};
use crate::server::login::ServerError;
use crate::server::residue::{Forgotten, Residue};
use crate::server::stopwatch::Stopwatch;

/// A connection to PostgreSQL that is logged in. It is counted by its pool as long as it exists.
#[derive(Debug)]
pub struct Server {
    /// The connection itself.
    pub stream: Stream,
    /// What is owed to the client that holds it.
    pub exchange: Exchange,
    /// Its session parameters.
    pub parameters: Arc<Tracked>,
    /// Where and how its query is cancelled.
    pub cancel: Arc<CancelTarget>,
    /// How long its client has kept it.
    pub watch: Stopwatch,
    /// Its place in the pool.
    pub seat: Seat,
    /// The core with whose runtime it is registered.
    pub core: CoreId,
    /// What it has prepared under the pooler's names.
    pub shelf: Shelf,
    /// What its clients have left on it.
    pub residue: Residue,
    walker: Walker,
    opened: Second,
    idle_since: Second,
    lifetime: Duration,
}

/// Why a server is of no use any more.
#[derive(Debug, Error)]
pub enum ServerFault {
    /// The connection ended or broke.
    #[error("server conn crashed?")]
    Gone(#[source] Option<io::Error>),
    /// It broke the protocol.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
    /// Its stream cannot be followed.
    #[error(transparent)]
    Walk(#[from] WalkError),
}

/// What was in the bytes that a server sent.
#[derive(Debug, Default)]
pub struct Heard {
    /// Requests that are answered.
    pub queries: u32,
    /// Transactions that ended.
    pub transactions: u32,
    /// Errors.
    pub errors: u32,
    /// A parameter changed.
    pub parameters: bool,
    /// The client gets what was written for it, not the bytes as they came.
    pub filtered: bool,
    /// What the client's names meant before messages that will not be run.
    pub undone: Vec<NameChange>,
    /// Statements that are no more.
    pub forgotten: Vec<Forgotten>,
    /// Results of a statement have other columns than when it was prepared.
    pub stale_plan: bool,
    /// The server waits for a Sync that the client has no reason to send.
    pub needs_sync: bool,
}

/// What PostgreSQL says of a statement whose result would have other columns than before.
const STALE_PLAN: &[u8] = b"cached plan must not change result type";

/// Longest farewell or notice of an idle server that is read at one time.
const IDLE_READ_LEN: usize = 1024;

impl Server {
    /// A server that has just been logged in to.
    #[must_use]
    pub fn new(connected: connect::Connected, seat: Seat, lifetime: Duration) -> Self {
        Self {
            stream: connected.stream,
            exchange: Exchange::default(),
            parameters: connected.parameters,
            cancel: connected.cancel,
            seat,
            core: CoreId::current(),
            shelf: Shelf::default(),
            residue: Residue::default(),
            watch: Stopwatch::default(),
            walker: Walker::default(),
            opened: Second::now(),
            idle_since: Second::now(),
            lifetime,
        }
    }

    /// Follows what the server sent and notes what changed.
    ///
    /// # Errors
    ///
    /// When it breaks the protocol. The server is of no use then.
    pub fn hear(
        &mut self,
        bytes: &[u8],
        interner: &Interner,
        shown: &mut Vec<u8>,
    ) -> Result<Heard, ServerFault> {
        self.hear_errors(bytes, interner, shown, None)
    }

    /// As [`Server::hear`], and keeps the last error in `error` for whoever is to know of it.
    fn hear_errors(
        &mut self,
        bytes: &[u8],
        interner: &Interner,
        shown: &mut Vec<u8>,
        error: Option<&mut Option<ServerError>>,
    ) -> Result<Heard, ServerFault> {
        let Self {
            walker,
            exchange,
            parameters,
            shelf,
            residue,
            ..
        } = self;
        let filtered = exchange.has_errands() || walker.holds_back();
        let mut ear = Ear {
            exchange,
            parameters,
            shelf,
            residue,
            interner,
            error,
            heard: Heard {
                filtered,
                ..Heard::default()
            },
        };
        let whole = |tag| matches!(tag, b'Z' | b'S' | b'C' | b'E');
        if filtered {
            walker.filter(bytes, whole, |tag, body| ear.message(tag, body), shown)?;
        } else {
            walker.walk(bytes, whole, |tag, body| ear.message(tag, body).map(drop))?;
        }
        Ok(ear.heard)
    }

    /// Whether another client may have it: nothing is owed, and no message is half read.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.exchange.settled() && self.walker.at_boundary()
    }

    /// Whether it has finished the message that it sent last.
    #[must_use]
    pub const fn is_at_boundary(&self) -> bool {
        self.walker.at_boundary()
    }

    /// Whether it is older than `server_lifetime`.
    #[must_use]
    pub fn has_outlived(&self) -> bool {
        Second::now().since(self.opened) >= self.lifetime
    }

    /// Whether it has been idle for `timeout`.
    #[must_use]
    pub fn is_idle_for(&self, timeout: Duration) -> bool {
        Second::now().since(self.idle_since) >= timeout
    }

    /// Prepares it for its pool.
    pub fn rest(&mut self) {
        self.exchange.shrink();
        self.idle_since = Second::now();
    }

    /// Whether an idle server can still be used. Costs no system call unless it has said
    /// something: notices and parameters are noted, anything else is its end.
    pub fn is_alive(&mut self, interner: &Interner) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        while self.stream.is_readable() {
            let mut buffer = [0; IDLE_READ_LEN];
            match self.stream.poll_read_some(&mut context, &mut buffer) {
                Poll::Pending => break,
                Poll::Ready(Ok(len)) if len > 0 => {
                    let heard = self.hear(&buffer[..len], interner, &mut Vec::new());
                    if heard.is_err() || self.exchange.ended_in_error() {
                        return false;
                    }
                }
                Poll::Ready(_) => return false,
            }
        }
        self.is_free()
    }

    /// Registers it with the runtime of the current core.
    ///
    /// # Errors
    ///
    /// When the system refuses; the server is closed then.
    pub fn migrate(mut self) -> io::Result<Self> {
        self.stream = self.stream.detach()?.attach()?;
        self.core = CoreId::current();
        Ok(self)
    }

    /// Why it is not to go back to its pool, if so.
    #[must_use]
    pub fn reason_to_close(&self) -> Option<&'static str> {
        if !self.is_free() {
            Some("unclean server")
        } else if self.shelf.is_wrong() {
            Some("unexpected prepared statements")
        } else if self.seat.is_outdated() {
            Some("connection outdated")
        } else if self.has_outlived() {
            Some("server lifetime over")
        } else {
            None
        }
    }

    /// Closes it; one that is free is told so first, and does not log a lost connection.
    pub fn close(mut self) {
        if self.is_free() {
            let mut farewell = BytesMut::new();
            frontend::terminate(&mut farewell);
            let mut context = Context::from_waker(Waker::noop());
            // It is closed whether or not it hears of it.
            let _ = self.stream.poll_write_some(&mut context, &farewell);
        }
    }
}

/// Takes in what a server says, message by message.
struct Ear<'a> {
    exchange: &'a mut Exchange,
    parameters: &'a mut Arc<Tracked>,
    shelf: &'a mut Shelf,
    residue: &'a mut Residue,
    interner: &'a Interner,
    error: Option<&'a mut Option<ServerError>>,
    heard: Heard,
}

impl Ear<'_> {
    fn message(&mut self, tag: u8, body: &[u8]) -> Result<Shown, ServerFault> {
        let verdict = self.exchange.server_sent(tag, body)?;
        if verdict.confirmed {
            self.shelf.confirm();
        }
        if verdict.undone > 0 {
            self.shelf.undo(verdict.undone, &mut self.heard.undone);
        }
        self.heard.needs_sync |= verdict.needs_sync;
        match tag {
            b'Z' => {
                self.heard.queries += 1;
                let ended = self.exchange.status() == TransactionStatus::Idle;
                self.heard.transactions += u32::from(ended);
            }
            b'C' => self.completed(body),
            b'E' => {
                self.heard.errors += 1;
                self.heard.stale_plan |= contains(body, STALE_PLAN);
                self.shelf.hear_error(body);
                if let Some(error) = &mut self.error {
                    **error = Some(ServerError::parse(body));
                }
            }
            b'S' => self.parameter(tag, body)?,
            _ => {}
        }
        Ok(verdict.shown)
    }

    fn completed(&mut self, body: &[u8]) {
        let forgotten = self.residue.completed(body, self.exchange);
        if forgotten == Forgotten::Nothing {
            return;
        }
        if forgotten == Forgotten::All {
            self.shelf.clear();
        }
        self.heard.forgotten.push(forgotten);
    }

    fn parameter(&mut self, tag: u8, body: &[u8]) -> Result<(), ServerFault> {
        let expected = "a name and a value in it";
        let (name, value) = parameter_status(body).ok_or(Unexpected { tag, expected })?;
        if !self.interner.tracks(name) {
            self.residue.parameter();
        }
        *self.parameters = self.interner.with(self.parameters, name, value);
        self.heard.parameters = true;
        Ok(())
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
