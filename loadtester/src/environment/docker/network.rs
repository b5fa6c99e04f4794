//! How containers are reached: on the host's own loopback, or by published ports.

use std::sync::Arc;

use bollard::models::NetworkCreateRequest;

use super::{engine::Engine, error::DockerError, labels};

/// Which way the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum NetworkChoice {
    /// The host's, where the engine runs on this Linux, else published ports
    #[default]
    Auto,
    /// The host's own, on loopback: no translation of addresses, and no bridge
    Host,
    /// A network of their own, with ports published on loopback
    Published,
}

/// The network of a run's containers.
#[derive(Debug)]
pub(super) enum Network {
    /// The host's: every container listens on loopback.
    Host,
    /// One of our own, which is removed with this value.
    Own(OwnNetwork),
}

/// A network that we made.
#[derive(Debug)]
pub(super) struct OwnNetwork {
    engine: Arc<Engine>,
    name: String,
}

impl Network {
    /// The network that was chosen, made if it is to be our own.
    pub(super) fn choose(
        engine: &Arc<Engine>,
        choice: NetworkChoice,
        run: &str,
    ) -> Result<Self, DockerError> {
        let host = match choice {
            NetworkChoice::Auto => engine.facts().shares_our_host,
            NetworkChoice::Host => true,
            NetworkChoice::Published => false,
        };
        if host {
            return Ok(Self::Host);
        }
        let name = format!("poolproof-{run}");
        let request = NetworkCreateRequest {
            name: name.clone(),
            labels: Some(labels::of_this_process()),
            ..NetworkCreateRequest::default()
        };
        engine.ask(format!("make the network {name}"), async |docker| {
            docker.create_network(request).await
        })?;
        Ok(Self::Own(OwnNetwork {
            engine: Arc::clone(engine),
            name,
        }))
    }

    /// The mode of a container in it.
    pub(super) fn mode(&self) -> &str {
        self.name().unwrap_or("host")
    }

    /// Its name, if it is our own.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Host => None,
            Self::Own(network) => Some(&network.name),
        }
    }

    /// Address on which a server in a container listens. A published port leads to the container's
    /// own address; nobody but its network and our loopback reaches that.
    pub(super) fn listen(&self) -> &'static str {
        match self {
            Self::Host => "127.0.0.1",
            Self::Own(_) => "0.0.0.0",
        }
    }

    /// Host by which one container reaches another.
    pub(super) fn host_of<'a>(&self, container: &'a str) -> &'a str {
        match self {
            Self::Host => "127.0.0.1",
            Self::Own(_) => container,
        }
    }
}

impl Drop for OwnNetwork {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.engine, &self.name) {
            tracing::warn!(%error, "a network stays; `poolproof doctor --clean` removes it");
        }
    }
}

/// Removes a network whose containers are gone.
pub(super) fn remove(engine: &Engine, name: &str) -> Result<(), DockerError> {
    engine
        .find(format!("remove the network {name}"), async |docker| {
            docker.remove_network(name).await
        })
        .map(drop)
}
