//! The Docker engine, asked over its socket and waited for.

use std::{env, fmt, path::Path};

use bollard::{API_DEFAULT_VERSION, Docker, errors::Error, models::SystemInfo};
use tokio::runtime::{self, Runtime};

use super::error::DockerError;

/// Longest that the engine may take for one answer; a pull is many answers.
const ANSWER_LIMIT_S: u64 = 120;
/// Where an engine listens when nobody says otherwise.
const SOCKET: &str = "/var/run/docker.sock";

/// A connection to an engine, and what it says of itself.
pub(super) struct Engine {
    docker: Docker,
    /// Whoever asks waits, and drives it meanwhile.
    runtime: Runtime,
    facts: Facts,
}

/// What is known of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its version, its storage and its version of control groups, in words.
    pub(super) in_words: String,
    /// It runs on this very kernel, and loopback is the same to its containers and to us.
    pub(super) shares_our_host: bool,
    /// It can limit the processor time of a container.
    pub(super) limits_cpu: bool,
    /// It can bind a container to processors.
    pub(super) binds_cpu: bool,
    /// It can limit the memory of a container.
    pub(super) limits_memory: bool,
    /// Processors of its machine, where it tells.
    pub(super) cores: Option<u32>,
}

impl Engine {
    /// Finds an engine, at `DOCKER_HOST` or at its usual socket, and asks what it is.
    ///
    /// The version of the interface is agreed with it: Debian 12's engine, 20.10, refuses any
    /// request that names a newer one than its own.
    pub(super) fn connect() -> Result<Self, DockerError> {
        let address = address();
        let none = |reason: String| DockerError::NoEngine {
            address: address.clone(),
            reason,
        };
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| none(error.to_string()))?;
        let greeting = async {
            let docker = connect(&address)?.negotiate_version().await?;
            let info = docker.info().await?;
            Ok((docker, info))
        };
        let (docker, info) = runtime
            .block_on(greeting)
            .map_err(|error| none(in_words(&error)))?;
        Ok(Self {
            docker,
            runtime,
            facts: facts(&info, &address),
        })
    }

    /// What it says of itself.
    pub(super) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Asks, and waits for the answer. `doing` ends a sentence that begins with «Docker cannot».
    pub(super) fn ask<T>(
        &self,
        doing: impl fmt::Display,
        call: impl AsyncFnOnce(&Docker) -> Result<T, Error>,
    ) -> Result<T, DockerError> {
        self.runtime
            .block_on(call(&self.docker))
            .map_err(|error| DockerError::Refused {
                doing: doing.to_string(),
                reason: in_words(&error),
            })
    }

    /// Asks for something that may not be there.
    pub(super) fn find<T>(
        &self,
        doing: impl fmt::Display,
        call: impl AsyncFnOnce(&Docker) -> Result<T, Error>,
    ) -> Result<Option<T>, DockerError> {
        self.ask(doing, async |docker| match call(docker).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Engine")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

/// `DOCKER_HOST`, or the first of the usual sockets that is there.
fn address() -> String {
    if let Some(host) = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        return host;
    }
    let rootless = env::var("XDG_RUNTIME_DIR").map(|folder| format!("{folder}/docker.sock"));
    let found = [Ok(SOCKET.to_owned()), rootless]
        .into_iter()
        .flatten()
        .find(|socket| Path::new(socket).exists());
    format!("unix://{}", found.as_deref().unwrap_or(SOCKET))
}

fn connect(address: &str) -> Result<Docker, Error> {
    if address.starts_with("unix://") {
        Docker::connect_with_unix(address, ANSWER_LIMIT_S, API_DEFAULT_VERSION)
    } else {
        Docker::connect_with_host(address)
    }
}

fn facts(info: &SystemInfo, address: &str) -> Facts {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let os = text(&info.operating_system);
    let cgroups = info.cgroup_version.map(|version| version.to_string());
    let security = info.security_options.as_deref().unwrap_or_default();
    let elsewhere = ["Docker Desktop", "Rancher Desktop", "OrbStack", "Colima"];
    let shares_our_host = cfg!(target_os = "linux")
        && address.starts_with("unix://")
        && !elsewhere.iter().any(|name| os.contains(name))
        && !security.iter().any(|option| option.contains("rootless"));
    Facts {
        in_words: format!(
            "Docker {} on {os} ({}, control groups {})",
            text(&info.server_version),
            text(&info.driver),
            cgroups.as_deref().unwrap_or("1"),
        ),
        shares_our_host,
        limits_cpu: info.cpu_cfs_quota.unwrap_or_default(),
        binds_cpu: info.cpu_set.unwrap_or_default(),
        limits_memory: info.memory_limit.unwrap_or_default(),
        cores: info.ncpu.and_then(|cores| u32::try_from(cores).ok()),
    }
}

/// The engine's own sentence, without the layers around it.
fn in_words(error: &Error) -> String {
    use std::error::Error as _;
    if let Error::DockerResponseServerError { message, .. } = error {
        return message.clone();
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}

fn is_absent(error: &Error) -> bool {
    matches!(
        error,
        Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(os: &str, security: &[&str], address: &str, shares: bool) {
        let info = SystemInfo {
            operating_system: Some(os.to_owned()),
            security_options: Some(security.iter().map(|&option| option.to_owned()).collect()),
            ..SystemInfo::default()
        };
        assert_eq!(
            facts(&info, address).shares_our_host,
            shares,
            "{os} {address}"
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_an_engine_of_this_kernel_shares_our_loopback() {
        let seccomp = ["name=seccomp,profile=default"];
        check(
            "Debian GNU/Linux 12",
            &seccomp,
            "unix:///var/run/docker.sock",
            true,
        );
        check(
            "Debian GNU/Linux 12",
            &seccomp,
            "tcp://10.0.0.7:2375",
            false,
        );
        check(
            "Docker Desktop",
            &seccomp,
            "unix:///var/run/docker.sock",
            false,
        );
        check(
            "Ubuntu 24.04",
            &["name=rootless"],
            "unix:///run/user/1000/docker.sock",
            false,
        );
    }

    #[test]
    fn the_engines_own_sentence_is_told() {
        let error = Error::DockerResponseServerError {
            status_code: 409,
            message: "the container name is in use".to_owned(),
        };
        assert_eq!(in_words(&error), "the container name is in use");
        assert!(!is_absent(&error));
    }
}
