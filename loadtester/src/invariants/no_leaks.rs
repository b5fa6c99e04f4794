//! No setting, temporary table, advisory lock or prepared statement of one client is seen by another.
//!
//! In transaction pooling a client need not find its own again, so only what is another's counts.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    Over, Places, Seen,
    hand::{Hand, Rows, goes_on},
};

const CLIENTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(5);
/// Everything on this backend that bears a client's number.
const MARKS: &str = "SELECT 'setting', current_setting('poolproof.mark', true) \
     UNION ALL SELECT 'temporary table', substr(relname, 16) FROM pg_class \
         WHERE relnamespace = pg_my_temp_schema() AND relname LIKE 'poolproof_mark_%' \
     UNION ALL SELECT 'lock', objid::text FROM pg_locks \
         WHERE locktype = 'advisory' AND classid = 4711 AND pid = pg_backend_pid() \
     UNION ALL SELECT 'prepared statement', substr(name, 16) FROM pg_prepared_statements \
         WHERE name LIKE 'poolproof_mark_%'";

pub(super) async fn check(places: &Places, over: Over) -> Seen {
    let mut clients = JoinSet::new();
    for client in 1..=CLIENTS {
        clients.spawn(mark_and_look(
            client,
            Hand::new(&places.target),
            over.clone(),
        ));
    }
    let mut seen = Seen::default();
    for other in clients.join_all().await {
        seen.merge(other);
    }
    seen
}

async fn mark_and_look(client: u32, mut hand: Hand, mut over: Over) -> Seen {
    let marks = [
        format!("SET poolproof.mark = '{client}'"),
        format!("CREATE TEMPORARY TABLE IF NOT EXISTS poolproof_mark_{client} (n int)"),
        // Waiting for it could be waiting for oneself, on another server.
        format!("SELECT pg_try_advisory_lock(4711, {client})"),
        format!("PREPARE poolproof_mark_{client} AS SELECT 1"),
    ];
    let mut seen = Seen::default();
    let mut turn = 0;
    while goes_on(&mut over, PAUSE).await {
        // One that is there already is an error, and no matter.
        let _ = hand.ask(&marks[turn % marks.len()]).await;
        turn += 1;
        if let Ok(rows) = hand.ask(MARKS).await {
            seen.look(judge(client, &rows));
        }
    }
    seen
}

fn judge(client: u32, rows: &Rows) -> Result<(), String> {
    let own = client.to_string();
    let foreign = rows.iter().find_map(|row| match &row[..] {
        [Some(what), Some(whose)] if !whose.is_empty() && *whose != own => Some((what, whose)),
        _ => None,
    });
    match foreign {
        None => Ok(()),
        Some((what, whose)) => Err(format!("client {client} saw the {what} of client {whose}")),
    }
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn only_what_is_anothers_is_a_violation() {
        let row = |what: &str, whose: &str| vec![Some(what.to_owned()), Some(whose.to_owned())];
        assert_eq!(
            judge(
                1,
                &vec![vec![Some("setting".to_owned()), None], row("lock", "1")]
            ),
            Ok(())
        );
        assert_eq!(judge(1, &vec![row("setting", "")]), Ok(()));
        let said = judge(1, &vec![row("setting", "1"), row("temporary table", "3")]);
        assert_eq!(
            said,
            Err("client 1 saw the temporary table of client 3".to_owned())
        );
    }
}
