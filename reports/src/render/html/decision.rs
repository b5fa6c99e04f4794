//! The first table of the page: for each scenario and target what decides, and nothing else.

use maud::{Markup, html};
use poolproof_scenarios::threshold::Metric;

use super::chart::key;
use crate::{
    format,
    overview::{Column, Contrast, Overview, ScenarioView},
    render::rows::{contrast_tone, contrast_word},
};

/// Scenarios that are listed; the others follow below with all their figures.
const LISTED: usize = 12;

/// Figures that decide between targets.
const SHOWN: [Metric; 4] = [
    Metric::SuccessRate,
    Metric::Throughput,
    Metric::P99,
    Metric::Cpu,
];

/// In one word, so that a phone shows all of them.
fn heading(metric: Metric) -> String {
    match metric {
        Metric::SuccessRate => "success".to_owned(),
        Metric::Cpu => "CPU".to_owned(),
        metric => format::metric(metric),
    }
}

/// The table, or nothing for a run without scenarios.
pub(super) fn table(overview: &Overview<'_>) -> Markup {
    if overview.scenarios.is_empty() {
        return html! {};
    }
    html! {
        div.scroll role="region" tabindex="0" aria-label="The run at a glance" {
            table.decision {
                @if let Some(reference) = overview.reference {
                    caption { "Against " (format::target(reference)) ", whose own figures stand in its row; CPU is that of one transaction." }
                }
                thead { tr {
                    td {}
                    @for metric in SHOWN { th scope="col" { (heading(metric)) } }
                } }
                tbody {
                    @for (place, view) in overview.scenarios.iter().take(LISTED).enumerate() {
                        (scenario(place, view))
                    }
                }
            }
        }
        @if overview.scenarios.len() > LISTED {
            p.note { "The other scenarios follow below." }
        }
    }
}

fn scenario(place: usize, view: &ScenarioView<'_>) -> Markup {
    html! {
        tr.group { th scope="rowgroup" colspan=(SHOWN.len() + 1) {
            a href={ "#scenario-" (place) } { (view.run.scenario.name) }
        } }
        @for column in &view.columns { (target(column)) }
    }
}

fn target(column: &Column<'_>) -> Markup {
    html! {
        tr {
            th scope="row" { (key(column.index, column.name())) }
            @if let Some((status, reason)) = column.unmeasured() {
                td.broken colspan=(SHOWN.len()) { strong { (status) } ": " (reason) }
            } @else {
                @for metric in SHOWN { td { (figure(column, metric)) } }
            }
        }
    }
}

/// The ratio with what it shows, or the figure itself where nothing is compared.
fn figure(column: &Column<'_>, metric: Metric) -> Markup {
    let total = &column.figures.total;
    match column.contrast(metric) {
        Some(contrast) => ratio(contrast),
        None => {
            let failed = metric == Metric::SuccessRate && total.failed() > 0;
            let class = if failed { "bad" } else { "plain" };
            html! { span class=(class) { (format::optional(total.figure(metric))) } }
        }
    }
}

fn ratio(contrast: &Contrast) -> Markup {
    let class = contrast_tone(contrast).class();
    html! {
        span class=(class) title=(format::ratio(&contrast.ratio)) { (format::factor(contrast.ratio.median)) }
        small class=(class) { (contrast_word(contrast)) }
    }
}
