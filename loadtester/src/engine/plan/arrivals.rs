//! When the transactions of an open load are to begin: an even or a Poisson process whose rate goes
//! along linear ramps.
//!
//! The area under the rate up to a moment is how many transactions are expected by then. Moments
//! are had by walking along that area, in steps of one or of a random length of mean one, and
//! looking up where it is reached (inversion; Devroye, Non-Uniform Random Variate Generation,
//! chapter VI).

use std::time::Duration;

use poolproof_scenarios::load::{self, RateStage};

use super::{Key, Shard, VisitId};

/// The stream of random numbers that no visit has.
const STREAM: VisitId = VisitId(u32::MAX);

/// The moments of one shard, in order, made one by one: a day of them would not fit into memory.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) struct Arrivals {
    slopes: Vec<Slope>,
    kind: load::Arrivals,
    key: Key,
    shard: Shard,
    /// Slope of the next moment.
    slope: usize,
    /// How many moments all shards together have had.
    index: u64,
    /// The area up to the next moment.
    area: f64,
    next: Option<Duration>,
}

/// A stretch of time between two rates.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slope {
    begins: f64,
    lasts: f64,
    from: f64,
    to: f64,
    /// The area under all slopes before this one.
    area_before: f64,
}

impl Slope {
    fn area(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.lasts
    }

    /// When the area under the slope reaches `area`, in seconds from the begin of the window: the
    /// solution of `from·t + (to − from)/(2·lasts)·t² = area` in the form that does not cancel out.
    fn reaches(&self, area: f64) -> f64 {
        let bend = (self.to - self.from) / self.lasts;
        let root = self.from.mul_add(self.from, 2.0 * bend * area).max(0.0);
        self.begins + 2.0 * area / (self.from + root.sqrt())
    }
}

impl Arrivals {
    pub(in crate::engine) fn new(
        stages: &[RateStage],
        kind: load::Arrivals,
        key: Key,
        shard: Shard,
    ) -> Self {
        let (mut begins, mut from, mut area_before) = (0.0, 0.0, 0.0);
        let mut slopes = Vec::new();
        for stage in stages {
            let (lasts, to) = (stage.lasts.as_secs_f64(), f64::from(stage.rate));
            let slope = Slope {
                begins,
                lasts,
                from,
                to,
                area_before,
            };
            begins += lasts;
            from = to;
            area_before += slope.area();
            if slope.area() > 0.0 {
                slopes.push(slope);
            }
        }
        let mut arrivals = Self {
            slopes,
            kind,
            key,
            shard,
            slope: 0,
            index: 0,
            area: match kind {
                load::Arrivals::Even => -0.5,
                load::Arrivals::Poisson => 0.0,
            },
            next: None,
        };
        arrivals.advance();
        arrivals
    }

    /// The next moment, from the begin of the window.
    pub(in crate::engine) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// Takes the next moment if it has come.
    pub(in crate::engine) fn take(&mut self, now: Duration) -> Option<Duration> {
        let due = self.next.filter(|at| *at <= now)?;
        self.advance();
        Some(due)
    }

    /// Moves on to the next moment that is this shard's.
    fn advance(&mut self) {
        self.next = loop {
            self.area += self.gap();
            let mine = self.index % u64::from(self.shard.of) == u64::from(self.shard.index);
            self.index += 1;
            let Some(moment) = self.moment() else {
                break None;
            };
            if mine {
                break Some(moment);
            }
        };
    }

    fn gap(&self) -> f64 {
        match self.kind {
            load::Arrivals::Even => 1.0,
            load::Arrivals::Poisson => {
                // 53 random bits are a double from 0 to just below 1, and the logarithm is of what
                // is left to 1, which is never 0.
                let bits = self.key.number(STREAM, self.index) >> 11;
                -(1.0 - bits as f64 / (1_u64 << 53) as f64).ln()
            }
        }
    }

    fn moment(&mut self) -> Option<Duration> {
        loop {
            let slope = self.slopes.get(self.slope)?;
            let area = self.area - slope.area_before;
            if area <= slope.area() {
                return Some(Duration::from_secs_f64(slope.reaches(area)));
            }
            self.slope += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use poolproof_scenarios::load::{self, RateStage};

    use super::{Arrivals, Key, Shard};

    const WHOLE: Shard = Shard { index: 0, of: 1 };

    /// Moments in seconds of stages given as (rate, milliseconds).
    fn moments(stages: &[(u32, u64)], kind: load::Arrivals, seed: u64, shard: Shard) -> Vec<f64> {
        let stages: Vec<_> = stages
            .iter()
            .map(|&(rate, millis)| RateStage {
                rate,
                lasts: Duration::from_millis(millis),
            })
            .collect();
        let mut arrivals = Arrivals::new(&stages, kind, Key::new(seed, "demo", 0), shard);
        std::iter::from_fn(|| arrivals.take(Duration::MAX))
            .map(|at| at.as_secs_f64())
            .collect()
    }

    #[test]
    fn even_arrivals_have_equal_gaps() {
        let found = moments(&[(4, 0), (4, 1_000)], load::Arrivals::Even, 1, WHOLE);
        assert_eq!(found, [0.125, 0.375, 0.625, 0.875]);
    }

    #[test]
    fn a_ramp_has_the_area_under_it() {
        // From 0 to 8 a second in 2 s: 8 in all, the k-th where 2·t² is k − ½.
        let found = moments(&[(8, 2_000)], load::Arrivals::Even, 1, WHOLE);
        let expected: Vec<f64> = (1..=8)
            .map(|k| ((f64::from(k) - 0.5) / 2.0).sqrt())
            .collect();
        assert_eq!(found.len(), 8);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        // And down again, mirrored.
        let down = moments(&[(8, 0), (0, 2_000)], load::Arrivals::Even, 1, WHOLE);
        for (down, up) in down.iter().zip(expected.iter().rev()) {
            assert!((down - (2.0 - up)).abs() < 1e-6, "{down} {up}");
        }
    }

    #[test]
    fn random_gaps_have_the_mean_and_the_spread_of_an_exponential() {
        let found = moments(
            &[(1_000, 0), (1_000, 60_000)],
            load::Arrivals::Poisson,
            7,
            WHOLE,
        );
        let gaps: Vec<f64> = found.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let count = gaps.len() as f64;
        let mean = gaps.iter().sum::<f64>() / count;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count).sqrt();
        // 60,000 draws: four standard errors of mean and deviation are below 3 %.
        assert!((mean * 1_000.0 - 1.0).abs() < 0.03, "{mean}");
        assert!((deviation / mean - 1.0).abs() < 0.03, "{deviation}");
    }

    #[test]
    fn shards_share_the_moments_out() {
        let stages = [(500, 500), (100, 500)];
        for kind in [load::Arrivals::Even, load::Arrivals::Poisson] {
            let whole = moments(&stages, kind, 3, WHOLE);
            let mut parts: Vec<f64> = (0..3)
                .flat_map(|index| moments(&stages, kind, 3, Shard { index, of: 3 }))
                .collect();
            parts.sort_by(f64::total_cmp);
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn a_moment_is_taken_when_it_has_come() {
        let stages = [RateStage {
            rate: 10,
            lasts: Duration::from_secs(2),
        }];
        let key = Key::new(1, "demo", 0);
        let mut arrivals = Arrivals::new(&stages, load::Arrivals::Even, key, WHOLE);
        let first = arrivals.next().unwrap();
        assert_eq!(arrivals.take(first - Duration::from_nanos(1)), None);
        assert_eq!(arrivals.take(first), Some(first));
        assert!(arrivals.next() > Some(first));
    }
}
