//! Money is moved between accounts through the target; on PostgreSQL itself the sum never changes.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    Over, Places, Seen,
    hand::{Hand, Rows, goes_on},
};

const ACCOUNTS: u32 = 10;
const EACH: u32 = 100;
const MOVERS: u32 = 4;
/// Pause between two transfers of a client, and between two looks at the sum.
const PAUSE: Duration = Duration::from_millis(10);

pub(super) fn tables(user: &str) -> Vec<String> {
    vec![
        "DROP TABLE IF EXISTS poolproof_bank".to_owned(),
        "CREATE TABLE poolproof_bank (id int PRIMARY KEY, balance int8)".to_owned(),
        format!(
            "INSERT INTO poolproof_bank SELECT n, {EACH} FROM generate_series(1, {ACCOUNTS}) n"
        ),
        format!("GRANT ALL ON poolproof_bank TO {user}"),
    ]
}

pub(super) async fn check(places: &Places, mut over: Over) -> Seen {
    const SUM: &str = "SELECT sum(balance), count(*) FROM poolproof_bank";
    let mut movers = JoinSet::new();
    for mover in 0..MOVERS {
        let (hand, over) = (Hand::new(&places.target), over.clone());
        movers.spawn(move_money(mover, hand, over));
    }
    let mut auditor = Hand::new(&places.direct);
    let mut seen = Seen::default();
    while goes_on(&mut over, PAUSE).await {
        if let Ok(rows) = auditor.ask(SUM).await {
            seen.look(judge(&rows));
        }
    }
    movers.join_all().await;
    seen.look(auditor.insist(SUM).await.and_then(|rows| judge(&rows)));
    seen
}

/// Moves money for as long as the window is on. A transfer that fails is rolled back or lost as a
/// whole.
async fn move_money(mover: u32, mut hand: Hand, mut over: Over) {
    let mut turn = mover;
    while goes_on(&mut over, PAUSE).await {
        turn = turn.wrapping_mul(31).wrapping_add(7);
        // In the order of their numbers, so that two transfers never wait for each other.
        let (low, high) = (
            1 + turn % (ACCOUNTS / 2),
            1 + ACCOUNTS / 2 + turn % (ACCOUNTS / 2),
        );
        let amount = 1 + turn % 9;
        let transfer = [
            "BEGIN".to_owned(),
            format!("UPDATE poolproof_bank SET balance = balance - {amount} WHERE id = {low}"),
            format!("UPDATE poolproof_bank SET balance = balance + {amount} WHERE id = {high}"),
            "COMMIT".to_owned(),
        ];
        // What it meets is no violation.
        let _ = hand.all(&transfer).await;
    }
}

fn judge(rows: &Rows) -> Result<(), String> {
    let expected = [
        Some((ACCOUNTS * EACH).to_string()),
        Some(ACCOUNTS.to_string()),
    ];
    match &rows[..] {
        [row] if row[..] == expected => Ok(()),
        other => Err(format!(
            "expected {} in {ACCOUNTS} accounts, got {other:?}",
            ACCOUNTS * EACH
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_wrong_sum_or_a_lost_account_is_a_violation() {
        let row = |sum: &str, count: &str| vec![vec![Some(sum.to_owned()), Some(count.to_owned())]];
        assert_eq!(judge(&row("1000", "10")), Ok(()));
        assert!(judge(&row("999", "10")).is_err());
        assert!(judge(&row("1000", "9")).is_err());
        assert!(judge(&Vec::new()).is_err());
    }
}
