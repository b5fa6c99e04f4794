//! The words of the live line. Pure: figures and moments in, text out.

use std::time::{Duration, Instant};

use poolproof_reports::{format, record::Window};

use super::{place::Place, servers::Servers};
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

impl Moment {
    /// The figures of the live view, in the order of its titles.
    pub(super) fn shown(&self, servers: Option<Servers>) -> [String; 7] {
        let LiveFigures {
            attempted: _,
            succeeded,
            failed,
            clients,
            p50_us,
            p99_us,
        } = self.figures;
        [
            format!("{:.0}", self.rate),
            latency(p50_us),
            latency(p99_us),
            share(succeeded, succeeded + failed),
            failed.to_string(),
            clients.to_string(),
            servers.map_or_else(
                || "–".to_owned(),
                |Servers { open, busy }| format!("{busy} of {open}"),
            ),
        ]
    }
}

/// One line for a window that is running.
pub(super) fn live(place: &Place<'_>, now: &Moment) -> String {
    let [rate, _, p99, success, failed, clients, _] = now.shown(None);
    let errors = if failed == "0" {
        String::new()
    } else {
        format!("  {failed} failed")
    };
    format!("{place}  {clients} clients  {rate} tx/s  p99 {p99}  {success}{errors}")
}

/// The same with all that the live view has, where a terminal's columns do not bound it.
pub(super) fn live_whole(place: &Place<'_>, now: &Moment, servers: Option<Servers>) -> String {
    let [rate, p50, p99, success, failed, clients, servers] = now.shown(servers);
    format!(
        "{place}  {clients} clients  {rate} tx/s  p50 {p50}  p99 {p99}  {success}  {failed} failed  \
         servers {servers}"
    )
}

/// A latency, or a dash before there was one.
fn latency(micros: u64) -> String {
    if micros == 0 {
        return "–".to_owned();
    }
    format::duration(Duration::from_micros(micros))
}

/// One line for a window that has ended.
pub(super) fn measured(place: &Place<'_>, window: &Window) -> String {
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
        "{place}  {rate:.0} tx/s  {}  p99 {p99}",
        share(window.succeeded, window.attempted),
    )
}

/// A share as a percentage, or a dash before anything was attempted.
pub(super) fn share(part: u64, whole: u64) -> String {
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
            p50_us: 0,
            p99_us: 4_200,
        }
    }

    const PLACE: Place<'_> = Place {
        scenario: "ramp",
        target: "proxy",
        block: Some((2, 6)),
    };

    #[test]
    fn a_live_line_shows_the_rate_since_the_last_look() {
        let begin = Instant::now();
        let first = Moment::begin(begin).next(begin + Duration::from_secs(1), figures(500, 0));
        assert_eq!(
            live(&PLACE, &first),
            "ramp  2/6  proxy  20 clients  500 tx/s  p99 4.20 ms  100.00 %"
        );
        let second = first.next(begin + Duration::from_secs(2), figures(700, 100));
        assert_eq!(
            live(&PLACE, &second),
            "ramp  2/6  proxy  20 clients  200 tx/s  p99 4.20 ms  87.50 %  100 failed"
        );
        let servers = Servers { open: 20, busy: 7 };
        assert_eq!(
            live_whole(&PLACE, &second, Some(servers)),
            "ramp  2/6  proxy  20 clients  200 tx/s  p50 –  p99 4.20 ms  87.50 %  100 failed  servers 7 \
             of 20"
        );
    }

    #[test]
    fn a_window_without_samples_has_no_figures() {
        assert_eq!(
            measured(&PLACE, &Window::default()),
            "ramp  2/6  proxy  0 tx/s  –  p99 –"
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
        let warming = Place {
            block: None,
            ..PLACE
        };
        assert_eq!(
            measured(&warming, &window),
            "ramp  warming up proxy  100 tx/s  99.50 %  p99 –"
        );
    }
}
