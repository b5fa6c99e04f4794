//! What one server has prepared.

use std::collections::{HashMap, VecDeque};

use super::NameChange;
use super::catalog::NAME_PREFIX;

/// The statements of a server under the pooler's names, and the changes that wait for an answer.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By number of the statement, the time of its last use.
    used: HashMap<u64, u64>,
    clock: u64,
    changes: VecDeque<Change>,
    /// How many of the changes belong to batches that are over.
    of_earlier: usize,
    /// The server has other statements than is believed.
    is_wrong: bool,
}

/// Codes of errors about statements that are not there, or are.
const CONTRADICTIONS: [&[u8]; 2] = [b"C26000\0", b"C42P05\0"];

/// What is believed of a server and of its client since a message that is not answered yet.
#[derive(Debug)]
pub enum Change {
    /// The server has the statement.
    Prepared(u64, Option<NameChange>),
    /// The server has the statement no more.
    Evicted(u64),
    /// Only the client's names have changed.
    Named(NameChange),
    /// Nothing that is kept track of.
    Nothing,
}

impl Shelf {
    /// Whether the server has the statement, which is used now.
    pub fn touch(&mut self, id: u64) -> bool {
        self.clock += 1;
        match self.used.get_mut(&id) {
            Some(used) => {
                *used = self.clock;
                true
            }
            None => false,
        }
    }

    /// The statement that was not used for longest, if there is no room for one more.
    #[must_use]
    pub fn surplus(&self, statements_max: usize) -> Option<u64> {
        if self.used.len() < statements_max {
            return None;
        }
        let oldest = self.used.iter().min_by_key(|(_, used)| **used);
        oldest.map(|(id, _)| *id)
    }

    /// Notes a change that stands until it is undone.
    pub fn note(&mut self, change: Change) {
        match &change {
            Change::Prepared(id, _) => {
                self.clock += 1;
                self.used.insert(*id, self.clock);
            }
            Change::Evicted(id) => {
                self.used.remove(id);
            }
            Change::Named(_) | Change::Nothing => {}
        }
        self.changes.push_back(change);
    }

    /// The batch is over: an error in it skips nothing of what comes after.
    pub fn batch_ended(&mut self) {
        self.of_earlier = self.changes.len();
    }

    /// Whether it is still open what earlier batches have changed.
    #[must_use]
    pub const fn awaits_earlier(&self) -> bool {
        self.of_earlier > 0
    }

    /// The oldest change is so.
    pub fn confirm(&mut self) {
        self.changes.pop_front();
        self.of_earlier = self.of_earlier.saturating_sub(1);
    }

    /// The oldest `count` changes are not so. Of the client's names they come back in order.
    pub fn undo(&mut self, count: usize, names: &mut Vec<NameChange>) {
        let count = count.min(self.changes.len());
        self.of_earlier = self.of_earlier.saturating_sub(count);
        let first = names.len();
        for change in self.changes.drain(..count).rev() {
            match change {
                Change::Prepared(id, name) => {
                    self.used.remove(&id);
                    names.extend(name);
                }
                Change::Evicted(id) => {
                    // It was the oldest, and is again.
                    self.used.insert(id, 0);
                }
                Change::Named(name) => names.push(name),
                Change::Nothing => {}
            }
        }
        names[first..].reverse();
    }

    /// The server has none any more.
    pub fn clear(&mut self) {
        self.used.clear();
        self.is_wrong = false;
    }

    /// The server reports an error; `body` is that of its ErrorResponse. What a function does about
    /// statements is not seen before.
    pub fn hear_error(&mut self, body: &[u8]) {
        let says = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
        let contradicts = CONTRADICTIONS.into_iter().any(says);
        self.is_wrong |= contradicts && says(NAME_PREFIX.as_bytes());
    }

    /// Whether the server has other statements than is believed, and so is of no use to others.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        self.is_wrong
    }

    /// Statements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(ids: &[u64]) -> Shelf {
        let mut shelf = Shelf::default();
        for id in ids {
            shelf.note(Change::Prepared(*id, None));
            shelf.confirm();
        }
        shelf
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let mut shelf = shelf(&[1, 2, 3]);
        assert_eq!(shelf.surplus(4), None);
        assert_eq!(shelf.surplus(3), Some(1));
        assert!(shelf.touch(1));
        assert_eq!(shelf.surplus(3), Some(2));
        assert!(!shelf.touch(9));
    }

    #[test]
    fn what_was_not_run_is_undone_in_reverse() {
        let mut shelf = shelf(&[1]);
        shelf.note(Change::Evicted(1));
        shelf.note(Change::Prepared(2, None));
        shelf.note(Change::Evicted(2));
        shelf.note(Change::Prepared(1, None));
        shelf.undo(4, &mut Vec::new());
        assert!(shelf.touch(1));
        assert!(!shelf.touch(2));
    }

    #[test]
    fn errors_tell_that_the_server_has_other_statements() {
        let cases: &[(&str, bool)] = &[
            (
                "SERROR~C26000~Mprepared statement \"poolproof_7\" does not exist~~",
                true,
            ),
            (
                "SERROR~C42P05~Mprepared statement \"poolproof_7\" already exists~~",
                true,
            ),
            (
                "SERROR~C26000~Mprepared statement \"a\" does not exist~~",
                false,
            ),
            ("SERROR~C22012~Mdivision by zero~~", false),
            (
                "SERROR~C42P01~Mrelation \"poolproof_7\" does not exist~~",
                false,
            ),
        ];
        for (body, wrong) in cases {
            let mut shelf = shelf(&[7]);
            shelf.hear_error(body.replace('~', "\0").as_bytes());
            assert_eq!(shelf.is_wrong(), *wrong, "{body}");
            shelf.clear();
            assert!(!shelf.is_wrong());
        }
    }

    #[test]
    fn what_was_answered_stays_so() {
        let mut shelf = Shelf::default();
        shelf.note(Change::Prepared(1, None));
        shelf.note(Change::Prepared(2, None));
        shelf.confirm();
        shelf.undo(1, &mut Vec::new());
        assert!(shelf.touch(1));
        assert!(!shelf.touch(2));
    }
}
