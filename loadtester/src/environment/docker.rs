//! The environment of containers: PostgreSQL and poolers, each in one, with equal shares of the
//! machine.
//!
//! A container sees the run's folder under the same path as we do, so that a pooler reads the same
//! configuration here as it does as a process.

mod build;
mod container;
mod engine;
mod error;
mod image;
mod labels;
mod leftovers;
mod network;
mod plan;
mod pooler;
mod postgres;
mod ready;
mod shares;

use std::{collections::BTreeMap, sync::Arc};

use poolproof_scenarios::{
    pool::PoolSettings,
    target::{Role, SELF},
};

pub(super) use container::Container;
pub use error::DockerError;
pub use leftovers::Leftover;
pub use network::NetworkChoice;
pub(super) use ready::await_return;
pub use shares::{Cpus, Limits, Memory};

use super::{
    Blow, EnvironmentError, Target,
    facts::Machine,
    local::{Instance, Ports, Site, port},
    login,
};
use crate::{
    engine::{Endpoint, Stop},
    targets::CatalogTarget,
};
use build::Builder;
use engine::Engine;
use image::{Images, Ours};
use network::Network;
use pooler::Packaged;
use postgres::Postgres;
use shares::{Allowed, Shares};

/// Images and shares that the user chose.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Images by target; `direct` is PostgreSQL.
    pub images: BTreeMap<CatalogTarget, String>,
    /// How containers are reached.
    pub network: NetworkChoice,
    /// What each pooler may use of the machine.
    pub limits: Limits,
}

impl Choices {
    /// The image of a target: the user's, or the one that its file names.
    fn image_of(&self, target: CatalogTarget) -> Result<&str, DockerError> {
        let chosen = self.images.get(&target).map(String::as_str);
        let file = target.file();
        let usual = match (file.role, &*file.program) {
            (Role::Postgres, _) => Some(Ours::Postgres.name()),
            (Role::Pooler, SELF) => Some(Ours::Own.name()),
            (Role::Pooler, _) => file.image.as_deref(),
        };
        chosen.or(usual).ok_or_else(|| DockerError::Unpackaged {
            target: target.name().to_owned(),
        })
    }
}

/// PostgreSQL, and what is needed to start poolers in front of it.
///
/// The order of the fields is the order in which they are dropped: containers leave before the
/// network and the folder that they use.
#[derive(Debug)]
pub struct Docker {
    postgres: Postgres,
    poolers: BTreeMap<CatalogTarget, Packaged>,
    ports: Ports,
    /// Those of second instances.
    twin_ports: Ports,
    shares: Shares,
    network: Network,
    site: Site,
    engine: Arc<Engine>,
    /// Part of every name that we give.
    run: String,
}

impl Docker {
    /// Finds or builds every image that `targets` need, then starts PostgreSQL.
    pub(super) fn start(
        targets: &[CatalogTarget],
        clients_max: u32,
        ports: &Ports,
        choices: &Choices,
        stop: &Stop,
    ) -> Result<Self, EnvironmentError> {
        let engine = Arc::new(Engine::connect()?);
        leftovers::remove_on_panic();
        let servers = std::iter::once(CatalogTarget::direct()).chain(targets.iter().copied());
        let ports = port::assign(servers, ports)?;
        let twin_ports = port::beside(&ports)?;
        let site = Site::create()?;
        let images = Images {
            engine: &engine,
            builder: Builder::new(site.path().join("build")),
            stop,
        };
        let postgres = images.named(choices.image_of(CatalogTarget::direct())?)?;
        let mut poolers = BTreeMap::new();
        for target in targets {
            if target.file().role == Role::Pooler {
                let image = images.named(choices.image_of(*target)?)?;
                poolers.insert(*target, Packaged::of(target.file(), image, &engine)?);
            }
        }
        let run = format!("{:08x}", rand::random::<u32>());
        let network = Network::choose(&engine, choices.network, &run)?;
        let allowed = Allowed::here(engine.facts(), &Machine::read());
        let place = postgres::Place {
            name: format!("poolproof-{run}-postgres"),
            port: ports[&CatalogTarget::direct()],
            clients_max,
            network: &network,
            shares: &Shares::whole(engine.facts(), &allowed),
        };
        Ok(Self {
            postgres: Postgres::start(&engine, postgres, &place, stop)?,
            poolers,
            ports,
            twin_ports,
            shares: Shares::of_poolers(engine.facts(), choices.limits, &allowed),
            network,
            site,
            engine,
            run,
        })
    }

    /// The engine, and how its containers are reached.
    pub(super) fn in_words(&self) -> String {
        let reached = match &self.network {
            Network::Host => "the host's network",
            Network::Own(_) => "published ports",
        };
        format!("{}, {reached}", self.engine.facts().in_words)
    }

    /// What the server says of its version.
    pub(super) fn postgres_version(&self) -> &str {
        self.postgres.version()
    }

    /// Runs statements on PostgreSQL as the role of the load.
    pub(super) fn prepare(&self, statements: &[String]) -> Result<(), EnvironmentError> {
        login::prepare(self.postgres.endpoint(), statements).map_err(EnvironmentError::Setup)
    }

    /// The superuser, in the database of the load.
    pub(super) fn administrator(&self) -> &Endpoint {
        self.postgres.administrator()
    }

    /// The postmaster, where it can be seen from here.
    pub(super) fn postgres_pid(&self) -> Option<u32> {
        self.postgres.pid()
    }

    /// Does to PostgreSQL what a fault asks for.
    pub(super) fn strike(&mut self, blow: Blow) -> Result<(), EnvironmentError> {
        self.postgres.strike(blow)
    }

    /// Waits until PostgreSQL lets somebody in.
    pub(super) fn await_login(&self, stop: &Stop) -> Result<(), EnvironmentError> {
        self.postgres.await_login(stop)
    }

    /// Starts a target; `direct` is there already.
    pub(super) fn target(
        &self,
        target: CatalogTarget,
        instance: Instance,
        pool: &PoolSettings,
        stop: &Stop,
    ) -> Result<Target, EnvironmentError> {
        let name = instance.name(target);
        if target.file().role == Role::Postgres {
            return Ok(self.postgres.target(name));
        }
        let packaged = self.poolers.get(&target);
        let packaged = packaged.ok_or(EnvironmentError::NotDemanded {
            target: target.name(),
        })?;
        let ports = match instance {
            Instance::First => &self.ports,
            Instance::Second => &self.twin_ports,
        };
        self.pooler(packaged, name, ports[&target], pool, stop)
    }

    /// Why PostgreSQL is gone, once it is.
    pub(super) fn ended(&self) -> Option<DockerError> {
        self.postgres.ended()
    }
}

/// What is found of an engine without starting anything.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The engine in words.
    pub engine: String,
    /// What killed runs left in it.
    pub left: Vec<Leftover>,
}

/// Looks whether an engine answers, and what is left in it.
///
/// # Errors
///
/// When none does, or it does not list what it has.
pub fn diagnose() -> Result<Diagnosis, DockerError> {
    let engine = Engine::connect()?;
    Ok(Diagnosis {
        left: leftovers::find(&engine)?,
        engine: engine.facts().in_words.clone(),
    })
}

/// Removes what [`diagnose`] found.
///
/// # Errors
///
/// When the engine does not remove something.
pub fn remove_leftovers(left: &[Leftover]) -> Result<(), DockerError> {
    let engine = Engine::connect()?;
    left.iter()
        .try_for_each(|leftover| leftovers::remove(&engine, leftover))
}
