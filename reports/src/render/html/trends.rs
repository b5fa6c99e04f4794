//! How figures went from run to run, as one page that needs nothing else.

use std::{collections::BTreeMap, time::Duration};

use maud::{Markup, html};
use poolproof_scenarios::threshold::{Metric, Quantity, Unit};

use super::{
    chart::{ACROSS, Axis, Chart, Counts, Line, UP, figure, key},
    page,
    scale::Scale,
};
use crate::{format, history::Series};

/// Scenarios that are drawn.
const SCENARIOS: usize = 30;
/// Lines of one chart: more are told apart by nobody.
const LINES: usize = 8;
/// Points of one line; of a longer one the last are drawn.
const POINTS: usize = 100;

/// The value of a metric as a report writes it.
#[must_use]
pub fn figure_of(metric: Metric, value: f64) -> String {
    format::quantity(match metric.unit() {
        Unit::Percent => Quantity::Percent(value),
        Unit::PerSecond => Quantity::PerSecond(value),
        Unit::Time => Quantity::Time(Duration::try_from_secs_f64(value).unwrap_or_default()),
        Unit::Bytes => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "casting a float saturates, and bytes are not negative"
            )]
            let bytes = value.round() as u64;
            Quantity::Bytes(bytes)
        }
    })
}

/// The page: a section for each scenario, a chart for each metric, a line for each target.
#[must_use]
pub fn trends(all: &[(Metric, Vec<Series>)]) -> String {
    let mut scenarios: BTreeMap<&str, Vec<(Metric, Vec<&Series>)>> = BTreeMap::new();
    for (metric, series) in all {
        for one in series {
            let charts = scenarios.entry(&one.scenario).or_default();
            match charts.last_mut().filter(|(last, _)| last == metric) {
                Some((_, lines)) => lines.push(one),
                None => charts.push((*metric, vec![one])),
            }
        }
    }
    let content = html! {
        header { p.brand { "Poolproof" } h1 { "Trends from run to run" } }
        @if scenarios.is_empty() { p { "No run has been kept yet, or only quick ones." } }
        @for (name, charts) in scenarios.iter().take(SCENARIOS) { (section(name, charts)) }
    };
    page("Poolproof: trends", &content)
}

fn section(name: &str, charts: &[(Metric, Vec<&Series>)]) -> Markup {
    let targets = charts.first().map_or(&[][..], |(_, series)| series);
    html! {
        section {
            h2 { (name) }
            p.legend {
                @for (index, one) in targets.iter().take(LINES).enumerate() { (key(index, &one.target)) }
            }
            @if let Some(left_out) = left_out(targets) { p.note { (left_out) } }
            div.charts { @for (metric, series) in charts { (chart(*metric, series, targets)) } }
        }
    }
}

/// What is missing from the lines, in a sentence; `None` when nothing is.
fn left_out(series: &[&Series]) -> Option<String> {
    let most = series.iter().map(|one| one.left_out).max()?;
    (most > 0).then(|| {
        format!(
            "Left out: {}, which cannot be compared with the newest, as the machine, the load or the \
             driver was another.",
            format::counted(most as u64, "earlier run", "earlier runs")
        )
    })
}

fn chart(metric: Metric, series: &[&Series], targets: &[&Series]) -> Markup {
    // A target keeps its colour in the charts that not all targets are in.
    let index = |one: &Series| targets.iter().position(|other| other.target == one.target);
    let drawn = series.iter().take(LINES);
    let lines: Vec<Line> = drawn
        .map(|one| Line {
            name: one.target.clone(),
            index: index(one).unwrap_or(LINES - 1),
            points: points(one),
            band: Vec::new(),
        })
        .collect();
    let all = || lines.iter().flat_map(|line| &line.points);
    let (Some(first), Some(last), Some(high)) = (
        all().map(|(run, _)| *run).reduce(f64::min),
        all().map(|(run, _)| *run).reduce(f64::max),
        all().map(|(_, value)| *value).reduce(f64::max),
    ) else {
        return html! {};
    };
    let low = all().map(|(_, value)| *value).fold(high, f64::min);
    let up = match metric {
        Metric::SuccessRate => Scale::linear((low.min(99.0), 100.0), UP),
        _ => Scale::linear((0.0, high * 1.05), UP),
    };
    let mut x = Axis::new(
        Scale::linear((first, last), ACROSS),
        Counts::Run,
        "number of the run",
        |run| format!("{run}"),
    );
    x.ticks.retain(|(run, _)| run.fract() == 0.0);
    let counts = match metric.unit() {
        Unit::Percent => Counts::Percent,
        Unit::PerSecond => Counts::Rate,
        Unit::Time => Counts::Time,
        Unit::Bytes => Counts::Bytes,
    };
    let name = format::metric(metric);
    let y = Axis::new(up, counts, &name, |value| figure_of(metric, value));
    figure(&Chart {
        title: name,
        note: "Run after run.",
        x,
        y,
        lines: &lines,
        marks: &[],
    })
}

fn points(series: &Series) -> Vec<(f64, f64)> {
    let shown = &series.points[series.points.len().saturating_sub(POINTS)..];
    shown
        .iter()
        .map(|(run, value)| (*run as f64, *value))
        .collect()
}
