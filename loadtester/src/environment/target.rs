//! A target that can be measured now.

use poolproof_reports::record::{ConfigFile, TargetInfo};

use std::{path::PathBuf, sync::Arc};

use super::{
    Blow, EnvironmentError,
    docker::{self, Container},
    local::Fleet,
};
use crate::engine::{Accounting, Endpoint, Stop, Watch};

/// A target that lets clients log in. Dropping it stops it, unless somebody else runs it.
#[derive(Debug)]
pub struct Target {
    /// What the record says of it.
    pub info: TargetInfo,
    /// Where its clients connect.
    pub endpoint: Endpoint,
    /// Folder of the Unix socket that they can connect to as well.
    pub sockets: Option<PathBuf>,
    /// Whose cost is measured.
    pub watch: Watch,
    keeper: Keeper,
}

/// Who keeps a target running.
#[derive(Debug)]
enum Keeper {
    /// We do, for this target alone.
    Processes(Fleet),
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
        fleet: Fleet,
        postgres: u32,
    ) -> Self {
        let watch = Watch {
            target: fleet.pids(),
            postgres: vec![postgres],
            accounting: Accounting::Processes,
        };
        Self {
            info,
            endpoint,
            sockets: None,
            watch,
            keeper: Keeper::Processes(fleet),
        }
    }

    /// The same target, with a Unix socket in `folder`.
    pub(super) fn with_sockets(self, folder: Option<PathBuf>) -> Self {
        Self {
            sockets: folder,
            ..self
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
            sockets: None,
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
            sockets: None,
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
            sockets: None,
            watch: Watch::default(),
            keeper: Keeper::User,
        }
    }

    /// Whether the environment started it.
    pub(super) fn is_ours(&self) -> bool {
        !matches!(self.keeper, Keeper::User)
    }

    /// Does to it what a fault asks for.
    pub(super) fn strike(&mut self, blow: Blow) -> Result<(), EnvironmentError> {
        match &mut self.keeper {
            Keeper::Processes(fleet) => {
                fleet.strike(blow, &self.endpoint)?;
                self.watch.target = fleet.pids();
                Ok(())
            }
            Keeper::Containers(containers) => {
                containers
                    .iter()
                    .try_for_each(|container| container.strike(blow))?;
                let pids = containers.iter().filter_map(|container| container.pid());
                self.watch.target = pids.collect();
                Ok(())
            }
            Keeper::Environment | Keeper::User => {
                Err(EnvironmentError::no_such_blow(blow, &self.info.name))
            }
        }
    }

    /// Waits until it lets somebody in, if we can wait for it.
    pub(super) fn await_login(&mut self, stop: &Stop) -> Result<(), EnvironmentError> {
        match &mut self.keeper {
            Keeper::Processes(fleet) => fleet.await_login(&self.endpoint, stop),
            Keeper::Containers(containers) => {
                docker::await_return(containers, &self.endpoint, stop)
            }
            Keeper::Environment | Keeper::User => Ok(()),
        }
    }

    /// Why its own process is gone, once it is.
    pub(super) fn ended(&mut self) -> Option<EnvironmentError> {
        match &mut self.keeper {
            Keeper::Processes(fleet) => fleet.ended(),
            Keeper::Containers(containers) => {
                let ended = containers.iter().find_map(|container| container.ended());
                ended.map(EnvironmentError::from)
            }
            Keeper::Environment | Keeper::User => None,
        }
    }
}
