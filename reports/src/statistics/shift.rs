//! Two runs compared, whose blocks are not pairs.

use super::{Interval, median};

/// Chance that the true ratio lies beyond one given end of the interval: 2.5 % on each side.
const TAIL: f64 = 0.025;

/// Values of each side that are used. Beyond, the counts of the exact distribution leave the range
/// in which `f64` counts exactly.
const VALUES_MAX: usize = 25;

/// How far one sample lies from another, as a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Shift {
    /// Median of all quotients of one value of each side (Hodges and Lehmann).
    pub factor: f64,
    /// 95 % interval of the factor; absent when the samples are too small.
    pub interval: Option<Interval>,
    quotients: Vec<f64>,
    sizes: (usize, usize),
}

impl Shift {
    /// How far `mine` lies from `theirs`; the first 25 values of each side are taken, which may be 0 or
    /// infinite. `None` when a side has none.
    ///
    /// The interval runs between two of the sorted quotients, which the exact distribution of Mann
    /// and Whitney's U chooses: H. B. Mann and D. R. Whitney, Annals of Mathematical Statistics 18
    /// (1947); J. L. Hodges and E. L. Lehmann, ibid. 34 (1963). It assumes that both samples differ
    /// by a factor and nothing about their shape.
    #[must_use]
    pub fn between(mine: &[f64], theirs: &[f64]) -> Option<Self> {
        let (mine, theirs) = (usable(mine), usable(theirs));
        let quotients = mine
            .iter()
            .flat_map(|one| theirs.iter().map(move |other| quotient(*one, *other)));
        let mut quotients: Vec<f64> = quotients.collect();
        quotients.sort_by(f64::total_cmp);
        let sizes = (mine.len(), theirs.len());
        let interval = rank(sizes).map(|rank| Interval {
            low: quotients[rank - 1],
            high: quotients[quotients.len() - rank],
        });
        Some(Self {
            factor: median(&quotients)?,
            interval,
            quotients,
            sizes,
        })
    }

    /// The chance of a factor at least as far above `bound` by luck alone.
    #[must_use]
    pub fn chance_above(&self, bound: f64) -> f64 {
        self.chance(|quotient| quotient > bound)
    }

    /// The chance of a factor at least as far below `bound` by luck alone.
    #[must_use]
    pub fn chance_below(&self, bound: f64) -> f64 {
        self.chance(|quotient| quotient < bound)
    }

    /// U counts the quotients beyond the bound; P(U ≥ u) = P(U ≤ nm − u), as U is symmetric.
    fn chance(&self, beyond: impl Fn(f64) -> bool) -> f64 {
        let not_beyond = self.quotients.iter().filter(|one| !beyond(**one)).count();
        let counts = counts(self.sizes);
        let all: f64 = counts.iter().sum();
        counts.iter().take(not_beyond + 1).sum::<f64>() / all
    }
}

fn usable(values: &[f64]) -> &[f64] {
    &values[..values.len().min(VALUES_MAX)]
}

/// Two values that are both 0 or both infinite are a tie, as all that are equal.
fn quotient(one: f64, other: f64) -> f64 {
    if one.total_cmp(&other).is_eq() {
        1.0
    } else {
        one / other
    }
}

/// The k for which P(U ≤ k − 1) ≤ 2.5 %: the interval leaves out k − 1 quotients on each side.
/// `None` when even the extremes hold less than 95 %, as with three values on each side.
fn rank(sizes: (usize, usize)) -> Option<usize> {
    let counts = counts(sizes);
    let all: f64 = counts.iter().sum();
    let mut below = 0.0;
    let within = counts.iter().take_while(|count| {
        below += **count;
        below <= TAIL * all
    });
    Some(within.count()).filter(|rank| *rank > 0)
}

/// How many arrangements of n and m values have each U: the coefficients of the Gaussian binomial,
/// ∏ (1 − qᵐ⁺ⁱ) ÷ (1 − qⁱ) for i from 1 to n.
fn counts((n, m): (usize, usize)) -> Vec<f64> {
    let mut counts = vec![0.0; n * m + 1];
    counts[0] = 1.0;
    for i in 1..=n {
        for at in (m + i..counts.len()).rev() {
            counts[at] -= counts[at - m - i];
        }
        for at in i..counts.len() {
            counts[at] += counts[at - i];
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha12Rng;

    use super::*;

    #[test]
    fn counts_are_those_of_the_published_table() {
        assert_eq!(counts((2, 2)), [1.0, 1.0, 2.0, 1.0, 1.0]);
        let six: f64 = counts((6, 6)).iter().sum();
        // 12 over 6.
        assert_eq!(six, 924.0);
        // Mann and Whitney's critical values at 2.5 % on one side: U ≤ 5 for 6 and 6, 0 for 4 and
        // 4, 23 for 10 and 10, none for 3 and 3.
        let ranks = [((6, 6), Some(6)), ((4, 4), Some(1)), ((10, 10), Some(24))];
        for (sizes, expected) in ranks.into_iter().chain([((3, 3), None), ((0, 6), None)]) {
            assert_eq!(rank(sizes), expected, "{sizes:?}");
        }
    }

    #[test]
    fn sides_that_do_not_overlap() {
        let shift = Shift::between(&[4.0, 4.0, 4.0, 4.0], &[2.0, 2.0, 2.0, 2.0]).unwrap();
        assert_eq!(shift.factor, 2.0);
        assert_eq!(
            shift.interval,
            Some(Interval {
                low: 2.0,
                high: 2.0
            })
        );
        // One of 8 over 4 arrangements.
        assert!((shift.chance_above(1.0) - 1.0 / 70.0).abs() < 1e-12);
        assert_eq!(shift.chance_below(1.0), 1.0);
        // Two of four runs stood still: half of the quotients are 0, and none is left out.
        let halted = Shift::between(&[0.0, 2.0, 0.0, 2.0], &[2.0, 2.0, 2.0, 2.0]).unwrap();
        let range = Interval {
            low: 0.0,
            high: 1.0,
        };
        assert_eq!((halted.factor, halted.interval), (0.5, Some(range)));
        // Values of 0 on both sides are ties.
        let tied = Shift::between(&[0.0; 4], &[0.0; 4]).unwrap();
        assert_eq!(tied.factor, 1.0);
        assert_eq!(Shift::between(&[], &[1.0]), None);
    }

    #[test]
    fn the_interval_holds_the_truth_and_equal_runs_raise_no_alarm() {
        let mut random = ChaCha12Rng::seed_from_u64(5);
        let runs = 4_000;
        let (mut held, mut alarms) = (0, 0);
        for _ in 0..runs {
            let mut sample = |truth: f64| -> [f64; 6] {
                // Skewed, as the speed of a shared machine is.
                std::array::from_fn(|_| truth * (1.0 - random.random_range(0.001_f64..1.0).ln()))
            };
            let (mine, theirs) = (sample(1.3), sample(1.0));
            let shift = Shift::between(&mine, &theirs).unwrap();
            held += i32::from(shift.interval.is_some_and(|range| range.contains(1.3)));
            alarms += i32::from(shift.chance_above(1.3) <= 0.05);
        }
        let share = |count: i32| f64::from(count) / f64::from(runs);
        // Three standard errors of 5 % are 1.04 %.
        assert!(share(held) >= 0.9396, "{held}");
        assert!(share(alarms) <= 0.0604, "{alarms}");
    }
}
