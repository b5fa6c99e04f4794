//! Poolers in containers, each as its file describes it.

use std::{path::Path, sync::Arc};

use poolproof_scenarios::{TargetFile, pool::PoolSettings, target::SELF};

use super::{
    Docker, container::Container, engine::Engine, error::DockerError, image::Image,
    network::Network, plan::Plan, ready, shares::Shares,
};
use crate::{
    engine::{Endpoint, Stop},
    environment::{
        EnvironmentError, Target,
        signal::system_signal,
        written::{self, Place, Server},
    },
};

/// Name of this very program inside of an image.
const OWN_PROGRAM: &str = "poolproof";

/// A pooler's program in an image.
#[derive(Debug)]
pub(super) struct Packaged {
    file: &'static TargetFile,
    image: Image,
    version: String,
}

impl Packaged {
    /// Asks the program in the image for its version.
    pub(super) fn of(
        file: &'static TargetFile,
        image: Image,
        engine: &Arc<Engine>,
    ) -> Result<Self, DockerError> {
        let plan = Plan {
            title: file.name.clone(),
            name: format!("poolproof-version-{:08x}", rand::random::<u32>()),
            image: &image,
            entrypoint: Some(program(file)),
            args: file.version.clone(),
            env: Vec::new(),
            user: None,
            folder: None,
            port: 1,
            network: &Network::Host,
            shares: &Shares::default(),
            shm_bytes: None,
            stop_signal: None,
        };
        let version = Container::start(engine, &plan)?.first_line()?;
        Ok(Self {
            file,
            image,
            version,
        })
    }
}

fn program(file: &TargetFile) -> String {
    match &*file.program {
        SELF => OWN_PROGRAM.to_owned(),
        program => program.to_owned(),
    }
}

impl Docker {
    /// Writes the configuration, starts every container of a pooler and waits until a client can
    /// log in through it.
    pub(super) fn pooler(
        &self,
        packaged: &Packaged,
        name: &'static str,
        port: u16,
        pool: &PoolSettings,
        stop: &Stop,
    ) -> Result<Target, EnvironmentError> {
        let Packaged {
            file,
            image,
            version,
        } = packaged;
        let place = Place {
            name,
            listen: self.network.listen(),
            port,
            pool,
            version,
            reachable: false,
            certificates: None,
        };
        let server = Server {
            endpoint: self.postgres.inside(),
            secret: self.postgres.secret(),
        };
        let written = written::write(file, &place, &server, &self.site)?;
        if written.processes.len() > 1 && self.network.name().is_some() {
            return Err(EnvironmentError::Docker(DockerError::NeedsHostNetwork {
                target: name.to_owned(),
                need: "one port for several processes",
            }));
        }
        let mut containers = Vec::new();
        let mut first = String::new();
        for process in &written.processes {
            let plan = Plan {
                title: name.to_owned(),
                name: format!("poolproof-{}-{}", self.run, process.name),
                image,
                entrypoint: Some(program(file)),
                args: process.args.clone(),
                env: Vec::new(),
                user: Some(self.site.account.in_numbers()),
                // Processes of one pooler find each other in each other's folders.
                folder: Some(match written.processes.len() {
                    1 => Path::new(&process.folder),
                    _ => self.site.path(),
                }),
                port,
                network: &self.network,
                shares: &self.shares,
                shm_bytes: None,
                // A stop of a container is the restart of a pooler under load.
                stop_signal: Some(system_signal(file.restart.unwrap_or(file.stop)).as_str()),
            };
            if containers.is_empty() {
                first = plan.in_words();
            }
            containers.push(Arc::new(Container::start(&self.engine, &plan)?));
        }
        let endpoint = Endpoint {
            port,
            ..self.postgres.endpoint().clone()
        };
        ready::await_login(&containers, &endpoint, file.ready_within, stop)?;
        let mut info = written.info(&place, &first);
        info.image = Some(image.record());
        Ok(Target::contained(
            info,
            endpoint,
            containers,
            self.postgres.pid(),
        ))
    }
}
