//! Averages over the last `stats_period`: the difference of two looks at the totals.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Totals;

/// Totals by database.
pub type ByDatabase = BTreeMap<String, Totals>;

/// The last two looks.
#[derive(Debug)]
pub struct History {
    older: (Instant, ByDatabase),
    newer: (Instant, ByDatabase),
}

/// What happened in a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// What was counted.
    pub totals: Totals,
    /// In how much time.
    pub time: Duration,
}

impl History {
    /// Nothing has happened before `now`.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self {
            older: (now, ByDatabase::new()),
            newer: (now, ByDatabase::new()),
        }
    }

    /// Takes in the totals of this moment.
    pub fn look(&mut self, now: Instant, totals: ByDatabase) {
        self.older = std::mem::replace(&mut self.newer, (now, totals));
    }

    /// What happened between the last two looks in `database`, or in all.
    #[must_use]
    pub fn last(&self, database: Option<&str>) -> Span {
        let of = |looked: &ByDatabase| match database {
            Some(database) => looked.get(database).copied().unwrap_or_default(),
            None => looked
                .values()
                .fold(Totals::default(), |sum, each| sum.plus(*each)),
        };
        Span {
            totals: of(&self.newer.1).since(of(&self.older.1)),
            time: self.newer.0.saturating_duration_since(self.older.0),
        }
    }
}

impl Span {
    /// `count` for each second.
    #[must_use]
    pub fn per_second(&self, count: u64) -> u64 {
        let us = self.time.as_micros();
        let rate = (u128::from(count) * 1_000_000).checked_div(us).unwrap_or(0);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(queries: u64) -> Totals {
        Totals {
            queries,
            ..Totals::default()
        }
    }

    #[test]
    fn averages_are_of_the_last_period() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut history = History::new(began);
        assert_eq!(history.last(None).per_second(5), 0);
        let named =
            |a, b| [("a", a), ("b", b)].map(|(name, queries)| (name.to_owned(), totals(queries)));
        history.look(at(10), named(100, 50).into());
        history.look(at(20), named(300, 50).into());
        let rate = |database| {
            let span = history.last(database);
            span.per_second(span.totals.queries)
        };
        assert_eq!(rate(Some("a")), 20);
        assert_eq!(rate(Some("b")), 0);
        assert_eq!(rate(Some("c")), 0);
        assert_eq!(rate(None), 20);
    }
}
