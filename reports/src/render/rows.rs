//! The side-by-side table as rows of text, before a format gives it a shape.

mod special;

pub(super) use special::happenings;

use std::time::Duration;

use poolproof_scenarios::threshold::{Metric, Quantity};

use crate::{
    figures::Usage,
    format,
    overview::{Column, Contrast, METRICS, Noise, ScenarioView, effect_name},
    statistics::Effect,
};

/// One line of the table.
pub(super) struct Row<'a> {
    /// What the line shows.
    pub(super) label: String,
    /// One for each column.
    pub(super) entries: Vec<Entry<'a>>,
}

/// One figure and its ratio to the reference.
pub(super) struct Entry<'a> {
    pub(super) value: String,
    pub(super) tone: Tone,
    pub(super) contrast: Option<&'a Contrast>,
}

/// How a figure or a ratio is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    /// Nothing was measured, or nothing can be said.
    Faint,
}

impl Tone {
    /// Its name in style sheets.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Faint => "faint",
        }
    }
}

/// Stands behind a throughput that the generator and not the target limited.
pub(super) const GENERATOR_BOUND_MARK: &str = "*";

/// All lines of a scenario: the figures of [`METRICS`], what the others spent, the failures.
pub(super) fn rows<'a>(view: &'a ScenarioView<'_>) -> Vec<Row<'a>> {
    let figures = METRICS.into_iter().map(|metric| Row {
        label: format::metric(metric),
        entries: view
            .columns
            .iter()
            .map(|column| figure(column, metric))
            .collect(),
    });
    let own = |label: &str, entry: fn(&'a Column<'_>) -> Entry<'a>| Row {
        label: label.to_owned(),
        entries: view.columns.iter().map(entry).collect(),
    };
    figures
        .chain(special::rows(view))
        .chain([
            own("connect p99", connect),
            own("PostgreSQL's CPU", |column| {
                cpu(column, column.figures.total.postgres)
            }),
            own("generator's CPU", |column| {
                cpu(column, column.figures.total.generator)
            }),
            own("errors", errors),
        ])
        .collect()
}

/// Time to connect and log in, which 99 in 100 stay under.
fn connect<'a>(column: &'a Column<'_>) -> Entry<'a> {
    let time = column.figures.total.connect_latency.percentile(99.0);
    plain(column, time)
}

/// Processor time of somebody else than the target, for each of the target's successes.
fn cpu<'a>(column: &'a Column<'_>, usage: Usage) -> Entry<'a> {
    plain(column, usage.cpu_per_transaction())
}

fn plain<'a>(column: &'a Column<'_>, time: Option<Duration>) -> Entry<'a> {
    unmeasured(column, false).unwrap_or_else(|| Entry {
        value: format::optional(time.map(Quantity::Time)),
        tone: if time.is_some() {
            Tone::Plain
        } else {
            Tone::Faint
        },
        contrast: None,
    })
}

fn figure<'a>(column: &'a Column<'_>, metric: Metric) -> Entry<'a> {
    if let Some(entry) = unmeasured(column, metric == Metric::SuccessRate) {
        return entry;
    }
    let total = &column.figures.total;
    let figure = total.figure(metric);
    let mut value = format::optional(figure);
    if metric == Metric::Throughput && column.figures.generator_bound() {
        value.push_str(GENERATOR_BOUND_MARK);
    }
    Entry {
        value,
        tone: match figure {
            None => Tone::Faint,
            Some(_) if metric == Metric::SuccessRate && total.failed() > 0 => Tone::Bad,
            Some(_) => Tone::Plain,
        },
        contrast: column.contrast(metric),
    }
}

fn errors<'a>(column: &'a Column<'_>) -> Entry<'a> {
    unmeasured(column, false).unwrap_or_else(|| {
        let failed = column.figures.total.failed();
        Entry {
            value: format::count(failed),
            tone: if failed > 0 { Tone::Bad } else { Tone::Plain },
            contrast: None,
        }
    })
}

/// The state in place of the first figure, a dash in place of the others.
fn unmeasured<'a>(column: &'a Column<'_>, first: bool) -> Option<Entry<'a>> {
    let (status, _) = column.unmeasured()?;
    let value = if first { status } else { "–" };
    Some(Entry {
        value: value.to_owned(),
        tone: if status == "broken" {
            Tone::Bad
        } else {
            Tone::Faint
        },
        contrast: None,
    })
}

/// The tone of a ratio.
pub(super) fn contrast_tone(contrast: &Contrast) -> Tone {
    match contrast.effect {
        Some(Effect::Better) => Tone::Good,
        Some(Effect::Worse) => Tone::Bad,
        Some(Effect::NoDifference) => Tone::Plain,
        Some(Effect::Unclear) | None => Tone::Faint,
    }
}

/// What a ratio shows, in the words of the documentation.
pub(super) fn contrast_word(contrast: &Contrast) -> &'static str {
    match contrast.effect {
        None => "not judged",
        Some(_) if contrast.ratio.interval.is_none() => "rough",
        Some(effect) => effect_name(effect),
    }
}

/// What must be said below the table, a sentence each.
pub(super) fn footnotes(view: &ScenarioView<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for column in &view.columns {
        let total = &column.figures.total;
        if column.figures.generator_bound() {
            notes.push(format!(
                "{GENERATOR_BOUND_MARK} {}: the generator was the limit in {} of {}, so its \
                 throughput gets no verdict",
                column.name(),
                total.generator_bound_windows,
                format::counted(u64::from(total.windows), "window", "windows"),
            ));
        }
    }
    for column in &view.columns {
        if let Some(warm_up) = column.figures.cell.warm_up.filter(|one| !one.steady) {
            let lasted = Duration::from_millis(warm_up.lasted_ms);
            notes.push(format!(
                "{}: no steady state was reached in a warm-up of {}, so its first windows may be \
                 slower than the last",
                column.name(),
                format::duration(lasted)
            ));
        }
    }
    notes.extend(special::knees(view));
    notes.extend(view.noise.iter().map(Noise::sentence));
    notes.extend(view.sensitivity());
    if view.lacks_intervals() && view.columns.iter().any(|one| !one.contrasts.is_empty()) {
        let blocks = format::counted(view.blocks as u64, "block", "blocks");
        notes.push(format!(
            "{blocks}: too few for 95 % intervals, so ratios are rough"
        ));
    }
    notes
}

/// One line of the list of errors.
pub(super) struct ErrorLine {
    pub(super) target: String,
    pub(super) class: String,
    pub(super) count: u64,
    pub(super) sample: String,
}

/// Failures by target and class, the most frequent first, with the first message of each.
pub(super) fn errors_by_class(view: &ScenarioView<'_>) -> Vec<ErrorLine> {
    /// Characters of a message that are shown.
    const LONGEST_SAMPLE: usize = 200;
    let mut lines = Vec::new();
    for column in &view.columns {
        let total = &column.figures.total;
        let mut classes: Vec<_> = total
            .errors
            .iter()
            .filter(|(_, count)| **count > 0)
            .collect();
        classes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (class, count) in classes {
            let sample = total.error_samples.get(class);
            lines.push(ErrorLine {
                target: column.name().to_owned(),
                class: class.to_string(),
                count: *count,
                sample: sample
                    .map_or_else(String::new, |text| format::one_line(text, LONGEST_SAMPLE)),
            });
        }
    }
    lines
}
