//! The side-by-side table and the errors below it.

use maud::{Markup, html};

use super::chart::key;
use crate::{
    format,
    overview::ScenarioView,
    render::rows::{Entry, contrast_tone, contrast_word, errors_by_class, footnotes, rows},
};

/// Errors listed for each scenario.
const LISTED: usize = 12;

pub(super) fn section(view: &ScenarioView<'_>, reference: Option<&str>) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label={ "Side by side: " (view.run.scenario.name) } {
            table.figures {
                @if let Some(reference) = reference {
                    caption { "Below each figure: ratio to " (format::target(reference)) ", median of the blocks (95 % interval)." }
                }
                thead { tr {
                    td {}
                    @for column in &view.columns {
                        th scope="col" data-t=(column.index) { (key(column.index, column.name())) }
                    }
                } }
                tbody {
                    @for row in rows(view) {
                        tr {
                            th scope="row" { (row.label) }
                            @for (column, entry) in view.columns.iter().zip(&row.entries) {
                                td data-t=(column.index) { (figure(entry)) }
                            }
                        }
                    }
                }
            }
        }
        @for column in &view.columns {
            @if let Some((status, reason)) = column.unmeasured() {
                p.warning { strong { (column.name()) " is " (status) } ": " (reason) }
            }
        }
        @for note in footnotes(view) { p.note { (note) "." } }
        (errors(view))
    }
}

fn figure(entry: &Entry<'_>) -> Markup {
    html! {
        span class=(entry.tone.class()) { (entry.value) }
        @if let Some(contrast) = entry.contrast {
            small class=(contrast_tone(contrast).class()) title=(contrast_word(contrast)) { (format::ratio(&contrast.ratio)) }
        }
    }
}

fn errors(view: &ScenarioView<'_>) -> Markup {
    let lines = errors_by_class(view);
    if lines.is_empty() {
        return html! { p.note { "No errors." } };
    }
    let most = lines
        .iter()
        .map(|line| line.count)
        .max()
        .unwrap_or(1)
        .max(1);
    html! {
        div.scroll role="region" tabindex="0" aria-label="Errors by class" {
            table.errors {
                caption { "Errors by class, with the first message of each" }
                thead { tr { th scope="col" { "target" } th scope="col" { "class" } th scope="col" { "count" } th scope="col" { "first message" } } }
                tbody {
                    @for line in lines.iter().take(LISTED) {
                        tr {
                            td { (line.target) }
                            td { (line.class) }
                            td.count {
                                (format::count(line.count))
                                span.bar style={ "width:" (100 * line.count / most) "%" } {}
                            }
                            td.message { (line.sample) }
                        }
                    }
                }
            }
        }
        @if lines.len() > LISTED { p.note { "and " (lines.len() - LISTED) " more." } }
    }
}
