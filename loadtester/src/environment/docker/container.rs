//! One container: started, looked at, disturbed, and gone when it is dropped.

use std::{collections::HashMap, fmt, fs, sync::Arc};

use bollard::{
    Docker,
    container::LogOutput,
    errors::Error,
    models::{
        ContainerCreateBody, ContainerState, EndpointSettings, HealthConfig, HostConfig,
        NetworkingConfig, PortBinding, ResourcesUlimits,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, KillContainerOptionsBuilder, LogsOptionsBuilder,
        RemoveContainerOptionsBuilder,
    },
};
use futures_util::StreamExt;

use super::{engine::Engine, error::DockerError, labels, plan::Plan};
use crate::environment::{Blow, EnvironmentError, LogTail};

/// Lines of a log that are fetched.
const TAIL_LINES: &str = "20";
/// Exit codes above it say which signal ended a program, as shells do.
const SIGNALLED: i64 = 128;

/// A container that we started.
#[derive(Debug)]
pub(in crate::environment) struct Container {
    engine: Arc<Engine>,
    /// Name in messages.
    title: String,
    id: String,
}

impl Container {
    /// Makes a container and starts it.
    pub(super) fn start(engine: &Arc<Engine>, plan: &Plan<'_>) -> Result<Self, DockerError> {
        let options = CreateContainerOptionsBuilder::new()
            .name(&plan.name)
            .build();
        let doing = format!("make the container {}", plan.name);
        let made = engine.ask(doing, async |docker| {
            docker.create_container(Some(options), body(plan)).await
        })?;
        // From here on it is removed, whatever happens.
        let container = Self {
            engine: Arc::clone(engine),
            title: plan.title.clone(),
            id: made.id,
        };
        engine.ask(
            format!("start the container {}", plan.name),
            async |docker| docker.start_container(&container.id, None).await,
        )?;
        Ok(container)
    }

    /// Its first process, where this machine's process numbers are the engine's too.
    pub(in crate::environment) fn pid(&self) -> Option<u32> {
        let pid = u32::try_from(self.state().ok()?.pid?).ok()?;
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        // On another kernel the number is somebody else's, and so is the group.
        groups.contains(&self.id).then_some(pid)
    }

    /// Why it is gone, once it is.
    pub(in crate::environment) fn ended(&self) -> Option<DockerError> {
        let status = match self.state() {
            Ok(state) if state.running == Some(true) => return None,
            Ok(state) => in_words(&state),
            Err(error) => error.to_string(),
        };
        Some(DockerError::Ended {
            name: self.title.clone(),
            status,
            log: self.log_tail(),
        })
    }

    /// Does to it what a fault asks for, with the engine's own commands.
    pub(in crate::environment) fn strike(&self, blow: Blow) -> Result<(), EnvironmentError> {
        match blow {
            Blow::Stop => self.stop(),
            Blow::Kill => self.signal("SIGKILL"),
            Blow::Start => self.start_again(),
            Blow::Freeze => self.pause(),
            Blow::Thaw => self.unpause(),
            Blow::Reload => self.signal("SIGHUP"),
            Blow::Pause | Blow::Resume => {
                return Err(EnvironmentError::no_such_blow(blow, &self.title));
            }
        }
        .map_err(EnvironmentError::from)
    }

    /// Sends a signal to its first process.
    fn signal(&self, signal: &str) -> Result<(), DockerError> {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        self.order(&format!("send {signal} to"), async |docker| {
            docker.kill_container(&self.id, Some(options)).await
        })
    }

    /// Asks it to leave by its own signal, and kills it when it has not left after the engine's
    /// patience.
    fn stop(&self) -> Result<(), DockerError> {
        self.order("stop", async |docker| {
            docker.stop_container(&self.id, None).await
        })
    }

    /// Starts it again after it was stopped or killed, with the same files and
    /// the same port.
    fn start_again(&self) -> Result<(), DockerError> {
        self.order("start", async |docker| {
            docker.start_container(&self.id, None).await
        })
    }

    /// Freezes all of its processes.
    fn pause(&self) -> Result<(), DockerError> {
        self.order("pause", async |docker| {
            docker.pause_container(&self.id).await
        })
    }

    /// Lets them go on.
    fn unpause(&self) -> Result<(), DockerError> {
        self.order("unpause", async |docker| {
            docker.unpause_container(&self.id).await
        })
    }

    /// Waits until its program has ended by itself, and returns the first line that it printed.
    pub(super) fn first_line(&self) -> Result<String, DockerError> {
        let doing = format!("wait for the container of {}", self.title);
        let options = LogsOptionsBuilder::new().stdout(true).build();
        let (code, said) = self.engine.ask(doing, async |docker| {
            let mut ends = docker.wait_container(&self.id, None);
            let code = match ends.next().await.transpose() {
                Ok(end) => end.map_or(0, |end| end.status_code),
                Err(Error::DockerContainerWaitError { code, .. }) => code,
                Err(error) => return Err(error),
            };
            Ok((code, text(docker.logs(&self.id, Some(options))).await?))
        })?;
        match said.lines().next().map(str::trim) {
            Some(line) if code == 0 && !line.is_empty() => Ok(line.to_owned()),
            _ => Err(DockerError::Ended {
                name: self.title.clone(),
                status: format!("exit code {code} instead of its version"),
                log: self.log_tail(),
            }),
        }
    }

