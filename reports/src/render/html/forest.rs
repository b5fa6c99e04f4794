//! Ratios to the reference with their intervals and every block (a forest plot).

use maud::{Markup, html};
use poolproof_scenarios::threshold::{Better, Metric};

use super::{
    chart::{WIDTH, marker, round, series},
    scale::Scale,
};
use crate::{
    format,
    overview::{Column, Contrast, MARGIN, ScenarioView},
};

/// Characters of a target's name that fit beside the plot.
const LONGEST_NAME: usize = 50;

/// Metrics that decide between targets.
const SHOWN: [Metric; 4] = [Metric::Throughput, Metric::P50, Metric::P99, Metric::Cpu];
const ROW: f64 = 22.0;
const TOP: f64 = 4.0;
const BOTTOM: f64 = 44.0;
const ACROSS: (f64, f64) = (110.0, WIDTH - 66.0);

/// The plot, or nothing when there is no ratio.
pub(super) fn ratios(view: &ScenarioView<'_>, reference: &str) -> Markup {
    let groups: Vec<(&Column<'_>, Vec<&Contrast>)> = view
        .columns
        .iter()
        .map(|column| {
            let shown = SHOWN.iter().filter_map(|metric| column.contrast(*metric));
            (column, shown.collect())
        })
        .filter(|(_, contrasts): &(_, Vec<_>)| !contrasts.is_empty())
        .collect();
    if groups.is_empty() {
        return html! {};
    }
    let rows: usize = groups
        .iter()
        .map(|(_, contrasts)| 1 + contrasts.len())
        .sum();
    let height = TOP + ROW * rows as f64 + BOTTOM;
    let scale = scale(groups.iter().flat_map(|(_, contrasts)| contrasts).copied());
    let called = format::target(reference);
    let title = format!("Ratio to {called}");
    let note = "Median of the blocks with its 95 % interval; faint dots are single blocks, the shade \
                is ±5 %, arrows point to better.";
    html! {
        figure {
            figcaption { strong { (title) } " " span.note { (note) } }
            svg viewBox={ "0 0 " (WIDTH) " " (round(height)) } role="img" aria-label={ (title) ": " (note) } {
                (background(scale, height))
                (all_groups(&groups, scale))
            }
        }
    }
}

/// As far to the left as to the right of 1, and no further than a fifth or five times: what lies
/// beyond stands at the edge.
fn scale<'a>(contrasts: impl Iterator<Item = &'a Contrast>) -> Scale {
    let reach = contrasts
        .flat_map(|contrast| &contrast.ratio.blocks)
        .fold(1.3_f64, |reach, ratio| reach.max(*ratio).max(ratio.recip()));
    let reach = (reach * 1.05).min(5.0);
    Scale::logarithmic((reach.recip(), reach), ACROSS)
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

/// Each target's name on a line of its own, then a line for each of its ratios.
fn all_groups(groups: &[(&Column<'_>, Vec<&Contrast>)], scale: Scale) -> Markup {
    let mut y = TOP - ROW / 2.0;
    let mut next = || {
        y += ROW;
        round(y)
    };
    html! {
        @for (column, contrasts) in groups {
            @let place = next();
            g class=(series(column.index)) data-t=(column.index) { (marker(column.index, 8.0, place, 4.5)) }
            text.row data-t=(column.index) x="18" y=(place) dy="0.32em" { (format::one_line(column.name(), LONGEST_NAME)) }
            @for contrast in contrasts { (line(column, contrast, scale, next())) }
        }
    }
}

fn line(column: &Column<'_>, contrast: &Contrast, scale: Scale, y: f64) -> Markup {
    /// Blocks shown one by one.
    const MOST_DOTS: usize = 60;
    /// Half the height of an interval's ends.
    const CAP: f64 = 5.0;
    let ratio = &contrast.ratio;
    let arrow = match contrast.metric.better() {
        Better::Higher => "→",
        Better::Lower => "←",
    };
    let name = match contrast.metric {
        Metric::Cpu => "CPU".to_owned(),
        metric => format::metric(metric),
    };
    let dots: String = ratio
        .blocks
        .iter()
        .take(MOST_DOTS)
        .map(|block| format!("M{} {y}h0", round(scale.place(*block))))
        .collect();
    html! {
        text.tick data-t=(column.index) x=(ACROSS.0 - 8.0) y=(y) dy="0.32em" text-anchor="end" { (name) " " (arrow) }
        g class=(series(column.index)) data-t=(column.index) {
            title { (column.name()) " " (name) ": " (format::ratio(ratio)) }
            path.blocks d=(dots) {}
            @if let Some(interval) = ratio.interval {
                @let (low, high) = (round(scale.place(interval.low)), round(scale.place(interval.high)));
                path.interval d={
                    "M" (low) " " (y) "H" (high)
                    "M" (low) " " (y - CAP) "V" (y + CAP)
                    "M" (high) " " (y - CAP) "V" (y + CAP)
                } {}
            }
            (marker(column.index, scale.place(ratio.median), y, 3.6))
        }
        text.tick data-t=(column.index) x=(WIDTH - 58.0) y=(y) dy="0.32em" { (format::factor(ratio.median)) }
    }
}
