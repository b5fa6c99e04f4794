//! Why the program ends otherwise than by being told to.

use std::io;

use nix::errno::Errno;

use super::pidfile::PidfileError;
use super::user::UserError;
use super::{EXIT_ENVIRONMENT, EXIT_USAGE};
use crate::config::ConfigErrors;
use crate::handover::take::TakeError;
use crate::log::LogFileError;
use crate::running::StartError;

/// Why the program ends otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration is wrong: all that is.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// `-R`.
    #[error(transparent)]
    TakeOver(#[from] TakeError),
    /// `-d` without a pidfile.
    #[error("daemon needs pidfile configured: set pidfile in the configuration")]
    DaemonWithoutPidfile,
    /// `-d`, and the system does not fork.
    #[error("cannot go to the background: {0}")]
    Daemon(Errno),
    /// The user to run as.
    #[error(transparent)]
    User(#[from] UserError),
    /// The log file.
    #[error(transparent)]
    LogFile(#[from] LogFileError),
    /// The pidfile.
    #[error(transparent)]
    Pidfile(#[from] PidfileError),
    /// An address, or a thread.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Anything else that the system denies.
    #[error("the system denies what the pooler needs: {0}")]
    System(#[from] io::Error),
}

impl Failure {
    /// The exit code of the process.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::TakeOver(TakeError::NoSocketDir)
            | Self::DaemonWithoutPidfile
            | Self::User(UserError::Root | UserError::Unknown(_)) => EXIT_USAGE,
            Self::TakeOver(_)
            | Self::Daemon(_)
            | Self::User(UserError::NotAllowed { .. })
            | Self::LogFile(_)
            | Self::Pidfile(_)
            | Self::Start(_)
            | Self::System(_) => EXIT_ENVIRONMENT,
        }
    }
}
