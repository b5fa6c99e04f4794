//! Every commit that the target acknowledged is in PostgreSQL afterwards, and none is there twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    Over, Places, Seen,
    hand::{Hand, goes_on},
};

const WRITERS: u64 = 4;
const PAUSE: Duration = Duration::from_millis(5);
/// Numbers of one writer; it never has as many.
const SHARE: u64 = 1_000_000;

pub(super) fn tables(user: &str) -> Vec<String> {
    vec![
        "DROP TABLE IF EXISTS poolproof_ledger".to_owned(),
        // No key: it would refuse the second of two and hide it.
        "CREATE TABLE poolproof_ledger (n int8)".to_owned(),
        format!("GRANT ALL ON poolproof_ledger TO {user}"),
    ]
}

pub(super) async fn check(places: &Places, over: Over) -> Seen {
    const COUNTS: &str = "SELECT n, count(*) FROM poolproof_ledger GROUP BY n";
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(writer, Hand::new(&places.target), over.clone()));
    }
    let written = writers.join_all().await;
    let acknowledged: BTreeSet<u64> = written.into_iter().flatten().collect();
    let mut seen = Seen::default();
    match Hand::new(&places.direct).insist(COUNTS).await {
        Ok(rows) => {
            let number =
                |value: &Option<String>| value.as_deref().and_then(|text| text.parse().ok());
            let count =
                |row: &Vec<Option<String>>| Some((number(row.first()?)?, number(row.get(1)?)?));
            judge(
                &acknowledged,
                &rows.iter().filter_map(count).collect(),
                &mut seen,
            );
        }
        Err(reason) => seen.look(Err(format!("the ledger cannot be read: {reason}"))),
    }
    seen
}

/// Writes one number after the other; returns those of which it was told that they are committed. One that
/// failed is not tried again: whether it is there nobody was told.
async fn write(writer: u64, mut hand: Hand, mut over: Over) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    let mut number = writer * SHARE;
    while goes_on(&mut over, PAUSE).await {
        number += 1;
        let insert = format!("INSERT INTO poolproof_ledger VALUES ({number})");
        if hand.ask(&insert).await.is_ok() {
            acknowledged.push(number);
        }
    }
    acknowledged
}

/// Each acknowledged number is a look, and each number that is there too often as well.
fn judge(acknowledged: &BTreeSet<u64>, there: &BTreeMap<u64, u64>, seen: &mut Seen) {
    for number in acknowledged {
        let lost = !there.contains_key(number);
        let verdict = if lost {
            Err(format!("commit {number} was acknowledged and is lost"))
        } else {
            Ok(())
        };
        seen.look(verdict);
    }
    for (number, count) in there.iter().filter(|(_, count)| **count > 1) {
        seen.look(Err(format!("commit {number} is there {count} times")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(there: &[(u64, u64)]) -> (u64, Option<String>) {
        let mut seen = Seen::default();
        let acknowledged = BTreeSet::from([1, 2, 3]);
        judge(&acknowledged, &there.iter().copied().collect(), &mut seen);
        (seen.violations, seen.first)
    }

    #[test]
    fn a_lost_commit_and_a_double_one_are_violations_and_an_unacknowledged_one_is_none() {
        assert_eq!(check(&[(1, 1), (2, 1), (3, 1), (4, 1)]), (0, None));
        let lost = "commit 2 was acknowledged and is lost".to_owned();
        assert_eq!(check(&[(1, 1), (3, 1)]), (1, Some(lost)));
        let double = "commit 4 is there 2 times".to_owned();
        assert_eq!(check(&[(1, 1), (2, 1), (3, 1), (4, 2)]), (1, Some(double)));
    }
}
