//! The pooler's own word with a server: SQL whose answer no client sees.

use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::BytesMut;
use thiserror::Error;

use super::login::ServerError;
use super::{Server, ServerFault};
use crate::client::session::Tenure;
use crate::deadline::Deadline;
use crate::io::{Outbox, scratch};
use crate::parameters::Interner;
use crate::pool::Pool;
use crate::protocol::message::frontend;
use crate::protocol::tag::Frontend;

/// One Query and the wait for its ReadyForQuery.
#[derive(Debug)]
pub struct Dialogue {
    began: Instant,
    outbox: Outbox,
    error: Option<ServerError>,
}

/// Why SQL of the pooler's own was not run.
#[derive(Debug, Error)]
pub enum DialogueError {
    /// The connection is of no use.
    #[error(transparent)]
    Fault(#[from] ServerFault),
    /// The server refused the SQL; the server itself can still be used.
    #[error("server refuses the pooler's own statement: {0}")]
    Refused(ServerError),
}

impl Dialogue {
    /// Begins to say `sql` to `server`, which must be free.
    #[must_use]
    pub fn new(server: &mut Server, sql: &str) -> Self {
        debug_assert!(
            server.is_free(),
            "a server that still answers somebody is asked"
        );
        let mut message = BytesMut::new();
        frontend::query(&mut message, sql);
        server.exchange.client_sent(Frontend::Query);
        let mut outbox = Outbox::default();
        outbox.push(&message);
        Self {
            began: Instant::now(),
            outbox,
            error: None,
        }
    }

    /// When it began.
    #[must_use]
    pub const fn began(&self) -> Instant {
        self.began
    }

    /// Goes on until the server is free again. Cancelled, the server is not free, and so is never
    /// handed to anybody.
    ///
    /// # Errors
    ///
    /// When the connection broke or the SQL failed.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        server: &mut Server,
        interner: &Interner,
    ) -> Poll<Result<(), DialogueError>> {
        let gone = |error| ServerFault::Gone(Some(error));
        ready!(self.outbox.poll_flush(cx, &mut server.stream)).map_err(gone)?;
        loop {
            let heard = scratch::with(|buffer| {
                let len = ready!(server.stream.poll_read_some(cx, buffer)).map_err(gone)?;
                if len == 0 {
                    return Poll::Ready(Err(ServerFault::Gone(None)));
                }
                Poll::Ready(server.hear_errors(
                    &buffer[..len],
                    interner,
                    &mut Vec::new(),
                    Some(&mut self.error),
                ))
            });
            ready!(heard)?;
            if server.is_free() {
                // What the pooler sets itself is no client's.
                server.residue.forget();
                let error = self.error.take();
                return Poll::Ready(
                    error.map_or(Ok(()), |error| Err(DialogueError::Refused(error))),
                );
            }
        }
    }
}

/// Cleans a server that is dirty where no reset query is set.
const RESET_DIRTY: &str = "DISCARD ALL";

/// Gives a server of `pool` that its client lets go to whoever is next, cleaned if there is something
/// to clean: always after a session. One that is not free is closed.
pub fn hand_on(pool: &Pool, mut server: Box<Server>, tenure: Tenure) {
    let is_due = tenure == Tenure::Session || pool.care.is_due(&server.residue);
    if is_due && server.is_free() {
        reset(server);
    } else {
        server.residue.transaction_ended();
        pool.give_back(server);
    }
}

/// Cleans a server after a session, or after a transaction that left it dirty, in a task of its
/// own, and gives it back to its pool. One that cannot be cleaned in time is closed.
fn reset(mut server: Box<Server>) {
    let pool = Arc::clone(server.seat.pool());
    let mut sql = pool.settings().server_reset_query.clone();
    if sql.is_empty() {
        if !server.residue.is_dirty() {
            pool.give_back(server);
            return;
        }
        RESET_DIRTY.clone_into(&mut sql);
    }
    // Its own core's, whichever thread carried out a cancel request. Without a runtime the pooler is
    // at its end, and the server is closed with it.
    let runtimes = &pool.commons().runtimes;
    let Some(runtime) = runtimes.get(server.core.index()).and_then(OnceLock::get) else {
        return;
    };
    let runtime = runtime.clone();
    runtime.spawn(async move {
        pool.stats.here().resets.add(1);
        let mut dialogue = Dialogue::new(&mut server, &sql);
        let interner = &pool.commons().interner;
        let cleaned = poll_fn(|cx| dialogue.poll(cx, &mut server, interner));
        // Meanwhile another one could have been opened.
        let deadline = Deadline::after(pool.settings().server_connect_timeout);
        let error = match deadline.bound(cleaned).await {
            Ok(Ok(())) => return pool.give_back(server),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer within server_connect_timeout".to_owned(),
        };
        tracing::warn!(pool = %pool.id, error, "server reset failed");
        server.seat.blame("server reset failed");
    });
}
