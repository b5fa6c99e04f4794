//! What several clients say, in the order in which it was said, as a script. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use poolproof_scenarios::{
    Session,
    session::{
        Action, CancelKind, Client, Condition, Cuts, Fixture, Header, Message, StartupParameter,
        Step, Who,
    },
};

use super::{
    decode,
    mask::{self, Literals},
};
use crate::diff::encode::owed;

/// Most bytes of messages on one tape. Behind them nothing is recorded any more.
pub(super) const BYTES_MAX: usize = 256 << 20;
/// Data of a COPY that follow each other become one message up to this length, in bytes: what is data
/// and not how it is cut matters.
const COPY_DATA_MAX: usize = 64 << 10;

/// What was recorded so far.
#[derive(Debug, Default)]
pub struct Tape {
    literals: Literals,
    steps: Vec<Step>,
    bytes: usize,
    /// Connections that were begun.
    begun: usize,
    /// Of those, whose login came to its end. A refused one would be waited for in vain by a replay,
    /// which has credentials of its own.
    logged_in: BTreeSet<Client>,
    present: BTreeMap<Client, Said>,
    busy_most: usize,
}

/// What is known of a client that has not left.
#[derive(Debug, Default)]
struct Said {
    /// Its messages since the last step that was written, which leave in one write.
    pending: Vec<Message>,
    /// ReadyForQuery that it waits for.
    owed: usize,
    /// Whether the server said last that a transaction is open.
    in_transaction: bool,
    /// Whether it has sent Terminate.
    goodbye: bool,
    /// By statement, which parameters are passwords.
    secrets: HashMap<Vec<u8>, Vec<usize>>,
}

impl Said {
    fn is_busy(&self) -> bool {
        self.owed > 0 || self.in_transaction || !self.pending.is_empty()
    }
}

impl Tape {
    /// A new tape.
    #[must_use]
    pub fn new(literals: Literals) -> Self {
        Self {
            literals,
            ..Self::default()
        }
    }

