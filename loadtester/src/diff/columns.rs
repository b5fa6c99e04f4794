//! Two traces side by side, in the words of the scripts, with the first difference marked.

use std::fmt::Write as _;

use super::{
    compare::settled,
    notation::{self, Show},
    trace::{Ending, Trace},
};
use crate::diff::Difference;

/// Widest column, in characters.
const WIDTH: usize = 72;

/// The traces of every client; `names` are the heads of the columns.
#[must_use]
pub fn columns(
    names: (&str, &str),
    oracle: &Trace,
    target: &Trace,
    difference: Option<&Difference>,
) -> String {
    let mut out = String::new();
    let none = Vec::new();
    for (client, left) in &oracle.clients {
        let right = target.clients.get(client).unwrap_or(&none);
        let marked = difference.filter(|difference| difference.client == *client);
        let marked = marked.map(|difference| difference.at);
        let (left, right) = (lines(&settled(left)), lines(&settled(right)));
        let widths = left.iter().map(|line| line.chars().count());
        let width = widths.max().unwrap_or(0).max(names.0.len());
        let _ = writeln!(out, "  {client}  {:width$} │ {}", names.0, names.1);
        for index in 0..left.len().max(right.len()) {
            let mark = if marked == Some(index) { '▶' } else { ' ' };
            let cell = |lines: &[String]| lines.get(index).cloned().unwrap_or_default();
            let line = format!("{mark}    {:width$} │ {}", cell(&left), cell(&right));
            let _ = writeln!(out, "{}", line.trim_end());
        }
        if marked.is_some_and(|at| at >= left.len().max(right.len())) {
            out.push_str("▶\n");
        }
    }
    for (name, trace) in [(names.0, oracle), (names.1, target)] {
        match trace.ending {
            Ending::Complete => {}
            Ending::Hang { step } => {
                let _ = writeln!(
                    out,
                    "{name}: no answer to step {step}, and nothing going on"
                );
            }
            Ending::Slow { step } => {
                let _ = writeln!(out, "{name}: step {step} took longer than is allowed");
            }
        }
    }
    out
}

fn lines(events: &[super::Event]) -> Vec<String> {
    let lines = events
        .iter()
        .map(|event| notation::event(event, Show::Short));
    lines
        .map(|line| match line.char_indices().nth(WIDTH) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        })
        .collect()
}
