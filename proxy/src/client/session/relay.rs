//! Messages pass between a client and its server.
//!
//! Both directions are independent of each other: each reads only when what it read before has
//! been taken, so that memory is bounded, and neither waits for the other, so that two sides that
//! both write before they read do not block each other here.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::{Phase, Session, Tenure};
use crate::client::end::End;
use crate::client::intake::{GATHER_MAX, Rule};
use crate::io::post::Whom;
use crate::io::{Outbox, Stream, scratch};
use crate::prepared::translate::{Parties, Passage, Translator};
use crate::prepared::{Catalog, Names};
use crate::protocol::tag::Frontend;
use crate::server::dialogue::hand_on;
use crate::server::residue::Forgotten;
use crate::server::{Heard, ServerFault};

/// Sync.
const SYNC: &[u8] = b"S\0\0\0\x04";

/// PgBouncer's words for what its pool mode `statement` does not allow.
const NO_BLOCKS: &str = "transaction blocks not allowed in statement pooling mode";

/// Reads of one session before other sessions of the core have their turn.
const READS_PER_TURN: u32 = 16;

impl Session {
    pub(super) fn poll_relay(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        for _ in 0..READS_PER_TURN {
            self.flush(cx)?;
            if self.has_left() {
                return Poll::Ready(Err(End::Terminated));
            }
            // The client may have finished, or the server taken, what nobody answers any more.
            if self.release_settled() {
                return Poll::Ready(self.go_on(cx));
            }
            let mut moved = false;
            if self.outbox.is_empty()
                && let Poll::Ready(heard) = self.hear_server(cx)
            {
                heard?;
                moved = true;
            }
            let Phase::Relaying { server, outbox } = &self.phase else {
                return Poll::Ready(Ok(()));
            };
            let has_enough = self.leaves || (self.holds && self.intake.held_len() >= GATHER_MAX);
            if outbox.is_empty()
                && !server.exchange.is_full()
                && !has_enough
                && let Poll::Ready(read) = self.read_client(cx)
            {
                read?;
                moved = true;
            }
            if !moved {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the client has said goodbye and has every answer that it will get.
    fn has_left(&self) -> bool {
        let answered = match &self.phase {
            Phase::Relaying { server, .. } => !server.exchange.answers_by_itself(),
            Phase::Idle | Phase::Waiting { .. } | Phase::Aligning { .. } => false,
        };
        self.leaves && answered && self.outbox.is_empty()
    }

    /// Sends what was left in either direction, as far as it is taken.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if let Poll::Ready(sent) = self.outbox.poll_flush(cx, &mut self.client) {
            sent.map_err(End::Client)?;
        }
        if let Phase::Relaying { server, outbox } = &mut self.phase
            && let Poll::Ready(Err(_)) = outbox.poll_flush(cx, &mut server.stream)
        {
            // A server that takes nothing any more may still have said why.
            outbox.clear();
        }
        Ok(())
    }

    /// Sends what may go of `bytes` to the server. Says how many bytes are done with.
    pub(super) fn forward(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<usize, End> {
        let Phase::Relaying { server, outbox } = &mut self.phase else {
            return Ok(0);
        };
        if self.holds {
            // The data of a COPY are what its answer waits for.
            if !server.exchange.is_quiet() && !server.exchange.is_copying_in() {
                return Ok(0);
            }
            self.holds = false;
        }
        let passes = self.tenure == Tenure::Session || server.exchange.is_open();
        let rule = if passes { Rule::Pass } else { Rule::Gather };
        let cut = self.intake.cut(bytes, rule)?;
        let ready = &bytes[..cut.forward];
        let used = if self.tenure == Tenure::Session {
            let exchange = &mut server.exchange;
            let used = self.intake.commit(ready, |message, _, _| {
                exchange.client_sent(message);
                Passage::Goes
            });
            send(cx, &mut server.stream, outbox, ready);
            used
        } else {
            scratch::with_second(|out| {
                let parties = Parties {
                    exchange: &mut server.exchange,
                    shelf: &mut server.shelf,
                    residue: &mut server.residue,
                    names: &mut self.names,
                    catalog: &self.pool.catalog,
                    statements_max: self.pool.care.statements_max(),
                    stats: self.pool.stats.here(),
                };
                let mut translator = Translator::new(parties, ready, out);
                let used = self.intake.commit(ready, |message, at, frame| {
                    let passage = translator.message(message, at, frame);
                    self.holds = passage != Passage::Goes;
                    passage
                });
                let translated = translator.finish(used);
                send(cx, &mut server.stream, outbox, translated);
                used
            })
        };
        if used > 0 {
            server.watch.sent(Instant::now);
        }
        if let Some(names) = &self.names {
            self.cancel.holder.card.has_prepared(names.len());
            server.seat.card().has_prepared(server.shelf.len());
        }
        if !cut.terminate || used < cut.forward {
            return Ok(used);
        }
        // PostgreSQL answers what came before the goodbye.
        self.leaves = server.exchange.answers_by_itself();
        if self.leaves {
            Ok(bytes.len())
        } else {
            Err(End::Terminated)
        }
    }

    /// Reads once from the server and passes it to the client; lets the server go if that was the
    /// last of what it owed.
    fn hear_server(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let Phase::Relaying { server, outbox } = &mut self.phase else {
            return Poll::Ready(Ok(()));
        };
        let heard = scratch::with(|buffer| {
            let len = match ready!(server.stream.poll_read_some(cx, buffer)) {
                // A server that has gone while a query was on its way to it ends in a reset.
                Ok(0) | Err(_) if server.exchange.ended_in_error() => {
                    return Poll::Ready(Err(End::ServerFarewell));
                }
                Ok(0) => return Poll::Ready(Err(ServerFault::Gone(None).into())),
                Ok(len) => len,
                Err(error) => return Poll::Ready(Err(ServerFault::Gone(Some(error)).into())),
            };
            let bytes = &buffer[..len];
            let interner = &self.pool.commons().interner;
            let (heard, sent) = scratch::with_second(|shown| -> Result<_, End> {
                let heard = server.hear(bytes, interner, shown)?;
                if self.tenure == Tenure::Statement && server.exchange.is_in_transaction() {
                    return Err(End::Overdue(NO_BLOCKS));
                }
                let shown = if heard.filtered { shown } else { bytes };
                let sent = self.outbox.send(cx, Whom::Client, &mut self.client, shown);
                sent.map_err(End::Client)?;
                Ok((heard, shown.len()))
            })?;
            let stats = self.pool.stats.here();
            stats.sent.add(sent as u64);
            stats.queries.add(u64::from(heard.queries));
            stats.transactions.add(u64::from(heard.transactions));
            stats.errors.add(u64::from(heard.errors));
            if heard.queries > 0 {
                let owes = !server.exchange.is_quiet();
                let lap = server
                    .watch
                    .answered(Instant::now(), heard.transactions > 0, owes);
                stats.time(lap, heard.queries, heard.transactions);
            }
            Poll::Ready(Ok(heard))
        });
        let heard = ready!(heard)?;
        if heard.parameters {
            self.wishes = Arc::clone(&server.parameters);
            self.cancel.holder.has_parameters(&self.wishes);
        }
        if heard.needs_sync {
            server.exchange.client_sent(Frontend::Sync);
            send(cx, &mut server.stream, outbox, SYNC);
        }
        if let Some(names) = &mut self.names {
            names_heard(names, &self.pool.catalog, heard);
        }
        self.release_settled();
        // What had to wait may go on: in a transaction or a COPY, or because the client has sent
        // more than the request that is answered now.
        let waits = !self.intake.is_empty();
        Poll::Ready(if waits { self.go_on(cx) } else { Ok(()) })
    }

    /// Lets the server go, unless the client keeps it or one of the two still awaits something.
    /// Says whether it did.
    fn release_settled(&mut self) -> bool {
        let Phase::Relaying { server, outbox } = &mut self.phase else {
            return false;
        };
        let settled = self.tenure != Tenure::Session
            && server.is_free()
            && self.intake.at_boundary()
            && outbox.is_taken(&server.stream);
        if settled {
            self.release();
        }
        settled
    }

    fn release(&mut self) {
        if let Phase::Relaying { server, .. } = std::mem::replace(&mut self.phase, Phase::Idle)
            && let Some(server) = self.cancel.holder.lets_go(server, self.tenure)
        {
            hand_on(&self.pool, server, self.tenure);
        }
    }
}

/// Sends `bytes` to the server after what is still unsent.
fn send(cx: &mut Context<'_>, stream: &mut Stream, outbox: &mut Outbox, bytes: &[u8]) {
    if outbox.send(cx, Whom::Server, stream, bytes).is_err() {
        // As in flush: the end of its stream will tell.
        outbox.clear();
    }
}

/// Brings the client's names up to date with what its server has said.
fn names_heard(names: &mut Names, catalog: &Catalog, heard: Heard) {
    names.undo(heard.undone);
    for forgotten in heard.forgotten {
        match forgotten {
            Forgotten::Nothing => {}
            Forgotten::One(name) => drop(names.remove(&name)),
            Forgotten::All => names.clear(),
        }
    }
    if heard.stale_plan {
        for statement in names.statements() {
            catalog.retire(statement);
        }
    }
}
