//! How surprising the blocks are where a bound is true.

/// The chance of at least `beyond` of `total` blocks beyond a bound by luck alone, when each side
/// of it is as likely: the one-sided sign test.
///
/// J. Arbuthnot, Philosophical Transactions 27 (1710); Conover, «Practical Nonparametric
/// Statistics», 3.4.
#[must_use]
pub fn sign_test(beyond: usize, total: usize) -> f64 {
    let all = total as f64;
    // Logarithms, because ½ⁿ underflows from n = 1,075 on.
    let mut ln_chance = -all * std::f64::consts::LN_2;
    let mut sum = 0.0;
    // The chance of `total - missing` successes is that of `missing`.
    for missing in 0..=total.saturating_sub(beyond) {
        sum += ln_chance.exp();
        ln_chance += ((all - missing as f64) / (missing as f64 + 1.0)).ln();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_sums() {
        let table = [
            (6, 6, 1.0 / 64.0),
            (5, 6, 7.0 / 64.0),
            (0, 6, 1.0),
            (9, 10, 11.0 / 1_024.0),
            (0, 0, 1.0),
        ];
        for (beyond, total, expected) in table {
            let got = sign_test(beyond, total);
            assert!((got - expected).abs() < 1e-12, "{beyond} of {total}: {got}");
        }
    }
}
