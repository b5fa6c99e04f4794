//! Phrases that leave something in the session, and one that looks for what another client has left.

use poolproof_scenarios::session::Message;
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

pub(super) fn set(author: &mut Author) {
    let (who, number) = (author.someone(), author.fresh());
    author.within(|author| {
        author.query(&format!("SET app.v_{number} = 'left'"));
        let resets = author.once_in(4);
        if resets {
            author.query(&format!("RESET app.v_{number}"));
        }
        author.query(&format!("SELECT current_setting('app.v_{number}', true)"));
    });
    author.left.push((Trace::Setting, number, who));
}

pub(super) fn prepare(author: &mut Author) {
    let (who, number) = (author.someone(), author.fresh());
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
    author.left.push((Trace::Statement, number, who));
}

pub(super) fn temporary(author: &mut Author) {
    let (who, number) = (author.someone(), author.fresh());
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
    author.left.push((Trace::Table, number, who));
}

/// A client hears itself: PostgreSQL delivers that before the ReadyForQuery of the commit.
pub(super) fn listen(author: &mut Author) {
    let (who, number) = (author.someone(), author.fresh());
    author.within(|author| {
        author.query(&format!("LISTEN c_{number}"));
        author.query(&format!("NOTIFY c_{number}, 'heard'"));
    });
    author.left.push((Trace::Channel, number, who));
}

pub(super) fn lock(author: &mut Author) {
    let (who, number) = (author.someone(), author.fresh());
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
    author.left.push((Trace::Lock, number, who));
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
    let sql = match trace {
        Trace::Setting => {
            format!("SELECT coalesce(current_setting('app.v_{number}', true), '') = ''")
        }
        Trace::Statement => {
            format!("SELECT count(*) FROM pg_prepared_statements WHERE name = 's_{number}'")
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
