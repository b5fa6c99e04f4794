//! Phrases of the simple protocol.

use poolproof_scenarios::session::{Condition, Message};
use rand::{RngExt, seq::IndexedRandom};

use super::author::Author;

/// Sizes of the buffers that poolers have, in bytes.
const BUFFERS: [u32; 5] = [2_048, 4_096, 8_192, 16_384, 65_536];
/// How far a size may lie from a buffer's: headers of messages and rows take a few bytes.
const AROUND: u32 = 40;

/// Errors by what is wrong: a value, a unique key, the text, a name, a raised one.
const ERRORS: [&str; 5] = [
    "SELECT 1 / (id - 1) FROM fixed WHERE id = 1",
    "INSERT INTO fixed VALUES (1, 'again')",
    "SELEC 1",
    "SELECT * FROM nowhere",
    "DO $$BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0123'; END$$",
];

pub(super) fn select(author: &mut Author) {
    author.someone();
    let sql = rows(author);
    author.query(&sql);
}

/// A query that returns rows, or none, and says whose it is.
pub(super) fn rows(author: &mut Author) -> String {
    let (who, below, mark) = (
        author.name(),
        author.random.random_range(0..=9),
        author.fresh(),
    );
    format!("SELECT id, v, '{who}{mark}' AS mark FROM fixed WHERE id <= {below} ORDER BY id")
}

pub(super) fn null(author: &mut Author) {
    author.someone();
    author.query("SELECT NULL AS nothing, '' AS empty, 'text' AS text");
}

pub(super) fn large(author: &mut Author) {
    author.someone();
    let size = large_size(author);
    author.query(&format!("SELECT repeat('x', {size}) AS large"));
}

/// A size about that of a buffer, in bytes.
pub(super) fn large_size(author: &mut Author) -> u32 {
    let buffer = BUFFERS
        .choose(&mut author.random)
        .copied()
        .unwrap_or_default();
    buffer - AROUND + author.random.random_range(0..=2 * AROUND)
}

pub(super) fn insert(author: &mut Author) {
    author.someone();
    let sql = one_row(author);
    author.query(&sql);
}

/// An INSERT of one row of the client's own.
pub(super) fn one_row(author: &mut Author) -> String {
    let (who, id) = (author.name(), author.fresh());
    format!("INSERT INTO t VALUES ({id}, '{who}', 'new')")
}

pub(super) fn update(author: &mut Author) {
    author.someone();
    let who = author.name();
    let inserted = one_row(author);
    author.query(&inserted);
    let sql = match author.random.random_range(0..3) {
        0 => format!("UPDATE t SET v = v || '+' WHERE owner = '{who}'"),
        1 => format!("DELETE FROM t WHERE owner = '{who}' AND id % 2 = 0"),
        _ => format!("SELECT id, v FROM t WHERE owner = '{who}' ORDER BY id"),
    };
    author.query(&sql);
}

pub(super) fn empty(author: &mut Author) {
    author.someone();
    author.query("");
}

pub(super) fn notice(author: &mut Author) {
    author.someone();
    let mark = author.fresh();
    author.query(&format!("DO $$BEGIN RAISE NOTICE 'heed {mark}'; END$$"));
}

pub(super) fn error(author: &mut Author) {
    author.someone();
    let sql = wrong(author);
    author.query(sql);
}

/// A query that fails.
pub(super) fn wrong(author: &mut Author) -> &'static str {
    ERRORS
        .choose(&mut author.random)
        .copied()
        .unwrap_or_default()
}

pub(super) fn several(author: &mut Author) {
    author.someone();
    let (first, second) = (rows(author), one_row(author));
    let third = match author.once_in(3) {
        true => wrong(author).to_owned(),
        false => rows(author),
    };
    author.query(&format!("{first}; {second}; {third}"));
}

/// Every client asks before any of them waits for its answer.
pub(super) fn together(author: &mut Author) {
    for who in author.all() {
        author.one(who);
        let sql = rows(author);
        author.send(vec![Message::Query(sql.into())]);
    }
    for who in author.all() {
        author.one(who);
        author.wait(Condition::Answered);
    }
}

pub(super) fn savepoint(author: &mut Author) {
    author.someone();
    let name = format!("p_{}", author.fresh());
    author.within(|author| {
        author.query(&format!("SAVEPOINT {name}"));
        let sql = if author.once_in(2) {
            wrong(author).to_owned()
        } else {
            one_row(author)
        };
        author.query(&sql);
        author.query(&format!("ROLLBACK TO {name}"));
    });
}
