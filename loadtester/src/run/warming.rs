//! How long a target is warmed up: until the data say that it is warm. Pure.

use poolproof_reports::{
    record::{Step, WarmUp, Window},
    statistics::{Steadiness, steadiness},
};

/// Windows after which a target that does not become steady is measured all the same; the report
/// says so.
const WINDOWS_MAX: u32 = 6;

/// The warm-up of one target so far.
#[derive(Debug, Default)]
pub(super) struct Warming {
    windows: u32,
    lasted_us: u64,
    /// Successes a second, step by step.
    rates: Vec<f64>,
}

impl Warming {
    /// Whether another window is needed.
    pub(super) fn goes_on(&self) -> bool {
        self.windows < WINDOWS_MAX && !self.is_steady()
    }

    /// How many windows there were.
    pub(super) fn windows(&self) -> u32 {
        self.windows
    }

    /// Counts a window.
    pub(super) fn add(&mut self, window: &Window) {
        self.windows += 1;
        self.lasted_us += window.duration_us;
        let end_ms = window.duration_us / 1_000;
        // The last step of a window is seldom a whole one.
        let whole = |step: &&Step| step.for_ms > 0 && step.at_ms + step.for_ms <= end_ms;
        let steps = window.series.iter().filter(whole);
        self.rates
            .extend(steps.map(|step| step.succeeded as f64 * 1e3 / step.for_ms as f64));
    }

    /// What the record says of it.
    pub(super) fn outcome(&self) -> WarmUp {
        WarmUp {
            lasted_ms: self.lasted_us / 1_000,
            steady: self.is_steady(),
        }
    }

    fn is_steady(&self) -> bool {
        matches!(steadiness(&self.rates), Steadiness::After(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of ten steps of 50 ms with these successes each.
    fn window(succeeded: [u64; 10]) -> Window {
        let step = |(index, succeeded): (usize, u64)| Step {
            at_ms: 50 * index as u64,
            for_ms: 50,
            succeeded,
            ..Step::default()
        };
        Window {
            duration_us: 500_000,
            series: succeeded.into_iter().enumerate().map(step).collect(),
            ..Window::default()
        }
    }

    #[test]
    fn warm_when_the_rate_is_level() {
        let mut warming = Warming::default();
        warming.add(&window([1, 10, 30, 60, 90, 100, 99, 101, 100, 100]));
        assert!(warming.goes_on(), "ten steps are too few to tell");
        warming.add(&window([100, 99, 101, 100, 99, 100, 101, 100, 100, 99]));
        assert!(!warming.goes_on());
        let expected = WarmUp {
            lasted_ms: 1_000,
            steady: true,
        };
        assert_eq!(warming.outcome(), expected);
    }

    #[test]
    fn patience_ends() {
        let mut warming = Warming::default();
        let mut level = 10;
        while warming.goes_on() {
            warming.add(&window(std::array::from_fn(|_| {
                level += 10;
                level
            })));
        }
        let outcome = warming.outcome();
        assert_eq!((outcome.lasted_ms, outcome.steady), (3_000, false));
    }
}
