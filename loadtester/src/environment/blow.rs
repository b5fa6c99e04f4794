//! What may be done to a party that the environment runs. Faults are made of these; an environment
//! does them with signals to processes, or with an engine's own commands to containers.

use super::EnvironmentError;

/// One thing that is done to PostgreSQL or to a pooler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It leaves in order.
    Stop,
    /// It is ended at once (SIGKILL, and SIGQUIT for PostgreSQL, which then ends its own processes).
    Kill,
    /// It is started as it was started first, after [`Stop`](Self::Stop) or [`Kill`](Self::Kill).
    Start,
    /// All its processes stand still.
    Freeze,
    /// They go on.
    Thaw,
    /// It reads its configuration again.
    Reload,
    /// It keeps its clients waiting.
    Pause,
    /// It goes on.
    Resume,
}

/// Whom a blow hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Struck {
    /// The PostgreSQL behind all targets.
    Postgres,
    /// The target, which is a pooler.
    Pooler,
}

impl EnvironmentError {
    /// A blow that nobody here can deal.
    pub(super) fn no_such_blow(blow: Blow, name: &str) -> Self {
        Self::NoSuchBlow {
            blow: format!("{blow:?}").to_lowercase(),
            name: name.to_owned(),
        }
    }
}
