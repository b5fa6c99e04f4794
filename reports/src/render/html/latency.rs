//! Latency by percentile, on the axis of HdrHistogram's plots: each further nine takes equal room.

use maud::{Markup, html};

use super::{
    chart::{ACROSS, Axis, Chart, Counts, Line, UP, figure},
    scale::Scale,
};
use crate::{Latency, overview::ScenarioView};

/// Percentiles that the axis names.
const NAMED: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];

/// The curve begins at p10: the shortest latency of all would stretch the axis and say little.
const FIRST: f64 = 0.045_757;

/// The chart, or nothing when no target has a latency.
pub(super) fn by_percentile(view: &ScenarioView<'_>, points: usize) -> Markup {
    let measured = || {
        let columns = view.columns.iter();
        columns.filter(|column| !column.figures.total.latency.is_empty())
    };
    let reaches = measured().map(|column| reach(&column.figures.total.latency));
    let Some(last) = reaches.reduce(f64::max) else {
        return html! {};
    };
    // The same percentiles for all, so that they can be read side by side.
    let grid: Vec<f64> = (0..=points)
        .map(|index| FIRST + (last - FIRST) * index as f64 / points as f64)
        .collect();
    let lines: Vec<Line> = measured()
        .map(|column| Line {
            name: column.name().to_owned(),
            index: column.index,
            points: curve(&column.figures.total.latency, &grid),
            band: Vec::new(),
        })
        .collect();
    let all = || lines.iter().flat_map(|line| &line.points);
    let (Some(low), Some(high)) = (
        all().map(|(_, y)| *y).reduce(f64::min),
        all().map(|(_, y)| *y).reduce(f64::max),
    ) else {
        return html! {};
    };
    let across = Scale::linear((FIRST, last), ACROSS);
    let x = Axis {
        scale: across,
        counts: Counts::Nines,
        ticks: NAMED
            .into_iter()
            .map(|percent| (nines(percent), format!("p{percent}")))
            .filter(|(at, _)| *at <= last)
            .collect(),
        label: "percentile of successful transactions".to_owned(),
    };
    let up = Scale::logarithmic((low * 0.9, high * 1.1), UP);
    figure(&Chart {
        title: "Latency by percentile".to_owned(),
        note: "Lower is better.",
        x,
        y: Axis::new(up, Counts::Micros, "latency", microseconds),
        lines: &lines,
        marks: &[],
    })
}

/// Where a percentile stands: 90 % at 1, 99 % at 2, 99.9 % at 3.
fn nines(percent: f64) -> f64 {
    -(1.0 - percent / 100.0).log10()
}

/// The last percentile, in [`nines`], that there are samples to show.
fn reach(latency: &Latency) -> f64 {
    (latency.len() as f64).log10().max(0.5)
}

/// Latency in microseconds over the percentiles of `grid`, as far as there are samples to show it.
fn curve(latency: &Latency, grid: &[f64]) -> Vec<(f64, f64)> {
    let last = reach(latency);
    grid.iter()
        .copied()
        .take_while(|at| *at <= last)
        .filter_map(|at| {
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
