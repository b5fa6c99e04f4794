//! Phrases of COPY. Everything goes out in one write, so that a COPY that does not begin, in a failed
//! transaction for one, leaves nobody waiting: PostgreSQL passes over what comes after.

use poolproof_scenarios::session::{Message, Payload};
use rand::RngExt;

use super::{
    author::Author,
    extended::{bind, execute, parse},
    simple,
};

const INTO_TABLE: &str = "COPY t FROM STDIN";

/// The begin of a COPY in either protocol, and whether it needs a Sync at its end.
fn beginning(author: &mut Author, sql: &str) -> (Vec<Message>, bool) {
    let extended = author.once_in(2);
    let messages = match extended {
        true => vec![parse("", sql), bind("", "", &[]), execute("", 0)],
        false => vec![Message::Query(sql.into())],
    };
    (messages, extended)
}

fn line(author: &mut Author) -> Message {
    let (who, id) = (author.name(), author.fresh());
    let mut line = Payload::from(format!("{id}\t{who}\t"));
    let long = author.once_in(4);
    let width = if long { simple::large_size(author) } else { 3 };
    line.push("z", width);
    line.push("\n", 1);
    Message::CopyData(line)
}

/// Rows that arrive, or one that is wrong among them.
pub(super) fn copy_in(author: &mut Author) {
    author.someone();
    let (mut messages, extended) = beginning(author, INTO_TABLE);
    for _ in 0..author.random.random_range(0..=3) {
        messages.push(line(author));
    }
    if author.once_in(4) {
        messages.push(Message::CopyData("not a number\n".into()));
    }
    messages.push(Message::CopyDone);
    finish(author, messages, extended);
    look(author);
}

/// Rows that the client takes back.
pub(super) fn copy_fail(author: &mut Author) {
    author.someone();
    let (mut messages, extended) = beginning(author, INTO_TABLE);
    messages.push(line(author));
    messages.push(Message::CopyFail("changed my mind".into()));
    finish(author, messages, extended);
    look(author);
}

pub(super) fn copy_out(author: &mut Author) {
    author.someone();
    let wide = if author.once_in(4) {
        simple::large_size(author)
    } else {
        5
    };
    let sql = format!("COPY (SELECT id, repeat('w', {wide}) FROM fixed ORDER BY id) TO STDOUT");
    let (messages, extended) = beginning(author, &sql);
    finish(author, messages, extended);
}

fn finish(author: &mut Author, mut messages: Vec<Message>, extended: bool) {
    if extended {
        messages.push(Message::Sync);
    }
    author.batch(messages);
}

/// What came of it.
fn look(author: &mut Author) {
    let who = author.name();
    author.query(&format!(
        "SELECT id, length(v) FROM t WHERE owner = '{who}' ORDER BY id"
    ));
}
