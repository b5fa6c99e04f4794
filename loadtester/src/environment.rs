//! Where targets come from: an environment starts PostgreSQL and the poolers, tells when one of them
//! is gone, and leaves nothing behind.
//!
//! It knows nothing of scenarios beyond their pool settings, and nothing of figures.

mod error;
pub mod facts;
pub mod limits;
pub mod local;
mod login;
mod owner;
mod target;
mod wait;

pub use error::{EnvironmentError, LogTail};
pub use target::Target;

use poolproof_reports::record::EnvironmentKind;
use poolproof_scenarios::pool::PoolSettings;

use crate::{
    engine::{Endpoint, Stop},
    targets::{RunningElsewhere, TargetSpec},
};
use local::{Instance, Local};

/// What a run asks of its environment.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Every target of the run.
    pub targets: Vec<TargetSpec>,
    /// Most clients that any scenario has at one moment.
    pub clients_max: u32,
    /// Places and ports that the user chose.
    pub local: local::Choices,
}

/// A running environment.
#[derive(Debug)]
pub enum Environment {
    /// PostgreSQL and poolers as processes of this machine.
    Local(Box<Local>),
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
        let local = Local::start(&ours, demand.clients_max, &demand.local, stop)?;
        Ok(Self::Local(Box::new(local)))
    }

    /// What the record calls it.
    #[must_use]
    pub fn kind(&self) -> EnvironmentKind {
        EnvironmentKind::Local
    }

    /// Version of the PostgreSQL behind the targets; empty when each has its own.
    #[must_use]
    pub fn postgres_version(&self) -> &str {
        match self {
            Self::Local(local) => local.postgres_version(),
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
            Self::Elsewhere => Ok(()),
        }
    }

    /// A superuser of the PostgreSQL behind our targets, who looks from beside them; there is none
    /// for a PostgreSQL that is not ours.
    #[must_use]
    pub fn administrator(&self) -> Option<&Endpoint> {
        match self {
            Self::Local(local) => Some(local.administrator()),
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
        match (target, self) {
            (TargetSpec::Catalog(target), Self::Local(local)) => {
                local.target(*target, Instance::First, pool, stop)
            }
            (TargetSpec::Twin(target), Self::Local(local)) => {
                local.target(*target, Instance::Second, pool, stop)
            }
            (TargetSpec::Catalog(target) | TargetSpec::Twin(target), Self::Elsewhere) => {
                Err(EnvironmentError::NotDemanded {
                    target: target.name(),
                })
            }
            (TargetSpec::Running(target), _) => greet(target),
        }
    }

    /// Why `target` can no longer be measured, once it or the PostgreSQL behind it has ended.
    pub fn ended(&mut self, target: &mut Target) -> Option<EnvironmentError> {
        let own = target.ended();
        match (own, self) {
            (None, Self::Local(local)) if target.is_ours() => local.ended(),
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
