//! What there is of containers: whether an engine answers, and what killed runs left in it.

use super::{CONTAINERS, Finding, State};
use crate::{
    environment::{
        EnvironmentError,
        docker::{self, Diagnosis, DockerError, Leftover},
    },
    problem::Problem,
};

/// The engine, and what is left in it. With `clean` that is removed.
pub(super) fn findings(clean: bool) -> Result<Vec<Finding>, Problem> {
    let Diagnosis { engine, left } = match docker::diagnose() {
        Ok(found) => found,
        Err(error @ DockerError::NoEngine { .. }) => return Ok(vec![no_engine(error)]),
        Err(error) => return Err(EnvironmentError::from(error).into()),
    };
    let environment = Finding::good(CONTAINERS, format!("can run: {engine}"));
    Ok(vec![environment, leftovers(&left, clean)?])
}

/// Containers are one of two ways, so that none of them is no fault by itself.
fn no_engine(error: DockerError) -> Finding {
    let error = EnvironmentError::from(error);
    Finding {
        state: State::Poor,
        what: CONTAINERS,
        found: error.to_string(),
        remedy: error.remedy(),
    }
}

fn leftovers(left: &[Leftover], clean: bool) -> Result<Finding, Problem> {
    let what = "containers";
    if left.is_empty() {
        return Ok(Finding::good(what, "nothing is left of earlier runs"));
    }
    let names: Vec<&str> = left.iter().map(|leftover| &*leftover.name).collect();
    let names = names.join(", ");
    if !clean {
        return Ok(Finding {
            state: State::Poor,
            what,
            found: format!("left by killed runs: {names}"),
            remedy: "Remove them with `poolproof doctor --clean`.".to_owned(),
        });
    }
    docker::remove_leftovers(left).map_err(EnvironmentError::from)?;
    Ok(Finding::good(what, format!("removed {names}")))
}
