//! What a command says when it cannot do its work: what went wrong, what to do next, and the exit
//! code.

use std::fmt;

use crate::{engine::EngineError, environment::EnvironmentError, exit::Exit};

/// A failure in the user's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How the command ends.
    pub exit: Exit,
    /// What went wrong: expected, got and where.
    pub what: String,
    /// What to do next.
    pub next: String,
}

impl Problem {
    /// The command line, a scenario or a file that it names is wrong.
    pub fn usage(what: impl fmt::Display, next: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, next)
    }

    /// With any exit code.
    pub fn new(exit: Exit, what: impl fmt::Display, next: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.to_string(),
            next: next.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            exit: _,
            what,
            next,
        } = self;
        write!(out, "error: {what}\n next: {next}")
    }
}

impl From<EnvironmentError> for Problem {
    fn from(error: EnvironmentError) -> Self {
        let next = error.remedy();
        Self::new(Exit::Environment, error, next)
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let (exit, next) = match &error {
            EngineError::Encode { .. } => (
                Exit::Usage,
                "Mend the statements of that transaction; `poolproof scenarios check FILE` reads \
                 the file again.",
            ),
            EngineError::Address { .. } => (
                Exit::Environment,
                "Check the host in NAME=postgres://… and the name service.",
            ),
            EngineError::Generator(_) => (
                Exit::Environment,
                "Run `poolproof doctor` to see the limits of open files and cores.",
            ),
            EngineError::Tls(_) => (
                Exit::Environment,
                "Leave out the scenarios with client_tls_sslmode, and report this.",
            ),
            EngineError::Panicked => (
                Exit::NoVerdict,
                "Run again with --seed as printed, and report what it takes to see it.",
            ),
        };
        Self::new(exit, error, next)
    }
}
