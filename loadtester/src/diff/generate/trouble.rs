//! Phrases of a client that is slow, impatient or gone.

use std::collections::BTreeSet;

use poolproof_scenarios::session::{Action, CancelKind, Condition, Cuts, Message, Payload};
use rand::{RngExt, seq::IndexedRandom};

use super::{
    author::Author,
    extended::{bind, execute, parse},
    promise::Promise,
    simple,
};

/// Seconds that a query sleeps which is going to be cancelled: long enough for the request, short
/// enough for a target that loses it.
const LONG: &str = "1.5";
/// Seconds that the others sleep meanwhile.
const SHORT: &str = "0.2";

/// Most pieces of a query, but for one: each takes a pause, so that it arrives alone.
const CUTS_MAX: u32 = 7;
/// Type and length of a message, and the first byte behind them.
const HEADER: u32 = 6;

/// A query that comes in pieces, the smallest one byte long. Half of the cuts are in its header.
pub(super) fn fragments(author: &mut Author) {
    author.someone();
    let sql = simple::rows(author);
    let length = HEADER + u32::try_from(sql.len()).unwrap_or(0);
    let cuts = author.random.random_range(1..=CUTS_MAX);
    let mut places = BTreeSet::new();
    for _ in 0..cuts {
        let end = if author.once_in(2) {
            HEADER
        } else {
            length - 1
        };
        places.insert(author.random.random_range(1..=end));
    }
    let messages = vec![Message::Query(sql.into())];
    author.cut(messages, Cuts::At(places.into_iter().collect()));
}

/// A query is cancelled while others run, or after it has ended. Clients with open transactions would
/// not do: in a failed one nothing runs.
pub(super) fn cancel(author: &mut Author) {
    let who = author.someone();
    if author.anybody_is_open() {
        return;
    }
    let runs = author.once_in(2);
    if runs {
        sleep(author, LONG);
    } else {
        author.query("SELECT 'done'");
    }
    let others: Vec<usize> = author.all().filter(|other| *other != who).collect();
    for other in &others {
        author.one(*other);
        sleep(author, SHORT);
    }
    author.one(who);
    author.step(Action::Cancel(CancelKind::Own));
    if runs {
        author.wait(Condition::Answered);
    }
    for other in others {
        author.one(other);
        author.wait(Condition::Answered);
    }
}

/// Begins to sleep, and waits until it does.
fn sleep(author: &mut Author, seconds: &str) {
    let mark = format!("sleep {}", author.fresh());
    let sql = format!("SELECT pg_sleep({seconds}), '{mark}' AS mark");
    author.send(vec![Message::Query(sql.into())]);
    author.step_of_all(Action::Wait(Condition::Running(Payload::from(mark))));
}

/// A client leaves, in the middle of whatever it was doing; its next step finds it logged in again.
/// What it had may go to somebody else before it is back.
pub(super) fn leave(author: &mut Author) {
    let who = author.someone();
    let others: Vec<usize> = author.all().filter(|other| *other != who).collect();
    let next = others.choose(&mut author.random).copied();
    // A login may make a server of its own, so the next one has logged in before.
    let next = next.filter(|_| author.once_in(2));
    if let Some(next) = next {
        author.one(next);
        let sql = simple::rows(author);
        author.query(&sql);
    }
    author.one(who);
    match author.random.random_range(0..3) {
        0 => {
            let sql = simple::rows(author);
            author.send(vec![
                parse("", &sql),
                bind("", "", &[]),
                execute("", 0),
                Message::Flush,
            ]);
        }
        1 if author.promise != Promise::Statements && !author.is_open() => author.enter(),
        _ => {}
    }
    let how = match author.once_in(2) {
        true => Action::Disconnect,
        false => Action::Reset,
    };
    author.gone(how);
    if let Some(next) = next {
        author.one(next);
        let sql = simple::rows(author);
        author.query(&sql);
    }
    author.one(who);
    author.step(Action::Connect(Vec::new()));
}
