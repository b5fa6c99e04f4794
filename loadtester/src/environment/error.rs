//! Why an environment could not be had, and what to do about it.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use super::docker::DockerError;

/// Lines of a dead program's log that an error shows.
pub(super) const LOG_LINES: usize = 5;

/// A part of the environment that is missing or did not work.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A program is not on this machine.
    #[error("{program} was not found: looked in {looked_in}")]
    Missing {
        /// What it is called.
        program: String,
        /// Where it was expected.
        looked_in: String,
        /// How to get it.
        remedy: &'static str,
    },
    /// A program is there and does not run.
    #[error("expected {program} to tell its version, got {got}")]
    Unusable {
        /// The file.
        program: PathBuf,
        /// What came instead.
        got: String,
    },
    /// A port that the user chose cannot be had; most often somebody else has it.
    #[error("{target} was to listen on {address}, and cannot: {source}")]
    Busy {
        /// For which target.
        target: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A target was asked for that the run did not name when the environment was started.
    #[error("the environment was started without the target {target}")]
    NotDemanded {
        /// Which.
        target: &'static str,
    },
    /// A program that we started ended before it was asked to.
    #[error("{program} ended with {status}{log}")]
    Ended {
        /// Which.
        program: &'static str,
        /// How.
        status: String,
        /// Last lines of its log.
        log: LogTail,
    },
    /// A program that we started lets nobody log in.
    #[error(
        "expected a login to {program} on {address} within {} s, got {reason}{log}",
        .waited.as_secs()
    )]
    NotReady {
        /// Which.
        program: &'static str,
        /// Where.
        address: String,
        /// For how long it was tried.
        waited: Duration,
        /// What the last try met.
        reason: String,
        /// Last lines of its log.
        log: LogTail,
    },
    /// A pooler of the user's own lets us not log in.
    #[error("expected a login to the target {name} as {endpoint}, got {reason}")]
    Unreachable {
        /// Name of the target.
        name: String,
        /// Where and as whom, without the password.
        endpoint: String,
        /// What came.
        reason: String,
    },
    /// The system allows too few open files for the load.
    #[error("the load needs {needed} open files, and this system allows {hard}")]
    OpenFiles {
        /// How many the load takes.
        needed: u64,
        /// The hard limit.
        hard: u64,
    },
    /// No account that PostgreSQL and PgBouncer would run as.
    #[error("started by root, expected an account named postgres or nobody to run the servers as")]
    NoAccount,
    /// The temporary folder is out of reach for the account that the servers run as.
    #[error("the account {account} cannot enter {folder}, where the temporary files go")]
    Unreadable {
        /// Who has to get in.
        account: String,
        /// The folder that is shut.
        folder: PathBuf,
    },
    /// A fault asks for something that cannot be done to the party.
    #[error("cannot {blow} {name}: it is not ours, or its file does not say how")]
    NoSuchBlow {
        /// What was to be done.
        blow: String,
        /// To whom.
        name: String,
    },
    /// An admin console did not take a command.
    #[error("expected {name} to take {command} on its console, got {reason}")]
    Console {
        /// Which target.
        name: String,
        /// What was said.
        command: String,
        /// What came.
        reason: String,
    },
    /// PostgreSQL is up and refused to be set up.
    #[error("PostgreSQL refused to make what the load needs: {0}")]
    Setup(String),
    /// No certificate for the servers to show.
    #[error("a certificate for the servers could not be made: {0}")]
    Certificate(String),
    /// Containers could not be had.
    #[error(transparent)]
    Docker(DockerError),
    /// The operating system refused something.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// Ctrl-C, or a signal like it, came before everything stood.
    #[error("interrupted while the environment was being set up")]
    Interrupted,
}

impl EnvironmentError {
    /// Wraps what the system said when it was asked to do `doing`.
    pub(super) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Missing { remedy, .. } => (*remedy).to_owned(),
            Self::Unusable { program, .. } => format!(
                "Run `{} --version` by hand, and install it again if that fails as well.",
                program.display()
            ),
            Self::Busy { address, .. } => format!(
                "Ask `ss -ltnp 'sport = :{}'` who holds it (ports below 1024 are root's), or leave \
                 --port out to get a free one.",
                address.port()
            ),
            Self::NotReady { address, log, .. } if log.0.is_empty() => format!(
                "It runs, and has logged nothing: check that its configuration lets it listen on \
                 {address} (${{listen_host}} and ${{port}} in a file of your own, docs/targets.md)."
            ),
            Self::Ended { .. } | Self::NotReady { .. } | Self::Setup(_) => {
                "Run `poolproof doctor` to see what is installed, and read the lines above.".into()
            }
            Self::Unreachable { .. } => {
                "Check that it runs and that NAME=postgres://USER:PASSWORD@HOST:PORT/DATABASE is \
                 right; poolproof never starts it."
                    .into()
            }
            Self::OpenFiles { needed, .. } => format!(
                "Raise the limit with `ulimit -Hn {needed}` as root, or lower the clients of the \
                 scenario."
            ),
            Self::NoSuchBlow { .. } | Self::Console { .. } => {
                "docs/targets.md says how a target's file tells reload, pause and resume.".into()
            }
            Self::NotDemanded { target } => format!("Name it: --targets direct,{target}."),
            Self::NoAccount => {
                "Start poolproof as an ordinary user, or make one: `useradd --system postgres`."
                    .into()
            }
            Self::Unreadable { .. } => {
                "Set TMPDIR to a folder that everybody may enter, such as /tmp.".into()
            }
            Self::Io { .. } => {
                "Check the space and the rights of the temporary folder (TMPDIR).".into()
            }
            Self::Certificate(_) => {
                "Leave out the scenarios with client_tls_sslmode, and please report this.".into()
            }
            Self::Docker(error) => error.remedy(),
            Self::Interrupted => "Start the run again when you are ready.".into(),
        }
    }
}

impl From<DockerError> for EnvironmentError {
    fn from(error: DockerError) -> Self {
        match error {
            DockerError::Interrupted => Self::Interrupted,
            other => Self::Docker(other),
        }
    }
}

/// The last lines that a program logged, shown below the sentence that reports its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail(pub Vec<String>);

impl LogTail {
    /// Takes the last lines of a log.
    pub(super) fn of(log: &str) -> Self {
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        Self(lines[from..].iter().map(|&line| line.to_owned()).collect())
    }
}

impl std::fmt::Display for LogTail {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(out, "; the last lines of its log:")?;
        self.0
            .iter()
            .try_for_each(|line| write!(out, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::LogTail;

    #[test]
    fn a_tail_is_the_last_lines_that_say_something() {
        let tail = LogTail::of("1\n2\n\n3\n4\n5\n6\n \n");
        assert_eq!(tail.0, ["2", "3", "4", "5", "6"]);
        assert_eq!(LogTail::of("").to_string(), "");
        assert_eq!(
            LogTail::of("gone").to_string(),
            "; the last lines of its log:\n    gone"
        );
    }
}
