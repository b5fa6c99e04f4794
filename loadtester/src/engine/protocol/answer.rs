//! Judges the answer to what was asked, message by message: the order, the rows, the nonce.

use std::{collections::VecDeque, mem};

use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::{
    pgbench::Keeps,
    workload::{Copies, Returns},
};

use super::{
    super::{Failure, plan::Nonce},
    Expected, Frame, Order,
    error_fields::is_fatal,
    error_response,
    rows::{Kept, begin_of_copy, first_column},
};

/// An answer that is coming in.
#[derive(Debug)]
pub(in crate::engine) struct Answer {
    stage: Stage,
    now: Awaited,
    rows: u64,
    /// CommandComplete of the last result had the tag that was wanted.
    tagged: bool,
    /// The server knows the statement: ParseComplete came, or was not waited for.
    parsed: bool,
    /// An ErrorResponse came since the last ReadyForQuery, wanted or not.
    refused: bool,
    /// The first ErrorResponse that was not wanted. The session survives it.
    error: Option<Failure>,
    /// What the server does not know by name after all.
    unparsed: Vec<usize>,
    /// Columns that the script keeps.
    kept: Kept,
    /// What comes after this statement in a pipeline.
    next: VecDeque<Awaits>,
}

/// The statement whose answer is coming in.
#[derive(Debug)]
struct Awaited {
    expected: Expected,
    nonce: Nonce,
}

/// What a pipeline waits for.
#[derive(Debug)]
pub(in crate::engine) enum Awaits {
    /// The answer to a statement.
    Statement(Expected, Nonce),
    /// The ReadyForQuery of a Sync.
    Sync,
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
    /// CommandComplete of a COPY, after what was copied; whether it was a simple query.
    Copied { simple: bool },
    /// CopyData or CopyDone.
    CopyOut { simple: bool },
    /// ReadyForQuery and nothing else.
    Ending,
}

