//! A window in steps of equal length, fine at first and coarser as the window grows.

use std::time::Duration;

use hdrhistogram::Histogram;
use poolproof_reports::record::Step;

/// Length of a step at first.
const FINEST: Duration = Duration::from_millis(25);
/// Above this number steps are joined in pairs. A window of 5 s has 50 steps of 100 ms.
const STEPS_MAX: usize = 60;

/// Longest latency kept apart, one hour in microseconds.
const LONGEST_US: u64 = 3_600_000_000;

/// Steps in order. All time lines begin with the same step and double it, so that any two can be
/// brought to the same one.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    step: Duration,
    slots: Vec<Slot>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            step: FINEST,
            slots: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
struct Slot {
    /// Last number of clients that was told in the step.
    clients: Option<u32>,
    succeeded: u64,
    failed: u64,
    /// Microseconds, two digits: a step of a chart needs no more, and a hundred of them stay small.
    latency: Histogram<u32>,
}

impl Default for Slot {
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the three constants are within hdrhistogram's bounds"
        )]
        let latency = Histogram::new_with_bounds(1, LONGEST_US, 2).expect("constant bounds");
        Self {
            clients: None,
            succeeded: 0,
            failed: 0,
            latency,
        }
    }
}

impl Slot {
    /// Takes in a step that came after, or at the same time in another thread.
    fn absorb(&mut self, other: Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        #[expect(clippy::expect_used, reason = "every slot has the same bounds")]
        self.latency.add(other.latency).expect("equal bounds");
    }
}

impl Timeline {
    pub(super) fn succeed(&mut self, now: Duration, latency: Duration) {
        let slot = self.slot(now);
        slot.succeeded += 1;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        slot.latency.saturating_record(micros.max(1));
    }

    pub(super) fn fail(&mut self, now: Duration, count: u64) {
        self.slot(now).failed += count;
    }

    /// Tells how many clients there are at `now`.
    pub(super) fn clients(&mut self, now: Duration, clients: u32) {
        self.slot(now).clients = Some(clients);
    }

    /// Median and 99th percentile of the last whole step, in microseconds; `None` without successes in
    /// it.
    pub(super) fn lately(&self) -> Option<(u64, u64)> {
        let last = self.slots.len().checked_sub(2)?;
        let latency = &self.slots.get(last)?.latency;
        let percentile = |percent| latency.value_at_percentile(percent);
        (!latency.is_empty()).then(|| (percentile(50.0), percentile(99.0)))
    }

    /// Adds another thread's time line of the same window.
    pub(super) fn merge(&mut self, mut other: Self) {
        while self.step < other.step {
            self.coarsen();
        }
        while other.step < self.step {
            other.coarsen();
        }
        let len = self.slots.len().max(other.slots.len());
        self.carry_clients(len);
        other.carry_clients(len);
        for (slot, more) in self.slots.iter_mut().zip(other.slots) {
            slot.clients = match (slot.clients, more.clients) {
                (Some(one), Some(two)) => Some(one + two),
                (one, two) => one.or(two),
            };
            slot.absorb(more);
        }
    }

    /// The steps for the record.
    pub(super) fn steps(mut self) -> Vec<Step> {
        self.carry_clients(self.slots.len());
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let for_ms = millis(self.step);
        (0..)
            .zip(&self.slots)
            .map(|(index, slot)| {
                let percentile = |percent| {
                    (!slot.latency.is_empty()).then(|| slot.latency.value_at_percentile(percent))
                };
                Step {
                    at_ms: index * for_ms,
                    for_ms,
                    clients: slot.clients.unwrap_or(0),
                    succeeded: slot.succeeded,
                    failed: slot.failed,
                    p50_us: percentile(50.0),
                    p99_us: percentile(99.0),
                }
            })
            .collect()
    }

    fn slot(&mut self, now: Duration) -> &mut Slot {
        let mut index = self.index(now);
        while index >= STEPS_MAX {
            self.coarsen();
            index = self.index(now);
        }
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Slot::default);
        }
        &mut self.slots[index]
    }

    fn index(&self, now: Duration) -> usize {
        usize::try_from(now.as_micros() / self.step.as_micros()).unwrap_or(usize::MAX)
    }

    /// Joins steps in pairs.
    fn coarsen(&mut self) {
        self.step *= 2;
        let mut slots = std::mem::take(&mut self.slots).into_iter();
        while let Some(mut slot) = slots.next() {
            if let Some(next) = slots.next() {
                slot.clients = next.clients.or(slot.clients);
                slot.absorb(next);
            }
            self.slots.push(slot);
        }
    }

    /// Fills steps in which nothing was told with the number told before.
    fn carry_clients(&mut self, len: usize) {
        self.slots.resize_with(len, Slot::default);
        let mut last = 0;
        for slot in &mut self.slots {
            last = *slot.clients.get_or_insert(last);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timeline;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn steps_grow_with_the_window() {
        let mut line = Timeline::default();
        for at in 0..5_000 {
            line.succeed(ms(at), ms(1));
        }
        let steps = line.steps();
        assert_eq!((steps.len(), steps[0].for_ms), (50, 100));
        assert!(steps.iter().all(|step| step.succeeded == 100));
        assert_eq!(steps[49].at_ms, 4_900);
    }

    #[test]
    fn percentiles_are_those_of_the_step() {
        let mut line = Timeline::default();
        for latency in 1..=100 {
            line.succeed(ms(30), ms(latency));
        }
        line.fail(ms(30), 3);
        let step = &line.steps()[1];
        assert_eq!((step.succeeded, step.failed), (100, 3));
        let near = |micros: Option<u64>, expected: u64| {
            micros.unwrap().abs_diff(expected) <= expected / 100
        };
        assert!(
            near(step.p50_us, 50_000) && near(step.p99_us, 99_000),
            "{step:?}"
        );
    }

    #[test]
    fn threads_of_unequal_length_add_up() {
        let mut long = Timeline::default();
        long.clients(ms(0), 3);
        long.succeed(ms(9_999), ms(1));
        let mut short = Timeline::default();
        short.clients(ms(0), 2);
        short.succeed(ms(10), ms(1));
        short.clients(ms(3_000), 0);
        long.merge(short);
        let steps = long.steps();
        assert_eq!(steps.iter().map(|step| step.succeeded).sum::<u64>(), 2);
        assert_eq!(steps[0].clients, 5);
        assert_eq!(steps.last().unwrap().clients, 3);
    }

    #[test]
    fn steps_without_samples_have_no_percentile() {
        let mut line = Timeline::default();
        line.succeed(ms(100), ms(1));
        assert_eq!(line.steps()[0].p99_us, None);
    }
}
