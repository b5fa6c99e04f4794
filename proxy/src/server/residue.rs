//! What a client leaves on a server: learned from the server's answers and, where those say
//! nothing, from the text of the statements.

use std::collections::VecDeque;

use crate::protocol::exchange::Exchange;
use crate::protocol::sql::Traces;

/// What is known of a server beyond its session parameters.
#[derive(Debug, Default)]
pub struct Residue {
    /// Another client must not get the server as it is.
    dirty: bool,
    /// Something was SET, be it for the transaction only.
    altered: bool,
    /// What is known of the SETs that are on their way.
    sets: Sets,
    /// SQL about statements' names was parsed, and may be run until the transaction ends.
    names_armed: bool,
    /// The last Query is about statements' names.
    query_armed: bool,
    /// Names that statements on their way deallocate.
    deallocating: VecDeque<Box<[u8]>>,
}

/// The worst of the SETs whose tags may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Sets {
    /// None that was seen.
    #[default]
    Unseen,
    /// All leave nothing.
    Harmless,
    /// Among the texts that are unanswered one may SET something.
    Doubtful,
    /// One leaves something, if it is run before the transaction ends.
    Harmful,
}

impl Sets {
    const fn of(traces: Traces) -> Self {
        match traces {
            Traces {
                harmless_set: true, ..
            } => Self::Harmless,
            Traces { alters: true, .. } => Self::Harmful,
            Traces { sets: true, .. } => Self::Doubtful,
            _ => Self::Unseen,
        }
    }
}

/// What a command's tag means for what is prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Nothing.
    Nothing,
    /// The statement of this name.
    One(Box<[u8]>),
    /// All of them.
    All,
}

impl Residue {
    /// Whether the server must be cleaned before another client gets it.
    #[must_use]
    pub const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether the same text may mean something else here than on other servers.
    #[must_use]
    pub const fn is_altered(&self) -> bool {
        self.altered
    }

    /// The server is as it was after its login.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// A client that leaves nothing to clean gives the server back.
    pub fn transaction_ended(&mut self) {
        self.altered = false;
        self.sets = Sets::Unseen;
        self.names_armed = false;
        self.query_armed = false;
        self.deallocating.clear();
    }

    /// Text with these traces is on its way to the server, `first` of what is unanswered or not. A
    /// tag does not say which SET it answers, as one that fails has none.
    pub fn text(&mut self, traces: Traces, first: bool) {
        self.dirty |= traces.stays;
        self.altered |= traces.alters;
        if first && self.sets < Sets::Harmful {
            self.sets = Sets::Unseen;
        }
        self.sets = self.sets.max(Sets::of(traces));
    }

    /// Text is on its way of which only the beginning was looked at: it may do anything.
    pub const fn unseen(&mut self) {
        self.dirty = true;
        self.altered = true;
    }

    /// Something stays that no other client may meet.
    pub const fn stays(&mut self) {
        self.dirty = true;
    }

    /// What is run in this transaction may be about names, in whatever batch: the unnamed statement
    /// and portals outlive theirs.
    pub const fn arm_names(&mut self) {
        self.names_armed = true;
    }

    /// Whether what is run next may be about names.
    #[must_use]
    pub const fn names_armed(&self) -> bool {
        self.names_armed
    }

    /// A Query is sent, and `is_about_names` or not.
    pub const fn query(&mut self, is_about_names: bool) {
        self.query_armed = is_about_names;
    }

    /// Whether the last Query is about names.
    #[must_use]
    pub const fn query_armed(&self) -> bool {
        self.query_armed
    }

    /// A statement on its way deallocates `name`.
    pub fn deallocates(&mut self, name: &[u8]) {
        self.deallocating.push_back(name.into());
    }

    /// A parameter changed that does not follow the client.
    pub const fn parameter(&mut self) {
        self.dirty = true;
    }

