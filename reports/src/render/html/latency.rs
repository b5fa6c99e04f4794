//! Latency by percentile, on the axis of HdrHistogram's plots: each further nine takes equal room.

use maud::{Markup, html};

use super::{
    chart::{ACROSS, Axis, Line, UP, figure},
    scale::Scale,
};
use crate::{Latency, overview::ScenarioView};

/// Percentiles that the axis names.
const NAMED: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];

/// The curve begins at p10: the shortest latency of all would stretch the axis and say little.
const FIRST: f64 = 0.045_757;

/// The chart, or nothing when no target has a latency.
pub(super) fn by_percentile(view: &ScenarioView<'_>, points: usize) -> Markup {
    let lines: Vec<Line> = view
        .columns
        .iter()
        .filter(|column| !column.figures.total.latency.is_empty())
        .map(|column| Line {
            name: column.name().to_owned(),
            index: column.index,
            points: curve(&column.figures.total.latency, points),
            band: Vec::new(),
        })
        .collect();
    let all = || lines.iter().flat_map(|line| &line.points);
    let (Some(last), Some(low), Some(high)) = (
        all().map(|(x, _)| *x).reduce(f64::max),
        all().map(|(_, y)| *y).reduce(f64::min),
        all().map(|(_, y)| *y).reduce(f64::max),
    ) else {
        return html! {};
    };
    let across = Scale::linear((FIRST, last), ACROSS);
    let x = Axis {
        scale: across,
        ticks: NAMED
            .into_iter()
            .map(|percent| (nines(percent), format!("p{percent}")))
            .filter(|(at, _)| *at <= last)
            .collect(),
        label: "percentile of successful transactions".to_owned(),
    };
    let up = Scale::logarithmic((low * 0.9, high * 1.1), UP);
    let y = Axis::new(up, "latency", microseconds);
    figure(
        "Latency by percentile",
        "Lower is better; logarithmic.",
        &x,
        &y,
        &lines,
    )
}

/// Where a percentile stands: 90 % at 1, 99 % at 2, 99.9 % at 3.
fn nines(percent: f64) -> f64 {
    -(1.0 - percent / 100.0).log10()
}

/// Latency in microseconds over [`nines`], as far as there are samples to show it.
fn curve(latency: &Latency, points: usize) -> Vec<(f64, f64)> {
    let last = (latency.len() as f64).log10().max(0.5);
    (0..=points)
        .filter_map(|index| {
            let at = FIRST + (last - FIRST) * index as f64 / points as f64;
            let percent = 100.0 * (1.0 - 10_f64.powf(-at));
            let micros = latency.percentile(percent)?.as_secs_f64() * 1e6;
            Some((at, micros))
        })
        .collect()
}

/// A round number of microseconds in the unit that keeps it short.
pub(super) fn microseconds(micros: f64) -> String {
    let (value, unit) = match micros {
        _ if micros < 999.0 => (micros, "µs"),
        _ if micros < 999_000.0 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    // Ticks are round, and only their representation is not.
    format!("{} {unit}", (value * 1e3).round() / 1e3)
}
