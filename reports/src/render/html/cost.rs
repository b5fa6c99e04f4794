//! Processor time of each transaction: who spent it.

use std::time::Duration;

use maud::{Markup, html};

use super::chart::{key, series};
use crate::{
    figures::{Summary, Usage},
    format,
    overview::{Column, ScenarioView},
};

/// Who spends processor time, with the class of its bar.
fn spenders(total: &Summary, index: usize) -> [(&'static str, Usage, String); 3] {
    [
        ("target", total.target, series(index)),
        ("PostgreSQL", total.postgres, "postgres".to_owned()),
        ("generator", total.generator, "generator".to_owned()),
    ]
}

/// A bar for each target, or nothing when no cost was measured.
pub(super) fn figure(view: &ScenarioView<'_>) -> Markup {
    let dearest = view.columns.iter().map(whole).max().unwrap_or_default();
    if dearest.is_zero() {
        return html! {};
    }
    html! {
        figure.cost {
            figcaption {
                strong { "Processor time a transaction" } " "
                span.note { "Of the target, then PostgreSQL, then the load generator." }
            }
            dl {
                @for column in &view.columns { (entry(column, dearest)) }
            }
        }
    }
}

fn whole(column: &Column<'_>) -> Duration {
    let spent = spenders(&column.figures.total, 0);
    spent
        .into_iter()
        .filter_map(|(_, usage, _)| usage.cpu_per_transaction())
        .sum()
}

fn entry(column: &Column<'_>, dearest: Duration) -> Markup {
    let spent = spenders(&column.figures.total, column.index);
    let width = |time: Duration| {
        let percent = 100.0 * time.as_secs_f64() / dearest.as_secs_f64();
        format!("{percent:.1}%")
    };
    html! {
        dt data-t=(column.index) { (key(column.index, column.name())) }
        dd data-t=(column.index) {
            div.stack aria-hidden="true" {
                @for (_, usage, class) in &spent {
                    @if let Some(time) = usage.cpu_per_transaction() {
                        span class={ "part " (class) } style={ "width:" (width(time)) } {}
                    }
                }
            }
            p.spendings {
                @for (name, usage, _) in &spent {
                    @if let Some(time) = usage.cpu_per_transaction() {
                        span { (name) " " strong { (format::duration(time)) } } " "
                    }
                }
                @if let Some(bytes) = column.figures.total.target.peak_rss_bytes() {
                    span { "peak memory " strong { (format::bytes(bytes)) } }
                }
            }
        }
    }
}
