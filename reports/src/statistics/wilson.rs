//! The interval of a success rate.

use super::Interval;

/// 97.5th percentile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's score interval at 95 % for `successes` of `trials`, as fractions; `None` without
/// trials. Unlike the textbook's p ± z·s it stays within 0 and 1 and says something when nothing
/// failed.
///
/// E. B. Wilson, «Probable inference, the law of succession, and statistical inference», JASA 22
/// (1927); recommended by Brown, Cai and DasGupta, «Interval estimation for a binomial
/// proportion», Statistical Science 16 (2001).
#[must_use]
pub fn wilson(successes: u64, trials: u64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let trials = trials as f64;
    let rate = successes as f64 / trials;
    let scale = 1.0 + Z * Z / trials;
    let centre = (rate + Z * Z / (2.0 * trials)) / scale;
    let half = Z / scale * (rate * (1.0 - rate) / trials + Z * Z / (4.0 * trials * trials)).sqrt();
    Some(Interval {
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn calculated_by_hand() {
        // With every trial a success the lower end is n / (n + z²): 10 / 13.8415 and 10,000 / 10,003.84.
        let all = wilson(10, 10).unwrap();
        assert!((all.low - 0.722_467).abs() < 1e-6, "{all:?}");
        assert!((all.high - 1.0).abs() < 1e-12);
        assert!((wilson(10_000, 10_000).unwrap().low - 0.999_616).abs() < 1e-6);
        // 81 of 263: (0.25525, 0.36621), Newcombe, Statistics in Medicine 17 (1998), table I.
        let newcombe = wilson(81, 263).unwrap();
        assert!((newcombe.low - 0.2553).abs() < 1e-4, "{newcombe:?}");
        assert!((newcombe.high - 0.3662).abs() < 1e-4, "{newcombe:?}");
        assert_eq!(wilson(0, 0), None);
    }

    proptest! {
        #[test]
        fn holds_the_rate_and_mirrors(
            (trials, successes) in (1_u64..1_000_000).prop_flat_map(|n| (Just(n), 0..=n)),
        ) {
            let interval = wilson(successes, trials).unwrap();
            let rate = successes as f64 / trials as f64;
            prop_assert!(interval.low <= rate + 1e-12 && rate <= interval.high + 1e-12);
            let mirror = wilson(trials - successes, trials).unwrap();
            prop_assert!((mirror.low - (1.0 - interval.high)).abs() < 1e-9);
        }
    }
}
