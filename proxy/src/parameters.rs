//! Session parameters that follow a client from server to server.
//!
//! A client in transaction mode must find its `client_encoding`, `TimeZone` and so on at whatever
//! server it gets. Equal sets are one allocation, so that the question on the hot path, whether the
//! server has what the client wants, compares two pointers.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// The parameters that are always carried along, as in PgBouncer. PostgreSQL reports each of them
/// when it changes.
pub const ALWAYS: [&str; 5] = [
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "standard_conforming_strings",
    "application_name",
];

/// PgBouncer's default for `track_extra_parameters`.
pub const USUAL_EXTRA: &str = "IntervalStyle";

/// The names of the parameters that are carried along, in PostgreSQL's own spelling if the
/// configuration has it.
#[derive(Clone, Debug)]
struct TrackedNames(Arc<[Box<str>]>);

impl TrackedNames {
    fn new<'a>(extra: impl Iterator<Item = &'a str>) -> Self {
        let mut names: Vec<Box<str>> = ALWAYS.map(Into::into).into();
        for name in extra {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                names.push(name.into());
            }
        }
        Self(names.into())
    }

    fn position(&self, name: &str) -> Option<Position> {
        self.0
            .iter()
            .position(|tracked| tracked.eq_ignore_ascii_case(name))
            .map(Position)
    }
}

/// The place of a parameter among those that are carried along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(usize);

/// The values of the tracked parameters; `None` is unknown.
#[derive(Clone, Debug)]
pub struct Tracked {
    names: TrackedNames,
    values: Box<[Option<Arc<str>>]>,
}

/// The names are the same for all of a pooler.
impl PartialEq for Tracked {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl Eq for Tracked {}

impl Hash for Tracked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.hash(state);
    }
}

impl Tracked {
    /// Sets parameter `name`, the case of letters aside. Says whether it is tracked.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        let at = self.names.position(name);
        if let Some(Position(at)) = at {
            self.values[at] = Some(value.into());
        }
        at.is_some()
    }

    /// The value of parameter `name`, the case of letters aside, if it is tracked and known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.at(self.names.position(name)?)
    }

    /// The value of the parameter with this place, if it is known.
    #[must_use]
    pub fn at(&self, Position(at): Position) -> Option<&str> {
        self.values[at].as_deref()
    }

    /// SQL that turns a server with `actual` into one with these; `None` if it is one already.
    #[must_use]
    pub fn difference(&self, actual: &Self) -> Option<String> {
        let mut sql = String::new();
        for (at, name) in self.names.0.iter().enumerate() {
            if let Some(value) = &self.values[at]
                && actual.values[at].as_ref() != Some(value)
            {
                // Writing to a String cannot fail.
                let _ = write!(sql, "SET {}={};", identifier(name), quoted(value));
            }
        }
        (!sql.is_empty()).then_some(sql)
    }
}

/// A parameter's name as it stands in SQL: what the configuration says may be any text.
fn identifier(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(plain) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
    }
}

/// A string constant that means the same whatever `standard_conforming_strings` is.
fn quoted(value: &str) -> String {
    let prefix = if value.contains('\\') { "E" } else { "" };
    format!(
        "{prefix}'{}'",
        value.replace('\\', r"\\").replace('\'', "''")
    )
}

/// Sets that nobody holds are forgotten when there are this many, and again at each doubling.
const SWEEP_MIN: usize = 256;

/// Keeps one copy of each set of parameters.
#[derive(Debug)]
pub struct Interner {
    names: TrackedNames,
    sets: Mutex<Sets>,
}

impl Default for Interner {
    fn default() -> Self {
        Self::new(std::iter::once(USUAL_EXTRA))
    }
}

#[derive(Debug, Default)]
struct Sets {
    known: HashSet<Arc<Tracked>>,
    sweep_at: usize,
}

