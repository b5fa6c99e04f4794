//! The parts of a line chart as inline SVG.

use maud::{Markup, html};

use super::{marks::Mark, scale::Scale};

/// Size of a chart in its own units: on a phone one of them is three quarters of a pixel, so that
/// text of 13 units is still read.
pub(super) const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 276.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 12.0;
/// Room for the names of what is marked.
const TOP: f64 = 20.0;
const BOTTOM: f64 = 44.0;

/// Places of the left and the right end of the x axis.
pub(super) const ACROSS: (f64, f64) = (LEFT, WIDTH - RIGHT);
/// Places of the lower and the upper end of the y axis.
pub(super) const UP: (f64, f64) = (HEIGHT - BOTTOM, TOP);

/// Markers on a line, so that it is known without its colour.
const MARKERS_ON_LINE: usize = 5;

/// What an axis counts, in the words of `page.js`, which writes figures as [`crate::format`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// Nines of a percentile.
    Nines,
    /// Seconds since the window began.
    Seconds,
    /// Microseconds of latency.
    Micros,
    /// Events a second.
    Rate,
    /// Parts of a hundred.
    Percent,
    /// Seconds of time.
    Time,
    /// Bytes of memory.
    Bytes,
    /// Numbers of runs.
    Run,
}

impl Counts {
    fn word(self) -> &'static str {
        match self {
            Self::Nines => "nines",
            Self::Seconds => "seconds",
            Self::Micros => "us",
            Self::Rate => "rate",
            Self::Percent => "percent",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::Run => "run",
        }
    }
}

/// A labelled axis.
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) counts: Counts,
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) label: String,
}

impl Axis {
    /// An axis with the scale's own ticks, written by `write`.
    pub(super) fn new(
        scale: Scale,
        counts: Counts,
        label: &str,
        write: impl Fn(f64) -> String,
    ) -> Self {
        let ticks = scale.ticks().into_iter().map(|tick| (tick, write(tick)));
        Self {
            scale,
            counts,
            ticks: ticks.collect(),
            label: label.to_owned(),
        }
    }

    /// What the script needs to draw the axis anew: its figures, its kind, its ends.
    fn drawn(&self) -> String {
        format!("{} {}", self.counts.word(), self.scale.drawn())
    }

    /// The label, with how the axis is divided where that is not even.
    fn caption(&self) -> String {
        if self.scale.is_logarithmic() {
            format!("{}, logarithmic", self.label)
        } else {
            self.label.clone()
        }
    }
}

/// A line chart, before it is drawn.
pub(super) struct Chart<'a> {
    pub(super) title: String,
    pub(super) note: &'static str,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: &'a [Line],
    pub(super) marks: &'a [Mark],
}

/// What one target draws.
pub(super) struct Line {
    /// The target's name.
    pub(super) name: String,
    /// The target's place, which fixes colour and marker.
    pub(super) index: usize,
    /// x and y in the chart's figures, in order of x.
    pub(super) points: Vec<(f64, f64)>,
    /// x, lowest and highest y over the blocks.
    pub(super) band: Vec<(f64, f64, f64)>,
}

/// A figure of the page: the chart and its caption.
pub(super) fn figure(chart: &Chart<'_>) -> Markup {
    let Chart {
        title,
        note,
        x,
        y,
        lines,
        marks,
    } = chart;
    html! {
        figure {
            figcaption { strong { (title) } " " span.note { (note) } }
            svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (title) ": " (note) }
                data-x=(x.drawn()) data-y=(y.drawn()) data-label=(y.label) {
                (y_axis(y))
                (x_axis(x))
                @for mark in *marks { (mark.draw(x)) }
                @for line in *lines { (band(line, x, y)) }
                @for line in *lines { (draw(line, x, y)) }
            }
        }
    }
}

fn y_axis(axis: &Axis) -> Markup {
    html! {
        g.ticks {
            @for (value, text) in &axis.ticks {
                @let place = round(axis.scale.place(*value));
                line.grid x1=(ACROSS.0) x2=(ACROSS.1) y1=(place) y2=(place) {}
                text.tick x=(ACROSS.0 - 6.0) y=(place) dy="0.32em" text-anchor="end" { (text) }
            }
        }
        text.label x="12" y=(f64::midpoint(UP.0, UP.1)) text-anchor="middle"
            transform={ "rotate(-90 12 " (f64::midpoint(UP.0, UP.1)) ")" } { (axis.caption()) }
    }
}

