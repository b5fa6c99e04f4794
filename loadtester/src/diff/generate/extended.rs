//! Phrases of the extended protocol, one batch each.

use poolproof_scenarios::session::{Message, Name, Payload};
use rand::{RngExt, seq::IndexedRandom};

use super::{
    author::{Author, Trace},
    promise::Promise,
    simple,
};

/// A statement that cannot be prepared. It leaves nothing behind, so a pooler may be asked for its
/// name again.
pub(super) const UNPREPARABLE: &str = "SELECT nothing FROM nowhere";

pub(super) fn parse(statement: &str, sql: &str) -> Message {
    Message::Parse {
        statement: Name::from(statement),
        sql: sql.into(),
        types: Vec::new(),
    }
}

pub(super) fn bind(portal: &str, statement: &str, values: &[Option<&str>]) -> Message {
    Message::Bind {
        portal: Name::from(portal),
        statement: Name::from(statement),
        values: values
            .iter()
            .map(|value| value.map(Payload::from))
            .collect(),
        formats: Vec::new(),
        results: Vec::new(),
    }
}

pub(super) fn execute(portal: &str, rows: u32) -> Message {
    Message::Execute {
        portal: Name::from(portal),
        rows,
    }
}

/// An unnamed statement from Parse to Execute.
pub(super) fn unnamed(sql: &str, rows: u32) -> Vec<Message> {
    vec![
        parse("", sql),
        bind("", "", &[]),
        Message::DescribePortal(Name::default()),
        execute("", rows),
    ]
}

fn with_sync(mut messages: Vec<Message>) -> Vec<Message> {
    messages.push(Message::Sync);
    messages
}

pub(super) fn extended(author: &mut Author) {
    author.someone();
    let sql = any(author);
    author.batch(with_sync(unnamed(&sql, 0)));
}

/// A statement that returns rows, writes, fails, says something or is empty.
pub(super) fn any(author: &mut Author) -> String {
    match author.random.random_range(0..8) {
        0 => simple::one_row(author),
        1 => simple::wrong(author).to_owned(),
        2 => String::new(),
        3 => format!(
            "SELECT repeat('y', {}) AS large",
            simple::large_size(author)
        ),
        _ => simple::rows(author),
    }
}

pub(super) fn described(author: &mut Author) {
    author.someone();
    let unnamed = Name::default();
    let value = [None, Some("3"), Some("99"), Some("x")]
        .choose(&mut author.random)
        .copied();
    let returns = author.once_in(2);
    let sql = if returns {
        "SELECT id, v FROM fixed WHERE id = $1"
    } else {
        "UPDATE fixed SET v = v WHERE id = $1 AND false"
    };
    author.batch(vec![
        parse("", sql),
        Message::DescribeStatement(unnamed),
        bind("", "", &[value.unwrap_or_default()]),
        Message::DescribePortal(Name::default()),
        execute("", 0),
        Message::Sync,
    ]);
}

/// A named statement over several batches of one transaction; half of them are never closed.
pub(super) fn named(author: &mut Author) {
    let who = author.someone();
    let number = author.fresh();
    let (name, sql) = (format!("n_{number}"), simple::rows(author));
    let closes = author.once_in(2);
    author.within(|author| {
        author.batch(vec![parse(&name, &sql), Message::Sync]);
        for _ in 0..2 {
            author.batch(with_sync(vec![bind("", &name, &[]), execute("", 0)]));
        }
        if closes {
            let close = Message::CloseStatement(Name::from(name.as_str()));
            author.batch(with_sync(vec![close]));
        }
    });
    author.left.push((Trace::Statement, number, who));
}

pub(super) fn reparsed(author: &mut Author) {
    author.someone();
    let name = format!("n_{}", author.fresh());
    let sql = simple::rows(author);
    author.batch(vec![parse(&name, UNPREPARABLE), Message::Sync]);
    author.batch(with_sync(vec![
        parse(&name, &sql),
        bind("", &name, &[]),
        execute("", 0),
        Message::CloseStatement(Name::from(name.as_str())),
    ]));
}

/// A portal is asked for a few rows at a time, and once more after its end.
pub(super) fn limited(author: &mut Author) {
    author.someone();
    let (sql, limit) = (simple::rows(author), author.random.random_range(1..=5));
    let mut messages = unnamed(&sql, limit);
    messages.extend((0..3).map(|_| execute("", limit)));
    author.batch(with_sync(messages));
}

/// A portal of the statement's own name is closed; the statement must still be there.
pub(super) fn portals(author: &mut Author) {
    author.someone();
    let name = format!("n_{}", author.fresh());
    let sql = simple::rows(author);
    author.batch(with_sync(vec![
        parse(&name, &sql),
        bind(&name, &name, &[]),
        execute(&name, 2),
        Message::ClosePortal(Name::from(name.as_str())),
        bind("", &name, &[]),
        execute("", 0),
    ]));
}

/// Something that is not there, in a batch of its own.
pub(super) fn unknown(author: &mut Author) {
    author.someone();
    let name = format!("n_{}", author.fresh());
    let message = match author.random.random_range(0..4) {
        0 => bind("", &name, &[]),
        1 => execute(&name, 0),
        2 => Message::DescribeStatement(Name::from(name.as_str())),
        _ => Message::CloseStatement(Name::from(name.as_str())),
    };
    author.batch(with_sync(vec![message]));
    // Where the session is the client's own, the name must be free after all that.
    if author.promise == Promise::Session {
        author.batch(with_sync(vec![
            parse(&name, "SELECT 1"),
            bind("", &name, &[]),
        ]));
    }
}
