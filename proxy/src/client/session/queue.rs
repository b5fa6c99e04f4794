//! A session in the queue for a server.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::BytesMut;

use super::{Phase, Session};
use crate::client::end::End;
use crate::client::intake::GATHER_MAX;
use crate::client::refusal::Refusal;
use crate::io::post::Whom;
use crate::pool::Found;
use crate::pool::state::Ticket;
use crate::protocol::message::backend::{
    Severity, SqlState, TransactionStatus, error_response, ready_for_query,
};

/// PostgreSQL's own words for a cancelled query.
const CANCELED: &str = "canceling statement due to user request";

/// PgBouncer's words for a client that waits.
const QUEUED: &str = "No server connection available in postgres backend, client being queued";

impl Session {
    pub(super) fn poll_queue(
        &mut self,
        cx: &mut Context<'_>,
        ticket: Ticket,
        since: Instant,
    ) -> Poll<Result<(), End>> {
        loop {
            if self.cancel.holder.has_lost_place() {
                self.cancel.holder.leaves_queue();
                self.phase = Phase::Idle;
                self.pool.abandon(ticket);
                return Poll::Ready(self.answer_canceled(cx));
            }
            match self.pool.look(cx, ticket, since) {
                Found::Server(server) => {
                    self.cancel.holder.leaves_queue();
                    self.pool.stats.here().waited(since.elapsed());
                    self.adopt(server);
                    return Poll::Ready(self.go_on(cx));
                }
                Found::Refused(refusal) => {
                    self.pool.stats.here().refusals.add(1);
                    self.phase = Phase::Idle;
                    return Poll::Ready(Err(End::Refused(refusal)));
                }
                Found::Nothing => self.say_that_it_waits(cx, since)?,
            }
            // The client may leave, or say more; more than can be gathered is left unread.
            if self.intake.held_len() >= GATHER_MAX {
                return Poll::Pending;
            }
            ready!(self.read_client(cx))?;
        }
    }

    /// Tells the client that it waits, once, if it has waited long enough.
    fn say_that_it_waits(&mut self, cx: &mut Context<'_>, since: Instant) -> Result<(), End> {
        let Phase::Waiting { told, .. } = &mut self.phase else {
            return Ok(());
        };
        let after = self.pool.care.notifies_after();
        if *told || after.is_none_or(|after| since.elapsed() < after) {
            return Ok(());
        }
        *told = true;
        let mut notice = BytesMut::new();
        error_response(&mut notice, Severity::Notice, SqlState::SUCCESS, QUEUED);
        let sent = self
            .outbox
            .send(cx, Whom::Client, &mut self.client, &notice);
        sent.map_err(End::Client)
    }

    /// Answers the first request that waits as PostgreSQL answers a cancelled one.
    fn answer_canceled(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let held = self.intake.take();
        let Some(len) = self.intake.first_batch(&held) else {
            // Its end is still to come, and with it an answer would be due that nobody gives.
            return Err(End::Refused(Refusal::new(
                SqlState::QUERY_CANCELED,
                CANCELED,
            )));
        };
        let mut answer = BytesMut::new();
        error_response(
            &mut answer,
            Severity::Error,
            SqlState::QUERY_CANCELED,
            CANCELED,
        );
        ready_for_query(&mut answer, TransactionStatus::Idle);
        self.outbox
            .send(cx, Whom::Client, &mut self.client, &answer)
            .map_err(End::Client)?;
        self.intake.put_back(held, len);
        self.intake.start_over();
        self.go_on(cx)
    }
}
