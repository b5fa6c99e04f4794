//! The report as one page that needs nothing else: no script, no font, no request to anywhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    GateReport, RunRecord, format,
    gate::Outcome,
    overview::{Overview, ScenarioView},
};

mod chart;
mod checks;
mod cost;
mod forest;
mod latency;
mod origin;
mod scale;
mod sidebyside;
mod timeline;
mod trends;

pub use trends::{figure_of, trends};

/// Colours, fonts and the layout for screens, phones and paper.
const STYLE: &str = include_str!("html/style.css");

/// Cells (scenario × target) whose charts are drawn, in order of the scenarios. A cell's charts take
/// about 7 kB, so that the page stays below 500 kB.
const CHARTED_CELLS: usize = 24;
/// Cells whose figures stand in a table, at 2 kB each.
const LISTED_CELLS: usize = 120;
/// Points of all lines of one chart kind together; a line gets at least the one and at most the
/// other number.
const POINTS: usize = 600;
const POINTS_OF_LINE: (usize, usize) = (16, 100);

/// Scenarios whose sentences stand at the top.
const SUMMARISED: usize = 12;

/// How much of a scenario is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Table and charts, whose lines have this many points.
    Charts(usize),
    /// The table.
    Table,
    /// Nothing: only the other files have it.
    Nothing,
}

/// The report as one page that needs nothing else, below 500 kB for runs of usual size.
#[must_use]
pub fn html(record: &RunRecord, gate: &GateReport) -> String {
    let overview = Overview::of(record);
    let details = details(&overview);
    let left_out = details
        .iter()
        .filter(|detail| **detail == Detail::Nothing)
        .count();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Poolproof: " (gate.outcome()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head(&overview, gate))
                    @for (place, (view, detail)) in overview.scenarios.iter().zip(details).enumerate() {
                        (scenario(place, view, overview.reference, detail))
                    }
                    @if left_out > 0 {
                        p.warning { (left_out) " further scenarios are left out for length; run.json and results.csv have all." }
                    }
                    (checks::section(gate))
                    (origin::section(record))
                }
            }
        }
    };
    page.into_string()
}

fn head(overview: &Overview<'_>, gate: &GateReport) -> Markup {
    let (class, word) = match gate.outcome() {
        Outcome::Pass => ("pass", "Pass"),
        Outcome::Fail => ("fail", "Fail"),
        Outcome::NoVerdict => ("open", "No verdict"),
    };
    let record = overview.record;
    html! {
        header {
            p.brand { "Poolproof" span.note { " · " (record.started_at) " · " (format::postgres(&record.environment.postgres_version)) } }
            h1 class=(class) { span.badge { (word) } " " (capitalised(&gate.headline())) "." }
            @if let Some(reference) = overview.reference {
                (summary(overview, reference))
            }
            @if record.quick {
                p.warning { "A quick run: its windows are short, and its figures are rough." }
            }
        }
    }
}

/// A sentence for each scenario and target, which decides before any chart is read.
fn summary(overview: &Overview<'_>, reference: &str) -> Markup {
    html! {
        ul.summary {
            @for (place, view) in overview.scenarios.iter().take(SUMMARISED).enumerate() {
                li {
                    a href={ "#scenario-" (place) } { (view.run.scenario.name) }
                    ul {
                        @for sentence in view.sentences(reference) { li { (sentence) } }
                    }
                }
            }
        }
    }
}

/// What is shown of each scenario, so that the page's size has a bound whatever the run.
fn details(overview: &Overview<'_>) -> Vec<Detail> {
    let sizes = || overview.scenarios.iter().map(|view| view.columns.len());
    let all: usize = sizes().sum();
    let points = (POINTS / all.max(1)).clamp(POINTS_OF_LINE.0, POINTS_OF_LINE.1);
    let mut cells = 0;
    sizes()
        .map(|columns| {
            cells += columns;
            if cells <= CHARTED_CELLS {
                Detail::Charts(points)
            } else if cells <= LISTED_CELLS {
                Detail::Table
            } else {
                Detail::Nothing
            }
        })
        .collect()
}

fn scenario(
    place: usize,
    view: &ScenarioView<'_>,
    reference: Option<&str>,
    detail: Detail,
) -> Markup {
    if detail == Detail::Nothing {
        return html! {};
    }
    let scenario = &view.run.scenario;
    let blocks = format::counted(view.blocks as u64, "block", "blocks");
    html! {
        section id={ "scenario-" (place) } {
            h2 { (scenario.name) }
            p { (scenario.purpose) " " span.note { "Driver " (view.run.driver) ", " (blocks) "." } }
            (sidebyside::section(view, reference))
            @if let Detail::Charts(points) = detail {
                (charts(view, reference, points))
            } @else {
                p.note { "Charts are drawn for the first scenarios only, for length." }
            }
        }
    }
}

fn charts(view: &ScenarioView<'_>, reference: Option<&str>, points: usize) -> Markup {
    html! {
        p.legend aria-hidden="true" {
            @for column in &view.columns { (chart::key(column.index, column.name())) }
        }
        div.charts {
            (latency::by_percentile(view, points))
            @if let Some(reference) = reference { (forest::ratios(view, reference)) }
            (timeline::over_time(view, points))
            (cost::figure(view))
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
