//! One window of one target, with everything that goes on around it: faults, and what must hold.

use poolproof_reports::record::Window;
use poolproof_scenarios::Scenario;

use super::{Lane, Run, RunError, links::Links};
use crate::{
    engine::{EngineError, Live, WindowPlan, run_window},
    environment::{Environment, EnvironmentError},
    faults::{Cast, attend},
    invariants::{Checkers, Places, violation},
    progress::Place,
};

impl Run<'_> {
    /// One window, unless the target of the lane cannot be measured any more. What is random in it,
    /// and its nonces, are those of block `drawn_as`: no two windows share a nonce.
    pub(super) fn measure(
        &self,
        place: &Place<'_>,
        drawn_as: u32,
        scenario: &Scenario,
        lane: &mut Lane,
        environment: &mut Environment,
    ) -> Result<Option<Window>, RunError> {
        let servers_max = lane.servers_max();
        let name = lane.name().to_owned();
        let Some((target, links)) = lane.target() else {
            return Ok(None);
        };
        environment.refresh(target);
        let endpoint = Links::behind(links.client.as_ref(), &target.endpoint);
        let plan = WindowPlan {
            scenario,
            target: &name,
            endpoint: &endpoint,
            driver: self.plan.driver,
            seed: self.plan.seed,
            block: drawn_as,
            run_started: self.started,
            watch: target.watch.clone(),
        };
        let checkers = checkers(scenario, &plan, servers_max, environment)?;
        let mut cast = Cast {
            environment,
            target,
            client_link: links.client.as_ref(),
            server_link: links.server.as_ref(),
            endpoint: endpoint.clone(),
        };
        let mut window = self.progress.watch(place, &plan.watch, |live| {
            self.perform(&plan, &mut cast, live)
        })?;
        let stop = self.interrupts.stop();
        if stop.is_stopped() {
            return Err(RunError::Interrupted);
        }
        // What was harmed must be well again before it is looked at, and before the next target has its
        // window.
        let settled = match &scenario.faults[..] {
            [] => Ok(()),
            _ => environment.settle(target, stop),
        };
        let ended = settled.err().or_else(|| environment.ended(target));
        window.invariants = checkers.map(Checkers::finish).unwrap_or_default();
        if let Some(error) = ended {
            self.progress.notice(&format!("{name}: {error}"));
            lane.breaks(&error);
        } else if let Some(reason) = violation(&window.invariants) {
            // The gate fails the cell for it.
            self.progress.notice(&format!("{name}: {reason}"));
        }
        Ok(Some(window))
    }

    /// The load, with what is done to the parties meanwhile.
    fn perform(
        &self,
        plan: &WindowPlan<'_>,
        cast: &mut Cast<'_>,
        live: &Live,
    ) -> Result<Window, EngineError> {
        let stop = self.interrupts.stop();
        let window = || run_window(plan, live, stop);
        match &plan.scenario.faults[..] {
            [] => window(),
            faults => attend(faults, cast, live, self.started, window, || {
                EngineError::Panicked
            }),
        }
    }
}

/// Those who look whether the scenario's invariants hold, at work.
fn checkers(
    scenario: &Scenario,
    plan: &WindowPlan<'_>,
    servers_max: Option<u32>,
    environment: &Environment,
) -> Result<Option<Checkers>, EnvironmentError> {
    let Some(direct) = environment
        .administrator()
        .filter(|_| !scenario.invariants.is_empty())
    else {
        return Ok(None);
    };
    let places = Places {
        target: plan.endpoint.clone(),
        direct: direct.clone(),
        servers_max,
    };
    let started = Checkers::start(&scenario.invariants, &places);
    started
        .map(Some)
        .map_err(|error| EnvironmentError::Setup(error.to_string()))
}