    /// Whether there is room for no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes > BYTES_MAX
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.logged_in.is_empty()
    }

    /// How many connections have logged in.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.logged_in.len()
    }

    /// How many connections have not logged in.
    #[must_use]
    pub fn strangers(&self) -> usize {
        self.begun - self.logged_in.len()
    }

    /// Somebody connects, with the body of a startup packet behind its version.
    pub(super) fn connects(&mut self, startup: &Bytes) -> Client {
        let client = Client::nth(self.begun);
        self.begun += 1;
        let parameters: Vec<StartupParameter> = decode::parameters(startup);
        self.step(&client, Action::Connect(parameters));
        self.present.insert(client.clone(), Said::default());
        client
    }

    /// A client says something. Messages that come in one read are told one after the other, and then
    /// [`Tape::sends`].
    pub(super) fn says(&mut self, client: &Client, tag: u8, body: &Bytes) {
        self.bytes += body.len();
        if self.is_full() {
            return;
        }
        let literals = self.literals;
        let Some(said) = self.present.get_mut(client) else {
            return;
        };
        let message = said.masked(decode::message(tag, body), literals);
        said.owed += owed(&message);
        said.goodbye |= message == Message::Terminate;
        append(&mut said.pending, message);
    }

    /// What the client has said leaves in one write.
    pub(super) fn sends(&mut self, client: &Client) {
        let Some(said) = self.present.get_mut(client) else {
            return;
        };
        let messages = std::mem::take(&mut said.pending);
        let busy = self.present.values().filter(|said| said.is_busy()).count();
        self.busy_most = self.busy_most.max(busy);
        if messages.is_empty() {
            return;
        }
        // A write that the other side has not answered goes on: it was cut by chance.
        let me = Who::One(client.clone());
        if let Some(Step {
            who,
            action: Action::Send { messages: last, .. },
        }) = self.steps.last_mut()
            && *who == me
        {
            messages
                .into_iter()
                .for_each(|message| append(last, message));
            return;
        }
        let cuts = Cuts::None;
        self.step(client, Action::Send { messages, cuts });
    }

    /// The server is ready again, with this transaction status.
    pub(super) fn answered(&mut self, client: &Client, status: u8) {
        let Some(said) = self.present.get_mut(client) else {
            return;
        };
        self.logged_in.insert(client.clone());
        said.in_transaction = status != b'I';
        said.owed = said.owed.saturating_sub(1);
        if said.owed == 0 {
            self.waits(client);
        }
    }

    /// A notification has come; one that comes between two requests is waited for.
    pub(super) fn notified(&mut self, client: &Client) {
        let said = self.present.get(client);
        if said.is_some_and(|said| said.owed == 0 && said.pending.is_empty()) {
            let notification = Condition::Kind("NotificationResponse".to_owned(), 1);
            self.step(client, Action::Wait(notification));
        }
    }

    /// The server lets the client send the data of a COPY.
    pub(super) fn invited(&mut self, client: &Client) {
        self.waits(client);
    }

    /// Notes that the client has its answers, if it has sent something since the last time.
    fn waits(&mut self, client: &Client) {
        let me = Who::One(client.clone());
        let last = self.steps.iter().rev().find(|step| {
            let counts = matches!(
                step.action,
                Action::Send { .. } | Action::Connect(_) | Action::Wait(Condition::Answered)
            );
            step.who == me && counts
        });
        // A login is waited for anyway.
        if last.is_some_and(|step| matches!(step.action, Action::Send { .. })) {
            self.step(client, Action::Wait(Condition::Answered));
        }
    }

    /// A cancel request for this client.
    pub(super) fn cancels(&mut self, client: &Client) {
        self.step(client, Action::Cancel(CancelKind::Own));
    }

    /// The client has closed its connection.
    pub(super) fn leaves(&mut self, client: &Client) {
        self.sends(client);
        if self
            .present
            .remove(client)
            .is_some_and(|said| !said.goodbye)
        {
            self.step(client, Action::Disconnect);
        }
    }

    /// The server has ended the connection.
    pub(super) fn closed(&mut self, client: &Client) {
        if self
            .present
            .remove(client)
            .is_some_and(|said| !said.goodbye)
        {
            self.step(client, Action::Wait(Condition::Closed));
        }
    }

    fn step(&mut self, client: &Client, action: Action) {
        if self.is_full() {
            return;
        }
        let who = Who::One(client.clone());
        self.steps.push(Step { who, action });
    }

    /// The script of everything so far that was said by those who have logged in. The pool that it asks for is as large as the most clients that
    /// needed a server at one moment: with a smaller one they would wait for each other.
    #[must_use]
    pub fn session(&self, about: &str) -> Session {
        let size = u32::try_from(self.busy_most.max(1)).unwrap_or(u32::MAX);
        let is_known = |step: &&Step| match &step.who {
            Who::One(client) => self.logged_in.contains(client),
            Who::All => true,
        };
        Session {
            header: Header {
                about: about.to_owned(),
                pool: Some(size),
                fixture: Fixture::None,
                ..Header::default()
            },
            steps: self.steps.iter().filter(is_known).cloned().collect(),
        }
    }
}

impl Said {
    fn masked(&mut self, message: Message, literals: Literals) -> Message {
        match message {
            Message::Parse {
                ref statement,
                ref sql,
                ..
            } => {
                let secrets = mask::secret_parameters(&sql.bytes());
                self.secrets.insert(statement.bytes(), secrets);
                mask::message(message, literals)
            }
            Message::Bind {
                portal,
                statement,
                values,
                formats,
                results,
            } => {
                let secrets = self.secrets.get(&statement.bytes());
                let is_secret =
                    |index: usize| secrets.is_some_and(|secrets| secrets.contains(&(index + 1)));
                // One format is that of all values, none is text.
                let format = |index: usize| match formats.as_slice() {
                    [only] => *only,
                    several => several.get(index).copied().unwrap_or(0),
                };
                let values = values.into_iter().enumerate().map(|(index, value)| {
                    let value = value?;
                    let (format, secret) = (format(index), is_secret(index));
                    Some(mask::value(&value, format, secret, literals))
                });
                Message::Bind {
                    values: values.collect(),
                    portal,
                    statement,
                    formats,
                    results,
                }
            }
            other => mask::message(other, literals),
        }
    }
}

/// Adds a message behind others; data of one COPY become one.
fn append(messages: &mut Vec<Message>, message: Message) {
    if let (Some(Message::CopyData(last)), Message::CopyData(next)) =
        (messages.last_mut(), &message)
        && last.len() + next.len() <= COPY_DATA_MAX
    {
        for piece in &next.pieces {
            last.push(piece.bytes.clone(), piece.times);
        }
        return;
    }
    messages.push(message);
}

#[cfg(test)]
mod tests;
