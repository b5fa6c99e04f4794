//! What a fault did to a window: read from the window's steps. Pure.

use std::time::Duration;

use poolproof_reports::record::{FaultMark, Step, Window};

use super::course::{Course, State};

/// A step whose rate is below this part of the rate before the first fault is not as before.
const SERVED: f64 = 0.25;
/// Fewest transactions that a step must be expected to have for its rate to say anything.
const EXPECTED_MIN: f64 = 8.0;

/// Marks for the faults of `window`, whose courses count from `early` after the window began.
pub(super) fn marks(courses: &[Course], window: &Window, early: Duration) -> Vec<FaultMark> {
    let millis = |time: Duration| u64::try_from((time + early).as_millis()).unwrap_or(u64::MAX);
    let begins = |course: &Course| match course.state {
        State::Waiting => None,
        State::Going { since } | State::Over { since, .. } => Some(millis(since)),
    };
    let first = courses.iter().filter_map(begins).min();
    let usual = first.and_then(|first| rate_before(&window.series, first));
    let end = window.duration_us / 1_000;
    courses
        .iter()
        .filter_map(|course| {
            let at_ms = begins(course)?;
            let until_ms = match course.state {
                State::Over { until, .. } => millis(until),
                State::Waiting | State::Going { .. } => end,
            };
            let next = courses
                .iter()
                .filter_map(begins)
                .filter(|begin| *begin > at_ms);
            let next = next.min().unwrap_or(end);
            let effect = match &course.outcome {
                Ok(effect) | Err(effect) => effect.clone(),
            };
            Some(FaultMark {
                name: course.fault.to_string(),
                at_ms,
                until_ms,
                effect,
                failed: own(&window.series, at_ms, next)
                    .iter()
                    .map(|step| step.failed)
                    .sum(),
                recovered_after_ms: recovered(&window.series, at_ms, next, usual),
            })
        })
        .collect()
}

/// Why the window says nothing about its faults, if it does not: one that never came, or came to
/// nothing, would let a target pass that was never put to the test.
pub(super) fn missed(courses: &[Course]) -> Option<String> {
    courses.iter().find_map(|course| {
        let reason = course.outcome.as_ref().err()?;
        Some(format!(
            "the fault {} did nothing: {reason}; give it another moment (at, after), or the window more \
             time",
            course.fault
        ))
    })
}

/// Steps of which a part lies between two moments.
fn between(series: &[Step], from: u64, to: u64) -> impl Iterator<Item = &Step> {
    series
        .iter()
        .filter(move |step| step.at_ms + step.for_ms > from && step.at_ms < to)
}

/// Steps of a fault between it and what comes next. The step in which another fault begins is that one's.
fn own(series: &[Step], from: u64, to: u64) -> Vec<&Step> {
    let mut own: Vec<&Step> = between(series, from, to).collect();
    let goes_on = series.iter().any(|step| step.at_ms >= to);
    if goes_on && own.last().is_some_and(|step| step.at_ms + step.for_ms > to) {
        own.pop();
    }
    own
}

/// Median rate, in successes a millisecond, of the steps that were over before `first`.
fn rate_before(series: &[Step], first: u64) -> Option<f64> {
    let mut rates: Vec<f64> = series
        .iter()
        .filter(|step| step.at_ms + step.for_ms <= first && step.for_ms > 0)
        .map(|step| step.succeeded as f64 / step.for_ms as f64)
        .collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

/// Time from `at` to the end of the last step before `next` in which the target did not serve as it
/// did before the first fault; `None` when that lasts until `next`.
fn recovered(series: &[Step], at: u64, next: u64, usual: Option<f64>) -> Option<u64> {
    let after = own(series, at, next);
    // The step in which the next thing happens, or the window ends, is not whole.
    let whole = after.len().saturating_sub(1);
    let poor = |index: usize, step: &Step| {
        let expected = usual.unwrap_or(0.0) * step.for_ms as f64;
        let slow = expected >= EXPECTED_MIN && (step.succeeded as f64) < SERVED * expected;
        step.failed > 0 || (slow && index < whole)
    };
    let last = (0..after.len())
        .rev()
        .find(|index| poor(*index, after[*index]));
    let Some(last) = last else {
        return Some(0);
    };
    let end = after[last].at_ms + after[last].for_ms;
    // Something must be seen to be well again.
    let well = after[last + 1..].iter().any(|step| step.succeeded > 0);
    well.then(|| end.saturating_sub(at))
}

#[cfg(test)]
mod tests {
    use poolproof_scenarios::{Scenario, catalog};

    use super::*;

    /// Steps of 100 ms from letters: `.` serves as usual, `x` fails in part, `_` is silent.
    fn window(steps: &str) -> Window {
        let step = |(index, letter)| {
            let (succeeded, failed) = match letter {
                '.' => (100, 0),
                'x' => (50, 3),
                _ => (0, 0),
            };
            Step {
                at_ms: 100 * index as u64,
                for_ms: 100,
                succeeded,
                failed,
                ..Step::default()
            }
        };
        Window {
            duration_us: 100_000 * steps.len() as u64,
            series: steps.chars().enumerate().map(step).collect(),
            ..Window::default()
        }
    }

    fn course(since_ms: u64) -> Course {
        let ramp = catalog::entry("ramp").expect("in the catalog").text;
        let fault = "kind = \"backends-killed\"";
        let scenario = Scenario::parse(&format!("{ramp}\n[[fault]]\n{fault}"), "f");
        let since = Duration::from_millis(since_ms);
        Course {
            state: State::Over {
                since,
                until: since,
            },
            outcome: Ok("9 backends ended".to_owned()),
            ..Course::new(scenario.expect("a scenario").faults[0])
        }
    }

    fn check(steps: &str, at: &[u64]) -> Vec<(u64, Option<u64>)> {
        let courses: Vec<Course> = at.iter().map(|at| course(*at)).collect();
        let marks = marks(&courses, &window(steps), Duration::ZERO);
        marks
            .iter()
            .map(|mark| (mark.failed, mark.recovered_after_ms))
            .collect()
    }

    #[test]
    fn recovery_ends_with_the_last_step_that_is_not_as_before() {
        assert_eq!(check("..........", &[400]), [(0, Some(0))]);
        assert_eq!(check("....x.....", &[400]), [(3, Some(100))]);
        assert_eq!(check("....x__...", &[410]), [(3, Some(290))]);
        assert_eq!(
            check("....x.._x.", &[400]),
            [(6, Some(500))],
            "not until it stays well"
        );
        assert_eq!(check("....xxxxxx", &[400]), [(18, None)]);
        assert_eq!(check("....______", &[400]), [(0, None)]);
    }

    #[test]
    fn each_fault_has_the_time_until_the_next() {
        assert_eq!(
            check("..x....x__", &[200, 700]),
            [(3, Some(100)), (3, None)]
        );
        assert_eq!(
            check("..x....x..", &[200, 710]),
            [(3, Some(100)), (3, Some(90))],
            "the step in which the second begins is the second's"
        );
    }

    #[test]
    fn without_a_rate_before_only_failures_count() {
        assert_eq!(check("__x_..", &[0]), [(3, Some(300))]);
    }

    #[test]
    fn a_fault_that_came_to_nothing_is_told() {
        let mut course = course(0);
        assert_eq!(missed(std::slice::from_ref(&course)), None);
        course.outcome = Err("no backend was there".to_owned());
        let reason = missed(&[course]).expect("a reason");
        assert!(
            reason.contains("backends-killed did nothing: no backend was there"),
            "{reason}"
        );
    }
}
