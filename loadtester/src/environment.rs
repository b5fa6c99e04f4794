//! Where targets come from: an environment starts PostgreSQL and the poolers, tells when one of them
//! is gone, and leaves nothing behind.
//!
//! It knows nothing of scenarios beyond their pool settings, and nothing of figures.

mod blow;
pub mod docker;
mod error;
pub mod facts;
pub mod limits;
pub mod local;
mod login;
mod owner;
mod signal;
pub(crate) mod sockets;
mod target;
pub(crate) mod wait;
mod written;

pub use blow::{Blow, Struck};
pub use error::{EnvironmentError, LogTail};
pub use target::Target;

use poolproof_reports::record::EnvironmentKind;
use poolproof_scenarios::pool::PoolSettings;

use crate::{
    engine::{Endpoint, Stop},
    targets::{RunningElsewhere, TargetSpec},
};
use docker::{Docker, DockerError};
use local::{Instance, Local, Setting};

/// What a run asks of its environment.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Every target of the run.
    pub targets: Vec<TargetSpec>,
    /// Most clients that any scenario has at one moment.
    pub clients_max: u32,
    /// Whether any scenario has clients that speak TLS.
    pub tls: bool,
    /// Where the targets come from.
    pub choices: Choices,
}

/// Which environment, and what the user chose for each.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Which.
    pub kind: EnvironmentChoice,
    /// Places and ports on this machine; ports are containers' as well.
    pub local: local::Choices,
    /// Images and shares of containers.
    pub docker: docker::Choices,
}

/// Where targets come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvironmentChoice {
    /// The machine's own binaries if they are there, else containers.
    #[default]
    Auto,
    /// The machine's own binaries.
    Local,
    /// Containers.
    Docker,
}

/// A running environment.
#[derive(Debug)]
pub enum Environment {
    /// PostgreSQL and poolers as processes of this machine.
    Local(Box<Local>),
    /// PostgreSQL and poolers in containers.
    Docker(Box<Docker>),
    /// All targets run already: there is nothing to start.
    Elsewhere,
}

