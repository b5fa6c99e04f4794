//! The lines above the steps.

use std::ops::Range;

use super::{Wrong, words::Words};
use crate::{
    nearest::nearest,
    pool::PoolMode,
    session::{Client, Fixture, Header, Transport},
};

/// Every key.
const KEYS: [&str; 11] = [
    "name",
    "about",
    "source",
    "traps",
    "modes",
    "pool",
    "transport",
    "protocol",
    "fixture",
    "setup",
    "interchangeable",
];

/// Reads `key: value`; `key` is the place of the key.
pub(super) fn line(header: &mut Header, line: &str, key: Range<usize>) -> Result<(), Wrong> {
    let value = line[key.end + 1..].trim();
    let place = line.len() - value.len()..line.len();
    let items = || value.split(',').map(str::trim);
    match line[key.clone()].trim_end() {
        "name" => value.clone_into(&mut header.name),
        "about" => value.clone_into(&mut header.about),
        "source" => value.clone_into(&mut header.source),
        "traps" => {
            let numbers = items().map(str::parse).collect::<Result<_, _>>();
            header.traps = numbers.map_err(|_| expected(place, "numbers of traps", value))?;
        }
        "modes" => {
            let modes = items().map(mode).collect::<Option<_>>();
            header.modes =
                modes.ok_or_else(|| expected(place, "session, transaction or statement", value))?;
        }
        "pool" => {
            let size = value.parse().ok().filter(|size| *size > 0);
            header.pool = Some(size.ok_or_else(|| expected(place, "a number above 0", value))?);
        }
        "transport" => {
            let found = Transport::ALL.iter().find(|(word, _)| *word == value);
            let (_, transport) = found.ok_or_else(|| expected(place, "tcp, unix or tls", value))?;
            header.transport = Some(*transport);
        }
        "protocol" => {
            let version = version(value);
            header.protocol =
                Some(version.ok_or_else(|| {
                    expected(place, "a version of the protocol such as 3.2", value)
                })?);
        }
        "fixture" => {
            if value != "none" {
                return Err(expected(place, "none", value));
            }
            header.fixture = Fixture::None;
        }
        "interchangeable" => {
            let clients = items().map(Client::new).collect::<Option<_>>();
            header.interchangeable =
                clients.ok_or_else(|| expected(place, "clients such as A, B", value))?;
        }
        "setup" => {
            let mut words = Words::new(line, key.end + 1)?;
            let statement = words.payload()?.bytes();
            words.end()?;
            let statement = String::from_utf8(statement);
            header
                .setup
                .push(statement.map_err(|_| expected(place, "a statement in UTF-8", value))?);
        }
        other => {
            let near = nearest(other, KEYS)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            return Err(Wrong::new(
                key,
                format!(
                    "expected one of {} or a client such as A, got {other:?}{near}",
                    KEYS.join(", ")
                ),
            ));
        }
    }
    Ok(())
}

fn expected(place: Range<usize>, what: &str, got: &str) -> Wrong {
    Wrong::new(place, format!("expected {what}, got {got:?}"))
}

/// `3.2` as two numbers.
fn version(word: &str) -> Option<(u16, u16)> {
    let (major, minor) = word.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn mode(word: &str) -> Option<PoolMode> {
    Some(match word {
        "session" => PoolMode::Session,
        "transaction" => PoolMode::Transaction,
        "statement" => PoolMode::Statement,
        _ => return None,
    })
}
