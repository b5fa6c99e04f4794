//! The target never has more server connections than its pool may have, as PostgreSQL counts them.

use std::time::Duration;

use super::{
    Over, Places, Seen,
    hand::{Hand, Rows, goes_on},
};

const PAUSE: Duration = Duration::from_millis(50);
/// Looks in a row that must see too many, half a second of them: a backend that was ended is listed until it has
/// come to its end, which on a busy machine takes longer than its successor needs to come.
const LOOKS_MIN: u32 = 10;

/// Connections of other targets, which have their windows at another time, are idle since before this one
/// began.
pub(super) async fn check(places: &Places, mut over: Over) -> Seen {
    let mut seen = Seen::default();
    let Some(most) = places.servers_max else {
        return seen;
    };
    let mut counter = Hand::new(&places.direct);
    let Ok(begin) = counter.insist("SELECT clock_timestamp()").await else {
        return seen;
    };
    let begin = first(&begin).unwrap_or_default();
    let question = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' \
         AND usename = '{}' AND (state <> 'idle' OR state_change >= '{begin}')",
        places.target.user
    );
    let mut patience = Patience::default();
    while goes_on(&mut over, PAUSE).await {
        let count = counter.ask(&question).await.ok();
        if let Some(count) = count.and_then(|rows| first(&rows)?.parse().ok()) {
            seen.look(patience.judge(count, most));
        }
    }
    seen
}

fn first(rows: &Rows) -> Option<String> {
    rows.first()?.first()?.clone()
}

/// Looks in a row that saw too many.
#[derive(Debug, Default)]
struct Patience(u32);

impl Patience {
    fn judge(&mut self, count: u32, most: u32) -> Result<(), String> {
        self.0 = if count > most { self.0 + 1 } else { 0 };
        if self.0 < LOOKS_MIN {
            return Ok(());
        }
        Err(format!(
            "expected at most {most} server connections, got {count}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::Patience;

    #[test]
    fn too_many_for_long_is_a_violation() {
        let mut patience = Patience::default();
        let mut are_fine = |counts: &[u32]| -> Vec<bool> {
            let judge = |count: &u32| patience.judge(*count, 5).is_ok();
            counts.iter().map(judge).collect()
        };
        assert_eq!(are_fine(&[5, 6, 6, 5]), [true; 4]);
        assert_eq!(are_fine(&[6; 9]), [true; 9], "nearly half a second");
        assert_eq!(are_fine(&[6, 7, 5, 6]), [false, false, true, true]);
    }
}
