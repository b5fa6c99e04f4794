//! Phrases with more than one answer in flight.

use poolproof_scenarios::session::{Condition, Message};
use rand::RngExt;

use super::{
    author::Author,
    extended::{self, UNPREPARABLE, bind, execute, parse, unnamed},
    simple,
};

/// An error, then messages that must be skipped up to Sync, then a batch that must not.
pub(super) fn skipped(author: &mut Author) {
    author.someone();
    let mut messages = match author.once_in(2) {
        true => vec![parse("", UNPREPARABLE)],
        false => vec![
            parse("", "SELECT 1 / (id - 2) FROM fixed ORDER BY id"),
            bind("", "", &[]),
            execute("", 0),
        ],
    };
    let (lost, kept) = (simple::rows(author), simple::rows(author));
    messages.extend(unnamed(&lost, 0));
    messages.push(Message::Sync);
    messages.extend(unnamed(&kept, 0));
    messages.push(Message::Sync);
    author.batch(messages);
}

/// Batches of both protocols in one write.
pub(super) fn pipeline(author: &mut Author) {
    author.someone();
    let mut messages = Vec::new();
    for _ in 0..author.random.random_range(2..=4) {
        let sql = extended::any(author);
        if author.once_in(3) {
            messages.push(Message::Query(sql.as_str().into()));
        } else {
            messages.extend(unnamed(&sql, 0));
            messages.push(Message::Sync);
        }
    }
    author.batch(messages);
}

/// Answers are asked for and come before the batch ends; so does an error.
pub(super) fn flushed(author: &mut Author) {
    author.someone();
    let (mut messages, comes) = match author.once_in(3) {
        true => (vec![parse("", UNPREPARABLE)], "ErrorResponse"),
        false => (unnamed(&simple::rows(author), 0), "CommandComplete"),
    };
    messages.push(Message::Flush);
    let fails_anyway = author.is_open();
    author.send(messages);
    // In a failed transaction each of the two ends in an error.
    if !fails_anyway {
        author.wait(Condition::Kind(comes.to_owned(), 1));
    }
    // Behind an error everything is passed over up to Sync, however late it comes.
    let mut rest = match author.once_in(2) {
        true => unnamed(&simple::rows(author), 0),
        false => Vec::new(),
    };
    rest.push(Message::Sync);
    author.batch(rest);
}
