//! Judges the answer to one statement, message by message: the order, the rows, the nonce.

use std::collections::VecDeque;

use poolproof_reports::record::ErrorClass;

use super::{
    super::{Failure, plan::Nonce},
    Expected, Frame, Order, error_response,
};

/// An answer that is coming in.
#[derive(Debug)]
pub(in crate::engine) struct Answer {
    stage: Stage,
    nonce: Nonce,
    nonce_rows: Option<u64>,
    rows: u64,
    /// The server knows the statement: ParseComplete came, or was not waited for.
    parsed: bool,
    /// The ErrorResponse, when there was one. The session survives it.
    error: Option<Failure>,
    /// What comes before the same ReadyForQuery, for the other statements of a pipeline.
    next: VecDeque<(Expected, Nonce)>,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// ParseComplete; then whether a description comes.
    Parsing { described: bool },
    /// BindComplete.
    Binding { described: bool },
    /// RowDescription or NoData.
    Describing,
    /// Rows, then the end of the result, in the extended protocol.
    Rows,
    /// The end of a statement that has no rows.
    NoRows,
    /// Begin of the first result of a simple query.
    Simple,
    /// Rows of a simple query.
    SimpleRows,
    /// A further result of a simple query, or ReadyForQuery.
    SimpleNext,
    /// ReadyForQuery and nothing else.
    Ending,
}

/// Where an answer is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Progress {
    /// More is to come.
    More,
    /// ReadyForQuery came.
    Ready(Status),
}

/// Transaction status of ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Status {
    /// `I`
    Idle,
    /// `T`
    InTransaction,
    /// `E`
    Failed,
}

impl Answer {
    pub(in crate::engine) fn new(expected: Expected, nonce: Nonce) -> Self {
        let stage = match expected.order {
            Order::Simple => Stage::Simple,
            Order::Described => Stage::Parsing { described: true },
            Order::Preparing => Stage::Parsing { described: false },
            Order::Prepared => Stage::Binding { described: false },
        };
        Self {
            stage,
            nonce,
            nonce_rows: expected.nonce_rows,
            rows: 0,
            parsed: !matches!(stage, Stage::Parsing { .. }),
            error: None,
            next: VecDeque::new(),
        }
    }

    /// The answer to statements that were sent together, with one Sync after the last.
    pub(in crate::engine) fn to_pipeline(mut all: VecDeque<(Expected, Nonce)>) -> Self {
        // Of no statement there is only a Sync to be answered.
        let nothing = Self {
            stage: Stage::Ending,
            nonce: Nonce::marker(0),
            nonce_rows: None,
            rows: 0,
            parsed: true,
            error: None,
            next: VecDeque::new(),
        };
        let first = all.pop_front();
        Self {
            next: all,
            ..first.map_or(nothing, |(expected, nonce)| Self::new(expected, nonce))
        }
    }

    /// Takes the next message.
    ///
    /// # Errors
    ///
    /// The protocol was broken or the answer is another query's: the connection cannot be trusted
    /// any more. An ErrorResponse is no such error; [`Answer::error`] has it.
    pub(in crate::engine) fn take(&mut self, frame: &Frame<'_>) -> Result<Progress, Failure> {
        use Stage::{
            Binding, Describing, Ending, NoRows, Parsing, Rows, Simple, SimpleNext, SimpleRows,
        };
        self.stage = match (self.stage, frame.tag) {
            // Notices, notifications and parameter changes may come between any two messages.
            (stage, b'N' | b'A' | b'S') => stage,
            (Rows | SimpleRows, b'D') => {
                self.row(frame)?;
                self.stage
            }
            (Parsing { described }, b'1') => {
                self.parsed = true;
                Binding { described }
            }
            (Binding { described: true }, b'2') => Describing,
            (Binding { described: false }, b'2') | (Describing, b'T') => Rows,
            (Describing, b'n') => NoRows,
            (Rows | NoRows, b'C' | b'I') => self.after_result()?,
            (Simple | SimpleNext, b'T') => SimpleRows,
            (Simple | SimpleRows | SimpleNext, b'C') => SimpleNext,
            (Simple, b'I') => Ending,
            (Ending | SimpleNext, b'Z') => return self.ready(frame),
            (_, b'E') if self.error.is_none() => {
                self.error = Some(error_response(frame.body));
                Ending
            }
            (stage, tag) => return Err(out_of_order(stage, tag)),
        };
        Ok(Progress::More)
    }

