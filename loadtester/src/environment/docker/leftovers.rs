//! What killed runs left in an engine: containers and networks whose maker is gone.

use std::collections::HashMap;

use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};

use super::{container, engine::Engine, error::DockerError, labels, network};
use crate::environment::owner::Owner;

/// Something that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its name, with which kind of thing it is.
    pub name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Container { id: String },
    Network { id: String },
}

/// What runs of this machine left that were killed; containers before the networks that they hold.
pub(super) fn find(engine: &Engine) -> Result<Vec<Leftover>, DockerError> {
    list(engine, |owner| !owner.is_alive())
}

/// What is in the engine of the owners that `wanted` says yes to.
fn list(engine: &Engine, wanted: impl Fn(&Owner) -> bool) -> Result<Vec<Leftover>, DockerError> {
    let filter = labels::filter();
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filter)
        .build();
    let containers = engine.ask("list containers", async |docker| {
        docker.list_containers(Some(options)).await
    })?;
    let options = ListNetworksOptionsBuilder::new().filters(&filter).build();
    let networks = engine.ask("list networks", async |docker| {
        docker.list_networks(Some(options)).await
    })?;
    let is_wanted = |labels: Option<&HashMap<String, String>>| {
        labels::owner(labels).is_some_and(|owner| wanted(&owner))
    };
    let containers = containers.into_iter().filter_map(|found| {
        let name = found.names.unwrap_or_default().concat();
        is_wanted(found.labels.as_ref()).then_some(Leftover {
            name: format!("container {}", name.trim_start_matches('/')),
            kind: Kind::Container { id: found.id? },
        })
    });
    let networks = networks.into_iter().filter_map(|found| {
        is_wanted(found.labels.as_ref()).then_some(Leftover {
            name: format!("network {}", found.name.unwrap_or_default()),
            kind: Kind::Network { id: found.id? },
        })
    });
    Ok(containers.chain(networks).collect())
}

/// Removes what [`find`] found, and the unnamed volumes of its containers.
pub(super) fn remove(engine: &Engine, leftover: &Leftover) -> Result<(), DockerError> {
    match &leftover.kind {
        Kind::Container { id } => container::remove(engine, id),
        Kind::Network { id } => network::remove(engine, id),
    }
}

/// A release build aborts on a panic and drops nothing, so the hook has to remove what this process
/// made. Where a panic unwinds, dropping does it.
pub(super) fn remove_on_panic() {
    if cfg!(panic = "unwind") {
        return;
    }
    let earlier = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        earlier(panic);
        // The panic may have come while this thread waited for the engine.
        let _ = std::thread::spawn(remove_own).join();
    }));
}

fn remove_own() {
    let us = Owner::this_process();
    let removed = Engine::connect().and_then(|engine| {
        let own = list(&engine, |owner| *owner == us)?;
        own.iter().try_for_each(|each| remove(&engine, each))
    });
    if let Err(error) = removed {
        tracing::warn!(%error, "containers stay; `poolproof doctor --clean` removes them");
    }
}
