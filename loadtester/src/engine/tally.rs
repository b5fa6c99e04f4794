//! Counts what comes of transactions: one tally for each generator thread, merged at the end.

use std::{collections::BTreeMap, time::Duration};

use poolproof_reports::{
    Latency,
    record::{ErrorClass, OpenLoop},
};

use super::{Failure, LiveFigures, timeline::Timeline};

/// Error classes that are kept apart. PostgreSQL knows some 250 SQLSTATEs and a scenario meets a few;
/// a server that invents them shall not fill the memory.
const CLASSES_MAX: usize = 300;

/// Everything that a generator thread saw. All times count from the begin of the window.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) attempted: u64,
    pub(super) succeeded: u64,
    pub(super) errors: BTreeMap<ErrorClass, u64>,
    pub(super) samples: BTreeMap<ErrorClass, String>,
    pub(super) latency: Latency,
    pub(super) failed_latency: Latency,
    pub(super) connect_latency: Latency,
    pub(super) timeline: Timeline,
    /// Filled in open loop only.
    pub(super) open: OpenLoop,
    /// Why a script could not go on, the first time.
    pub(super) script_fault: Option<String>,
}

impl Tally {
    /// A transaction is begun.
    pub(super) fn begin(&mut self) {
        self.attempted += 1;
    }

    /// A transaction succeeded at `now` after `latency`.
    pub(super) fn succeed(&mut self, now: Duration, latency: Duration) {
        self.succeeded += 1;
        self.latency.record(latency);
        self.timeline.succeed(now, latency);
    }

    /// A transaction that was begun failed at `now` after `latency`.
    pub(super) fn fail(&mut self, now: Duration, latency: Duration, failure: Failure) {
        self.failed_latency.record(latency);
        self.count(now, 1, failure);
    }

    /// The script of a transaction that was begun could not go on. The window shows nothing then.
    pub(super) fn fault(&mut self, now: Duration, latency: Duration, failure: Failure) {
        self.script_fault
            .get_or_insert_with(|| failure.message.clone());
        self.fail(now, latency, failure);
    }

    /// `count` scheduled transactions will not be run; each is attempted and failed.
    pub(super) fn forgo(&mut self, now: Duration, count: u64, failure: Failure) {
        if count > 0 {
            self.attempted += count;
            self.count(now, count, failure);
        }
    }

    /// A transaction of an open load is begun `late` after its time. `waited` says that until now no
    /// client was free; otherwise it was the generator that was late.
    pub(super) fn arrived(&mut self, late: Duration, waited: bool) {
        self.open.scheduled += 1;
        let (queue, lag) = if waited {
            (late, Duration::ZERO)
        } else {
            (Duration::ZERO, late)
        };
        self.open.queue.record(queue);
        self.open.lag.record(lag);
    }

    /// Transactions of an open load that were never begun.
    pub(super) fn missed(&mut self, now: Duration, count: u64, failure: Failure) {
        self.open.scheduled += count;
        self.forgo(now, count, failure);
    }

    /// A connection was made and let in.
    pub(super) fn connected(&mut self, latency: Duration) {
        self.connect_latency.record(latency);
    }

    /// Adds another thread's tally.
    pub(super) fn merge(&mut self, other: Self) {
        let Self {
            attempted,
            succeeded,
            errors,
            samples,
            latency,
            failed_latency,
            connect_latency,
            timeline,
            script_fault,
            open:
                OpenLoop {
                    scheduled,
                    service,
                    queue,
                    lag,
                },
        } = other;
        self.attempted += attempted;
        self.succeeded += succeeded;
        for (class, count) in errors {
            *self.errors.entry(class).or_default() += count;
        }
        for (class, sample) in samples {
            self.samples.entry(class).or_insert(sample);
        }
        self.latency.merge(&latency);
        self.failed_latency.merge(&failed_latency);
        self.connect_latency.merge(&connect_latency);
        self.timeline.merge(timeline);
        self.script_fault = self.script_fault.take().or(script_fault);
        self.open.scheduled += scheduled;
        self.open.service.merge(&service);
        self.open.queue.merge(&queue);
        self.open.lag.merge(&lag);
    }

    /// What a progress display shows of it.
    pub(super) fn figures(&self, clients: u64) -> LiveFigures {
        let (p50_us, p99_us) = self.timeline.lately().unwrap_or_default();
        LiveFigures {
            p50_us,
            p99_us,
            attempted: self.attempted,
            succeeded: self.succeeded,
            failed: self.errors.values().sum(),
            clients,
        }
    }

    fn count(&mut self, now: Duration, count: u64, failure: Failure) {
        let Failure { mut class, message } = failure;
        if self.errors.len() >= CLASSES_MAX && !self.errors.contains_key(&class) {
            class = ErrorClass::ProtocolViolation;
        }
        self.timeline.fail(now, count);
        self.samples.entry(class.clone()).or_insert(message);
        *self.errors.entry(class).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ErrorClass, Failure, Tally};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn merged_tallies_lose_nothing() {
        let mut one = Tally::default();
        one.begin();
        one.succeed(MS, 3 * MS);
        let mut other = Tally::default();
        other.begin();
        other.fail(2 * MS, MS, Failure::new(ErrorClass::Timeout, "first"));
        other.forgo(2 * MS, 8, Failure::new(ErrorClass::Dropped, "rest"));
        one.merge(other);
        assert_eq!((one.attempted, one.succeeded), (10, 1));
        assert_eq!(
            one.errors.values().sum::<u64>(),
            one.attempted - one.succeeded
        );
        assert_eq!(one.errors[&ErrorClass::Dropped], 8);
        assert_eq!((one.latency.len(), one.failed_latency.len()), (1, 1));
    }

    #[test]
    fn invented_codes_are_bounded_and_none_is_lost() {
        let mut tally = Tally::default();
        for code in 10_000..12_000 {
            tally.begin();
            tally.fail(MS, MS, Failure::sqlstate(&code.to_string(), "ERROR", "no"));
        }
        assert!(tally.errors.len() <= 301);
        assert_eq!(tally.errors.values().sum::<u64>(), 2_000);
    }

    #[test]
    fn the_first_message_of_a_class_is_kept() {
        let mut tally = Tally::default();
        for message in ["first", "second"] {
            tally.begin();
            tally.fail(MS, MS, Failure::new(ErrorClass::Timeout, message));
        }
        assert_eq!(tally.samples[&ErrorClass::Timeout], "first");
    }
}