impl Interner {
    /// For the parameters that are always carried along and `extra` ones.
    #[must_use]
    pub fn new<'a>(extra: impl Iterator<Item = &'a str>) -> Self {
        Self {
            names: TrackedNames::new(extra),
            sets: Mutex::default(),
        }
    }

    /// A set in which nothing is known yet.
    #[must_use]
    pub fn blank(&self) -> Tracked {
        Tracked {
            values: vec![None; self.names.0.len()].into(),
            names: self.names.clone(),
        }
    }

    /// The place of parameter `name`, the case of letters aside, if it is carried along.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<Position> {
        self.names.position(name)
    }

    /// Whether `name` is carried along.
    #[must_use]
    pub fn tracks(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// The one copy of `tracked`.
    #[must_use]
    pub fn intern(&self, tracked: Tracked) -> Arc<Tracked> {
        // A set that panicked half-way would still be a set of valid entries.
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sets.known.get(&tracked) {
            return Arc::clone(known);
        }
        if sets.known.len() >= sets.sweep_at.max(SWEEP_MIN) {
            sets.known.retain(|known| Arc::strong_count(known) > 1);
            sets.sweep_at = sets.known.len() * 2;
        }
        let new = Arc::new(tracked);
        sets.known.insert(Arc::clone(&new));
        new
    }

    /// `tracked` with one parameter changed; the same if `name` is not tracked.
    #[must_use]
    pub fn with(&self, tracked: &Arc<Tracked>, name: &str, value: &str) -> Arc<Tracked> {
        let mut changed = Tracked::clone(tracked);
        if changed.set(name, value) {
            self.intern(changed)
        } else {
            Arc::clone(tracked)
        }
    }
}

/// Reads the name and the value out of a ParameterStatus; `None` if it is malformed.
#[must_use]
pub fn parameter_status(body: &[u8]) -> Option<(&str, &str)> {
    let text = str::from_utf8(body.strip_suffix(b"\0")?).ok()?;
    let (name, value) = text.split_once('\0')?;
    (!value.contains('\0')).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracked(values: &[(&str, &str)]) -> Tracked {
        let mut tracked = Interner::default().blank();
        for (name, value) in values {
            assert!(tracked.set(name, value));
        }
        tracked
    }

    #[test]
    fn only_what_differs_is_set() {
        let server = tracked(&[("TimeZone", "UTC"), ("DateStyle", "ISO, MDY")]);
        let cases = [
            (tracked(&[("timezone", "UTC")]), None),
            (Interner::default().blank(), None),
            (
                tracked(&[("TimeZone", "Europe/Berlin")]),
                Some("SET TimeZone='Europe/Berlin';"),
            ),
            (
                tracked(&[("application_name", "it's")]),
                Some("SET application_name='it''s';"),
            ),
            (
                tracked(&[("application_name", r"a\b'c")]),
                Some(r"SET application_name=E'a\\b''c';"),
            ),
            (
                tracked(&[("DATESTYLE", "German"), ("IntervalStyle", "postgres")]),
                Some("SET DateStyle='German';SET IntervalStyle='postgres';"),
            ),
        ];
        for (client, expected) in cases {
            assert_eq!(
                client.difference(&server).as_deref(),
                expected,
                "{client:?}"
            );
        }
    }

    #[test]
    fn equal_sets_are_one() {
        let interner = Interner::default();
        let a = interner.intern(tracked(&[("TimeZone", "UTC")]));
        let b = interner.with(&interner.intern(interner.blank()), "timezone", "UTC");
        assert!(Arc::ptr_eq(&a, &b));
        assert!(Arc::ptr_eq(&a, &interner.with(&a, "server_version", "17")));
        assert!(!Arc::ptr_eq(&a, &interner.with(&a, "TimeZone", "GMT")));
    }

    #[test]
    fn extra_parameters_are_carried_along() {
        let interner = Interner::new(["search_path", "timezone", "a\"b"].into_iter());
        assert!(interner.tracks("Search_Path") && interner.tracks("TimeZone"));
        assert!(!interner.tracks("IntervalStyle"));
        let mut wished = interner.blank();
        assert!(wished.set("SEARCH_PATH", "x") && wished.set("a\"b", "c"));
        let sql = wished.difference(&interner.blank());
        assert_eq!(
            sql.as_deref(),
            Some("SET search_path='x';SET \"a\"\"b\"='c';")
        );
    }

    #[test]
    fn sets_that_nobody_holds_are_forgotten() {
        let interner = Interner::default();
        for number in 0..10 * SWEEP_MIN {
            let _ = interner.intern(tracked(&[("application_name", &number.to_string())]));
        }
        assert!(interner.sets.lock().unwrap().known.len() <= SWEEP_MIN + 1);
    }

    #[test]
    fn parameter_status_is_two_strings() {
        assert_eq!(parameter_status(b"a\0b c\0"), Some(("a", "b c")));
        assert_eq!(parameter_status(b"a\0\0"), Some(("a", "")));
        for body in [&b""[..], b"a\0b", b"a\0", b"a\0b\0c\0", b"\xff\0b\0"] {
            assert_eq!(parameter_status(body), None, "{body:?}");
        }
    }
}