    /// What follows the result of a statement: that of the next one of a pipeline, or the end.
    fn after_result(&mut self) -> Result<Stage, Failure> {
        let Some((expected, nonce)) = self.next.pop_front() else {
            return Ok(Stage::Ending);
        };
        self.count_rows()?;
        let next = Self::new(expected, nonce);
        self.nonce = next.nonce;
        self.nonce_rows = next.nonce_rows;
        self.rows = 0;
        Ok(next.stage)
    }

    /// Holds the number of rows against what was expected.
    fn count_rows(&self) -> Result<(), Failure> {
        match self.nonce_rows {
            Some(rows) if rows != self.rows => Err(Failure::new(
                ErrorClass::WrongAnswer,
                format!("expected {rows} rows, got {}", self.rows),
            )),
            _ => Ok(()),
        }
    }

    /// The ErrorResponse, taken out.
    pub(in crate::engine) fn error(&mut self) -> Option<Failure> {
        self.error.take()
    }

    /// Whether the server knows the statement that was asked, whatever came of it.
    pub(in crate::engine) fn parsed(&self) -> bool {
        self.parsed
    }

    /// Holds the first column of a row against the nonce.
    fn row(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        self.rows += 1;
        if self.nonce_rows.is_none() {
            return Ok(());
        }
        match first_column(frame)? {
            Some(column) if column == self.nonce.bytes() => Ok(()),
            column => Err(Failure::new(
                ErrorClass::WrongAnswer,
                format!(
                    "expected {} in the first column, got {}",
                    self.nonce,
                    column.map_or("NULL".to_owned(), |bytes| bytes.escape_ascii().to_string())
                ),
            )),
        }
    }

    fn ready(&mut self, frame: &Frame<'_>) -> Result<Progress, Failure> {
        let status = match (frame.body, frame.whole) {
            (b"I", true) => Status::Idle,
            (b"T", true) => Status::InTransaction,
            (b"E", true) => Status::Failed,
            (body, _) => {
                return Err(Failure::violation(format!(
                    "expected ReadyForQuery with status I, T or E, got {}",
                    body.escape_ascii()
                )));
            }
        };
        if self.error.is_none() {
            self.count_rows()?;
        }
        Ok(Progress::Ready(status))
    }
}

/// The begin of the first column of a DataRow, as far as it was kept; `None` for NULL.
fn first_column<'a>(frame: &Frame<'a>) -> Result<Option<&'a [u8]>, Failure> {
    let malformed = || {
        let begin = &frame.body[..frame.body.len().min(16)];
        Failure::violation(format!(
            "expected a DataRow with a column, got one that begins {}",
            begin.escape_ascii()
        ))
    };
    let [n1, n0, a, b, c, d, rest @ ..] = frame.body else {
        return Err(malformed());
    };
    let columns = i16::from_be_bytes([*n1, *n0]);
    let length = i32::from_be_bytes([*a, *b, *c, *d]);
    match usize::try_from(length) {
        _ if columns < 1 => Err(malformed()),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(malformed()),
        Ok(length) if length <= rest.len() => Ok(Some(&rest[..length])),
        Ok(_) if frame.whole => Err(malformed()),
        Ok(_) => Ok(Some(rest)),
    }
}

fn out_of_order(stage: Stage, tag: u8) -> Failure {
    let expected = match stage {
        Stage::Parsing { .. } => "ParseComplete",
        Stage::Binding { .. } => "BindComplete",
        Stage::Describing => "RowDescription or NoData",
        Stage::Rows => "DataRow or CommandComplete",
        Stage::NoRows => "CommandComplete",
        Stage::Simple => "RowDescription, CommandComplete or EmptyQueryResponse",
        Stage::SimpleRows => "DataRow or CommandComplete",
        Stage::SimpleNext => "a further result or ReadyForQuery",
        Stage::Ending => "ReadyForQuery",
    };
    Failure::violation(format!(
        "expected {expected}, got a message of type {}",
        tag.escape_ascii()
    ))
}

#[cfg(test)]
mod tests;
