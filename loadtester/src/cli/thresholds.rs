//! Flags of the gate that stand for a threshold.

use std::{marker::PhantomData, str::FromStr};

use poolproof_scenarios::Threshold;

/// A threshold that was given as its bound alone; `F` says how the rest reads.
#[derive(Clone, Debug)]
pub struct BoundFlag<F> {
    /// What it stands for.
    pub threshold: Threshold,
    form: PhantomData<F>,
}

/// The rest of a threshold, of which a flag gives the bound.
pub trait Form: Clone + Send + Sync + 'static {
    /// The whole threshold as text, or what was expected of the bound.
    fn complete(bound: &str) -> Result<String, String>;
}

/// `99.9%` for `success_rate >= 99.9%`.
pub type PercentAtLeast = BoundFlag<SuccessRate>;
/// `20ms` for `p99 <= 20ms`.
pub type TimeAtMost = BoundFlag<P99>;
/// `proxy/pgbouncer=1.10` for `proxy: p99 <= 1.10 * pgbouncer`.
pub type RatioAtMost = BoundFlag<P99Ratio>;

/// See [`PercentAtLeast`].
#[derive(Clone, Debug)]
pub struct SuccessRate;
/// See [`TimeAtMost`].
#[derive(Clone, Debug)]
pub struct P99;
/// See [`RatioAtMost`].
#[derive(Clone, Debug)]
pub struct P99Ratio;

impl Form for SuccessRate {
    fn complete(bound: &str) -> Result<String, String> {
        Ok(format!("success_rate >= {bound}"))
    }
}

impl Form for P99 {
    fn complete(bound: &str) -> Result<String, String> {
        Ok(format!("p99 <= {bound}"))
    }
}

impl Form for P99Ratio {
    fn complete(bound: &str) -> Result<String, String> {
        bound
            .split_once('=')
            .and_then(|(targets, ratio)| Some((targets.split_once('/')?, ratio)))
            .map(|((judged, reference), ratio)| format!("{judged}: p99 <= {ratio} * {reference}"))
            .ok_or_else(|| {
                format!("expected TARGET/TARGET=RATIO, such as proxy/pgbouncer=1.10, got {bound:?}")
            })
    }
}

impl<F: Form> FromStr for BoundFlag<F> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let threshold = F::complete(text)?;
        Ok(Self {
            threshold: threshold
                .parse()
                .map_err(|error| format!("in {threshold:?}: {error}"))?,
            form: PhantomData,
        })
    }
}

/// A difference that is put up with: `10%` is 0.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Margin(pub f64);

impl FromStr for Margin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let percent = text.strip_suffix('%').unwrap_or(text).trim();
        let number = percent.parse().ok();
        number
            .filter(|percent| (0.0..=1_000.0).contains(percent))
            .map(|percent: f64| Self(percent / 100.0))
            .ok_or_else(|| {
                format!("expected a percentage from 0% to 1000%, such as 10%, got {text:?}")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<F: Form>(text: &str, expected: &str) {
        match text.parse::<BoundFlag<F>>() {
            Ok(bound) => assert_eq!(bound.threshold.to_string(), expected),
            Err(error) => assert!(error.contains(expected), "{error}"),
        }
    }

    #[test]
    fn flags_are_thresholds() {
        check::<SuccessRate>("99.9%", "success_rate >= 99.9%");
        check::<P99>("20ms", "p99 <= 20ms");
        check::<P99Ratio>("proxy/pgbouncer=1.1", "proxy: p99 <= 1.1 * pgbouncer");
        check::<P99Ratio>("proxy=1.1", "expected TARGET/TARGET=RATIO");
        check::<P99>("soon", "in \"p99 <= soon\"");
    }

    #[test]
    fn margins() {
        assert_eq!("10%".parse(), Ok(Margin(0.1)));
        for text in ["-1%", "much", "NaN%", "2000%"] {
            assert!(text.parse::<Margin>().is_err(), "{text}");
        }
    }
}
