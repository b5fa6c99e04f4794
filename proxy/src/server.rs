//! The side of the pooler that faces PostgreSQL servers.

pub mod connect;
pub mod dialogue;
pub mod encrypt;
pub mod login;
pub mod lookup;

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
use crate::protocol::exchange::{Exchange, Unexpected};
use crate::protocol::message::backend::TransactionStatus;
use crate::protocol::message::frontend;
use crate::protocol::walker::{WalkError, Walker};
use crate::server::login::ServerError;

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
    /// Its place in the pool.
    pub seat: Seat,
    /// The core with whose runtime it is registered.
    pub core: CoreId,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Requests that are answered.
    pub queries: u32,
    /// Transactions that ended.
    pub transactions: u32,
    /// A parameter changed.
    pub parameters: bool,
}

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
            cancel: Arc::new(connected.cancel),
            seat,
            core: CoreId::current(),
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
    pub fn hear(&mut self, bytes: &[u8], interner: &Interner) -> Result<Heard, ServerFault> {
        self.hear_errors(bytes, interner, None)
    }

    /// As [`Server::hear`], and keeps the last error in `error` for whoever is to know of it.
    fn hear_errors(
        &mut self,
        bytes: &[u8],
        interner: &Interner,
        mut error: Option<&mut Option<ServerError>>,
    ) -> Result<Heard, ServerFault> {
        let Self {
            walker,
            exchange,
            parameters,
            ..
        } = self;
        let mut heard = Heard::default();
        let reads_errors = error.is_some();
        let whole = |tag| matches!(tag, b'Z' | b'S') || (tag == b'E' && reads_errors);
        walker.walk(bytes, whole, |tag, body| -> Result<(), ServerFault> {
            exchange.server_sent(tag, body)?;
            match tag {
                b'Z' => {
                    heard.queries += 1;
                    let ended = exchange.status() == TransactionStatus::Idle;
                    heard.transactions += u32::from(ended);
                }
                b'E' => {
                    if let Some(error) = &mut error {
                        **error = Some(ServerError::parse(body));
                    }
                }
                b'S' => {
                    let expected = "a name and a value in it";
                    let (name, value) =
                        parameter_status(body).ok_or(Unexpected { tag, expected })?;
                    *parameters = interner.with(parameters, name, value);
                    heard.parameters = true;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(heard)
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
                    let heard = self.hear(&buffer[..len], interner);
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
