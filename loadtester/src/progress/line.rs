//! The words of the live line. Pure: figures and moments in, text out.

use std::time::{Duration, Instant};

use poolproof_reports::{format, record::Window};

use crate::engine::LiveFigures;

/// A look at the live figures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    at: Instant,
    figures: LiveFigures,
    /// Transactions a second since the look before.
    rate: f64,
}

impl Moment {
    /// The begin of a window.
    pub(super) fn begin(at: Instant) -> Self {
        Self {
            at,
            figures: LiveFigures::default(),
            rate: 0.0,
        }
    }

    /// The next look.
    pub(super) fn next(self, at: Instant, figures: LiveFigures) -> Self {
        let gone = at.saturating_duration_since(self.at).as_secs_f64();
        let more = figures.succeeded.saturating_sub(self.figures.succeeded);
        let rate = if gone > 0.0 { more as f64 / gone } else { 0.0 };
        Self { at, figures, rate }
    }
}

/// One line for a window that is running.
pub(super) fn live(label: &str, now: &Moment) -> String {
    let LiveFigures {
        attempted: _,
        succeeded,
        failed,
        clients,
    } = now.figures;
    let errors = if failed > 0 {
        format!("  {failed} failed")
    } else {
        String::new()
    };
    format!(
        "{label}  {clients} clients  {:.0} tx/s  {}{errors}",
        now.rate,
        share(succeeded, succeeded + failed),
    )
}

/// One line for a window that has ended.
pub(super) fn measured(label: &str, window: &Window) -> String {
    let seconds = Duration::from_micros(window.duration_us).as_secs_f64();
    let rate = if seconds > 0.0 {
        window.succeeded as f64 / seconds
    } else {
        0.0
    };
    let p99 = window
        .latency
        .percentile(99.0)
        .map_or_else(|| "–".to_owned(), format::duration);
    format!(
        "{label}  {rate:.0} tx/s  {}  p99 {p99}",
        share(window.succeeded, window.attempted),
    )
}

/// A share as a percentage, or a dash before anything was attempted.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    format::percent(part as f64 / whole as f64 * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(succeeded: u64, failed: u64) -> LiveFigures {
        LiveFigures {
            attempted: succeeded + failed + 1,
            succeeded,
            failed,
            clients: 20,
        }
    }

    #[test]
    fn a_live_line_shows_the_rate_since_the_last_look() {
        let begin = Instant::now();
        let first = Moment::begin(begin).next(begin + Duration::from_secs(1), figures(500, 0));
        assert_eq!(live("ramp", &first), "ramp  20 clients  500 tx/s  100.00 %");
        let second = first.next(begin + Duration::from_secs(2), figures(700, 100));
        assert_eq!(
            live("ramp", &second),
            "ramp  20 clients  200 tx/s  87.50 %  100 failed"
        );
    }

    #[test]
    fn a_window_without_samples_has_no_figures() {
        assert_eq!(
            measured("ramp", &Window::default()),
            "ramp  0 tx/s  –  p99 –"
        );
    }

    #[test]
    fn failures_are_in_the_denominator() {
        let window = Window {
            duration_us: 2_000_000,
            attempted: 200,
            succeeded: 199,
            ..Window::default()
        };
        assert_eq!(measured("x", &window), "x  100 tx/s  99.50 %  p99 –");
    }
}
