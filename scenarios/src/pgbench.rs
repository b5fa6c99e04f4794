//! pgbench scripts: read into programs, and run step by step without a socket.
//!
//! The language is that of pgbench's manual page; `docs/workloads.md` says what is left out. What a program asks of
//! a server is handed to whoever runs it: [`Machine::next`] goes on to the next thing that is not pure.

mod builtin;
mod expression;
mod machine;
mod random;
mod script;
mod sql;
mod value;

pub use builtin::{BUILTINS, builtin};
pub(crate) use expression::Expression;
pub use machine::{Identity, Machine, Next};
pub use random::Random;
pub use value::Value;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    error::Problem,
    workload::{Copies, CopyIn, Protocol, Returns},
};

/// Place of a variable in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(pub(crate) usize);

/// A transaction as steps that are taken one after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The steps.
    pub(crate) steps: Vec<Step>,
    /// What is asked, as the steps number it.
    pub asks: Vec<Ask>,
    /// Names of the variables.
    pub(crate) names: Vec<String>,
    /// Values that variables begin with.
    pub(crate) initial: Vec<Option<Value>>,
    /// Where the steps come from, for messages.
    pub(crate) file: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// `\set`
    Set {
        slot: Slot,
        value: Expression,
        line: usize,
    },
    /// `\sleep`, in units of this length.
    Sleep {
        units: Expression,
        unit: Duration,
        line: usize,
    },
    /// A statement.
    Ask(usize),
    /// Goes on elsewhere unless the condition holds.
    Unless {
        condition: Expression,
        to: usize,
        line: usize,
    },
    /// Goes on elsewhere.
    Go(usize),
    StartPipeline,
    SyncPipeline,
    EndPipeline,
}

/// A statement of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The SQL in pieces.
    pub sql: Vec<Piece>,
    /// What must come back.
    pub returns: Returns,
    /// What becomes of the columns.
    pub keeps: Keeps,
    /// Which way it copies, when it is a COPY.
    pub copies: Option<Copies>,
    /// What is sent when it is a COPY from the client.
    pub copy: Option<CopyIn>,
    /// Line of the script, from 1.
    pub line: usize,
}

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// `:nonce`
    Nonce,
    /// Another variable.
    Value(Slot),
}

/// What becomes of the columns that come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keeps {
    /// They are forgotten.
    #[default]
    Nothing,
    /// `\gset`: exactly one row, of the last result; its columns become variables that begin so.
    One(String),
    /// `\aset`: of every result with rows the last row.
    Each(String),
}

/// What a script is read with.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// How its statements travel.
    pub protocol: Protocol,
    /// Variables that it begins with.
    pub variables: &'a BTreeMap<String, Variable>,
}

pub use crate::workload::Variable;

/// Why a program cannot go on: the script's own fault and not the target's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value of a type that an operator does not take.
    #[error("expected {expected}, got {got}")]
    Type {
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        got: String,
    },
    /// A number that does not fit.
    #[error("{0}")]
    Range(&'static str),
    /// A whole number divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A variable whose text is no number, truth or NULL.
    #[error("expected a variable with a number, a truth or NULL, got {text:?}")]
    Malformed {
        /// Its text.
        text: String,
    },
    /// A variable that has no value yet.
    #[error("expected a variable with a value, got :{name}")]
    Undefined {
        /// Its name.
        name: String,
    },
    /// Steps that never end.
    #[error("expected at most {0} steps without a statement")]
    Endless(usize),
}

impl Program {
    /// Reads the script `text`; `file` is what messages call it.
    ///
    /// # Errors
    ///
    /// Everything in it that is not of the subset, with its line and column.
    pub fn read(text: &str, file: &str, setting: Setting<'_>) -> Result<Self, Vec<Problem>> {
        script::read(text, file, setting)
    }

    /// Place of the variable `name`, if the program uses it.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<Slot> {
        let index = self.names.iter().position(|known| known == name)?;
        Some(Slot(index))
    }

    /// Name of a variable.
    #[must_use]
    pub fn name(&self, slot: Slot) -> &str {
        &self.names[slot.0]
    }

    /// Where step or statement `line` stands, for messages.
    #[must_use]
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file)
    }
}

#[cfg(test)]
mod tests;
