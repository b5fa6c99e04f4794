//! PostgreSQL in a container, thrown away with it.

use std::{sync::Arc, time::Duration};

use poolproof_reports::record::{ConfigFile, TargetInfo};

use super::{
    container::Container, engine::Engine, error::DockerError, image::Image, network::Network,
    plan::Plan, ready, shares::Shares,
};
use crate::{
    engine::{Endpoint, Stop},
    environment::{
        Blow, EnvironmentError, Target,
        local::cluster::{self, ROLE, SUPERUSER},
        login,
    },
};

/// Longest from the start to the first login: a cluster is made meanwhile.
const START_LIMIT: Duration = Duration::from_secs(90);
/// Shared memory of its container: PostgreSQL's own default takes 128 MB, and parallel queries more.
const SHM_BYTES: i64 = 512 << 20;

/// A running server.
#[derive(Debug)]
pub(super) struct Postgres {
    container: Arc<Container>,
    pid: Option<u32>,
    image: Image,
    /// As clients on this machine reach it.
    endpoint: Endpoint,
    administrator: Endpoint,
    /// As poolers in containers reach it.
    inside: Endpoint,
    secret: String,
    version: String,
    settings: Vec<String>,
    command: String,
}

/// Where it is put.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Name of its container.
    pub(super) name: String,
    /// Its port.
    pub(super) port: u16,
    /// Most clients that any scenario has.
    pub(super) clients_max: u32,
    /// How it is reached.
    pub(super) network: &'a Network,
    /// What it may use.
    pub(super) shares: &'a Shares,
}

impl Postgres {
    /// Starts the container, waits for the cluster in it, and sets it up for the load.
    pub(super) fn start(
        engine: &Arc<Engine>,
        image: Image,
        place: &Place<'_>,
        stop: &Stop,
    ) -> Result<Self, EnvironmentError> {
        let superuser = cluster::endpoint(place.port, SUPERUSER, SUPERUSER);
        let settings = settings(place);
        let password = superuser.password.as_deref().unwrap_or_default();
        let plan = Plan {
            title: "PostgreSQL".to_owned(),
            name: place.name.clone(),
            image: &image,
            // As arguments of the image's own entry point, which makes the cluster; the official
            // image takes them as ours does.
            entrypoint: None,
            args: settings
                .iter()
                .flat_map(|setting| ["-c".to_owned(), setting.clone()])
                .collect(),
            env: vec![format!("POSTGRES_PASSWORD={password}")],
            user: None,
            folder: None,
            port: place.port,
            network: place.network,
            shares: place.shares,
            shm_bytes: Some(SHM_BYTES),
            stop_signal: None,
        };
        let container = Arc::new(Container::start(engine, &plan)?);
        let containers = [Arc::clone(&container)];
        let version = ready::await_login(&containers, &superuser, START_LIMIT, stop)?;
        let endpoint = cluster::endpoint(place.port, ROLE, ROLE);
        let set_up = cluster::set_up(&endpoint);
        let secret = login::ask(&superuser, &set_up).map_err(EnvironmentError::Setup)?;
        Ok(Self {
            pid: container.pid(),
            container,
            inside: Endpoint {
                host: place.network.host_of(&place.name).to_owned(),
                ..endpoint.clone()
            },
            administrator: Endpoint {
                dbname: endpoint.dbname.clone(),
                ..superuser
            },
            endpoint,
            secret,
            version,
            command: plan.in_words(),
            settings,
            image,
        })
    }

    /// What the server says of its version.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Where clients of the load connect.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where poolers connect.
    pub(super) fn inside(&self) -> &Endpoint {
        &self.inside
    }

    /// The superuser, in the database of the load.
    pub(super) fn administrator(&self) -> &Endpoint {
        &self.administrator
    }

    /// What the server stores of the role's password: `SCRAM-SHA-256$…`.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// The postmaster, where it can be seen from here.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Does to it what a fault asks for.
    pub(super) fn strike(&mut self, blow: Blow) -> Result<(), EnvironmentError> {
        self.container.strike(blow)?;
        self.pid = self.container.pid();
        Ok(())
    }

    /// Waits until it lets somebody in.
    pub(super) fn await_login(&self, stop: &Stop) -> Result<(), EnvironmentError> {
        let containers = [Arc::clone(&self.container)];
        ready::await_login(&containers, &self.administrator, START_LIMIT, stop).map(drop)
    }

    /// Why it is gone, once it is.
    pub(super) fn ended(&self) -> Option<DockerError> {
        self.container.ended()
    }

    /// PostgreSQL itself as a target.
    pub(super) fn target(&self, name: &str) -> Target {
        let info = TargetInfo {
            name: name.to_owned(),
            version: format!("PostgreSQL {}", self.version),
            started_as: self.command.clone(),
            config_files: vec![ConfigFile {
                name: "postgresql.conf".to_owned(),
                text: self.settings.join("\n") + "\n",
            }],
            image: Some(self.image.record()),
        };
        Target::contained(info, self.endpoint.clone(), Vec::new(), self.pid)
    }
}

/// The same settings as the environment of this machine's own binaries has, but for where it listens.
fn settings(place: &Place<'_>) -> Vec<String> {
    let connections = cluster::connections(place.clients_max);
    vec![
        format!("listen_addresses={}", place.network.listen()),
        format!("port={}", place.port),
        format!("max_connections={connections}"),
        "fsync=off".to_owned(),
        "full_page_writes=off".to_owned(),
    ]
}
