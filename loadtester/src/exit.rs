//! Exit codes, as documented in `docs/command-line.md`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: all thresholds met.
    Ok,
    /// 1: a threshold, a regression bound or an answer failed.
    Failed,
    /// 2: the command line, a scenario or a configuration is wrong. clap exits with it as well.
    Usage,
    /// 3: the environment could not be had.
    Environment,
    /// 4: no verdict: the run was invalid, or measured nothing that the thresholds ask for.
    NoVerdict,
    /// 128 + the signal's number, as shells have it: stopped from outside, nothing was judged.
    Interrupted(u8),
}

impl Exit {
    /// The number that the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::NoVerdict => 4,
            Self::Interrupted(signal) => 128 + signal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
