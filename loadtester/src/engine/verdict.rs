//! Whether an open load was what it was meant to be. Where the generator was at its end or came too
//! late, the figures say nothing about the target, however good or bad they look.

use std::time::Duration;

use poolproof_reports::record::OpenLoop;

/// Share of a core above which a generator thread cannot keep its moments.
const BUSY_MAX: f64 = 0.8;
/// Percentage of transactions that must be begun, or be waiting for a client, in time.
const IN_TIME: f64 = 99.5;
/// What in time means.
const LAG_MAX: Duration = Duration::from_millis(10);

/// What the generator knows of itself after an open load.
pub(super) struct SelfCheck<'a> {
    /// Length of the window.
    pub(super) wall: Duration,
    /// Processor time of the generator's busiest thread.
    pub(super) busiest_thread: Duration,
    pub(super) open: &'a OpenLoop,
}

impl SelfCheck<'_> {
    /// What made the window invalid, and what to change.
    pub(super) fn fault(&self) -> Option<String> {
        if self.open.scheduled == 0 {
            return Some(
                "the plan had no transaction: expected a higher rate or a longer stage".to_owned(),
            );
        }
        let share = self.busiest_thread.as_secs_f64() / self.wall.as_secs_f64().max(1e-9);
        if share > BUSY_MAX {
            return Some(format!(
                "the generator was saturated: expected at most {:.0} % of a core, got {:.0} %; \
                 lower the rate, take driver wire or a machine with more cores",
                BUSY_MAX * 100.0,
                share * 100.0
            ));
        }
        let lag = self.open.lag.percentile(IN_TIME)?;
        (lag > LAG_MAX).then(|| {
            format!(
                "the generator was late: expected {IN_TIME} % of the transactions within \
                 {LAG_MAX:?} of their moment, got {lag:?}; lower the rate, or keep other work off \
                 this machine"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{OpenLoop, SelfCheck};

    const MS: Duration = Duration::from_millis(1);

    /// A window of one second with 1,000 transactions, of which `late` came 50 ms too late.
    fn fault(busy_ms: u32, late: u32) -> Option<String> {
        let mut open = OpenLoop {
            scheduled: 1_000,
            ..OpenLoop::default()
        };
        for number in 0..1_000 {
            open.lag
                .record(if number < late { 50 * MS } else { MS / 10 });
        }
        let check = SelfCheck {
            wall: 1_000 * MS,
            busiest_thread: busy_ms * MS,
            open: &open,
        };
        check.fault()
    }

    #[test]
    fn saturated_and_late_generators_are_told_apart() {
        assert_eq!(fault(700, 4), None);
        assert!(fault(850, 0).is_some_and(|why| why.contains("saturated")));
        assert!(fault(100, 20).is_some_and(|why| why.contains("late")));
    }

    #[test]
    fn a_plan_without_transactions_shows_nothing() {
        let check = SelfCheck {
            wall: MS,
            busiest_thread: Duration::ZERO,
            open: &OpenLoop::default(),
        };
        assert!(check.fault().is_some());
    }
}