impl Environment {
    /// Starts what all targets share, on the thread that will start the targets.
    ///
    /// # Errors
    ///
    /// When a part is missing or does not start; whatever was started by then is gone again.
    pub fn start(demand: &Demand, stop: &Stop) -> Result<Self, EnvironmentError> {
        limits::raise_open_files(u64::from(demand.clients_max) + limits::BESIDE_CLIENTS)?;
        let ours = demand.targets.iter().filter_map(|target| match target {
            TargetSpec::Catalog(target) | TargetSpec::Twin(target) => Some(*target),
            TargetSpec::Running(_) => None,
        });
        let ours: Vec<_> = ours.collect();
        if ours.is_empty() {
            return Ok(Self::Elsewhere);
        }
        let Choices {
            kind,
            local,
            docker,
        } = &demand.choices;
        let in_containers = || {
            let started = Docker::start(&ours, demand.clients_max, &local.ports, docker, stop);
            started.map(|docker| Self::Docker(Box::new(docker)))
        };
        if *kind == EnvironmentChoice::Docker {
            return in_containers();
        }
        match Local::start(&ours, demand.clients_max, demand.tls, local, stop) {
            Ok(local) => Ok(Self::Local(Box::new(local))),
            Err(missing @ EnvironmentError::Missing { .. }) if *kind == EnvironmentChoice::Auto => {
                // What is missing here is the better advice where containers cannot be had either.
                match in_containers() {
                    Err(EnvironmentError::Docker(
                        DockerError::NoEngine { .. } | DockerError::Unpackaged { .. },
                    )) => Err(missing),
                    started => started,
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Why a scenario with these pool settings cannot be run here, if it cannot.
    #[must_use]
    pub fn lacking(&self, pool: &PoolSettings) -> Option<&'static str> {
        let encrypted = !pool.client_tls_sslmode.is_disabled();
        match self {
            Self::Docker(_) if encrypted => Some("servers in containers are given no certificate"),
            Self::Local(_) | Self::Docker(_) | Self::Elsewhere => None,
        }
    }

    /// What the record calls it.
    #[must_use]
    pub fn kind(&self) -> EnvironmentKind {
        match self {
            Self::Local(_) | Self::Elsewhere => EnvironmentKind::Local,
            Self::Docker(_) => EnvironmentKind::Docker,
        }
    }

    /// The engine that runs the containers, and how they are reached.
    #[must_use]
    pub fn container_engine(&self) -> Option<String> {
        match self {
            Self::Docker(docker) => Some(docker.in_words()),
            Self::Local(_) | Self::Elsewhere => None,
        }
    }

    /// Version of the PostgreSQL behind the targets; empty when each has its own.
    #[must_use]
    pub fn postgres_version(&self) -> &str {
        match self {
            Self::Local(local) => local.postgres_version(),
            Self::Docker(docker) => docker.postgres_version(),
            Self::Elsewhere => "",
        }
    }

    /// Runs statements on PostgreSQL itself, past every pooler. Where all targets run already there is
    /// nothing to run them on.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says of the first statement that fails.
    pub fn prepare(&self, statements: &[String]) -> Result<(), EnvironmentError> {
        match self {
            Self::Local(local) => local.prepare(statements),
            Self::Docker(docker) => docker.prepare(statements),
            Self::Elsewhere => Ok(()),
        }
    }

    /// A superuser of the PostgreSQL behind our targets, who looks from beside them; there is none
    /// for a PostgreSQL that is not ours.
    #[must_use]
    pub fn administrator(&self) -> Option<&Endpoint> {
        match self {
            Self::Local(local) => Some(local.administrator()),
            Self::Docker(docker) => Some(docker.administrator()),
            Self::Elsewhere => None,
        }
    }

    /// Starts a target with the pool settings of a scenario, or greets one that runs already.
    ///
    /// # Errors
    ///
    /// When it does not start, or lets nobody log in.
    pub fn target(
        &self,
        target: &TargetSpec,
        pool: &PoolSettings,
        stop: &Stop,
    ) -> Result<Target, EnvironmentError> {
        self.target_behind(target, pool, None, stop)
    }

    /// The same, where the target finds PostgreSQL at `server`, which leads to it.
    ///
    /// # Errors
    ///
    /// As [`target`](Self::target).
    pub fn target_behind(
        &self,
        target: &TargetSpec,
        pool: &PoolSettings,
        server: Option<&Endpoint>,
        stop: &Stop,
    ) -> Result<Target, EnvironmentError> {
        let setting = Setting { pool, server };
        match (target, self) {
            (TargetSpec::Catalog(target), Self::Local(local)) => {
                local.target(*target, Instance::First, &setting, stop)
            }
            (TargetSpec::Twin(target), Self::Local(local)) => {
                local.target(*target, Instance::Second, &setting, stop)
            }
            (TargetSpec::Catalog(target), Self::Docker(docker)) => {
                docker.target(*target, Instance::First, pool, stop)
            }
            (TargetSpec::Twin(target), Self::Docker(docker)) => {
                docker.target(*target, Instance::Second, pool, stop)
            }
            (TargetSpec::Catalog(target) | TargetSpec::Twin(target), Self::Elsewhere) => {
                Err(EnvironmentError::NotDemanded {
                    target: target.name(),
                })
            }
            (TargetSpec::Running(target), _) => greet(target),
        }
    }

    /// Where PostgreSQL listens for a link before it; there is none in containers, nor where all targets
    /// run already.
    #[must_use]
    pub fn server(&self) -> Option<&Endpoint> {
        match self {
            Self::Local(local) => Some(local.server()),
            Self::Docker(_) | Self::Elsewhere => None,
        }
    }

    /// Does to a party what a fault asks for. It blocks until that is done; what is started need not yet
    /// let anybody in.
    ///
    /// # Errors
    ///
    /// When the party is not ours, or does not do it.
    pub fn strike(
        &mut self,
        whom: Struck,
        blow: Blow,
        target: &mut Target,
    ) -> Result<(), EnvironmentError> {
        match (whom, self) {
            (Struck::Pooler, _) => target.strike(blow),
            (Struck::Postgres, Self::Local(local)) => local.strike(blow),
            (Struck::Postgres, Self::Docker(docker)) => docker.strike(blow),
            (Struck::Postgres, Self::Elsewhere) => {
                Err(EnvironmentError::no_such_blow(blow, "PostgreSQL"))
            }
        }
    }

    /// Asks PostgreSQL itself as superuser, past every pooler, and returns the first value of the answer.
    ///
    /// # Errors
    ///
    /// What came instead.
    pub fn ask(&self, statement: &str) -> Result<String, EnvironmentError> {
        let administrator = self.administrator();
        let administrator =
            administrator.ok_or_else(|| EnvironmentError::Setup("it is not ours".to_owned()))?;
        login::ask(administrator, &[statement.to_owned()]).map_err(EnvironmentError::Setup)
    }

    /// Tells a target of ours which process PostgreSQL is now: a fault may have started it anew.
    pub fn refresh(&self, target: &mut Target) {
        if !target.is_ours() {
            return;
        }
        match self {
            Self::Local(local) => target.watch.postgres = vec![local.postgres_pid()],
            Self::Docker(docker) => {
                target.watch.postgres = docker.postgres_pid().into_iter().collect();
            }
            Self::Elsewhere => {}
        }
    }

    /// Waits until PostgreSQL and the target let somebody in again.
    ///
    /// # Errors
    ///
    /// When one of them does not in time, or is gone.
    pub fn settle(&mut self, target: &mut Target, stop: &Stop) -> Result<(), EnvironmentError> {
        match self {
            Self::Local(local) => local.await_login(stop)?,
            Self::Docker(docker) => docker.await_login(stop)?,
            Self::Elsewhere => {}
        }
        target.await_login(stop)
    }

    /// Why `target` can no longer be measured, once it or the PostgreSQL behind it has ended.
    pub fn ended(&mut self, target: &mut Target) -> Option<EnvironmentError> {
        let own = target.ended();
        match (own, self) {
            (None, Self::Local(local)) if target.is_ours() => local.ended(),
            (None, Self::Docker(docker)) if target.is_ours() => docker.ended().map(Into::into),
            (own, _) => own,
        }
    }
}

fn greet(target: &RunningElsewhere) -> Result<Target, EnvironmentError> {
    let RunningElsewhere { name, endpoint } = target;
    let version = login::greet(endpoint).map_err(|reason| EnvironmentError::Unreachable {
        name: name.clone(),
        endpoint: endpoint.to_string(),
        reason,
    })?;
    Ok(Target::elsewhere(name, endpoint.clone(), &version))
}

#[cfg(test)]
mod tests;