    /// A command is done; `body` is that of its CommandComplete, and `exchange` what is still owed.
    pub fn completed(&mut self, body: &[u8], exchange: &Exchange) -> Forgotten {
        // Most commands are told by their first byte.
        if !matches!(body.first(), Some(b'S' | b'R' | b'L' | b'P' | b'D')) {
            return Forgotten::Nothing;
        }
        match body.strip_suffix(b"\0").unwrap_or(body) {
            b"SET" => {
                self.altered = true;
                self.dirty |= self.sets != Sets::Harmless;
            }
            b"RESET" | b"LISTEN" | b"LOAD" | b"PREPARE" => self.dirty = true,
            b"DEALLOCATE" => {
                if let Some(name) = self.deallocating.pop_front() {
                    return Forgotten::One(name);
                }
            }
            b"DEALLOCATE ALL" => return Forgotten::All,
            b"DISCARD ALL" => {
                // What is already on its way comes after it.
                if !exchange.owes_more() {
                    self.dirty = false;
                    self.altered = false;
                    self.sets = Sets::Unseen;
                }
                return Forgotten::All;
            }
            _ => {}
        }
        Forgotten::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sql::traces;

    /// Whether a server is dirty after `text` was answered with `tags`.
    fn dirty(text: &str, tags: &[&str]) -> bool {
        let mut residue = Residue::default();
        residue.text(traces(text.as_bytes()), true);
        for tag in tags {
            let _ = residue.completed(format!("{tag}\0").as_bytes(), &Exchange::default());
        }
        residue.is_dirty()
    }

    #[test]
    fn servers_are_dirty_when_something_stays() {
        let cases: &[(&str, &[&str], bool)] = &[
            ("SELECT 1", &["SELECT 1"], false),
            ("SET work_mem = '1MB'", &["SET"], true),
            ("SET TimeZone = 'UTC'", &["SET"], false),
            ("SET LOCAL work_mem = '1MB'", &["SET"], false),
            ("SET LOCAL a.b = 'c'; SET a.b = 'c'", &["SET", "SET"], true),
            ("RESET work_mem", &["RESET"], true),
            ("LISTEN a", &["LISTEN"], true),
            ("PREPARE a AS SELECT 1", &["PREPARE"], true),
            ("SELECT pg_advisory_lock(1)", &["SELECT 1"], true),
            ("CREATE TEMP TABLE t ()", &["CREATE TABLE"], true),
            ("CREATE TABLE t ()", &["CREATE TABLE"], false),
            ("SET a.b = 'c'; DISCARD ALL", &["SET", "DISCARD ALL"], false),
            ("BEGIN; INSERT", &["BEGIN", "INSERT 0 1", "COMMIT"], false),
        ];
        for (text, tags, expected) in cases {
            assert_eq!(dirty(text, tags), *expected, "{text}");
        }
    }

    #[test]
    fn a_set_is_harmless_only_among_its_like() {
        let harmless = "SET TimeZone = 'UTC'";
        let cases: &[(&[&str], bool)] = &[
            (&[harmless, harmless], false),
            (&[harmless, "SELECT 1"], false),
            (&["BEGIN", harmless], false),
            (&["SET work_mem = 1", harmless], true),
            (&[harmless, "/* no SET */ SET work_mem = 1"], true),
            (&["SELECT 1"], true),
        ];
        for (texts, expected) in cases {
            let mut residue = Residue::default();
            for (at, text) in texts.iter().enumerate() {
                residue.text(traces(text.as_bytes()), at == 0);
            }
            let _ = residue.completed(b"SET\0", &Exchange::default());
            assert_eq!(residue.is_dirty(), *expected, "{texts:?}");
        }
    }

    #[test]
    fn tags_tell_which_statements_are_gone() {
        let mut residue = Residue::default();
        residue.deallocates(b"a");
        residue.deallocates(b"b");
        let told: Vec<_> = ["DEALLOCATE", "SELECT 1", "DEALLOCATE", "DEALLOCATE ALL"]
            .map(|tag| residue.completed(format!("{tag}\0").as_bytes(), &Exchange::default()))
            .into();
        let one = |name: &[u8]| Forgotten::One(name.into());
        let nothing = Forgotten::Nothing;
        assert_eq!(told, [one(b"a"), nothing, one(b"b"), Forgotten::All]);
    }
}
