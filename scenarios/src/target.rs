//! A target as a file holds it: which program, with which configuration, how it is greeted, reloaded
//! and stopped, what it lacks, and how to get it.
//!
//! Every target that the program knows is such a file in `catalog/targets`; a user's own is read the
//! same way (`docs/targets.md`).

mod parse;
mod render;
mod version;

use std::time::Duration;

use serde::Deserialize;

pub use parse::TargetError;
pub use render::{CertificateFiles, Rendered, Values};
pub use version::Version;

use crate::{pool::PoolMode, scenario::Feature};

/// Name of the program that is this very one.
pub const SELF: &str = "self";

/// Something that can be put under load, as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Name on the command line and in reports: lower case, digits, `-` and `_`.
    pub name: String,
    /// One sentence: what it is.
    pub purpose: String,
    /// What it is to the environment.
    #[serde(default)]
    pub role: Role,
    /// File name of its program, looked for in PATH and the folders of system programs; a path is
    /// taken as it is, and `self` is this very program.
    #[serde(default)]
    pub program: String,
    /// Image that holds the program, for the environment of containers.
    #[serde(default)]
    pub image: Option<String>,
    /// Its arguments, with placeholders.
    #[serde(default)]
    pub args: Vec<String>,
    /// Arguments that make it say its version and leave.
    #[serde(default)]
    pub version: Vec<String>,
    /// How to get it, in a sentence.
    #[serde(default)]
    pub get: String,
    /// How many processes share the port.
    #[serde(default)]
    pub processes: Processes,
    /// Longest time from its start to the first login.
    #[serde(default = "ten_seconds", with = "crate::load::span")]
    pub ready_within: Duration,
    /// How it is asked to leave.
    #[serde(default = "terminate")]
    pub stop: Signal,
    /// How it is made to finish what is running and leave, for a restart under load;
    /// [`stop`](Self::stop) if absent.
    #[serde(default)]
    pub restart: Option<Signal>,
    /// How it is made to read its configuration again.
    #[serde(default)]
    pub reload: Option<Order>,
    /// How it is made to keep clients waiting.
    #[serde(default)]
    pub pause: Option<Order>,
    /// How it is made to go on after [`pause`](Self::pause).
    #[serde(default)]
    pub resume: Option<Order>,
    /// Database that is its admin console.
    #[serde(default)]
    pub console: Option<String>,
    /// Ways of pooling that it knows.
    #[serde(default = "every_mode")]
    pub pool_modes: Vec<PoolMode>,
    /// Whether it has a server connection for each client, so that no pool limits them.
    #[serde(default)]
    pub unlimited: bool,
    /// What it does not support.
    #[serde(default)]
    pub lacks: Vec<Lack>,
    /// Its configuration; pieces of one name are put together in order.
    #[serde(default, rename = "file")]
    pub pieces: Vec<Piece>,
}

/// What a target is to the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Stands before PostgreSQL and is started for each scenario.
    #[default]
    Pooler,
    /// PostgreSQL itself, which the environment runs anyway.
    Postgres,
}

/// How many processes of a target share its port (SO_REUSEPORT).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Processes {
    /// One.
    #[default]
    One,
    /// One for each core, and never more than the pool has servers, which they divide among them.
    PerCore,
}

impl TargetFile {
    /// Whether its configuration opens a Unix socket.
    #[must_use]
    pub fn opens_unix_socket(&self) -> bool {
        self.pieces
            .iter()
            .any(|piece| piece.text.contains("${unix_socket_dir}"))
    }
}

impl Processes {
    /// How many there are on a machine of `cores`, for a pool of `servers`.
    #[must_use]
    pub fn count(self, cores: u32, servers: u32) -> u32 {
        match self {
            Self::One => 1,
            Self::PerCore => cores.min(servers).max(1),
        }
    }
}

/// A signal that a target understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Signal {
    /// Hang up.
    #[serde(rename = "SIGHUP")]
    Hup,
    /// Interrupt.
    #[serde(rename = "SIGINT")]
    Int,
    /// Terminate.
    #[serde(rename = "SIGTERM")]
    Term,
    /// Quit.
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// First of the user's.
    #[serde(rename = "SIGUSR1")]
    Usr1,
    /// Second of the user's.
    #[serde(rename = "SIGUSR2")]
    Usr2,
}

/// What a running target is told, and by which way.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// A signal to each of its processes.
    Signal(Signal),
    /// A command on its admin console.
    Console(String),
}

/// A feature that a target lacks, which makes scenarios that need it `unsupported` there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lack {
    /// Which.
    pub feature: Feature,
    /// Why, as the report says it.
    pub reason: String,
    /// The first version that has it; without one, none has.
    #[serde(default)]
    pub before: Option<Version>,
}

/// A piece of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// Name of the file in the target's folder.
    pub name: String,
    /// The text, with placeholders.
    #[serde(default)]
    pub text: String,
    /// A file beside the target's own that holds the text instead.
    #[serde(default)]
    pub template: Option<String>,
    /// First version that gets this piece.
    #[serde(default)]
    pub since: Option<Version>,
    /// The piece is repeated for each process of the target, whose `index` and `folder` it gets.
    #[serde(default)]
    pub each: Each,
}

/// How often a piece stands in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// Once.
    #[default]
    Once,
    /// Once for each process of the target.
    Process,
}

impl TargetFile {
    /// Why a target of `version` cannot have `feature`, if it cannot.
    #[must_use]
    pub fn lacking(&self, feature: Feature, version: &str) -> Option<&str> {
        let version = Version::of(version);
        let lacks = |lack: &&Lack| {
            lack.feature == feature
                && lack
                    .before
                    .as_ref()
                    .is_none_or(|first| version.as_ref().is_none_or(|version| version < first))
        };
        self.lacks.iter().find(lacks).map(|lack| &*lack.reason)
    }
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn terminate() -> Signal {
    Signal::Term
}

fn every_mode() -> Vec<PoolMode> {
    vec![
        PoolMode::Session,
        PoolMode::Transaction,
        PoolMode::Statement,
    ]
}

#[cfg(test)]
mod tests {
    use super::Processes;
    use crate::{catalog::targets, scenario::Feature};

    #[test]
    fn a_lack_ends_with_the_version_that_has_the_feature() {
        let pgbouncer = targets::find("pgbouncer").unwrap();
        let lacking = |version| pgbouncer.lacking(Feature::PreparedStatements, version);
        assert!(lacking("PgBouncer 1.18.0").is_some());
        assert!(lacking("PgBouncer 1.24.0").is_none());
        assert!(lacking("nobody knows").is_some());
        assert!(
            pgbouncer
                .lacking(Feature::Copy, "PgBouncer 1.18.0")
                .is_none()
        );
    }

    #[test]
    fn a_fleet_never_has_more_servers_than_the_pool() {
        assert_eq!(Processes::PerCore.count(8, 20), 8);
        assert_eq!(Processes::PerCore.count(8, 1), 1);
        assert_eq!(Processes::One.count(8, 20), 1);
    }
}
