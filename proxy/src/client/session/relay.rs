//! Messages pass between a client and its server.
//!
//! Both directions are independent of each other: each reads only when what it read before has
//! been taken, so that memory is bounded, and neither waits for the other, so that two sides that
//! both write before they read do not block each other here.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::{Phase, Session};
use crate::client::end::End;
use crate::client::intake::Rule;
use crate::io::scratch;
use crate::server::ServerFault;

/// Reads of one session before other sessions of the core have their turn.
const READS_PER_TURN: u32 = 16;

impl Session {
    pub(super) fn poll_relay(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        for _ in 0..READS_PER_TURN {
            self.flush(cx)?;
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
            if outbox.is_empty()
                && !server.exchange.is_full()
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
        let passes = self.keeps_server || server.exchange.is_open();
        let rule = if passes { Rule::Pass } else { Rule::Gather };
        let cut = self.intake.cut(bytes, rule)?;
        let ready = &bytes[..cut.forward];
        self.intake.commit(ready, &mut server.exchange);
        if outbox.send(cx, &mut server.stream, ready).is_err() {
            // As in flush: the end of its stream will tell.
            outbox.clear();
        }
        if cut.terminate {
            Err(End::Terminated)
        } else {
            Ok(cut.forward)
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
                Ok(0) if server.exchange.ended_in_error() => {
                    return Poll::Ready(Err(End::ServerFarewell));
                }
                Ok(0) => return Poll::Ready(Err(ServerFault::Gone(None).into())),
                Ok(len) => len,
                Err(error) => return Poll::Ready(Err(ServerFault::Gone(Some(error)).into())),
            };
            let bytes = &buffer[..len];
            let heard = server.hear(bytes, &self.pool.commons().interner)?;
            self.outbox
                .send(cx, &mut self.client, bytes)
                .map_err(End::Client)?;
            let stats = self.pool.stats.here();
            stats.sent.add(len as u64);
            stats.queries.add(u64::from(heard.queries));
            stats.transactions.add(u64::from(heard.transactions));
            Poll::Ready(Ok(heard))
        });
        if ready!(heard)?.parameters {
            self.wishes = Arc::clone(&server.parameters);
        }
        let settled = server.is_free() && outbox.is_empty() && self.intake.at_boundary();
        if settled && !self.keeps_server {
            self.release();
            // The client may have sent more that was not whole and now is not bound for a server.
            return Poll::Ready(Ok(()));
        }
        // In a transaction, or in a COPY, what had to wait may go on.
        let waits = !self.intake.is_empty();
        Poll::Ready(if waits { self.go_on(cx) } else { Ok(()) })
    }

    fn release(&mut self) {
        if let Phase::Relaying { server, .. } = std::mem::replace(&mut self.phase, Phase::Idle)
            && let Some(server) = self.cancel.holder.lets_go(server)
        {
            self.pool.give_back(server);
        }
    }
}
