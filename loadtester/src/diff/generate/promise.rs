//! What a pool's mode promises, and whether a session asks for no more.
//!
//! In a pool that gives a server to others after each transaction, a client's session is what lies
//! within one transaction. A client may therefore mention what it leaves in its session in one
//! transaction only, and use the unnamed statement in the batch that prepares it. The names of a
//! generated session say by their form what they are: `s_1` a statement of SQL's PREPARE, `n_1` one of
//! the protocol's Parse, `v_1` a setting, `x_1` a temporary table, `c_1` a channel, `k_1` a lock.

use std::collections::BTreeMap;

use poolproof_scenarios::{
    Session,
    pool::PoolMode,
    session::{Action, Client, Condition, Message, Who},
};

use super::extended::UNPREPARABLE;

/// First letters of the names of what is left in a session.
pub(super) const KINDS: &[u8] = b"snvxck";

/// What a target promises to its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// A session of their own.
    Session,
    /// Transactions, and that named statements of the protocol follow the client from server to server
    /// (`max_prepared_statements` above 0).
    TransactionsAndStatements,
    /// Transactions.
    Transactions,
    /// Single statements.
    Statements,
}

impl Promise {
    /// That of a pool in `mode` which carries named statements along, or does not.
    #[must_use]
    pub fn of(mode: PoolMode, carries_statements: bool) -> Self {
        match (mode, carries_statements) {
            (PoolMode::Session, _) => Self::Session,
            (PoolMode::Transaction, true) => Self::TransactionsAndStatements,
            (PoolMode::Transaction, false) => Self::Transactions,
            (PoolMode::Statement, _) => Self::Statements,
        }
    }

    /// Whether a named statement may be used in every transaction of its client.
    #[must_use]
    pub fn carries_statements(self) -> bool {
        matches!(self, Self::Session | Self::TransactionsAndStatements)
    }
}

/// Whether `session` asks for no more than `promise` says. It knows the words of generated
/// sessions only.
#[must_use]
pub fn keeps(session: &Session, promise: Promise) -> bool {
    let mut clients: BTreeMap<&Client, Transactions> = BTreeMap::new();
    let carries = promise.carries_statements();
    promise == Promise::Session
        || session.steps.iter().all(|step| match &step.who {
            Who::One(client) => {
                let transactions = clients.entry(client).or_default();
                transactions.carries = carries;
                transactions.takes(&step.action)
            }
            Who::All => true,
        })
}

/// Whether `session` has one answer: every cancel request finds either a query that is known to run or
/// none, and no client says goodbye in the middle of a batch.
#[must_use]
pub fn is_determined(session: &Session) -> bool {
    cancels_what_runs(session) && ends_its_batches(session)
}

/// A pooler may gather a batch up to its Sync or Flush, and then never sends one that has no end.
fn ends_its_batches(session: &Session) -> bool {
    let mut open: BTreeMap<&Client, bool> = BTreeMap::new();
    for step in &session.steps {
        let Who::One(client) = &step.who else {
            continue;
        };
        match &step.action {
            Action::Send { messages, .. } => {
                for message in messages {
                    let begins = matches!(
                        message,
                        Message::Parse { .. }
                            | Message::Bind { .. }
                            | Message::DescribeStatement(_)
                            | Message::DescribePortal(_)
                            | Message::Execute { .. }
                            | Message::CloseStatement(_)
                            | Message::ClosePortal(_)
                    );
                    let ends =
                        matches!(message, Message::Sync | Message::Flush | Message::Query(_));
                    if begins || ends {
                        open.insert(client, begins);
                    }
                }
            }
            Action::Disconnect | Action::Reset | Action::Connect(_) => {
                open.remove(client);
            }
            _ => {}
        }
    }
    open.values().all(|is_open| !is_open)
}

/// A request that is on its way together with its query may come first, and then nothing is cancelled.
fn cancels_what_runs(session: &Session) -> bool {
    let mut on_their_way: BTreeMap<&Client, String> = BTreeMap::new();
    session.steps.iter().all(|step| {
        match (&step.who, &step.action) {
            (Who::One(client), Action::Send { .. }) => {
                on_their_way.insert(client, step.action.to_string());
            }
            (Who::One(client), Action::Cancel(_)) => return !on_their_way.contains_key(client),
            (Who::One(client), _) => drop(on_their_way.remove(client)),
            (Who::All, Action::Wait(Condition::Running(text))) => {
                let text = String::from_utf8_lossy(&text.bytes()).into_owned();
                on_their_way.retain(|_, said| !said.contains(&text));
            }
            (Who::All, _) => on_their_way.clear(),
        }
        true
    })
}

/// Where a client is among its transactions.
#[derive(Debug, Default)]
struct Transactions {
    number: u32,
    is_open: bool,
    has_unnamed: bool,
    /// Named statements are no matter of transactions.
    carries: bool,
    mentioned: BTreeMap<Vec<u8>, u32>,
}

impl Transactions {
    fn takes(&mut self, action: &Action) -> bool {
        match action {
            Action::Send { messages, .. } => messages.iter().all(|message| self.says(message)),
            Action::Connect(_) | Action::Open | Action::Disconnect | Action::Reset => {
                *self = Self::default();
                true
            }
            _ => true,
        }
    }

