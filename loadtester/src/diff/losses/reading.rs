//! What one statement leaves in its session, and what it counts on. It knows the words with which a
//! statement begins and a few functions; what a function does that the application has made cannot be
//! seen.

use super::Left;
use crate::sql::{Kind, Token};

/// Parameters that poolers carry along: PgBouncer's own, under the names that SET gives them.
const CARRIED: [&str; 8] = [
    "client_encoding",
    "names",
    "datestyle",
    "timezone",
    "time",
    "standard_conforming_strings",
    "application_name",
    "intervalstyle",
];

/// What a statement does to its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It leaves this; a name, if it has one.
    Leaves(Left, String),
    /// It counts on this, or with no name on all of the kind.
    Uses(Left, String),
    /// It runs with everything that is there, and mentions these words.
    Runs(Vec<String>),
    /// It takes this back, or with no name all of the kind.
    Forgets(Left, String),
    /// It takes everything back.
    ForgetsAll,
    /// What its transaction has left is gone.
    RollsBack,
}

/// What a statement does to its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    None,
    Begins,
    Ends,
    RollsBack,
}

/// Reads a statement, given without its spaces.
pub(super) fn read(statement: &[Token<'_>]) -> (Control, Vec<Effect>) {
    let control = control(statement);
    if control != Control::None {
        return (control, Vec::new());
    }
    let words = words(statement);
    let mut effects = match words.first().map(String::as_str).unwrap_or_default() {
        "set" => set(statement, &words[1..]),
        "reset" => reset(statement, &words[1..]),
        "discard" => discard(&words[1..]),
        "listen" => vec![Effect::Leaves(Left::Channel, word(&words, 1))],
        "unlisten" => vec![Effect::Forgets(Left::Channel, word(&words, 1))],
        "prepare" if word(&words, 1) != "transaction" => {
            vec![Effect::Leaves(Left::Prepared, word(&words, 1))]
        }
        "deallocate" => deallocate(&words[1..]),
        "close" => vec![Effect::Forgets(Left::Cursor, all(&word(&words, 1)))],
        _ => anything(statement, &words),
    };
    effects.extend(functions(statement));
    (control, effects)
}

fn control(statement: &[Token<'_>]) -> Control {
    let is = |index: usize, word: &str| statement.get(index).is_some_and(|token| token.is(word));
    let prepared = is(1, "prepared");
    if is(0, "begin") || (is(0, "start") && is(1, "transaction")) {
        Control::Begins
    } else if (is(0, "commit") || is(0, "end")) && !prepared {
        Control::Ends
    } else if (is(0, "rollback") || is(0, "abort")) && !prepared {
        let to_a_savepoint = statement.iter().any(|token| token.is("to"));
        match to_a_savepoint {
            true => Control::None,
            false => Control::RollsBack,
        }
    } else {
        Control::None
    }
}

/// Words and names as PostgreSQL compares them.
fn words(statement: &[Token<'_>]) -> Vec<String> {
    let words = statement.iter().filter_map(|token| {
        let text = String::from_utf8_lossy(token.text);
        match token.kind {
            Kind::Word => Some(text.to_lowercase()),
            Kind::Name => Some(text.trim_matches('"').replace("\"\"", "\"")),
            _ => None,
        }
    });
    words.collect()
}

fn word(words: &[String], index: usize) -> String {
    words.get(index).cloned().unwrap_or_default()
}

/// No name where the word is ALL.
fn all(word: &str) -> String {
    match word {
        "all" => String::new(),
        name => name.to_owned(),
    }
}

/// The whole name of a parameter whose name begins with this word: an extension's has a dot in it.
fn parameter(statement: &[Token<'_>], first: &str) -> String {
    let at = statement
        .iter()
        .position(|token| words(std::slice::from_ref(token)) == [first]);
    match at.map_or(&[][..], |at| &statement[at + 1..]) {
        [dot, rest @ ..] if dot.is_sign(b'.') => {
            let second = words(&rest[..rest.len().min(1)]).pop();
            format!("{first}.{}", second.unwrap_or_default())
        }
        _ => first.to_owned(),
    }
}

fn set(statement: &[Token<'_>], words: &[String]) -> Vec<Effect> {
    let words = match words.first().map(String::as_str) {
        Some("local" | "transaction" | "constraints") => return Vec::new(),
        Some("session") if word(words, 1) == "characteristics" => {
            let name = "session characteristics".to_owned();
            return vec![Effect::Leaves(Left::Setting, name)];
        }
        Some("session") => &words[1..],
        _ => words,
    };
    let (name, value) = (word(words, 0), word(words, 1));
    match name.as_str() {
        "role" | "authorization" if matches!(value.as_str(), "none" | "default") => {
            vec![Effect::Forgets(Left::Role, String::new())]
        }
        "role" | "authorization" => vec![Effect::Leaves(Left::Role, value)],
        carried if CARRIED.contains(&carried) => Vec::new(),
        _ if words.last().is_some_and(|last| last == "default") => {
            vec![Effect::Forgets(Left::Setting, parameter(statement, &name))]
        }
        _ => vec![Effect::Leaves(Left::Setting, parameter(statement, &name))],
    }
}

fn reset(statement: &[Token<'_>], words: &[String]) -> Vec<Effect> {
    match word(words, 0).as_str() {
        "all" => vec![Effect::Forgets(Left::Setting, String::new())],
        "role" | "session" => vec![Effect::Forgets(Left::Role, String::new())],
        name => vec![Effect::Forgets(Left::Setting, parameter(statement, name))],
    }
}

fn discard(words: &[String]) -> Vec<Effect> {
    match word(words, 0).as_str() {
        "all" => vec![Effect::ForgetsAll],
        "temp" | "temporary" => vec![Effect::Forgets(Left::TemporaryTable, String::new())],
        "sequences" => vec![Effect::Forgets(Left::Sequence, String::new())],
        _ => Vec::new(),
    }
}

fn deallocate(words: &[String]) -> Vec<Effect> {
    let words = match words.first().map(String::as_str) {
        Some("prepare") => &words[1..],
        _ => words,
    };
    let name = all(&word(words, 0));
    vec![
        Effect::Uses(Left::Prepared, name.clone()),
        Effect::Forgets(Left::Prepared, name.clone()),
        Effect::Forgets(Left::Statement, name),
    ]
}

/// A statement that does something with data.
fn anything(statement: &[Token<'_>], words: &[String]) -> Vec<Effect> {
    let mut effects = vec![Effect::Runs(words.to_vec())];
    let has = |sought: &str| words.iter().any(|word| word == sought);
    match word(words, 0).as_str() {
        "execute" => effects.push(Effect::Uses(Left::Prepared, word(words, 1))),
        "declare" if has("hold") && !has("without") => {
            effects.push(Effect::Leaves(Left::Cursor, word(words, 1)));
        }
        "fetch" | "move" => {
            let name = words.last().cloned().unwrap_or_default();
            effects.push(Effect::Uses(Left::Cursor, name));
        }
        "drop" => {
            let names = words.iter().skip(1).cloned();
            effects.extend(names.map(|name| Effect::Forgets(Left::TemporaryTable, name)));
        }
        "insert" => effects.extend(advances()),
        "create" | "select" | "with" => effects.extend(temporary(statement, words)),
        _ => {}
    }
    effects
}

/// A sequence may have a new last value.
fn advances() -> [Effect; 2] {
    [
        Effect::Forgets(Left::Sequence, String::new()),
        Effect::Leaves(Left::Sequence, String::new()),
    ]
}

/// A temporary table, or nothing: one that goes with its transaction.
fn temporary(statement: &[Token<'_>], words: &[String]) -> Option<Effect> {
    let mut tokens = statement.iter();
    tokens.find(|token| token.is("temp") || token.is("temporary"))?;
    let drops = words
        .windows(3)
        .any(|three| three == ["on", "commit", "drop"]);
    let skipped = [
        "table",
        "view",
        "sequence",
        "unlogged",
        "recursive",
        "if",
        "not",
        "exists",
    ];
    let name = tokens.find(|token| {
        matches!(token.kind, Kind::Word | Kind::Name) && !skipped.iter().any(|word| token.is(word))
    })?;
    let name = self::words(std::slice::from_ref(name)).pop()?;
    (!drops).then_some(Effect::Leaves(Left::TemporaryTable, name))
}

/// What functions do that a statement calls.
fn functions(statement: &[Token<'_>]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (index, token) in statement.iter().enumerate() {
        let called = statement
            .get(index + 1)
            .is_some_and(|next| next.is_sign(b'('));
        if token.kind != Kind::Word || !called {
            continue;
        }
        let name = String::from_utf8_lossy(token.text).to_lowercase();
        let lock = || (Left::Lock, String::new());
        match name.as_str() {
            "pg_advisory_lock"
            | "pg_advisory_lock_shared"
            | "pg_try_advisory_lock"
            | "pg_try_advisory_lock_shared" => {
                let (what, name) = lock();
                effects.push(Effect::Leaves(what, name));
            }
            "pg_advisory_unlock" | "pg_advisory_unlock_shared" | "pg_advisory_unlock_all" => {
                let (what, name) = lock();
                effects.push(Effect::Uses(what, name.clone()));
                effects.push(Effect::Forgets(what, name));
            }
            "set_config" => effects.extend(set_config(&statement[index + 2..])),
            "nextval" | "setval" => effects.extend(advances()),
            "currval" | "lastval" => effects.push(Effect::Uses(Left::Sequence, String::new())),
            _ => {}
        }
    }
    effects
}

/// `set_config(name, value, is_local)`, behind its parenthesis.
fn set_config(arguments: &[Token<'_>]) -> Option<Effect> {
    let end = arguments.iter().position(|token| token.is_sign(b')'))?;
    let name = arguments.first().filter(|token| token.kind == Kind::Text)?;
    let name = String::from_utf8_lossy(name.text);
    let name = name.trim_matches('\'').to_lowercase();
    let is_local = arguments[..end]
        .last()
        .is_some_and(|token| token.is("true"));
    let carried = CARRIED.contains(&name.as_str());
    (!is_local && !carried).then_some(Effect::Leaves(Left::Setting, name))
}
