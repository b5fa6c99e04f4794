//! The median and its interval.

use super::Interval;

/// Chance that the median lies beyond one given end of the interval: 2.5 % on each side.
const TAIL: f64 = 0.025;

/// Fewest values that give a 95 % interval of the median: all six lie on one side of it with a
/// chance of 2 ÷ 2⁶ = 3.1 %, all five with 6.3 %.
pub const BLOCKS_FOR_INTERVAL: usize = 6;

/// The middle value, or the mean of the two in the middle; `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[middle - 1], upper))
}

/// An interval that holds the true median with at least 95 %, whatever the distribution; `None`
/// below [`BLOCKS_FOR_INTERVAL`] values.
///
/// The interval runs from the k-th smallest to the k-th largest value, where k is the largest
/// count with P(B ≤ k − 1) ≤ 2.5 % for B binomial over n with ½: inverting the sign test. It
/// needs no symmetry, and it is the same for ratios and for their logarithms. W. R. Thompson,
/// Annals of Mathematical Statistics 7 (1936); Conover, «Practical Nonparametric Statistics», 3.2.
#[must_use]
pub fn median_interval(values: &[f64]) -> Option<Interval> {
    let sorted = sorted(values);
    let from_end = order(sorted.len())?;
    Some(Interval {
        low: sorted[from_end - 1],
        high: sorted[sorted.len() - from_end],
    })
}

/// The k of [`median_interval`] for n values; `None` when even the extremes hold less than 95 %.
fn order(values: usize) -> Option<usize> {
    let total = values as f64;
    // Logarithms, because ½ⁿ underflows from n = 1,075 on.
    let mut ln_chance = -total * std::f64::consts::LN_2;
    let mut below = 0.0;
    for count in 0..values {
        below += ln_chance.exp();
        if below > TAIL {
            return (count > 0).then_some(count);
        }
        ln_chance += ((total - count as f64) / (count as f64 + 1.0)).ln();
    }
    None
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn orders_agree_with_binomial_sums() {
        // From P(B ≤ k − 1) summed over Pascal's triangle: 10/512 for n = 9 and k = 2, 79/4,096 for
        // n = 12 and k = 3.
        let table = [
            (5, None),
            (6, Some(1)),
            (8, Some(1)),
            (9, Some(2)),
            (12, Some(3)),
        ];
        for (values, k) in table
            .into_iter()
            .chain([(20, Some(6)), (25, Some(8)), (100, Some(40))])
        {
            assert_eq!(order(values), k, "n = {values}");
        }
        assert_eq!(order(0), None);
        // Normal approximation: 2,000 / 2 − 1.96 · √2,000 / 2 = 956.2.
        assert_eq!(order(2_000), Some(956));
    }

    #[test]
    fn six_blocks_span_their_extremes() {
        let values = [1.31, 1.28, 1.40, 1.35, 1.33, 1.36];
        let interval = median_interval(&values).unwrap();
        assert_eq!((interval.low, interval.high), (1.28, 1.40));
        assert_eq!(median_interval(&values[..5]), None);
    }
}
