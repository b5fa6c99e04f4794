//! Waiting for conditions, and telling a hang from a slow answer.

use std::time::Duration;

use poolproof_scenarios::session::{Client as Name, Condition};
use tokio::time::{Instant, timeout};

use super::{DiffError, Ending, Performance};
use crate::diff::client::{Client, Standing};

/// An answer that is later than this makes us ask what the server does.
const PATIENCE: Duration = Duration::from_millis(20);
/// Pause between two such questions.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(4);
/// The server is quiet when it has nothing to do and nothing comes for so long: what it said last
/// has passed through the target by then.
const QUIET: Duration = Duration::from_millis(100);

/// What is waited for.
#[derive(Clone, Copy)]
pub(super) enum Need<'a> {
    /// One client's condition.
    Of(&'a Name, &'a Condition),
    /// Something about the server.
    Server(&'a Condition),
    /// Every client has all its answers.
    AllAnswered,
    /// Every connection is closed by the server, but for those that the next session gets.
    AllClosed,
}

/// How long the server has had nothing to do.
struct Calm {
    since: Option<Instant>,
}

impl Performance<'_> {
    /// Waits until `need` holds; otherwise says how the run ended. Not cancel safe.
    pub(super) async fn until(&mut self, need: Need<'_>) -> Result<Option<Ending>, DiffError> {
        let began = Instant::now();
        let mut calm = Calm { since: None };
        loop {
            self.log_in().await;
            if self.holds(need, &calm).await? {
                return Ok(None);
            }
            let asks = matches!(need, Need::Server(_)) || began.elapsed() >= PATIENCE;
            let pause = if asks { BETWEEN_QUESTIONS } else { PATIENCE };
            let news = timeout(pause, self.stage.news.notified()).await.is_ok();
            if news || !asks {
                calm.since = None;
            } else if self.stage.beside.is_quiet().await? {
                calm.since.get_or_insert_with(Instant::now);
            } else {
                calm.since = None;
            }
            let step = self.step;
            if calm.lasts(self.stage.limits.hang) {
                return Ok(Some(Ending::Hang { step }));
            }
            if began.elapsed() > self.stage.limits.slow {
                return Ok(Some(Ending::Slow { step }));
            }
        }
    }

    /// Answers authentication requests.
    async fn log_in(&mut self) {
        for client in self.clients.values_mut() {
            client.log_in(&mut self.stage.credentials).await;
        }
    }

    async fn holds(&mut self, need: Need<'_>, calm: &Calm) -> Result<bool, DiffError> {
        let beside = &self.stage.beside;
        Ok(match need {
            Need::Of(name, condition) => self
                .clients
                .get_mut(name)
                .is_none_or(|client| holds_of(client, condition)),
            Need::AllAnswered => self.clients.values().all(is_answered),
            Need::AllClosed => self.clients.values().all(is_done),
            Need::Server(Condition::Running(text)) => beside.runs(text).await?,
            Need::Server(Condition::Locked(text)) => beside.is_locked(text).await?,
            Need::Server(Condition::Gone(text)) => beside.is_gone(text).await?,
            Need::Server(_) => calm.lasts(QUIET),
        })
    }
}

impl Calm {
    fn lasts(&self, duration: Duration) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= duration)
    }
}

/// Whether nothing more is expected of a connection.
fn is_done(client: &Client) -> bool {
    client.is_over() || client.standing == Standing::Spare
}

/// Whether everything that a client asked for is answered, as far as anybody can say: a COPY waits
/// for its data, and half a message for its other half.
pub(super) fn is_answered(client: &Client) -> bool {
    if client.is_over() {
        return true;
    }
    let inbox = client.inbox();
    client.is_deaf()
        || !client.unsent.is_empty()
        || inbox.count(b'Z') >= client.owed
        || (inbox.copies_in() && !client.ends_copy)
}

/// Whether a client's condition holds; what made it hold is used up.
fn holds_of(client: &mut Client, condition: &Condition) -> bool {
    match condition {
        Condition::Answered => {
            let answered = is_answered(client);
            if answered {
                let came = client.inbox().events.len();
                client.waited = came;
            }
            answered
        }
        Condition::Closed => client.is_over(),
        Condition::Ready(count) => comes(client, "ReadyForQuery", *count),
        Condition::Kind(kind, count) => comes(client, kind, *count),
        Condition::Quiet | Condition::Running(_) | Condition::Locked(_) | Condition::Gone(_) => {
            true
        }
    }
}

/// Whether `count` events called `kind` have come since the last wait, or nothing more will come.
fn comes(client: &mut Client, kind: &str, count: u32) -> bool {
    let inbox = client.inbox();
    let places = inbox.events.iter().enumerate().skip(client.waited);
    let mut found = places.filter(|(_, event)| event.name() == kind);
    let last = match count {
        0 => Some(client.waited),
        count => found.nth(count as usize - 1).map(|(index, _)| index + 1),
    };
    let over = inbox.is_over();
    drop(inbox);
    if let Some(last) = last {
        client.waited = last;
    }
    last.is_some() || over
}