fn x_axis(axis: &Axis) -> Markup {
    html! {
        line.axis x1=(ACROSS.0) x2=(ACROSS.1) y1=(UP.0) y2=(UP.0) {}
        @for (value, text) in &axis.ticks {
            @let place = round(axis.scale.place(*value));
            line.axis x1=(place) x2=(place) y1=(UP.0) y2=(UP.0 + 4.0) {}
            text.tick x=(place) y=(UP.0 + 17.0) text-anchor="middle" { (text) }
        }
        text.label x=(f64::midpoint(ACROSS.0, ACROSS.1)) y=(HEIGHT - 8.0) text-anchor="middle" { (axis.caption()) }
    }
}

fn band(line: &Line, x: &Axis, y: &Axis) -> Markup {
    if line.band.len() < 2 {
        return html! {};
    }
    let place = |at: f64, value: f64| pair(x.scale.place(at), y.scale.place(value));
    let below = line.band.iter().map(|(at, low, _)| place(*at, *low));
    let above = line
        .band
        .iter()
        .rev()
        .map(|(at, _, high)| place(*at, *high));
    let outline: Vec<String> = below.chain(above).collect();
    html! { polygon class={ "band " (series(line.index)) } data-t=(line.index) points=(outline.join(" ")) {} }
}

fn draw(line: &Line, x: &Axis, y: &Axis) -> Markup {
    let places: Vec<(f64, f64)> = line
        .points
        .iter()
        .map(|(at, value)| (x.scale.place(*at), y.scale.place(*value)))
        .collect();
    let points: Vec<String> = places.iter().map(|(x, y)| pair(*x, *y)).collect();
    // Each target starts at another point, so that markers of equal lines do not cover each other.
    let every = places.len().div_ceil(MARKERS_ON_LINE).max(1);
    let marked = places.iter().skip(line.index % every).step_by(every);
    html! {
        g class={ "series " (series(line.index)) } data-t=(line.index) data-v=(values(line)) {
            title { (line.name) }
            polyline.line points=(points.join(" ")) {}
            @for (x, y) in marked { (marker(line.index, *x, *y, 4.0)) }
        }
    }
}

/// The figures of a line as the script shows them, of five digits each.
fn values(line: &Line) -> String {
    let figures: Vec<String> = line
        .points
        .iter()
        .map(|(_, value)| digits(*value).to_string())
        .collect();
    figures.join(" ")
}

/// Five significant digits.
fn digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "exponents of f64 fit")]
    let power = 10_f64.powi(4 - value.abs().log10().floor() as i32);
    (value * power).round() / power
}

/// The class that gives a target its colour.
pub(super) fn series(index: usize) -> String {
    format!("s{}", index % COLOURS)
}

/// Colours in the style sheet.
const COLOURS: usize = 8;

/// The target's marker around a point.
pub(super) fn marker(index: usize, x: f64, y: f64, radius: f64) -> Markup {
    let corners = |corners: &[(f64, f64)]| {
        let corners = corners
            .iter()
            .map(|(dx, dy)| pair(x + dx * radius, y + dy * radius));
        corners.collect::<Vec<_>>().join(" ")
    };
    match index % 4 {
        0 => html! { circle.mark cx=(round(x)) cy=(round(y)) r=(round(radius * 0.95)) {} },
        1 => {
            html! { polygon.mark points=(corners(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])) {} }
        }
        2 => html! { polygon.mark points=(corners(&[(0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)])) {} },
        _ => {
            html! { polygon.mark points=(corners(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)])) {} }
        }
    }
}

/// A legend entry: marker and name.
pub(super) fn key(index: usize, name: &str) -> Markup {
    html! {
        span.key data-t=(index) {
            svg class={ "swatch " (series(index)) } viewBox="0 0 28 14" aria-hidden="true" {
                line.line x1="1" x2="27" y1="7" y2="7" {}
                (marker(index, 14.0, 7.0, 4.5))
            }
            (name)
        }
    }
}

/// A tenth of a unit is finer than any screen shows.
pub(super) fn round(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

fn pair(x: f64, y: f64) -> String {
    format!("{},{}", round(x), round(y))
}
