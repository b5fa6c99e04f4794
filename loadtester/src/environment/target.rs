//! A target that can be measured now.

use poolproof_reports::record::{ConfigFile, TargetInfo};

use std::sync::Arc;

use super::{EnvironmentError, docker::Container, local::Process};
use crate::engine::{Accounting, Endpoint, Watch};

/// A target that lets clients log in. Dropping it stops it, unless somebody else runs it.
#[derive(Debug)]
pub struct Target {
    /// What the record says of it.
    pub info: TargetInfo,
    /// Where its clients connect.
    pub endpoint: Endpoint,
    /// Whose cost is measured.
    pub watch: Watch,
    keeper: Keeper,
}

/// Who keeps a target running.
#[derive(Debug)]
enum Keeper {
    /// We do, for this target alone.
    Processes(Vec<Process>),
    /// We do, in containers; whoever disturbs it holds them too.
    Containers(Vec<Arc<Container>>),
    /// The environment: it is the PostgreSQL that all targets share.
    Environment,
    /// Somebody else.
    User,
}

impl Target {
    /// Processes of its own in front of PostgreSQL.
    pub(super) fn pooler(
        info: TargetInfo,
        endpoint: Endpoint,
        processes: Vec<Process>,
        postgres: u32,
    ) -> Self {
        let watch = Watch {
            target: processes.iter().map(Process::pid).collect(),
            postgres: vec![postgres],
            accounting: Accounting::Processes,
        };
        Self {
            info,
            endpoint,
            watch,
            keeper: Keeper::Processes(processes),
        }
    }

    /// PostgreSQL itself.
    pub(super) fn direct(info: TargetInfo, endpoint: Endpoint, postgres: u32) -> Self {
        let watch = Watch {
            target: Vec::new(),
            postgres: vec![postgres],
            accounting: Accounting::Processes,
        };
        Self {
            info,
            endpoint,
            watch,
            keeper: Keeper::Environment,
        }
    }

    /// Containers of its own in front of PostgreSQL, or PostgreSQL itself without any. What cannot be
    /// seen from here costs nothing that the report could show.
    pub(super) fn contained(
        info: TargetInfo,
        endpoint: Endpoint,
        containers: Vec<Arc<Container>>,
        postgres: Option<u32>,
    ) -> Self {
        let watch = Watch {
            target: containers.iter().filter_map(|each| each.pid()).collect(),
            postgres: postgres.into_iter().collect(),
            accounting: Accounting::Cgroups,
        };
        let keeper = match containers.len() {
            0 => Keeper::Environment,
            _ => Keeper::Containers(containers),
        };
        Self {
            info,
            endpoint,
            watch,
            keeper,
        }
    }

    /// One that runs already; what it costs cannot be seen from here.
    pub(super) fn elsewhere(name: &str, endpoint: Endpoint, version: &str) -> Self {
        let info = TargetInfo {
            name: name.to_owned(),
            version: format!("reports PostgreSQL {version}"),
            started_as: format!("found at {endpoint}"),
            config_files: Vec::<ConfigFile>::new(),
            image: None,
        };
        Self {
            info,
            endpoint,
            watch: Watch::default(),
            keeper: Keeper::User,
        }
    }

    /// Whether the environment started it.
    pub(super) fn is_ours(&self) -> bool {
        !matches!(self.keeper, Keeper::User)
    }

    /// Why its own process is gone, once it is.
    pub(super) fn ended(&mut self) -> Option<EnvironmentError> {
        match &mut self.keeper {
            Keeper::Processes(processes) => processes.iter_mut().find_map(Process::ended),
            Keeper::Containers(containers) => {
                let ended = containers.iter().find_map(|container| container.ended());
                ended.map(EnvironmentError::from)
            }
            Keeper::Environment | Keeper::User => None,
        }
    }
}