/// Where an answer is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Progress {
    /// More is to come.
    More,
    /// The server waits for the rows of a COPY.
    CopyIn,
    /// The last ReadyForQuery came.
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
        let stage = begin(expected.order);
        Self {
            stage,
            parsed: !matches!(stage, Stage::Parsing { .. }),
            now: Awaited { expected, nonce },
            rows: 0,
            tagged: false,
            refused: false,
            error: None,
            unparsed: Vec::new(),
            kept: Kept::default(),
            next: VecDeque::new(),
        }
    }

    /// The answer to what was sent together, with a Sync after the last.
    pub(in crate::engine) fn to_pipeline(all: VecDeque<Awaits>) -> Self {
        let nothing = Expected {
            order: Order::Simple,
            returns: Returns::Anything,
            copies: None,
            keeps: Keeps::Nothing,
            number: 0,
        };
        let mut answer = Self::new(nothing, Nonce::marker(0));
        answer.next = all;
        answer.advance();
        answer
    }

    /// Takes the next message.
    ///
    /// # Errors
    ///
    /// The protocol was broken or the answer is another query's: the connection cannot be trusted
    /// any more. An ErrorResponse is no such error; [`Answer::error`] has it.
    pub(in crate::engine) fn take(&mut self, frame: &Frame<'_>) -> Result<Progress, Failure> {
        use Stage::{
            Binding, Copied, CopyOut, Describing, Ending, NoRows, Parsing, Rows, Simple,
            SimpleNext, SimpleRows,
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
            (Binding { described: false }, b'2') => Rows,
            (Describing, b'T') => self.described(frame, Rows)?,
            (Describing, b'n') => NoRows,
            (Rows | NoRows | Copied { simple: false }, b'C' | b'I') => {
                self.result(frame)?;
                self.advance()
            }
            (Simple | SimpleNext, b'T') => self.described(frame, SimpleRows)?,
            (Simple | SimpleRows | SimpleNext | Copied { simple: true }, b'C') => {
                self.result(frame)?;
                SimpleNext
            }
            (Simple, b'I') => Ending,
            (Rows | NoRows | Simple | SimpleNext, b'G') if self.copies(Copies::In) => {
                let simple = matches!(self.stage, Simple | SimpleNext);
                self.stage = Copied { simple };
                return Ok(Progress::CopyIn);
            }
            (Rows | NoRows | Simple | SimpleNext, b'H') if self.copies(Copies::Out) => CopyOut {
                simple: matches!(self.stage, Simple | SimpleNext),
            },
            (CopyOut { .. }, b'd') => {
                self.rows += 1;
                if self.wants_nonces() {
                    self.check_nonce(Some(begin_of_copy(frame.body)))?;
                }
                self.stage
            }
            (CopyOut { simple }, b'c') => Copied { simple },
            (Ending | SimpleNext, b'Z') => return self.ready(frame),
            (_, b'E') if !self.refused => self.refuse(frame),
            // Behind an error a server may still end the session before it says that it is ready.
            (_, b'E') if is_fatal(frame.body) => {
                return Err(self.error().unwrap_or_else(|| error_response(frame.body)));
            }
            (stage, tag) => return Err(out_of_order(stage, tag)),
        };
        Ok(Progress::More)
    }

    fn copies(&self, way: Copies) -> bool {
        self.now.expected.copies == Some(way)
    }

    fn described(&mut self, frame: &Frame<'_>, next: Stage) -> Result<Stage, Failure> {
        if self.now.expected.keeps != Keeps::Nothing {
            self.kept.describe(frame)?;
        }
        Ok(next)
    }

    /// Takes the end of a result.
    fn result(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        if let Returns::Tag(tag) = &self.now.expected.returns {
            let got = frame.body.split(|byte| *byte == 0).next();
            self.tagged = got == Some(tag.as_bytes());
        }
        self.kept.end_result(&self.now.expected.keeps);
        // In a simple query the rows of all results are counted together.
        if self.now.expected.order != Order::Simple {
            self.complete()?;
        }
        Ok(())
    }

    /// Goes on to what follows in the pipeline, if anything does.
    fn advance(&mut self) -> Stage {
        self.stage = match self.next.pop_front() {
            None | Some(Awaits::Sync) => Stage::Ending,
            Some(Awaits::Statement(expected, nonce)) => {
                let stage = begin(expected.order);
                self.parsed = !matches!(stage, Stage::Parsing { .. });
                self.now = Awaited { expected, nonce };
                self.rows = 0;
                self.tagged = false;
                stage
            }
        };
        self.stage
    }

    /// Takes an ErrorResponse: what follows it up to the next Sync is not answered.
    fn refuse(&mut self, frame: &Frame<'_>) -> Stage {
        self.refused = true;
        let failure = error_response(frame.body);
        let wanted = match &self.now.expected.returns {
            Returns::SqlState(code) => failure.class == ErrorClass::SqlState(code.clone()),
            _ => false,
        };
        if !wanted && self.error.is_none() {
            self.error = Some(failure);
        }
        if !self.parsed {
            self.unparsed.push(self.now.expected.number);
        }
        while let Some(awaits) = self.next.pop_front() {
            match awaits {
                Awaits::Sync => break,
                Awaits::Statement(expected, _) => {
                    if matches!(expected.order, Order::Extended { parses: true, .. }) {
                        self.unparsed.push(expected.number);
                    }
                }
            }
        }
        Stage::Ending
    }

    /// Holds a statement that was answered without an error against what was expected.
    fn complete(&self) -> Result<(), Failure> {
        let wrong = |message: String| Err(Failure::new(ErrorClass::WrongAnswer, message));
        let wanted = match &self.now.expected.returns {
            Returns::Nonce => 1,
            Returns::NonceRows(rows) | Returns::Rows(rows) => *rows,
            Returns::Tag(tag) if !self.tagged => {
                return wrong(format!("expected the tag {tag:?}, got another"));
            }
            Returns::SqlState(code) => return wrong(format!("expected error {code}, got none")),
            Returns::EachNonce | Returns::Anything | Returns::Tag(_) => return Ok(()),
        };
        if wanted == self.rows {
            return Ok(());
        }
        wrong(format!("expected {wanted} rows, got {}", self.rows))
    }

    /// The ErrorResponse that was not wanted, taken out.
    pub(in crate::engine) fn error(&mut self) -> Option<Failure> {
        self.error.take()
    }

    /// Numbers of the statements that the server does not know by name after all.
    pub(in crate::engine) fn unparsed(&mut self) -> Vec<usize> {
        mem::take(&mut self.unparsed)
    }

    /// The columns that the script keeps.
    ///
    /// # Errors
    ///
    /// Not exactly one row where the script wants one.
    pub(in crate::engine) fn kept(&mut self) -> Result<Vec<(String, Option<String>)>, Failure> {
        self.kept.take(&self.now.expected.keeps)
    }

    /// The nonce of the statement that is being answered.
    pub(in crate::engine) fn nonce(&self) -> Nonce {
        self.now.nonce
    }

    fn row(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        self.rows += 1;
        if self.now.expected.keeps != Keeps::Nothing {
            self.kept.row(frame)?;
        }
        if self.wants_nonces() {
            return self.check_nonce(first_column(frame)?);
        }
        Ok(())
    }

    fn wants_nonces(&self) -> bool {
        matches!(
            self.now.expected.returns,
            Returns::Nonce | Returns::NonceRows(_) | Returns::EachNonce
        )
    }

    /// Holds the first column of a row against the nonce.
    fn check_nonce(&self, column: Option<&[u8]>) -> Result<(), Failure> {
        match column {
            Some(column) if column == self.now.nonce.bytes() => Ok(()),
            column => Err(Failure::new(
                ErrorClass::WrongAnswer,
                format!(
                    "expected {} in the first column, got {}",
                    self.now.nonce,
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
        // In the extended protocol each statement was held against it when its result ended.
        if !self.refused && self.now.expected.order == Order::Simple {
            self.complete()?;
        }
        self.refused = false;
        if self.next.is_empty() {
            return Ok(Progress::Ready(status));
        }
        self.advance();
        Ok(Progress::More)
    }
}

/// What comes first.
fn begin(order: Order) -> Stage {
    match order {
        Order::Simple => Stage::Simple,
        Order::Extended {
            parses: true,
            describes: described,
        } => Stage::Parsing { described },
        Order::Extended {
            parses: false,
            describes: described,
        } => Stage::Binding { described },
    }
}

fn out_of_order(stage: Stage, tag: u8) -> Failure {
    let expected = match stage {
        Stage::Parsing { .. } => "ParseComplete",
        Stage::Binding { .. } => "BindComplete",
        Stage::Describing => "RowDescription or NoData",
        Stage::Rows => "DataRow or CommandComplete",
        Stage::NoRows | Stage::Copied { .. } => "CommandComplete",
        Stage::Simple => "RowDescription, CommandComplete or EmptyQueryResponse",
        Stage::SimpleRows => "DataRow or CommandComplete",
        Stage::SimpleNext => "a further result or ReadyForQuery",
        Stage::CopyOut { .. } => "CopyData or CopyDone",
        Stage::Ending => "ReadyForQuery",
    };
    Failure::violation(format!(
        "expected {expected}, got a message of type {}",
        tag.escape_ascii()
    ))
}

#[cfg(test)]
mod tests;
