//! A summary for pull requests and job pages.

use std::fmt::Write as _;

use super::rows::{Entry, errors_by_class, footnotes, happenings, rows};
use crate::{
    GateReport, RunRecord, format,
    gate::{Judgement, Outcome, Verdict},
    overview::{Overview, ScenarioView},
};

/// GitHub refuses comments above 65,536 characters; job summaries take 1 MB. What is said of the rest
/// finds room above this.
const LONGEST: usize = 60_000;
/// Of these, for the checks that did not pass.
const LONGEST_VERDICT: usize = 20_000;
/// Judgements and errors listed for each run and scenario.
const LISTED: usize = 20;
/// Characters of a text from outside. Escaped, each may take six bytes.
const LONGEST_TEXT: usize = 300;
/// The same where several stand in one line.
const LONGEST_WORD: usize = 80;

/// A summary for pull requests and job pages, below 64 kB whatever the run.
#[must_use]
pub fn markdown(record: &RunRecord, gate: &GateReport) -> String {
    let overview = Overview::of(record);
    let mut text = verdict(gate);
    let sections = overview
        .scenarios
        .iter()
        .map(|view| scenario(view, overview.reference));
    let footer = footer(record);
    let mut left_out = 0;
    for section in sections {
        if text.len() + section.len() + footer.len() > LONGEST {
            left_out += 1;
        } else {
            text += &section;
        }
    }
    if left_out > 0 {
        let scenarios = format::counted(left_out, "scenario is", "scenarios are");
        _ = writeln!(
            text,
            "\n{scenarios} left out here for length; the HTML report has all."
        );
    }
    text + &footer
}

fn verdict(gate: &GateReport) -> String {
    let sign = match gate.outcome() {
        Outcome::Pass => "✅ Pass",
        Outcome::Fail => "❌ Fail",
        Outcome::NoVerdict => "❔ No verdict",
    };
    let mut text = format!("## {sign}: {}\n", escape(&gate.headline(), LONGEST_TEXT));
    let open: Vec<_> = gate
        .with(Verdict::Fail)
        .chain(gate.with(Verdict::NoVerdict))
        .collect();
    if open.is_empty() {
        return text;
    }
    text += "\n| verdict | scenario | target | asked | found |\n|---|---|---|---|---|\n";
    let mut listed = 0;
    for judgement in open.iter().take(LISTED) {
        let line = judgement_line(judgement);
        if text.len() + line.len() > LONGEST_VERDICT {
            break;
        }
        text += &line;
        listed += 1;
    }
    if open.len() > listed {
        _ = writeln!(text, "\nand {} more.", open.len() - listed);
    }
    text
}

fn judgement_line(judgement: &Judgement) -> String {
    format!(
        "| {} | {} | {} | {} | {} |\n",
        judgement.verdict,
        escape(&judgement.scenario, LONGEST_TEXT),
        escape(&judgement.target, LONGEST_TEXT),
        escape(&judgement.asked(), LONGEST_TEXT),
        escape(&judgement.sentence, LONGEST_TEXT),
    )
}

fn scenario(view: &ScenarioView<'_>, reference: Option<&str>) -> String {
    let scenario = &view.run.scenario;
    let mut text = format!(
        "\n### {}\n\n{}\n\n",
        escape(&scenario.name, LONGEST_TEXT),
        escape(&scenario.purpose, LONGEST_TEXT)
    );
    text += &table(view, reference);
    if let Some(reference) = reference {
        text.push('\n');
        for sentence in view.sentences(reference) {
            _ = writeln!(text, "- {}", escape(&sentence, LONGEST_TEXT));
        }
    }
    let told = happenings(view);
    for sentence in told.iter().take(LISTED) {
        _ = writeln!(text, "- {}", escape(sentence, LONGEST_TEXT));
    }
    for note in footnotes(view) {
        _ = writeln!(text, "- {}", escape(&note, LONGEST_TEXT));
    }
    text + &errors(view)
}

fn table(view: &ScenarioView<'_>, reference: Option<&str>) -> String {
    let mut text = String::from("| |");
    for column in &view.columns {
        _ = write!(text, " {} |", escape(column.name(), LONGEST_TEXT));
    }
    text.push_str("\n|---|");
    text += &"---:|".repeat(view.columns.len());
    text.push('\n');
    for row in rows(view) {
        _ = write!(text, "| {} |", row.label);
        for entry in &row.entries {
            _ = write!(text, " {} |", cell(entry));
        }
        text.push('\n');
    }
    if let Some(reference) = reference {
        let called = format::target(reference);
        let name = escape(called, LONGEST_TEXT);
        _ = writeln!(
            text,
            "\nIn brackets: ratio to {name}, median of the blocks (95 % interval)."
        );
    }
    text
}

fn cell(entry: &Entry<'_>) -> String {
    let value = escape(&entry.value, LONGEST_TEXT);
    match entry.contrast {
        Some(contrast) => format!("{value} [{}]", format::ratio(&contrast.ratio)),
        None => value,
    }
}

fn errors(view: &ScenarioView<'_>) -> String {
    let lines = errors_by_class(view);
    if lines.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("\n| errors | target | class | first message |\n|---:|---|---|---|\n");
    for line in lines.iter().take(LISTED) {
        _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            format::count(line.count),
            escape(&line.target, LONGEST_TEXT),
            escape(&line.class, LONGEST_TEXT),
            escape(&line.sample, LONGEST_TEXT),
        );
    }
    text
}

fn footer(record: &RunRecord) -> String {
    let environment = &record.environment;
    let quick = if record.quick {
        ", quick run with rough figures"
    } else {
        ""
    };
    format!(
        "\n<sub>poolproof {} · {} · {} · {} on {} ({}) · seed {}{quick}</sub>\n",
        escape(&record.tool.version, LONGEST_WORD),
        escape(&record.started_at, LONGEST_WORD),
        escape(
            &format::postgres(&environment.postgres_version),
            LONGEST_WORD
        ),
        format::counted(u64::from(environment.cores), "core", "cores"),
        escape(&environment.cpu_model, LONGEST_WORD),
        escape(&environment.os, LONGEST_WORD),
        record.seed,
    )
}

/// Text from outside as plain characters of one table cell: neither Markdown nor HTML in it takes
/// effect, and nobody is mentioned.
fn escape(text: &str, longest: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in format::one_line(text, longest).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' | '!' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}
