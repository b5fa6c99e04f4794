//! How long what a session does may last.
//!
//! Nothing is measured and no timer runs as long as nobody has a limit. With one, a session sets an
//! alarm when it has nothing to do; an alarm that comes early, as something else has begun since,
//! is set anew then and not before, so that no transaction touches a timer. The pooler's own word
//! with a server always has a limit.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use super::{Phase, Session, Tenure};
use crate::client::end::End;
use crate::config::{Timeout, UserLimits};
use crate::pool::Pool;

/// What wakes a session that has a limit.
#[derive(Debug)]
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// When the client was last seen to do something.
    idle_since: Instant,
}

impl Alarm {
    fn new(now: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(now.into())),
            idle_since: now,
        }
    }

    /// Ready once `due` may have come. Cancel safe.
    fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let due = due.into();
        if self.sleep.is_elapsed() || self.sleep.deadline() > due {
            self.sleep.as_mut().reset(due);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// When something lasts too long, and what is said then.
type Due = (Instant, &'static str);

fn due(since: Option<Instant>, limit: Timeout, reason: &'static str) -> Option<Due> {
    let moment = since?.checked_add(limit.get()?)?;
    Some((moment, reason))
}

impl Session {
    /// Ready when the session is to end although nothing has come to it. `worked` says whether it
    /// has done something since it was asked last.
    pub(super) fn poll_limits(&mut self, cx: &mut Context<'_>, worked: bool) -> Poll<End> {
        if self.tenure == Tenure::Session
            && self.pool.care.closes_fast()
            && self.has_outdated_server()
        {
            return Poll::Ready(End::Killed("server connection closed"));
        }
        if self.pool.care.has_limits() || matches!(self.phase, Phase::Aligning { .. }) {
            return self.poll_alarm(cx, worked);
        }
        self.alarm = None;
        Poll::Pending
    }

    /// Whether it keeps, between transactions, a server that others would have closed.
    fn has_outdated_server(&self) -> bool {
        match &self.phase {
            Phase::Relaying { server, .. } => server.is_free() && server.seat.is_outdated(),
            Phase::Idle | Phase::Waiting { .. } | Phase::Aligning { .. } => false,
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>, worked: bool) -> Poll<End> {
        let card = &self.cancel.holder.card;
        let limits = card.pool.commons().config.load().user_limits(card.user());
        let now = Instant::now();
        let mut alarm = self
            .alarm
            .take()
            .unwrap_or_else(|| Box::new(Alarm::new(now)));
        if worked {
            alarm.idle_since = now;
        }
        let alarm = self.alarm.insert(alarm);
        let idle_since = alarm.idle_since;
        loop {
            let Some((moment, reason)) = next_due(&self.phase, &self.pool, limits, idle_since)
            else {
                return Poll::Pending;
            };
            if moment <= Instant::now() {
                return Poll::Ready(End::Overdue(reason));
            }
            ready!(alarm.poll(cx, moment));
        }
    }
}

/// What of `phase` is due first: PgBouncer's words.
fn next_due(phase: &Phase, pool: &Pool, limits: UserLimits, idle_since: Instant) -> Option<Due> {
    let idle = || due(Some(idle_since), limits.client_idle, "client_idle_timeout");
    let server = match phase {
        Phase::Idle => return idle(),
        // Others see to it that a wait has an end.
        Phase::Waiting { .. } => return None,
        Phase::Aligning { dialogue, .. } => {
            let since = Some(dialogue.began());
            let query = due(since, limits.query, "query timeout");
            // Meanwhile another server could have been opened.
            let opening = pool.settings().server_connect_timeout;
            let opening = due(since, opening, "server_connect_timeout");
            return query.into_iter().chain(opening).min();
        }
        Phase::Relaying { server, .. } => server,
    };
    if server.is_free() {
        return idle();
    }
    let watch = &server.watch;
    let transaction = watch.transaction_since();
    let transaction = due(transaction, limits.transaction, "transaction timeout");
    let request = if server.exchange.is_quiet() {
        // In the middle of a batch that was flushed, the answer before it is older than the batch.
        let since = watch
            .answered_at()
            .max(watch.request_since())
            .max(watch.transaction_since());
        due(since, limits.idle_transaction, "idle transaction timeout")
    } else {
        due(watch.request_since(), limits.query, "query timeout")
    };
    request.into_iter().chain(transaction).min()
}
