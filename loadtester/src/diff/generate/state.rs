//! Phrases that leave something in the session, and one that looks for what another client has left.

use poolproof_scenarios::session::{Action, Condition, Message};
use rand::seq::IndexedRandom;

use super::{
    author::{Author, Trace},
    simple,
};

/// Parameters whose values PostgreSQL reports, with values that are not the default.
const REPORTED: [(&str, &str); 4] = [
    ("application_name", "'local'"),
    ("datestyle", "'German, DMY'"),
    ("timezone", "'Asia/Kathmandu'"),
    ("intervalstyle", "'iso_8601'"),
];

pub(super) fn set_local(author: &mut Author) {
    author.someone();
    let (name, value) = REPORTED
        .choose(&mut author.random)
        .copied()
        .unwrap_or(REPORTED[0]);
    author.within(|author| {
        author.query(&format!("SET LOCAL {name} = {value}"));
        author.query(&format!("SELECT current_setting('{name}')"));
    });
}

/// Whoever is chosen leaves something in the session.
pub(super) fn left(author: &mut Author, trace: Trace) {
    let who = author.someone();
    let number = leave(author, trace);
    author.left.push((trace, number, who));
}

/// Whoever acts leaves something, in one transaction; returns the number in its name.
fn leave(author: &mut Author, trace: Trace) -> u32 {
    let number = author.fresh();
    match trace {
        Trace::Setting => set(author, number),
        Trace::Statement => prepare(author, number),
        Trace::Table => temporary(author, number),
        Trace::Channel => listen(author, number),
        Trace::Lock => lock(author, number),
    }
    number
}

fn set(author: &mut Author, number: u32) {
    author.within(|author| {
        author.query(&format!("SET app.v_{number} = 'left'"));
        let resets = author.once_in(4);
        if resets {
            author.query(&format!("RESET app.v_{number}"));
        }
        author.query(&format!("SELECT current_setting('app.v_{number}', true)"));
    });
}

fn prepare(author: &mut Author, number: u32) {
    let sql = simple::rows(author);
    author.within(|author| {
        author.query(&format!("PREPARE s_{number} AS {sql}"));
        author.query(&format!("EXECUTE s_{number}"));
        if author.once_in(2) {
            author.query(&format!(
                "DEALLOCATE s_{number}; SELECT 'gone' AS s_{number}"
            ));
        }
    });
}

fn temporary(author: &mut Author, number: u32) {
    let on_commit = *["", " ON COMMIT DROP", " ON COMMIT DELETE ROWS"]
        .choose(&mut author.random)
        .unwrap_or(&"");
    author.within(|author| {
        author.query(&format!(
            "CREATE TEMPORARY TABLE x_{number} (id int){on_commit}"
        ));
        author.query(&format!("INSERT INTO x_{number} VALUES (1), (2)"));
        author.query(&format!("SELECT id FROM x_{number} ORDER BY id"));
    });
}

/// A client hears itself: PostgreSQL delivers that before the ReadyForQuery of the commit.
fn listen(author: &mut Author, number: u32) {
    author.within(|author| {
        author.query(&format!("LISTEN c_{number}"));
        author.query(&format!("NOTIFY c_{number}, 'heard'"));
    });
}

fn lock(author: &mut Author, number: u32) {
    let unlocks = author.once_in(3);
    author.within(|author| {
        author.query(&format!(
            "SELECT pg_advisory_lock(1, hashtext('k_{number}'))"
        ));
        if unlocks {
            author.query(&format!(
                "SELECT pg_advisory_unlock(1, hashtext('k_{number}'))"
            ));
        }
    });
}

/// One client leaves something, and another one is the next to want a server: of a pool that hands out
/// the one that was used last it gets the very same.
pub(super) fn handover(author: &mut Author) {
    let who = author.someone();
    let is_free = |author: &mut Author, who| {
        author.one(who);
        !author.is_open()
    };
    let others: Vec<usize> = author.all().filter(|other| *other != who).collect();
    let Some(&other) = others.choose(&mut author.random) else {
        return;
    };
    if !is_free(author, other) || !is_free(author, who) {
        return;
    }
    // It is logged in by then: a login may make a server of its own.
    author.one(other);
    let sql = simple::rows(author);
    author.query(&sql);
    author.one(who);
    let trace = *Trace::ALL
        .choose(&mut author.random)
        .unwrap_or(&Trace::Setting);
    let number = leave(author, trace);
    author.step_of_all(Action::Wait(Condition::Quiet));
    author.one(other);
    look(author, trace, number);
}

/// Another client looks for what one has left: all that it may find is nothing. It looks once, as it
/// may mention a name in one transaction only.
pub(super) fn probe(author: &mut Author) {
    let who = author.someone();
    let of_others = (0..author.left.len()).filter(|index| author.left[*index].2 != who);
    let of_others: Vec<usize> = of_others.collect();
    let Some(chosen) = of_others.choose(&mut author.random) else {
        return;
    };
    let (trace, number, _) = author.left.remove(*chosen);
    look(author, trace, number);
}

/// Whoever acts looks for something.
fn look(author: &mut Author, trace: Trace, number: u32) {
    let sql = match trace {
        Trace::Setting => {
            format!("SELECT coalesce(current_setting('app.v_{number}', true), '') = ''")
        }
        Trace::Statement => {
            format!(
                "SELECT count(*) FROM pg_prepared_statements WHERE name IN ('s_{number}', 'n_{number}')"
            )
        }
        Trace::Table => format!("SELECT to_regclass('pg_temp.x_{number}') IS NULL"),
        Trace::Channel => {
            format!("SELECT count(*) FROM pg_listening_channels() c WHERE c = 'c_{number}'")
        }
        Trace::Lock => format!(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() \
             AND objid::int8 = hashtext('k_{number}')::int8 & 4294967295"
        ),
    };
    author.batch(vec![Message::Query(sql.into())]);
}
