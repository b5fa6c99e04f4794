//! Readiness of containers: a login and an answer.

use std::{sync::Arc, time::Duration};

use super::{container::Container, error::DockerError};
use crate::{
    engine::{Endpoint, Stop},
    environment::{EnvironmentError, login, wait},
};

/// Tries to log in until it works, one of the containers ends, or `limit` is over; returns the
/// server's version.
pub(super) fn await_login(
    containers: &[Arc<Container>],
    endpoint: &Endpoint,
    limit: Duration,
    stop: &Stop,
) -> Result<String, EnvironmentError> {
    let mut last = String::new();
    let mut outcome = None;
    wait::until(limit, || {
        outcome = if stop.is_stopped() {
            Some(Err(EnvironmentError::Interrupted))
        } else {
            match login::greet(endpoint) {
                Ok(version) => Some(Ok(version)),
                Err(reason) => {
                    last = reason;
                    let ended = containers.iter().find_map(|container| container.ended());
                    ended.map(|error| Err(error.into()))
                }
            }
        };
        outcome.is_some()
    });
    outcome.unwrap_or_else(|| {
        let first = containers.first();
        Err(EnvironmentError::Docker(DockerError::NotReady {
            name: first.map(ToString::to_string).unwrap_or_default(),
            address: format!("{}:{}", endpoint.host, endpoint.port),
            waited: limit,
            reason: last,
            log: first.map(|first| first.log_tail()).unwrap_or_default(),
        }))
    })
}

/// Longest that a pooler may take to let somebody in after a fault.
const RETURN_LIMIT: Duration = Duration::from_secs(30);

/// Waits until a pooler that a fault has hit lets somebody in again.
pub(in crate::environment) fn await_return(
    containers: &[Arc<Container>],
    endpoint: &Endpoint,
    stop: &Stop,
) -> Result<(), EnvironmentError> {
    await_login(containers, endpoint, RETURN_LIMIT, stop).map(drop)
}
