//! Reads a script: SQL and backslash commands to the steps of a program.

use std::{ops::Range, time::Duration};

use super::{
    Ask, Expression, Keeps, Piece, Program, Setting, Slot, Step, Value,
    expression::read as read_expression,
    sql::{End, nothing_len, stretch},
};
use crate::{
    error::Problem,
    nearest::suggestion,
    workload::{Protocol, Returns},
};

mod meta;

/// Largest script, in bytes.
const BYTES_MAX: usize = 256 << 10;
/// Most steps of a script.
const STEPS_MAX: usize = 10_000;
/// Most variables in one statement, as in pgbench.
const ARGUMENTS_MAX: usize = 255;

/// Variables that every script has.
const OWN: [&str; 4] = ["scale", "client_id", "random_seed", "default_seed"];

pub(super) fn read(text: &str, file: &str, setting: Setting<'_>) -> Result<Program, Vec<Problem>> {
    let mut script = Script {
        text,
        protocol: setting.protocol,
        program: Program {
            file: file.to_owned(),
            ..Program::default()
        },
        known: known(text, setting),
        blocks: Vec::new(),
        pipeline: None,
        found: Vec::new(),
    };
    if text.len() > BYTES_MAX {
        let got = text.len();
        script.refuse(
            0..0,
            format!("expected at most {BYTES_MAX} bytes, got {got}"),
        );
    } else {
        script.read();
    }
    for (name, value) in setting.variables {
        if let Some(slot) = script.program.slot(name) {
            script.program.initial[slot.0] = Some(value.value());
        }
    }
    if let Some(Slot(index)) = script.program.slot("scale") {
        script.program.initial[index].get_or_insert(Value::Int(1));
    }
    let mut found = script.found;
    found.sort_by_key(|(start, _)| *start);
    if found.is_empty() {
        return Ok(script.program);
    }
    let place = |(start, message)| Problem::at(file, text, &(start..start), message);
    Err(found.into_iter().map(place).collect())
}

/// Which names are variables.
enum Known {
    /// These.
    These(Vec<String>),
    /// Any, as columns of answers become variables.
    Any,
}

/// The names that the script sets or is given. A colon before any other word is part of the SQL.
fn known(text: &str, setting: Setting<'_>) -> Known {
    if text.contains("\\gset") || text.contains("\\aset") {
        return Known::Any;
    }
    let set = text.match_indices("\\set").filter_map(|(at, word)| {
        let name = text[at + word.len()..].split_whitespace().next()?;
        Some(name.to_owned())
    });
    let given = setting.variables.keys().cloned();
    let own = OWN.map(str::to_owned);
    Known::These(set.chain(given).chain(own).collect())
}

/// An `\if` that is not ended yet.
struct Block {
    /// Where it began, in bytes.
    start: usize,
    /// The step that goes on behind the branch whose condition does not hold.
    unless: Option<usize>,
    /// Steps at the end of branches, which go on behind the block.
    ends: Vec<usize>,
}

struct Script<'t> {
    text: &'t str,
    protocol: Protocol,
    program: Program,
    known: Known,
    blocks: Vec<Block>,
    /// Where a pipeline that is not ended yet began, and within how many blocks.
    pipeline: Option<(usize, usize)>,
    found: Vec<(usize, String)>,
}

