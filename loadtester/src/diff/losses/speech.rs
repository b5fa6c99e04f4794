//! Messages of one client as the statements that they run, and where transactions end.

use std::collections::HashMap;

use poolproof_scenarios::session::{Action, Condition, Message, Payload};

use super::{
    Left,
    reading::{Control, Effect, read},
};
use crate::sql;

/// Where a client is.
#[derive(Debug, Default)]
pub(super) struct Speech {
    transaction: u64,
    is_open: bool,
    statements: HashMap<Vec<u8>, Vec<u8>>,
    portals: HashMap<Vec<u8>, Vec<u8>>,
}

/// Something that a message does.
#[derive(Debug)]
pub(super) struct Said {
    /// Number of the transaction in which.
    pub(super) transaction: u64,
    pub(super) effect: Effect,
}

impl Speech {
    /// What a step does.
    pub(super) fn step(&mut self, action: &Action) -> Vec<Said> {
        let mut said = Vec::new();
        match action {
            Action::Send { messages, .. } => {
                for message in messages {
                    self.message(message, &mut said);
                }
            }
            Action::Connect(_) | Action::Open | Action::Disconnect | Action::Reset => {
                self.say(Effect::ForgetsAll, &mut said);
                self.is_open = false;
                self.transaction += 1;
            }
            Action::Wait(Condition::Kind(kind, _)) if kind == "NotificationResponse" => {
                // It comes between two transactions.
                self.transaction += u64::from(!self.is_open);
                self.say(Effect::Uses(Left::Channel, String::new()), &mut said);
            }
            _ => {}
        }
        said
    }

    fn say(&self, effect: Effect, said: &mut Vec<Said>) {
        said.push(Said {
            transaction: self.transaction,
            effect,
        });
    }

    fn message(&mut self, message: &Message, said: &mut Vec<Said>) {
        match message {
            Message::Query(text) => {
                self.runs(&text.bytes(), said);
                self.batch_ends();
            }
            Message::Parse { statement, sql, .. } => {
                let (what, name) = named(statement);
                self.say(Effect::Forgets(what, name.clone()), said);
                self.say(Effect::Leaves(what, name), said);
                self.statements.insert(statement.bytes(), sql.bytes());
            }
            Message::Bind {
                portal, statement, ..
            } => {
                self.uses(statement, said);
                let sql = self.statements.get(&statement.bytes()).cloned();
                self.portals.insert(portal.bytes(), sql.unwrap_or_default());
            }
            Message::DescribeStatement(statement) => self.uses(statement, said),
            Message::CloseStatement(statement) => {
                self.uses(statement, said);
                let (what, name) = named(statement);
                self.say(Effect::Forgets(what, name), said);
            }
            Message::Execute { portal, .. } => {
                let sql = self.portals.get(&portal.bytes()).cloned();
                self.runs(&sql.unwrap_or_default(), said);
            }
            Message::Sync | Message::FunctionCall { .. } => self.batch_ends(),
            _ => {}
        }
    }

    fn uses(&self, statement: &Payload, said: &mut Vec<Said>) {
        let (what, name) = named(statement);
        self.say(Effect::Uses(what, name), said);
    }

    fn runs(&mut self, text: &[u8], said: &mut Vec<Said>) {
        for statement in sql::statements(text) {
            let (control, effects) = read(&statement);
            for effect in effects {
                self.say(effect, said);
            }
            match control {
                Control::None => {}
                Control::Begins => self.is_open = true,
                Control::Ends => self.is_open = false,
                Control::RollsBack => {
                    self.say(Effect::RollsBack, said);
                    self.is_open = false;
                }
            }
        }
    }

    fn batch_ends(&mut self) {
        self.transaction += u64::from(!self.is_open);
    }
}

fn named(statement: &Payload) -> (Left, String) {
    let what = match statement.is_empty() {
        true => Left::Unnamed,
        false => Left::Statement,
    };
    (
        what,
        String::from_utf8_lossy(&statement.bytes()).into_owned(),
    )
}
