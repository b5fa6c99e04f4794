//! The environment of this machine's own binaries: a throw-away PostgreSQL cluster and poolers as
//! child processes on loopback, below one temporary folder.

mod account;
pub mod binaries;
mod cluster;
mod pooler;
mod port;
mod process;
mod site;
mod workdir;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use poolproof_scenarios::pool::PoolSettings;

pub use port::Ports;
pub(super) use process::Process;

use super::{EnvironmentError, Target, login, wait};
use crate::{
    engine::{Endpoint, Stop},
    targets::CatalogTarget,
};
use binaries::PgBouncer;
use cluster::Cluster;
use site::Site;

/// Places and ports that the user chose.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Folder of PostgreSQL's programs.
    pub pg_bin: Option<PathBuf>,
    /// PgBouncer's program.
    pub pgbouncer_bin: Option<PathBuf>,
    /// Ports by target.
    pub ports: Ports,
}

/// PostgreSQL, and what is needed to start poolers in front of it.
///
/// The order of the fields is the order in which they are dropped: PostgreSQL leaves before its
/// folder does.
#[derive(Debug)]
pub struct Local {
    cluster: Cluster,
    programs: Programs,
    ports: Ports,
    /// Those of second instances.
    twin_ports: Ports,
    site: Site,
}

/// The poolers' programs, found before anything is started.
#[derive(Debug)]
struct Programs {
    pgbouncer: Option<PgBouncer>,
    proxy: Option<PathBuf>,
}

impl Local {
    /// Finds every program that `targets` need, then makes and starts the cluster.
    pub(super) fn start(
        targets: &[CatalogTarget],
        clients_max: u32,
        choices: &Choices,
        stop: &Stop,
    ) -> Result<Self, EnvironmentError> {
        let wanted = |target| targets.contains(&target);
        let postgres = binaries::postgres(choices.pg_bin.as_deref())?;
        let pgbouncer = wanted(CatalogTarget::PgBouncer)
            .then(|| binaries::pgbouncer(choices.pgbouncer_bin.as_deref()))
            .transpose()?;
        // A busy port is told before PostgreSQL is started for nothing.
        // PostgreSQL is there also when nobody measures it.
        let servers = [CatalogTarget::Direct].iter().chain(targets).copied();
        let ports = port::assign(servers, &choices.ports)?;
        let twin_ports = port::beside(&ports)?;
        let site = Site::create()?;
        let proxy = wanted(CatalogTarget::Proxy)
            .then(|| site.own_program())
            .transpose()?;
        let own_port = ports[&CatalogTarget::Direct];
        Ok(Self {
            cluster: Cluster::start(&postgres, own_port, clients_max, &site, stop)?,
            programs: Programs { pgbouncer, proxy },
            ports,
            twin_ports,
            site,
        })
    }

    /// What the server says of its version.
    pub(super) fn postgres_version(&self) -> &str {
        self.cluster.version()
    }

    /// Runs statements on PostgreSQL as the role of the load.
    pub(super) fn prepare(&self, statements: &[String]) -> Result<(), EnvironmentError> {
        login::prepare(self.cluster.endpoint(), statements).map_err(EnvironmentError::Setup)
    }

    /// The superuser, in the database of the load.
    pub(super) fn administrator(&self) -> &Endpoint {
        self.cluster.administrator()
    }

    /// Starts a target; `direct` is there already.
    pub(super) fn target(
        &self,
        target: CatalogTarget,
        instance: Instance,
        pool: &PoolSettings,
        stop: &Stop,
    ) -> Result<Target, EnvironmentError> {
        match target {
            CatalogTarget::Direct => Ok(self.cluster.target(instance.name(target))),
            CatalogTarget::Proxy => {
                let program = self.programs.proxy.as_deref();
                let program = program.ok_or(EnvironmentError::NotDemanded { target: "proxy" })?;
                let version = binaries::version(program, &["proxy", "--version"])?;
                let kind = pooler::Kind::proxy(program, version);
                self.pooler(&kind, instance, pool, stop)
            }
            CatalogTarget::PgBouncer => {
                let found = self.programs.pgbouncer.as_ref();
                let found = found.ok_or(EnvironmentError::NotDemanded {
                    target: "pgbouncer",
                })?;
                self.pooler(&pooler::Kind::pgbouncer(found), instance, pool, stop)
            }
        }
    }

    fn pooler(
        &self,
        kind: &pooler::Kind<'_>,
        instance: Instance,
        pool: &PoolSettings,
        stop: &Stop,
    ) -> Result<Target, EnvironmentError> {
        let ports = match instance {
            Instance::First => &self.ports,
            Instance::Second => &self.twin_ports,
        };
        let place = pooler::Place {
            name: instance.name(kind.target),
            port: ports[&kind.target],
            pool,
        };
        pooler::start(kind, &place, &self.cluster, &self.site, stop)
    }

    /// Why PostgreSQL is gone, once it is.
    pub(super) fn ended(&mut self) -> Option<EnvironmentError> {
        self.cluster.ended()
    }
}

/// Which of the instances of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instance {
    /// The one that carries the target's own name.
    First,
    /// Its twin.
    Second,
}

impl Instance {
    fn name(self, target: CatalogTarget) -> &'static str {
        match self {
            Self::First => target.name(),
            Self::Second => target.twin_name(),
        }
    }
}

/// Tries to log in until it works, the process ends, or `limit` is over; returns the server's
/// version.
fn await_login(
    program: &'static str,
    process: &mut Process,
    endpoint: &Endpoint,
    limit: Duration,
    stop: &Stop,
) -> Result<String, EnvironmentError> {
    let mut last = String::new();
    let mut outcome = None;
    wait::until(limit, || {
        outcome = if stop.is_stopped() {
            Some(Err(EnvironmentError::Interrupted))
        } else if let Some(error) = process.ended() {
            Some(Err(error))
        } else {
            match login::greet(endpoint) {
                Ok(version) => Some(Ok(version)),
                Err(reason) => {
                    last = reason;
                    None
                }
            }
        };
        outcome.is_some()
    });
    outcome.unwrap_or_else(|| {
        Err(EnvironmentError::NotReady {
            program,
            address: format!("{}:{}", endpoint.host, endpoint.port),
            waited: limit,
            reason: last,
            log: process.log_tail(),
        })
    })
}

/// Folders of runs that were killed before they could clean up.
///
/// # Errors
///
/// When the system's temporary folder cannot be read.
pub fn leftovers() -> io::Result<Vec<PathBuf>> {
    workdir::leftovers(&std::env::temp_dir())
}

/// Removes a folder that [`leftovers`] named.
///
/// # Errors
///
/// When a part of it cannot be removed.
pub fn remove_leftover(folder: &Path) -> io::Result<()> {
    workdir::remove_leftover(folder)
}