    /// The last lines that it logged.
    pub(super) fn log_tail(&self) -> LogTail {
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .tail(TAIL_LINES)
            .build();
        let log = self.engine.ask("read a log", async |docker| {
            text(docker.logs(&self.id, Some(options))).await
        });
        // A log that cannot be read is no reason to hide the end that it would have explained.
        LogTail::of(&log.unwrap_or_default())
    }

    fn state(&self) -> Result<ContainerState, DockerError> {
        let doing = format!("look at the container of {}", self.title);
        let found = self.engine.ask(doing, async |docker| {
            docker.inspect_container(&self.id, None).await
        })?;
        Ok(found.state.unwrap_or_default())
    }

    fn order(
        &self,
        verb: &str,
        call: impl AsyncFnOnce(&Docker) -> Result<(), Error>,
    ) -> Result<(), DockerError> {
        let doing = format!("{verb} the container of {}", self.title);
        self.engine.ask(doing, call)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.engine, &self.id) {
            tracing::warn!(%error, "a container stays; `poolproof doctor --clean` removes it");
        }
    }
}

/// Ends and removes a container with what it wrote, its unnamed volumes included.
pub(super) fn remove(engine: &Engine, id: &str) -> Result<(), DockerError> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let doing = format!("remove the container {id}");
    engine
        .find(doing, async |docker| {
            docker.remove_container(id, Some(options)).await
        })
        .map(drop)
}

/// What the engine is asked to make.
fn body(plan: &Plan<'_>) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(plan.image.name.clone()),
        entrypoint: plan.entrypoint.clone().map(|program| vec![program]),
        cmd: Some(plan.args.clone()),
        env: Some(plan.env.clone()),
        user: plan.user.clone(),
        labels: Some(labels::of_this_process()),
        // We look at the containers ourselves; a look by the engine would be on their bill.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        exposed_ports: Some(vec![plan.inner_port()]),
        stop_signal: plan.stop_signal.map(str::to_owned),
        networking_config: plan.network.name().map(|network| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                network.to_owned(),
                EndpointSettings::default(),
            )])),
        }),
        host_config: Some(host_config(plan)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(plan: &Plan<'_>) -> HostConfig {
    let binding = PortBinding {
        host_ip: Some("127.0.0.1".to_owned()),
        host_port: Some(plan.port.to_string()),
    };
    let published = HashMap::from([(plan.inner_port(), Some(vec![binding]))]);
    HostConfig {
        network_mode: Some(plan.network.mode().to_owned()),
        port_bindings: plan.network.name().is_some().then_some(published),
        binds: plan.bind().map(|bind| vec![bind]),
        cpuset_cpus: plan.shares.cpuset.clone(),
        nano_cpus: plan.shares.nano_cpus,
        memory: plan.shares.memory_bytes,
        // As much as memory: a container that swaps would be measured by its disk.
        memory_swap: plan.shares.memory_bytes,
        shm_size: plan.shm_bytes,
        ulimits: plan.shares.open_files.map(|files| {
            vec![ResourcesUlimits {
                name: Some("nofile".to_owned()),
                soft: Some(files),
                hard: Some(files),
            }]
        }),
        ..HostConfig::default()
    }
}

/// All that a stream of output holds.
async fn text(
    mut output: impl futures_util::Stream<Item = Result<LogOutput, Error>> + Unpin,
) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = output.next().await {
        bytes.extend_from_slice(piece?.as_ref());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A state as a sentence goes on after «ended with».
fn in_words(state: &ContainerState) -> String {
    let code = state.exit_code.unwrap_or_default();
    let how = match code {
        code if code > SIGNALLED => {
            let signal = i32::try_from(code - SIGNALLED).ok();
            let signal = signal.and_then(|number| nix::sys::signal::Signal::try_from(number).ok());
            signal.map_or_else(|| format!("exit code {code}"), |signal| signal.to_string())
        }
        code => format!("exit code {code}"),
    };
    match state.oom_killed {
        Some(true) => format!("{how}, out of the memory that it may use"),
        _ => how,
    }
}

impl fmt::Display for Container {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_as_a_processs_is() {
        let state = |exit_code, oom_killed| ContainerState {
            exit_code: Some(exit_code),
            oom_killed: Some(oom_killed),
            ..ContainerState::default()
        };
        assert_eq!(in_words(&state(7, false)), "exit code 7");
        assert_eq!(in_words(&state(143, false)), "SIGTERM");
        assert_eq!(
            in_words(&state(137, true)),
            "SIGKILL, out of the memory that it may use"
        );
    }
}
