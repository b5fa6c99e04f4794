//! A measured run: the environment is started, every scenario runs on every target in interleaved
//! windows, and a record comes out.
//!
//! It decides when what is measured; how a window is measured is the engine's, how a target is
//! started the environment's, and what the figures mean the reports'.

mod lane;
mod links;
mod measuring;
mod record;
pub mod schedule;
mod warming;

use std::time::Instant;

use poolproof_reports::{
    RunRecord,
    record::{ScenarioRun, TargetInfo},
};
use poolproof_scenarios::Scenario;

use crate::{
    engine::{DriverKind, EngineError},
    environment::{Choices, Demand, Environment, EnvironmentError, Target},
    interrupt::Interrupts,
    problem::Problem,
    progress::{Place, Progress},
    targets::TargetSpec,
};
use lane::Lane;
use links::Links;
use warming::Warming;

/// What is run.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// Scenarios in order.
    pub scenarios: Vec<Scenario>,
    /// Targets in the order of their columns.
    pub targets: Vec<TargetSpec>,
    /// Who speaks.
    pub driver: DriverKind,
    /// Windows of each target in each scenario.
    pub blocks: Blocks,
    /// Seed of every random choice.
    pub seed: u64,
    /// The scenarios are the short forms.
    pub quick: bool,
    /// Where the servers come from.
    pub choices: Choices,
}

/// How many windows each target has in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Where each target is judged by itself.
    pub usual: u32,
    /// Where one is judged by another, which takes an interval.
    pub compared: u32,
}

/// Why a run has no record.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Before anything was measured, a target could not be had.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The generator could not run.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// The error in the user's words.
    #[must_use]
    pub fn into_problem(self, interrupts: &Interrupts) -> Problem {
        match self {
            Self::Interrupted | Self::Environment(EnvironmentError::Interrupted) => Problem::new(
                interrupts.exit(),
                "interrupted; everything that was started is stopped and removed",
                "Start it again when you are ready; --quick takes a few seconds.",
            ),
            Self::Environment(error) => error.into(),
            Self::Engine(error) => error.into(),
        }
    }
}

impl Blocks {
    /// As many in every scenario.
    #[must_use]
    pub const fn all(count: u32) -> Self {
        Self {
            usual: count,
            compared: count,
        }
    }

    /// How many in `scenario`.
    #[must_use]
    pub fn of(self, scenario: &Scenario) -> u32 {
        let mut thresholds = scenario.thresholds.iter();
        if thresholds.any(|threshold| threshold.reference().is_some()) {
            self.compared
        } else {
            self.usual
        }
    }
}

impl RunPlan {
    /// Windows of the whole run, without those that warm up.
    #[must_use]
    pub fn windows(&self) -> u64 {
        let blocks = self.scenarios.iter().map(|each| self.blocks.of(each));
        blocks.map(u64::from).sum::<u64>() * self.targets.len() as u64
    }

    fn speaks_tls(&self) -> bool {
        let pools = self.scenarios.iter().map(|each| &each.pool);
        pools
            .into_iter()
            .any(|pool| !pool.client_tls_sslmode.is_disabled())
    }

    fn clients_max(&self) -> u32 {
        let clients = self.scenarios.iter().map(|each| each.load.clients_max());
        clients.max().unwrap_or(0)
    }
}

/// Runs the plan. Everything that it starts is gone when it returns.
///
/// # Errors
///
/// When the environment or the generator cannot be had, or a signal comes. A target that dies in
/// mid-run is no error but a cell that says so.
pub fn execute(
    plan: &RunPlan,
    command: Vec<String>,
    progress: &Progress,
    interrupts: &Interrupts,
) -> Result<RunRecord, RunError> {
    let started = Instant::now();
    let mut run = Run {
        plan,
        progress,
        interrupts,
        started,
        clock: jiff::Timestamp::now(),
        infos: Vec::new(),
        done: Vec::new(),
    };
    progress.doing("setting up the environment");
    let demand = Demand {
        targets: plan.targets.clone(),
        clients_max: plan.clients_max(),
        tls: plan.speaks_tls(),
        choices: plan.choices.clone(),
    };
    let mut environment = Environment::start(&demand, interrupts.stop())?;
    for (index, scenario) in plan.scenarios.iter().enumerate() {
        run.scenario(index, scenario, &mut environment)?;
    }
    Ok(run.into_record(&environment, command))
}

/// A run on its way.
struct Run<'a> {
    plan: &'a RunPlan,
    progress: &'a Progress,
    interrupts: &'a Interrupts,
    started: Instant,
    clock: jiff::Timestamp,
    /// Targets as they were started first.
    infos: Vec<TargetInfo>,
    done: Vec<ScenarioRun>,
}