    fn says(&mut self, message: &Message) -> bool {
        match message {
            Message::Query(sql) => {
                let sql = sql.bytes();
                let kept = self.mentions(&sql);
                match sql.as_slice() {
                    b"BEGIN" => self.is_open = true,
                    b"COMMIT" | b"ROLLBACK" => self.is_open = false,
                    _ => {}
                }
                self.batch_ends();
                kept
            }
            Message::Parse { statement, sql, .. } => {
                self.has_unnamed |= statement.is_empty();
                // What cannot be prepared leaves nothing behind.
                sql.bytes() == UNPREPARABLE.as_bytes() || self.mentions(&statement.bytes())
            }
            Message::Bind { statement, .. } | Message::DescribeStatement(statement) => {
                (self.has_unnamed || !statement.is_empty()) && self.mentions(&statement.bytes())
            }
            Message::CloseStatement(statement) => self.mentions(&statement.bytes()),
            Message::Sync => {
                self.batch_ends();
                true
            }
            _ => true,
        }
    }

    fn batch_ends(&mut self) {
        self.has_unnamed = false;
        self.number += u32::from(!self.is_open);
    }

    /// Notes every name in `text`; false when one was mentioned in an earlier transaction.
    fn mentions(&mut self, text: &[u8]) -> bool {
        let number = self.number;
        let carries = self.carries;
        names(text)
            .filter(|name| !(carries && name.starts_with(b"n")))
            .all(|name| *self.mentioned.entry(name.to_vec()).or_insert(number) == number)
    }
}

/// The words of the form `s_12`.
fn names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    text.split(move |byte| !is_part(byte))
        .filter(|word| match word {
            [kind, b'_', digits @ ..] => {
                KINDS.contains(kind) && digits.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &str, expected: bool) {
        let session = Session::parse(script, "test").expect("a script");
        assert_eq!(keeps(&session, Promise::Transactions), expected, "{script}");
        assert!(keeps(&session, Promise::Session), "{script}");
    }

    #[test]
    fn a_name_belongs_to_one_transaction_of_its_client() {
        check("A: Query \"SET app.v_1 = 'x'\"\n", true);
        check(
            "A: Query \"BEGIN\"\nA: Query \"LISTEN c_1\"\nA: Query \"NOTIFY c_1\"\n",
            true,
        );
        check("A: Query \"LISTEN c_1\"\nA: Query \"NOTIFY c_1\"\n", false);
        check("A: Query \"LISTEN c_1\"\nB: Query \"NOTIFY c_1\"\n", true);
        check(
            "A: Query \"LISTEN c_1\"\nA: disconnect\nA: Query \"NOTIFY c_1\"\n",
            true,
        );
    }

    #[test]
    fn the_unnamed_statement_belongs_to_its_batch() {
        check("A: Parse \"\" \"SELECT 1\" | Bind \"\" \"\" | Sync\n", true);
        check(
            "A: Parse \"\" \"SELECT 1\" | Sync\nA: Bind \"\" \"\" | Sync\n",
            false,
        );
    }

    #[test]
    fn a_cancel_request_must_know_what_it_meets() {
        for (script, expected) in [
            ("A: Query \"a\"\nA: cancel\n", false),
            ("A: Query \"a\"\nA: wait\nA: cancel\n", true),
            ("A: Query \"a\"\nall: wait running \"a\"\nA: cancel\n", true),
            (
                "A: Query \"a\"\nall: wait running \"b\"\nA: cancel\n",
                false,
            ),
            ("A: Query \"a\"\nB: cancel\n", true),
        ] {
            let session = Session::parse(script, "test").expect("a script");
            assert_eq!(is_determined(&session), expected, "{script}");
        }
    }

    #[test]
    fn a_batch_must_have_an_end() {
        for (script, expected) in [
            ("A: Parse \"\" \"SELECT 1\"\n", false),
            ("A: Parse \"\" \"SELECT 1\" | Sync\n", true),
            ("A: Parse \"\" \"SELECT 1\" | Flush\n", true),
            ("A: Parse \"\" \"SELECT 1\"\nA: disconnect\n", true),
        ] {
            let session = Session::parse(script, "test").expect("a script");
            assert_eq!(is_determined(&session), expected, "{script}");
        }
    }

    #[test]
    fn named_statements_may_be_carried_along() {
        let script = "A: Parse n_1 \"SELECT 1\" | Sync\nA: Bind \"\" n_1 | Execute | Sync\n";
        check(script, false);
        let session = Session::parse(script, "test").expect("a script");
        assert!(keeps(&session, Promise::TransactionsAndStatements));
    }

    #[test]
    fn a_parse_that_fails_leaves_its_name_free() {
        let failed = format!("A: Parse s_1 \"{UNPREPARABLE}\" | Sync\n");
        check(&format!("{failed}A: Parse s_1 \"SELECT 1\" | Sync\n"), true);
        check(
            "A: Parse s_1 \"SELECT 2\" | Sync\nA: Parse s_1 \"SELECT 1\" | Sync\n",
            false,
        );
    }
}
