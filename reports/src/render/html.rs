//! The report as one page that needs nothing else: no font, no request to anywhere, and whole
//! without its script.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::{
    GateReport, RunRecord, format,
    gate::Outcome,
    matrix::Matrix,
    overview::{Overview, ScenarioView},
};

mod chart;
mod checks;
mod cost;
mod decision;
mod divergences;
mod forest;
mod happenings;
mod latency;
mod marks;
mod origin;
mod scale;
mod sidebyside;
mod timeline;
mod trends;

pub use trends::{figure_of, trends};

/// Colours, fonts and the layout for screens, phones and paper.
const STYLE: &str = include_str!("html/style.css");
/// What the page can do beyond being read.
const SCRIPT: &str = include_str!("html/page.js");

/// Cells (scenario × target) whose charts are drawn, in order of the scenarios. A cell's charts take
/// between 6 and 11 kB, so that the page stays below 500 kB.
const CHARTED_CELLS: usize = 18;
/// Cells whose figures stand in a table, at 2 kB each.
const LISTED_CELLS: usize = 100;
/// Points of all lines of one chart kind together; a line gets at least the one and at most the
/// other number.
const POINTS: usize = 600;
const POINTS_OF_LINE: (usize, usize) = (16, 100);

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
    html_with(record, gate, None)
}

/// The same, with the matrix of a differential run of the same targets.
#[must_use]
pub fn html_with(record: &RunRecord, gate: &GateReport, matrix: Option<&Matrix>) -> String {
    let overview = Overview::of(record);
    let details = details(&overview);
    let left_out = details
        .iter()
        .filter(|detail| **detail == Detail::Nothing)
        .count();
    let content = html! {
        (head(&overview, gate))
        @for (place, (view, detail)) in overview.scenarios.iter().zip(details).enumerate() {
            (scenario(place, view, overview.reference, detail))
        }
        @if left_out > 0 {
            p.warning { (left_out) " further scenarios are left out for length; run.json and results.csv have all." }
        }
        @if let Some(matrix) = matrix { (divergences::section(matrix)) }
        (checks::section(gate))
        (origin::section(record))
    };
    page(&format!("Poolproof: {}", gate.outcome()), &content)
}

/// `content` as a page that asks nobody for anything and runs no script but its own, whatever text
/// from outside stands in it.
fn page(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(policy());
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (content) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// What a browser may do for the page: its own styles, and the script with this very text.
fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'")
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
            p.brand { "Poolproof" span.note {
                " · " (moment(&record.started_at)) " · " (format::postgres(&record.environment.postgres_version))
                " · " (format::counted(u64::from(record.environment.cores), "core", "cores"))
            } }
            h1 class=(class) { span.badge { (word) } " " (capitalised(&gate.headline())) "." }
            @if record.quick {
                p.warning { "A quick run: its windows are short, and its figures are rough." }
            }
            (decision::table(overview))
        }
    }
}

/// `2026-01-02 03:04 UTC` for what a record writes as `2026-01-02T03:04:05Z`.
fn moment(rfc3339: &str) -> String {
    let shown = rfc3339.split_once('T').and_then(|(day, time)| {
        let minutes = time.strip_suffix('Z')?.get(..5)?;
        Some(format!("{day} {minutes} UTC"))
    });
    shown.unwrap_or_else(|| rfc3339.to_owned())
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
            (happenings::section(view))
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
        p.legend {
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
