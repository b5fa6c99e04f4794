//! What a session relies on that a pool in transaction mode does not promise, in words. Pure.
//!
//! Behind such a pool a client's next transaction may run on another server, where nothing is that the
//! client has left behind: a setting, a temporary table, a lock. What a pooler does about it differs,
//! and whether it shows depends on who else is there; that it is asked for can be read in the script.

mod reading;
mod speech;

use std::{collections::BTreeSet, fmt};

use poolproof_scenarios::{
    Session,
    session::{Action, Client, Who},
};

use reading::Effect;
use speech::Speech;

/// Something that a client leaves in its session and comes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Who.
    pub client: Client,
    /// In which step it is left, from 1.
    pub step: usize,
    /// In which step of a later transaction it is counted on.
    pub relied_on: usize,
    /// What it is.
    pub what: Left,
    /// Its name, or the statement that leaves it.
    pub name: String,
}

/// What can be left in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// A parameter, by SET without LOCAL or by set_config.
    Setting,
    /// A role, by SET ROLE or SET SESSION AUTHORIZATION.
    Role,
    /// A temporary table.
    TemporaryTable,
    /// A channel that is listened to.
    Channel,
    /// An advisory lock of the session.
    Lock,
    /// A statement of SQL's PREPARE.
    Prepared,
    /// A named statement of the extended protocol.
    Statement,
    /// The unnamed statement, used after the batch that made it.
    Unnamed,
    /// A cursor WITH HOLD.
    Cursor,
    /// The last value of a sequence.
    Sequence,
}

impl Left {
    /// What becomes of it, and what an application can do instead.
    fn advice(self) -> &'static str {
        match self {
            Self::Setting => {
                "later transactions may not find it, or others may; set it with SET LOCAL in each \
                 transaction, with ALTER ROLE … SET, or for the whole pool"
            }
            Self::Role => {
                "later transactions may run as another role; use SET LOCAL ROLE in each transaction"
            }
            Self::TemporaryTable => {
                "later transactions may not find it; use it within one transaction, ON COMMIT DROP"
            }
            Self::Channel => {
                "notifications will not arrive; listen on a connection of its own that goes to \
                 PostgreSQL, or to a pool in session mode"
            }
            Self::Lock => {
                "it may be gone at once, or stay for ever on a server that others use; take \
                 pg_advisory_xact_lock within a transaction"
            }
            Self::Prepared => {
                "later transactions may not find it; use prepared statements of the driver, which \
                 poolers carry along"
            }
            Self::Statement => {
                "it works behind a pooler that carries statements along \
                 (max_prepared_statements above 0), and not behind others"
            }
            Self::Unnamed => {
                "another client's may have taken its place; send Parse, Bind and Execute in one batch"
            }
            Self::Cursor => "it may be gone; fetch all rows in the transaction that declares it",
            Self::Sequence => "currval and lastval may be another client's; use INSERT … RETURNING",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Setting => "the setting",
            Self::Role => "the role",
            Self::TemporaryTable => "the temporary table",
            Self::Channel => "LISTEN",
            Self::Lock => "the advisory lock",
            Self::Prepared => "PREPARE",
            Self::Statement => "the prepared statement",
            Self::Unnamed => "the unnamed statement",
            Self::Cursor => "the cursor",
            Self::Sequence => "the sequence's last value",
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            client,
            step,
            relied_on,
            what,
            name,
        } = self;
        let (noun, advice) = (what.noun(), what.advice());
        let name = if name.is_empty() {
            String::new()
        } else {
            format!(" {name}")
        };
        write!(
            out,
            "{client}, step {step}: {noun}{name} is relied on in a later transaction (step \
             {relied_on}): {advice}"
        )
    }
}

/// Everything that a session relies on from one transaction to the next, in the order in which it is
/// left; each thing once a client.
#[must_use]
pub fn losses(session: &Session) -> Vec<Loss> {
    let mut readers: Vec<(Client, Reader)> = Vec::new();
    for (index, step) in session.steps.iter().enumerate() {
        let Who::One(client) = &step.who else {
            continue;
        };
        let place = readers.iter().position(|(name, _)| name == client);
        let place = place.unwrap_or_else(|| {
            readers.push((client.clone(), Reader::default()));
            readers.len() - 1
        });
        readers[place].1.step(index + 1, &step.action);
    }
    let mut losses: Vec<Loss> = readers
        .into_iter()
        .flat_map(|(client, reader)| reader.losses(client))
        .collect();
    losses.sort_by_key(|loss| loss.step);
    let mut told = BTreeSet::new();
    losses.retain(|loss| told.insert((loss.client.clone(), loss.what, loss.name.clone())));
    losses
}

/// What one client has left, and where it came back to it.
#[derive(Debug, Default)]
struct Reader {
    speech: Speech,
    left: Vec<Thing>,
}

/// Something that was left.
#[derive(Debug)]
struct Thing {
    what: Left,
    name: String,
    step: usize,
    /// Number of the transaction in which it was left.
    transaction: u64,
    relied_on: Option<usize>,
    gone: bool,
}

impl Reader {
    fn step(&mut self, step: usize, action: &Action) {
        for said in self.speech.step(action) {
            self.says(step, said.transaction, said.effect);
        }
    }

    fn says(&mut self, step: usize, transaction: u64, effect: Effect) {
        match effect {
            Effect::Leaves(what, name) => {
                let known = self
                    .left
                    .iter()
                    .any(|thing| !thing.gone && thing.what == what && thing.name == name);
                if !known {
                    self.left.push(Thing {
                        what,
                        name,
                        step,
                        transaction,
                        relied_on: None,
                        gone: false,
                    });
                }
            }
            Effect::Uses(what, name) => self.uses(step, transaction, |thing| {
                thing.what == what && (name.is_empty() || thing.name == name)
            }),
            Effect::Runs(words) => self.uses(step, transaction, |thing| match thing.what {
                // These are there for all statements alike.
                Left::Setting | Left::Role | Left::Lock | Left::Channel => true,
                Left::TemporaryTable => words.contains(&thing.name),
                _ => false,
            }),
            Effect::Forgets(what, name) => {
                for thing in &mut self.left {
                    let named = name.is_empty() || thing.name == name;
                    thing.gone |= thing.what == what && named;
                }
            }
            Effect::ForgetsAll => self.left.iter_mut().for_each(|thing| thing.gone = true),
            Effect::RollsBack => {
                for thing in &mut self.left {
                    let undone = thing.transaction == transaction && thing.what != Left::Lock;
                    thing.gone |= undone;
                }
            }
        }
    }

    /// A statement of this transaction counts on what holds.
    fn uses(&mut self, step: usize, transaction: u64, holds: impl Fn(&Thing) -> bool) {
        for thing in &mut self.left {
            let is_later = thing.transaction < transaction;
            if thing.relied_on.is_none() && !thing.gone && is_later && holds(thing) {
                thing.relied_on = Some(step);
            }
        }
    }

    fn losses(self, client: Client) -> impl Iterator<Item = Loss> {
        self.left.into_iter().filter_map(move |thing| {
            Some(Loss {
                client: client.clone(),
                step: thing.step,
                relied_on: thing.relied_on?,
                what: thing.what,
                name: thing.name,
            })
        })
    }
}

#[cfg(test)]
mod tests;
