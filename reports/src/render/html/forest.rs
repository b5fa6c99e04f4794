//! Ratios to the reference with their intervals and every block (a forest plot).

use maud::{Markup, html};
use poolproof_scenarios::threshold::{Better, Metric};

use super::{
    chart::{WIDTH, marker, round, series},
    scale::Scale,
};
use crate::{
    format,
    overview::{Contrast, MARGIN, ScenarioView},
};

/// Metrics that decide between targets.
const SHOWN: [Metric; 4] = [Metric::Throughput, Metric::P50, Metric::P99, Metric::Cpu];
const ROW: f64 = 22.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 44.0;
const ACROSS: (f64, f64) = (170.0, WIDTH - 64.0);

/// One line of the plot.
struct Row<'a> {
    target: &'a str,
    index: usize,
    contrast: &'a Contrast,
}

/// The plot, or nothing when there is no ratio.
pub(super) fn ratios(view: &ScenarioView<'_>, reference: &str) -> Markup {
    let rows: Vec<Row<'_>> = view
        .columns
        .iter()
        .flat_map(|column| {
            SHOWN.iter().filter_map(|metric| {
                let contrast = column.contrast(*metric)?;
                Some(Row {
                    target: column.name(),
                    index: column.index,
                    contrast,
                })
            })
        })
        .collect();
    if rows.is_empty() {
        return html! {};
    }
    let reach = rows
        .iter()
        .flat_map(|row| &row.contrast.ratio.blocks)
        .fold(1.3_f64, |reach, ratio| reach.max(*ratio).max(ratio.recip()));
    // As far to the left as to the right of 1, and no further than a fifth or five times, where what
    // lies beyond stands at the edge.
    let reach = (reach * 1.05).min(5.0);
    let scale = Scale::logarithmic((reach.recip(), reach), ACROSS);
    let height = TOP + ROW * rows.len() as f64 + BOTTOM;
    let called = format::target(reference);
    let title = format!("Ratio to {called}");
    let note =
        "Median of the blocks with its 95 % interval; dots are single blocks, the shade is ±5 %.";
    html! {
        figure {
            figcaption { strong { (title) } " " span.note { (note) } }
            svg viewBox={ "0 0 " (WIDTH) " " (round(height)) } role="img" aria-label={ (title) ": " (note) } {
                (background(scale, height))
                @for (place, row) in rows.iter().enumerate() {
                    (line(row, scale, TOP + ROW * (place as f64 + 0.5)))
                }
            }
        }
    }
}

fn background(scale: Scale, height: f64) -> Markup {
    let floor = height - BOTTOM;
    let (left, right) = (
        scale.place((1.0 + MARGIN).recip()),
        scale.place(1.0 + MARGIN),
    );
    html! {
        rect.margin x=(round(left)) width=(round(right - left)) y=(TOP) height=(round(floor - TOP)) {}
        @for tick in scale.ticks() {
            @let place = round(scale.place(tick));
            line.grid x1=(place) x2=(place) y1=(TOP) y2=(round(floor)) {}
            text.tick x=(place) y=(round(floor + 15.0)) text-anchor="middle" { ((tick * 1e3).round() / 1e3) " ×" }
        }
        line.one x1=(round(scale.place(1.0))) x2=(round(scale.place(1.0))) y1=(TOP) y2=(round(floor)) {}
        text.label x=(round(f64::midpoint(ACROSS.0, ACROSS.1))) y=(round(height - 8.0)) text-anchor="middle" {
            "ratio, logarithmic"
        }
    }
}

fn line(row: &Row<'_>, scale: Scale, y: f64) -> Markup {
    let Row {
        target,
        index,
        contrast,
    } = row;
    let ratio = &contrast.ratio;
    let arrow = match contrast.metric.better() {
        Better::Higher => "→",
        Better::Lower => "←",
    };
    let name = match contrast.metric {
        Metric::Cpu => "CPU".to_owned(),
        metric => format::metric(metric),
    };
    html! {
        text.row x=(ACROSS.0 - 8.0) y=(round(y)) dy="0.32em" text-anchor="end" {
            (target) " " (name) " " tspan.note { (arrow) }
        }
        g class=(series(*index)) {
            title { (target) " " (name) ": " (format::ratio(ratio)) }
            @for block in &ratio.blocks {
                circle.block cx=(round(scale.place(*block))) cy=(round(y)) r="2.2" {}
            }
            @if let Some(interval) = ratio.interval {
                line.interval x1=(round(scale.place(interval.low))) x2=(round(scale.place(interval.high)))
                    y1=(round(y)) y2=(round(y)) {}
            }
            (marker(*index, scale.place(ratio.median), y, 4.5))
        }
        text.tick x=(WIDTH - 58.0) y=(round(y)) dy="0.32em" { (format::factor(ratio.median)) }
    }
}
