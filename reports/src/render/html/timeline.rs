//! Throughput, success rate and latency over the time of a window.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{
    chart::{ACROSS, Axis, Chart, Counts, Line, UP, figure},
    latency::microseconds,
    marks::marks,
    scale::Scale,
};
use crate::{
    format,
    overview::{Column, ScenarioView},
    record::{Step, Window},
    statistics::median,
};

/// The three charts, as far as the record has steps.
pub(super) fn over_time(view: &ScenarioView<'_>, points: usize) -> Markup {
    let rate = lines(view, points, (throughput, median));
    let success = lines(view, points, (success_rate, mean));
    let latency = lines(view, points, (p99, median));
    let marks = marks(view);
    html! {
        @if let Some(extent) = Extent::of(&rate) {
            (figure(&Chart {
                title: "Throughput over time".to_owned(),
                note: "Successes a second: median of the blocks, lowest to highest shaded.",
                x: extent.time(),
                y: Axis::new(
                    Scale::linear((0.0, extent.highest * 1.05), UP),
                    Counts::Rate,
                    "transactions a second",
                    whole,
                ),
                lines: &rate,
                marks: &marks,
            }))
        }
        @if let Some(extent) = Extent::of(&success) {
            (figure(&Chart {
                title: "Success rate over time".to_owned(),
                note: "Succeeded ÷ ended in each step: mean of the blocks, worst to best shaded.",
                x: extent.time(),
                y: Axis::new(success_scale(extent.lowest), Counts::Percent, "success rate", |percent| {
                    format!("{} %", (percent * 1e3).round() / 1e3)
                }),
                lines: &success,
                marks: &marks,
            }))
        }
        @if let Some(extent) = Extent::of(&latency) {
            (figure(&Chart {
                title: "p99 over time".to_owned(),
                note: "99th percentile of each step: median of the blocks, lowest to highest shaded.",
                x: extent.time(),
                y: Axis::new(
                    Scale::logarithmic((extent.lowest * 0.9, extent.highest * 1.1), UP),
                    Counts::Micros,
                    "latency",
                    microseconds,
                ),
                lines: &latency,
                marks: &marks,
            }))
        }
    }
}

/// What the lines of a chart reach.
struct Extent {
    first_s: f64,
    last_s: f64,
    lowest: f64,
    highest: f64,
}

impl Extent {
    /// `None` without points.
    fn of(lines: &[Line]) -> Option<Self> {
        let times = || {
            lines
                .iter()
                .flat_map(|line| line.points.iter().map(|(at, _)| *at))
        };
        let bands = || lines.iter().flat_map(|line| &line.band);
        Some(Self {
            first_s: times().reduce(f64::min)?,
            last_s: times().reduce(f64::max)?,
            lowest: bands().map(|(_, low, _)| *low).reduce(f64::min)?,
            highest: bands().map(|(_, _, high)| *high).reduce(f64::max)?,
        })
    }

    fn time(&self) -> Axis {
        let scale = Scale::linear((self.first_s.min(0.0), self.last_s), ACROSS);
        Axis::new(
            scale,
            Counts::Seconds,
            "seconds since the window began",
            |at| format!("{}", (at * 1e3).round() / 1e3),
        )
    }
}

fn throughput(step: &Step) -> Option<f64> {
    (step.for_ms > 0).then(|| step.succeeded as f64 * 1e3 / step.for_ms as f64)
}

fn p99(step: &Step) -> Option<f64> {
    step.p99_us.map(|micros| micros as f64)
}

/// What a step shows, and how the blocks make one figure of it.
type Drawn = (fn(&Step) -> Option<f64>, fn(&[f64]) -> Option<f64>);

/// Of success rates, whose median would hide what happened in fewer than half of the blocks.
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn success_rate(step: &Step) -> Option<f64> {
    let ended = step.succeeded + step.failed;
    (ended > 0).then(|| 100.0 * step.succeeded as f64 / ended as f64)
}

/// From the worst step to 100 %, and never so near that noise looks like an abyss.
fn success_scale(lowest: f64) -> Scale {
    Scale::linear((lowest.min(99.0), 100.0), UP)
}

fn whole(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casting a float saturates, and ticks are not negative"
    )]
    format::count(value.round() as u64)
}

fn lines(view: &ScenarioView<'_>, points: usize, drawn: Drawn) -> Vec<Line> {
    let line = |column: &Column<'_>| line(column, points, drawn);
    view.columns
        .iter()
        .map(line)
        .filter(|line| !line.points.is_empty())
        .collect()
}

/// One target: the middle of its blocks in each step, and how far the blocks reach.
fn line(column: &Column<'_>, points: usize, (figure, middle): Drawn) -> Line {
    let windows = &column.figures.cell.windows;
    let mut by_time: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    // The same for all blocks, so that their steps meet.
    let longest = windows.iter().map(|window| window.series.len()).max();
    let together = longest.unwrap_or(0).div_ceil(points).max(1);
    for window in windows {
        for step in coarse(window, together) {
            if let Some(value) = figure(&step) {
                by_time.entry(step.at_ms).or_default().push(value);
            }
        }
    }
    // Blocks end at different times; a tail that only few of them reach is no median of the blocks.
    by_time.retain(|_, values| values.len() * 2 >= windows.len());
    let mut line = Line {
        name: column.name().to_owned(),
        index: column.index,
        points: Vec::new(),
        band: Vec::new(),
    };
    for (at_ms, values) in by_time {
        let at = at_ms as f64 / 1e3;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(0.0, f64::max);
        line.points.extend(middle(&values).map(|value| (at, value)));
        line.band.push((at, low, high));
    }
    line
}

/// The steps of a window, as many as said joined into one. Counts are added; of percentiles, which
/// cannot be, the worst is kept.
fn coarse(window: &Window, together: usize) -> Vec<Step> {
    let join = |steps: &[Step]| {
        let mut joined = steps[0].clone();
        for step in &steps[1..] {
            joined.for_ms += step.for_ms;
            joined.clients = step.clients;
            joined.succeeded += step.succeeded;
            joined.failed += step.failed;
            joined.p50_us = joined.p50_us.max(step.p50_us);
            joined.p99_us = joined.p99_us.max(step.p99_us);
        }
        joined
    };
    within(window).chunks(together).map(join).collect()
}

/// The steps as far as the window reaches. In its last moments only stragglers end: a rate over
/// less than half a step would show an abyss that is none.
fn within(window: &Window) -> Vec<Step> {
    let end_ms = window.duration_us / 1_000;
    let clipped = |step: &Step| Step {
        for_ms: step.for_ms.min(end_ms.saturating_sub(step.at_ms)),
        ..step.clone()
    };
    let steps = window.series.iter().map(|step| (step, clipped(step)));
    let whole_enough = steps.filter(|(step, clipped)| clipped.for_ms * 2 >= step.for_ms.max(1));
    whole_enough.map(|(_, clipped)| clipped).collect()
}
