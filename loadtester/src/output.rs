//! Results on standard output and nothing else there; everything else on standard error.

mod verdict;

pub use verdict::{Check, checks};

use std::io::{self, IsTerminal, Write};

use poolproof_reports::{
    GateReport, RunRecord,
    render::{TableStyle, markdown, table},
};

use crate::{cli::Format, problem::Problem};

/// Columns when the output is no terminal: what a log or a page shows without breaking lines.
const PLAIN_WIDTH: u16 = 120;

/// Prints a result as it is, with a newline at its end. A reader that has left, such as `head`, is
/// no failure.
///
/// # Errors
///
/// When standard output cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(out, "{text}{newline}").and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::usage(
            format!("cannot write to standard output: {error}"),
            "Send it somewhere with space and the right to write.",
        )),
        _ => Ok(()),
    }
}

/// Says something on standard error. Where nobody can hear it, such as in a closed pipe, the work goes
/// on.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A run in the form that the user wants.
///
/// # Errors
///
/// When the record cannot be written as JSON, which would be a fault of this program.
pub fn render(record: &RunRecord, gate: &GateReport, format: Format) -> Result<String, Problem> {
    match format {
        Format::Table => Ok(table(record, gate, style())),
        Format::Markdown => Ok(markdown(record, gate)),
        Format::Json => to_json(&verdict::Judged::new(record, gate)),
    }
}

/// Any result as JSON.
///
/// # Errors
///
/// When it holds what JSON cannot say, which would be a fault of this program.
pub fn to_json(value: &impl serde::Serialize) -> Result<String, Problem> {
    serde_json::to_string_pretty(value).map_err(|error| {
        Problem::usage(
            format!("the result cannot be written as JSON: {error}"),
            "Please report this, and use --format table until it is mended.",
        )
    })
}

/// How the terminal wants a table. Colours follow <https://no-color.org>.
#[must_use]
pub fn style() -> TableStyle {
    let terminal = io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    TableStyle {
        width: terminal_size::terminal_size().map_or(PLAIN_WIDTH, |(width, _)| width.0),
        color: terminal && !no_color,
    }
}
