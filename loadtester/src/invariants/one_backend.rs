//! All statements of a transaction run on one backend, in one transaction of PostgreSQL's own.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    Over, Places, Seen,
    hand::{Hand, Rows, goes_on},
};

const CLIENTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(5);

pub(super) async fn check(places: &Places, over: Over) -> Seen {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(ask(Hand::new(&places.target), over.clone()));
    }
    let mut seen = Seen::default();
    for other in clients.join_all().await {
        seen.merge(other);
    }
    seen
}

async fn ask(mut hand: Hand, mut over: Over) -> Seen {
    const WHO: &str = "SELECT pg_backend_pid(), pg_current_xact_id()";
    let transaction = ["BEGIN", WHO, WHO, WHO, "COMMIT"].map(str::to_owned);
    let mut seen = Seen::default();
    while goes_on(&mut over, PAUSE).await {
        if let Ok(answers) = hand.all(&transaction).await {
            seen.look(judge(&answers[1..answers.len() - 1]));
        }
    }
    seen
}

fn judge(answers: &[Rows]) -> Result<(), String> {
    match answers
        .windows(2)
        .find(|pair| pair[0] != pair[1] || pair[0].len() != 1)
    {
        None => Ok(()),
        Some(pair) => Err(format!(
            "one transaction was on {:?} and on {:?} (backend, transaction)",
            pair[0], pair[1]
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rows, judge};

    fn rows(pid: &str, xid: &str) -> Rows {
        vec![vec![Some(pid.to_owned()), Some(xid.to_owned())]]
    }

    #[test]
    fn another_backend_or_another_transaction_is_a_violation() {
        assert_eq!(
            judge(&[rows("7", "1"), rows("7", "1"), rows("7", "1")]),
            Ok(())
        );
        assert!(judge(&[rows("7", "1"), rows("7", "1"), rows("8", "1")]).is_err());
        assert!(judge(&[rows("7", "1"), rows("7", "2"), rows("7", "2")]).is_err());
    }
}
