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

/// Colours, fonts and the layout for screens, phones and paper.
const STYLE: &str = include_str!("html/style.css");

/// Points of all lines of the page together, so that its size has a bound.
const POINTS: usize = 16_000;
/// Lines that a target draws for one scenario; those with a band count three times.
const LINES: usize = 10;
/// Scenarios that are drawn; further ones are named.
const DRAWN: usize = 40;

/// The report as one page that needs nothing else, below 500 kB for runs of usual size.
#[must_use]
pub fn html(record: &RunRecord, gate: &GateReport) -> String {
    let overview = Overview::of(record);
    let cells: usize = overview
        .scenarios
        .iter()
        .map(|view| view.columns.len())
        .sum();
    let points = (POINTS / (cells.max(1) * LINES)).clamp(8, 120);
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
                    @for (place, view) in overview.scenarios.iter().take(DRAWN).enumerate() {
                        (scenario(place, view, overview.reference, points))
                    }
                    @if overview.scenarios.len() > DRAWN {
                        p { "Only " (DRAWN) " of " (overview.scenarios.len()) " scenarios are drawn; run.json has all." }
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
            p.brand { "Poolproof" span.note { " · " (record.started_at) " · " (record.environment.postgres_version) } }
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
            @for (place, view) in overview.scenarios.iter().take(DRAWN).enumerate() {
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

fn scenario(
    place: usize,
    view: &ScenarioView<'_>,
    reference: Option<&str>,
    points: usize,
) -> Markup {
    let scenario = &view.run.scenario;
    let blocks = format::counted(view.blocks as u64, "block", "blocks");
    html! {
        section id={ "scenario-" (place) } {
            h2 { (scenario.name) }
            p { (scenario.purpose) " " span.note { "Driver " (view.run.driver) ", " (blocks) "." } }
            (sidebyside::section(view, reference))
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
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
