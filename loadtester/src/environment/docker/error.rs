//! Why containers could not be had, and what to do about it.

use std::time::Duration;

use crate::environment::LogTail;

/// A part of the environment of containers that is missing or did not work.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// No Docker engine answers.
    #[error("expected a Docker engine to answer on {address}, got {reason}")]
    NoEngine {
        /// Where it was looked for.
        address: String,
        /// What came instead.
        reason: String,
    },
    /// The engine would not do something.
    #[error("Docker cannot {doing}: {reason}")]
    Refused {
        /// What was asked for.
        doing: String,
        /// What the engine said.
        reason: String,
    },
    /// An image is neither on this machine nor in its registry.
    #[error("the image {image} is not on this machine and cannot be pulled: {reason}")]
    NoImage {
        /// Which.
        image: String,
        /// What the engine said.
        reason: String,
    },
    /// One of our own images could not be built.
    #[error("the image {image} could not be built: {status}{log}")]
    Build {
        /// Which.
        image: String,
        /// How the build ended.
        status: String,
        /// Its last lines.
        log: LogTail,
    },
    /// A target has no image.
    #[error("the target {target} has no image")]
    Unpackaged {
        /// Which.
        target: String,
    },
    /// Something that containers of this kind cannot do.
    #[error("{target} needs {need}, and these containers have published ports")]
    NeedsHostNetwork {
        /// Which target.
        target: String,
        /// What it needs.
        need: &'static str,
    },
    /// Ctrl-C, or a signal like it, came before everything stood.
    #[error("interrupted while containers were being set up")]
    Interrupted,
    /// A container ended before it was asked to.
    #[error("the container of {name} ended with {status}{log}")]
    Ended {
        /// The target, or PostgreSQL.
        name: String,
        /// How.
        status: String,
        /// Last lines of its log.
        log: LogTail,
    },
    /// A container lets nobody log in.
    #[error(
        "expected a login to the container of {name} on {address} within {} s, got {reason}{log}",
        .waited.as_secs()
    )]
    NotReady {
        /// The target, or PostgreSQL.
        name: String,
        /// Where.
        address: String,
        /// For how long it was tried.
        waited: Duration,
        /// What the last try met.
        reason: String,
        /// Last lines of its log.
        log: LogTail,
    },
}

impl DockerError {
    /// What to do next, in one sentence.
    pub(in crate::environment) fn remedy(&self) -> String {
        match self {
            Self::NoEngine { .. } => {
                "Start it (`systemctl start docker`), install it (Debian, Ubuntu: `apt-get install \
                 docker.io`), name its socket in DOCKER_HOST, or measure this machine's own \
                 binaries with --env local."
            }
            Self::Refused { .. } => {
                "Run `poolproof doctor` to see the engine, and `poolproof doctor --clean` if an \
                 earlier run was killed."
            }
            Self::NoImage { .. } => {
                "Pull or build it by hand, or name another with --image TARGET=IMAGE."
            }
            Self::Build { .. } => {
                "Read the lines above; `make images` in the sources does the same by hand, and \
                 --image TARGET=IMAGE names another."
            }
            Self::Interrupted => "Start the run again when you are ready.",
            Self::Unpackaged { .. } => "Name one with --image TARGET=IMAGE, or use --env local.",
            Self::NeedsHostNetwork { .. } => {
                "Leave it out, or use --container-network host where the engine runs on this Linux."
            }
            Self::Ended { .. } | Self::NotReady { .. } => {
                "Read the lines above; `docker run` with the image alone shows whether it is whole."
            }
        }
        .to_owned()
    }
}