impl Run<'_> {
    /// Runs one scenario on all targets, which are started for it and stopped after it.
    fn scenario(
        &mut self,
        index: usize,
        scenario: &Scenario,
        environment: &mut Environment,
    ) -> Result<(), RunError> {
        if !scenario.setup.is_empty() {
            self.progress
                .doing(&format!("setting up {}", scenario.name));
            environment.prepare(&scenario.setup)?;
        }
        let mut lanes = self.open(scenario, environment)?;
        for lane in &mut lanes {
            self.warm_up(scenario, lane, environment)?;
        }
        for block in 0..self.plan.blocks.of(scenario) {
            for lane in schedule::order(self.plan.seed, index, block, lanes.len()) {
                self.window(block, scenario, &mut lanes[lane], environment)?;
            }
        }
        self.done.push(ScenarioRun {
            scenario: scenario.clone(),
            driver: self.plan.driver.to_string(),
            cells: lanes.into_iter().map(Lane::into_cell).collect(),
        });
        Ok(())
    }

    /// Starts every target with the scenario's pool settings. Once something has been measured, a
    /// target that does not start again costs its own cell and not the run.
    fn open(
        &mut self,
        scenario: &Scenario,
        environment: &Environment,
    ) -> Result<Vec<Lane>, RunError> {
        let mut lanes = Vec::new();
        for spec in &self.plan.targets {
            self.progress.doing(&format!("starting {}", spec.name()));
            let started = self.start(spec, scenario, environment);
            let lane = match started {
                Ok((target, links)) => {
                    record::merge_info(&mut self.infos, &target.info, &scenario.name);
                    let lacking = environment.lacking(&scenario.pool);
                    Lane::open((target, links), lacking, spec, scenario)
                }
                Err(EnvironmentError::Interrupted) => return Err(RunError::Interrupted),
                Err(error) if self.done.is_empty() => return Err(error.into()),
                Err(error) => Lane::broken(spec.name(), &error),
            };
            lanes.push(lane);
        }
        Ok(lanes)
    }

    /// Starts a target, with the links around it that the scenario's faults need.
    fn start(
        &self,
        spec: &TargetSpec,
        scenario: &Scenario,
        environment: &Environment,
    ) -> Result<(Target, Links), EnvironmentError> {
        let stop = self.interrupts.stop();
        let server = environment.server();
        let links = Links::before(server, spec, scenario)?;
        let server = server
            .filter(|_| links.server.is_some())
            .map(|server| Links::behind(links.server.as_ref(), server));
        let pool = &scenario.pool;
        let target = environment.target_behind(spec, pool, server.as_ref(), stop)?;
        let links = links.and_client(&target.endpoint, spec, scenario)?;
        Ok((target, links))
    }

    /// Load whose figures are thrown away, until its throughput is level or patience ends: servers
    /// are connected and caches are filled.
    fn warm_up(
        &self,
        scenario: &Scenario,
        lane: &mut Lane,
        environment: &mut Environment,
    ) -> Result<(), RunError> {
        let target = lane.name().to_owned();
        let place = Place {
            scenario: &scenario.name,
            target: &target,
            block: None,
        };
        self.progress.doing(&place.to_string());
        let brief = schedule::warm_up(scenario);
        let mut warming = Warming::default();
        while warming.goes_on() {
            // Blocks are numbered from 0, and windows of the warm-up from the other end.
            let drawn_as = u32::MAX - warming.windows();
            match self.measure(&place, drawn_as, &brief, lane, environment)? {
                Some(window) => warming.add(&window),
                None => return Ok(()),
            }
        }
        lane.warmed(warming.outcome());
        Ok(())
    }

    fn window(
        &self,
        block: u32,
        scenario: &Scenario,
        lane: &mut Lane,
        environment: &mut Environment,
    ) -> Result<(), RunError> {
        let target = lane.name().to_owned();
        let place = Place {
            scenario: &scenario.name,
            target: &target,
            block: Some((block + 1, self.plan.blocks.of(scenario))),
        };
        let Some(window) = self.measure(&place, block, scenario, lane, environment)? else {
            self.progress.skipped();
            return Ok(());
        };
        self.progress.measured(&place, &window);
        lane.add(window);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use poolproof_scenarios::catalog;

    use super::Blocks;

    #[test]
    fn where_targets_are_compared_there_are_blocks_for_an_interval() {
        let blocks = Blocks {
            usual: 2,
            compared: 6,
        };
        let alone = catalog::find("ramp").unwrap();
        let mut beside = alone.clone();
        beside.thresholds = vec!["p99 <= 1.1 * pgbouncer".parse().unwrap()];
        assert_eq!(blocks.of(&alone), 2);
        assert_eq!(blocks.of(&beside), 6);
        assert_eq!(Blocks::all(3).of(&beside), 3);
    }
}
