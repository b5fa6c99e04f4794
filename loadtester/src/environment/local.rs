//! The environment of this machine's own binaries: a throw-away PostgreSQL cluster and poolers as
//! child processes on loopback, below one temporary folder.

mod account;
pub mod binaries;
mod certificates;
pub(super) mod cluster;
mod pooler;
pub(super) mod port;
mod process;
mod site;
mod workdir;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use poolproof_scenarios::{
    pool::PoolSettings,
    scenario::Feature,
    target::{Role, SELF},
};

pub(super) use certificates::Certificates;
pub(super) use pooler::Fleet;
pub use port::Ports;
use process::Process;
pub(super) use process::in_words;
pub(super) use site::Site;

use super::{Blow, EnvironmentError, Target, login, wait, written::Place};
use crate::{
    engine::{Endpoint, Stop},
    targets::CatalogTarget,
};
use binaries::Program;
use cluster::Cluster;

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

impl Choices {
    /// The program that the user chose for a target.
    #[must_use]
    pub fn program_of(&self, target: CatalogTarget) -> Option<&Path> {
        let bouncer = target.file().program == CatalogTarget::pgbouncer().file().program;
        self.pgbouncer_bin.as_deref().filter(|_| bouncer)
    }
}

/// PostgreSQL, and what is needed to start poolers in front of it.
///
/// The order of the fields is the order in which they are dropped: PostgreSQL leaves before its
/// folder does.
#[derive(Debug)]
pub struct Local {
    cluster: Cluster,
    /// What servers show to clients that speak TLS, where a scenario wants it.
    certificates: Option<Certificates>,
    /// The poolers' programs, found before anything is started.
    programs: BTreeMap<CatalogTarget, Program>,
    ports: Ports,
    /// Those of second instances.
    twin_ports: Ports,
    site: Site,
}

impl Local {
    /// Finds every program that `targets` need, then makes and starts the cluster, which speaks TLS as
    /// well if `tls` says so.
    pub(super) fn start(
        targets: &[CatalogTarget],
        clients_max: u32,
        tls: bool,
        choices: &Choices,
        stop: &Stop,
    ) -> Result<Self, EnvironmentError> {
        let postgres = binaries::postgres(choices.pg_bin.as_deref())?;
        let poolers = targets
            .iter()
            .filter(|target| target.file().role == Role::Pooler);
        let (own, others): (Vec<CatalogTarget>, Vec<_>) =
            poolers.partition(|target| target.file().program == SELF);
        let mut programs = BTreeMap::new();
        for target in others {
            programs.insert(
                target,
                binaries::program(target.file(), choices.program_of(target))?,
            );
        }
        // A busy port is told before PostgreSQL is started for nothing.
        // PostgreSQL is there also when nobody measures it.
        let servers = std::iter::once(CatalogTarget::direct()).chain(targets.iter().copied());
        let ports = port::assign(servers, &choices.ports)?;
        let twin_ports = port::beside(&ports)?;
        let site = Site::create()?;
        if !own.is_empty() {
            let path = site.own_program()?;
            for target in own {
                let version = binaries::version(&path, &target.file().version)?;
                let path = path.clone();
                programs.insert(target, Program { path, version });
            }
        }
        let own_port = ports[&CatalogTarget::direct()];
        let certificates = tls.then(|| Certificates::make(&site)).transpose()?;
        let shown = certificates.as_ref();
        Ok(Self {
            cluster: Cluster::start(&postgres, own_port, clients_max, shown, &site, stop)?,
            certificates,
            programs,
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
        setting: &Setting<'_>,
        stop: &Stop,
    ) -> Result<Target, EnvironmentError> {
        let name = instance.name(target);
        let encrypted = !setting.pool.client_tls_sslmode.is_disabled();
        let certificates = self.certificates.as_ref().filter(|_| encrypted);
        if target.file().role == Role::Postgres {
            let tls = certificates.map(Certificates::tls);
            return Ok(self.cluster.target(name, tls.cloned()));
        }
        let program = self.programs.get(&target);
        let program = program.ok_or(EnvironmentError::NotDemanded {
            target: target.name(),
        })?;
        let ports = match instance {
            Instance::First => &self.ports,
            Instance::Second => &self.twin_ports,
        };
        let place = Place {
            name,
            listen: "127.0.0.1",
            port: ports[&target],
            pool: setting.pool,
            version: &program.version,
            reachable: true,
            // One that cannot have it is started all the same, and says so in its cell.
            certificates: certificates.filter(|_| {
                let lacking = target.file().lacking(Feature::Tls, &program.version);
                lacking.is_none()
            }),
        };
        pooler::start(
            target.file(),
            &program.path,
            &place,
            (&self.cluster, setting.server.unwrap_or(self.server())),
            &self.site,
            stop,
        )
    }

    /// The postmaster.
    pub(super) fn postgres_pid(&self) -> u32 {
        self.cluster.pid()
    }

    /// Where PostgreSQL listens for the load.
    pub(super) fn server(&self) -> &Endpoint {
        self.cluster.endpoint()
    }

    /// Does to PostgreSQL what a fault asks for.
    pub(super) fn strike(&mut self, blow: Blow) -> Result<(), EnvironmentError> {
        self.cluster.strike(blow)
    }

    /// Waits until PostgreSQL lets somebody in.
    pub(super) fn await_login(&mut self, stop: &Stop) -> Result<(), EnvironmentError> {
        self.cluster.await_login(stop)
    }

    /// Why PostgreSQL is gone, once it is.
    pub(super) fn ended(&mut self) -> Option<EnvironmentError> {
        self.cluster.ended()
    }
}

/// What a target is started with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    /// The scenario's pool settings.
    pub(super) pool: &'a PoolSettings,
    /// Where it finds PostgreSQL, if not at PostgreSQL itself.
    pub(super) server: Option<&'a Endpoint>,
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
    /// What it is called.
    pub(super) fn name(self, target: CatalogTarget) -> &'static str {
        match self {
            Self::First => target.name(),
            Self::Second => target.twin_name(),
        }
    }
}

/// Tries to log in until it works, one of the processes ends, or `limit` is over; returns the
/// server's version.
fn await_login(
    program: &'static str,
    processes: &mut [Process],
    endpoint: &Endpoint,
    limit: Duration,
    stop: &Stop,
) -> Result<String, EnvironmentError> {
    let mut last = String::new();
    let mut outcome = None;
    wait::until(limit, || {
        outcome = if stop.is_stopped() {
            Some(Err(EnvironmentError::Interrupted))
        } else if let Some(error) = processes.iter_mut().find_map(Process::ended) {
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
            log: processes.first().map(Process::log_tail).unwrap_or_default(),
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
