//! How long things take: counts in fixed buckets, cheap enough for every transaction.

use std::time::Duration;

use super::Counter;

/// Upper bounds of the buckets in microseconds, each about two and a half times the one before;
/// what is longer than the last has a bucket of its own.
pub const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

const BUCKETS: usize = BOUNDS_US.len() + 1;

/// Counts of one core.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
}

impl Histogram {
    /// Counts one. Only the core that owns it may call it.
    pub fn count(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)].add(1);
    }

    /// Counts `number` that took no time. Only the core that owns it may call it.
    pub fn count_at_once(&self, number: u32) {
        if number > 0 {
            self.buckets[0].add(u64::from(number));
        }
    }
}

fn bucket(us: u64) -> usize {
    BOUNDS_US.partition_point(|bound| *bound < us)
}

/// Counts of several cores added up, bucket by bucket; the last is of what is beyond all bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Counts, not cumulative.
    pub buckets: [u64; BUCKETS],
}

impl Distribution {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, counter) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += counter.get();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_has_its_bucket() {
        let check = |us, expected: usize| assert_eq!(bucket(us), expected, "{us}");
        check(0, 0);
        check(100, 0);
        check(101, 1);
        check(10_000_000, 14);
        check(10_000_001, 15);
        check(u64::MAX, 15);
    }

    #[test]
    fn cores_are_added_up() {
        let (one, other) = (Histogram::default(), Histogram::default());
        one.count(Duration::from_micros(50));
        one.count(Duration::from_secs(11));
        other.count(Duration::from_micros(60));
        let mut sum = Distribution::default();
        sum.add(&one);
        sum.add(&other);
        assert_eq!((sum.buckets[0], sum.buckets[15]), (2, 1));
        assert_eq!(sum.buckets.iter().sum::<u64>(), 3);
    }
}