impl Script<'_> {
    fn read(&mut self) {
        let mut at = 0;
        while at < self.text.len() && self.program.steps.len() <= STEPS_MAX {
            let found = stretch(&self.text[at..]);
            self.statement(at..at + found.len);
            at += found.len;
            match found.end {
                End::Text => break,
                End::Semicolon => at += 1,
                End::Backslash => at = self.command(at),
            }
        }
        if self.program.steps.len() > STEPS_MAX {
            self.refuse(at..at, format!("expected at most {STEPS_MAX} steps"));
        }
        if let Some(block) = self.blocks.pop() {
            self.refuse(
                block.start..block.start,
                "expected \\endif for this \\if, got none".into(),
            );
        }
        if let Some((start, _)) = self.pipeline {
            let why = "expected \\endpipeline for this \\startpipeline, got none";
            self.refuse(start..start, why.into());
        }
        if self.program.asks.is_empty() && self.found.is_empty() {
            self.refuse(0..0, "expected a script with a statement, got none".into());
        }
    }

    fn refuse(&mut self, place: Range<usize>, message: String) {
        self.found.push((place.start, message));
    }

    fn line_of(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    fn slot(&mut self, name: &str) -> Slot {
        self.program.slot(name).unwrap_or_else(|| {
            self.program.names.push(name.to_owned());
            self.program.initial.push(None);
            Slot(self.program.names.len() - 1)
        })
    }

    /// Adds the statement in `span`, if there is one.
    fn statement(&mut self, span: Range<usize>) {
        let start = span.start + nothing_len(&self.text[span.clone()]);
        let sql = self.text[start.min(span.end)..span.end].trim_end();
        if sql.is_empty() {
            return;
        }
        if sql.contains('\0') {
            self.refuse(start..span.end, "expected SQL without a zero byte".into());
            return;
        }
        let word = sql.split_whitespace().next().unwrap_or_default();
        if word.eq_ignore_ascii_case("copy") {
            let why = "COPY is outside of the subset of scripts; write it as a statement of the \
                       scenario, with its data";
            self.refuse(start..span.end, why.into());
            return;
        }
        let pieces = self.pieces(sql);
        let arguments = pieces.iter().filter(|it| !matches!(it, Piece::Text(_)));
        if arguments.count() > ARGUMENTS_MAX {
            let why = format!("expected at most {ARGUMENTS_MAX} variables in a statement");
            self.refuse(start..span.end, why);
        }
        let ask = Ask {
            returns: returns(&pieces),
            sql: pieces,
            keeps: Keeps::Nothing,
            copies: None,
            copy: None,
            line: self.line_of(start),
        };
        self.program.steps.push(Step::Ask(self.program.asks.len()));
        self.program.asks.push(ask);
    }

    /// Cuts SQL at its variables. As in pgbench, quotes do not protect a name that is one.
    fn pieces(&mut self, sql: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = sql;
        while let Some(colon) = rest.find(':') {
            let colons = rest[colon..].len() - rest[colon..].trim_start_matches(':').len();
            let after = &rest[colon + colons..];
            let name_len = variable_len(after);
            let name = &after[..name_len];
            if colons > 1 || !self.is_variable(name) {
                text.push_str(&rest[..colon + colons]);
                rest = after;
                continue;
            }
            text.push_str(&rest[..colon]);
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(if name == "nonce" {
                Piece::Nonce
            } else {
                Piece::Value(self.slot(name))
            });
            rest = &after[name_len..];
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        // psql's way to write a semicolon or a colon that means nothing to it.
        for piece in &mut pieces {
            if let Piece::Text(text) = piece {
                *text = text.replace("\\;", ";").replace("\\:", ":");
            }
        }
        pieces
    }

    fn is_variable(&self, name: &str) -> bool {
        let known = match &self.known {
            Known::These(names) => name == "nonce" || names.iter().any(|known| known == name),
            Known::Any => true,
        };
        known && !name.is_empty()
    }

    /// Reads the expression in `span`; a problem is added when it is none.
    fn expression(&mut self, span: Range<usize>) -> Option<Expression> {
        let text = self.text;
        match read_expression(&text[span.clone()], &mut |name| self.slot(name)) {
            Ok(expression) => Some(expression),
            Err((place, why)) => {
                let start = span.start + place.start;
                self.refuse(start..start, why);
                None
            }
        }
    }
}

/// A row must bring the nonce back where the statement asks for it first of all.
fn returns(pieces: &[Piece]) -> Returns {
    match pieces {
        [Piece::Text(begin), Piece::Nonce, ..] if begin.trim().eq_ignore_ascii_case("select") => {
            Returns::EachNonce
        }
        _ => Returns::Anything,
    }
}

/// Bytes of the variable's name at the begin of `text`. A digit begins none, so that times of the day
/// stay what they are.
fn variable_len(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()))
        .unwrap_or(text.len())
}
