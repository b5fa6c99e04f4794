//! Phrases of named statements that outlive their transaction, for targets that promise as much.

use poolproof_scenarios::session::{Message, Name};
use rand::{RngExt, seq::IndexedRandom};

use super::{
    author::Author,
    extended::{UNPREPARABLE, bind, execute, parse},
    simple,
};

fn name(number: u32) -> String {
    format!("n_{number}")
}

/// A Parse, with or without an answer of its own, under a name that stays.
pub(super) fn keep(author: &mut Author) {
    author.someone();
    let mut messages = vec![prepared(author)];
    if author.once_in(2)
        && let Some((_, number, _)) = author.kept.last()
    {
        messages.push(Message::DescribeStatement(Name::from(
            name(*number).as_str(),
        )));
    }
    messages.push(Message::Sync);
    author.batch(messages);
}

/// The Parse of a new statement, or of one that another client has as well.
fn prepared(author: &mut Author) -> Message {
    let (who, number) = (author.acts(), author.fresh());
    let texts: Vec<&String> = author.kept.iter().map(|(.., text)| text).collect();
    let shared = texts.choose(&mut author.random).map(|text| (*text).clone());
    let sql = match shared {
        Some(text) if author.once_in(2) => text,
        _ => simple::rows(author),
    };
    author.kept.push((who, number, sql.clone()));
    parse(&name(number), &sql)
}

/// The number of one that whoever acts has kept.
fn one(author: &mut Author) -> Option<u32> {
    let who = author.acts();
    let mine: Vec<u32> = author
        .kept
        .iter()
        .filter(|(whose, ..)| *whose == who)
        .map(|(_, number, _)| *number)
        .collect();
    mine.choose(&mut author.random).copied()
}

/// One to three batches in one write of what was kept, with a new statement or an error among them.
pub(super) fn reuse(author: &mut Author) {
    author.someone();
    if one(author).is_none() {
        return keep(author);
    }
    let mut messages = Vec::new();
    for _ in 0..author.random.random_range(1..=3) {
        for _ in 0..author.random.random_range(1..=3) {
            match author.random.random_range(0..8) {
                0 => messages.push(prepared(author)),
                1 => messages.push(parse("", UNPREPARABLE)),
                _ => messages.extend(used(author)),
            }
        }
        messages.push(Message::Sync);
    }
    author.batch(messages);
}

fn used(author: &mut Author) -> Vec<Message> {
    let Some(number) = one(author) else {
        return Vec::new();
    };
    let name = name(number);
    let mut messages = vec![bind("", &name, &[]), execute("", 0)];
    if author.once_in(3) {
        messages.insert(0, Message::DescribeStatement(Name::from(name.as_str())));
    }
    messages
}

/// Statements are forgotten in each of the ways that there are; what comes right behind it must be
/// neither forgotten nor taken for what was.
pub(super) fn forget(author: &mut Author) {
    let who = author.someone();
    let Some(number) = one(author) else {
        return keep(author);
    };
    let name = name(number);
    let other = simple::rows(author);
    let again = |messages: &mut Vec<Message>| {
        messages.extend([parse(&name, &other), bind("", &name, &[]), execute("", 0)]);
    };
    let all = ["DEALLOCATE ALL", "DISCARD ALL"][author.random.random_range(0..2)];
    let mut messages = Vec::new();
    match author.random.random_range(0..4) {
        0 => {
            messages.push(Message::CloseStatement(Name::from(name.as_str())));
            again(&mut messages);
        }
        1 => {
            let sql = format!("DEALLOCATE {name}");
            messages.push(Message::Query(sql.as_str().into()));
            again(&mut messages);
        }
        2 => {
            author.kept.retain(|(whose, ..)| *whose != who);
            messages.push(Message::Query(all.into()));
            again(&mut messages);
        }
        _ => {
            author.kept.retain(|(whose, ..)| *whose != who);
            messages.extend([parse("", all), bind("", "", &[]), execute("", 0)]);
            again(&mut messages);
        }
    }
    messages.push(Message::Sync);
    author.batch(messages);
    // It is there in any case, under this name, if nothing has failed.
    author
        .kept
        .retain(|(whose, kept, _)| (*whose, *kept) != (who, number));
    author.kept.push((who, number, other));
}
