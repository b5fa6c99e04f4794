//! The table on a terminal.

use std::fmt::Write as _;

use super::rows::{errors_by_class, footnotes, happenings};
use crate::{
    GateReport, RunRecord, format,
    gate::{Outcome, Verdict},
    overview::{Overview, ScenarioView},
};

mod grid;
mod paint;

use paint::Paint;

/// How the terminal wants it.
#[derive(Clone, Copy, Debug)]
pub struct TableStyle {
    /// Columns of the terminal.
    pub width: u16,
    /// Whether ANSI colours are understood.
    pub color: bool,
}

/// Judgements listed one by one for each verdict; the others are counted.
const LISTED: usize = 20;

/// Scenarios and targets side by side, then errors, then verdicts.
#[must_use]
pub fn table(record: &RunRecord, gate: &GateReport, style: TableStyle) -> String {
    let overview = Overview::of(record);
    let paint = Paint::new(style.color);
    let mut text = String::new();
    for view in &overview.scenarios {
        text += &scenario(view, overview.reference, style);
        text.push('\n');
    }
    text += &verdicts(gate, paint, style.width);
    text
}

fn scenario(view: &ScenarioView<'_>, reference: Option<&str>, style: TableStyle) -> String {
    let paint = Paint::new(style.color);
    let width = usize::from(style.width);
    let mut text = title(view, paint);
    text += &grid::grid(view, reference, style);
    text.push('\n');
    for note in footnotes(view) {
        _ = writeln!(text, "{}", paint.faint(&note));
    }
    if let Some(reference) = reference {
        for sentence in view.sentences(reference) {
            _ = writeln!(text, "{sentence}");
        }
    }
    for sentence in happenings(view) {
        _ = writeln!(text, "{}", format::one_line(&sentence, width.max(80) * 3));
    }
    for line in errors_by_class(view) {
        let place = format!(
            "{}: {} × {}:",
            line.target,
            format::count(line.count),
            line.class
        );
        let room = width.saturating_sub(place.chars().count() + 4).max(20);
        let sample = format::one_line(&line.sample, room);
        _ = writeln!(text, "  {} {}", paint.bad(&place), paint.faint(&sample));
    }
    text
}

fn title(view: &ScenarioView<'_>, paint: Paint) -> String {
    let scenario = &view.run.scenario;
    let blocks = format::counted(view.blocks as u64, "block", "blocks");
    format!(
        "{}  {}\n{}\n",
        paint.strong(&scenario.name),
        paint.faint(&format!("driver {}, {blocks}", view.run.driver)),
        scenario.purpose,
    )
}

fn verdicts(gate: &GateReport, paint: Paint, width: u16) -> String {
    let outcome = gate.outcome();
    let name = outcome.to_string().to_uppercase();
    let name = match outcome {
        Outcome::Pass => paint.good(&name),
        Outcome::Fail => paint.bad(&name),
        Outcome::NoVerdict => paint.warn(&name),
    };
    let mut text = format!("{name}  {}\n", gate.headline());
    for (verdict, mark) in [
        (Verdict::Fail, "✗"),
        (Verdict::NoVerdict, "?"),
        (Verdict::Pass, "✓"),
    ] {
        for judgement in gate.with(verdict).take(LISTED) {
            let line = format!(
                "{mark} {} · {} · {}: {}",
                judgement.scenario,
                judgement.target,
                judgement.asked(),
                judgement.sentence
            );
            let line = format::one_line(&line, usize::from(width.max(80)) * 3);
            let line = match verdict {
                Verdict::Fail => paint.bad(&line),
                Verdict::NoVerdict => paint.warn(&line),
                Verdict::Pass | Verdict::NotApplicable => line,
            };
            _ = writeln!(text, "  {line}");
        }
        let more = gate.with(verdict).count().saturating_sub(LISTED);
        if more > 0 {
            _ = writeln!(text, "  {mark} and {more} more: {verdict}");
        }
    }
    text
}
