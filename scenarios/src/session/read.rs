//! Reads a script, line by line. All that is wrong is told at once, one problem a line.

mod action;
mod header;
mod message;
mod words;

use std::ops::Range;

use super::{Client, Session, Step, Who};
use crate::{Problem, ScenarioError};
use words::Words;

/// What is wrong, and with which bytes of the line.
pub(super) struct Wrong {
    span: Range<usize>,
    message: String,
}

impl Wrong {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }
}

/// Reads a whole script.
pub(super) fn session(text: &str, file: &str) -> Result<Session, ScenarioError> {
    let mut session = Session::default();
    let mut problems = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Err(Wrong { span, message }) = self::line(line.trim_end(), &mut session) {
            let span = start + span.start..start + span.end;
            problems.push(Problem::at(file, text, &span, message));
        }
        start += line.len();
    }
    if problems.is_empty() {
        Ok(session)
    } else {
        Err(ScenarioError { problems })
    }
}

fn line(line: &str, session: &mut Session) -> Result<(), Wrong> {
    let content = line.trim_start();
    if content.is_empty() || content.starts_with('#') {
        return Ok(());
    }
    let begin = line.len() - content.len();
    let Some(colon) = line.find(':') else {
        return Err(Wrong::new(
            begin..line.len(),
            "expected `key: value` or `CLIENT: step`, got a line without a colon",
        ));
    };
    let key = line[begin..colon].trim_end();
    let who = match Client::new(key) {
        Some(client) => Who::One(client),
        None if key == "all" => Who::All,
        None if session.steps.is_empty() => {
            return header::line(&mut session.header, line, begin..colon);
        }
        None => {
            return Err(Wrong::new(
                begin..colon,
                format!("expected a client such as A, or all, got {key:?} after the first step"),
            ));
        }
    };
    let mut words = Words::new(line, colon + 1)?;
    let action = action::action(&mut words, &who)?;
    words.end()?;
    session.steps.push(Step { who, action });
    Ok(())
}
