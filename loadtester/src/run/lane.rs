//! One scenario on one target: the target, and the cell that its windows fill.

use poolproof_reports::record::{Cell, CellStatus, WarmUp, Window};
use poolproof_scenarios::{Scenario, target::Role};

use super::links::Links;
use crate::{
    environment::{EnvironmentError, Target},
    targets::{TargetSpec, features},
};

/// A target under a scenario.
#[derive(Debug)]
pub(super) struct Lane {
    /// What the record gets.
    cell: Cell,
    /// The target, while it can be measured.
    target: Option<Target>,
    /// Links of a scenario that harms them.
    links: Links,
    /// Server connections that the target may have; `None` where nothing limits them.
    servers_max: Option<u32>,
}

impl Lane {
    /// With a target that runs, and the links around it; it stays unmeasured if it lacks what the scenario
    /// needs, or if the environment does, for this reason.
    pub(super) fn open(
        (target, links): (Target, Links),
        lacking: Option<&str>,
        spec: &TargetSpec,
        scenario: &Scenario,
    ) -> Self {
        let lacking = lacking
            .map(str::to_owned)
            .or_else(|| features::lacking(spec, &target.info.version, scenario));
        let (status, target) = match lacking {
            Some(reason) => (CellStatus::Unsupported { reason }, None),
            None => (CellStatus::Measured, Some(target)),
        };
        Self {
            cell: cell(spec.name(), status),
            target,
            links,
            servers_max: servers_max(spec, scenario),
        }
    }

    /// Without a target, as it did not start.
    pub(super) fn broken(name: &str, error: &EnvironmentError) -> Self {
        let reason = error.to_string();
        Self {
            cell: cell(name, CellStatus::Broken { reason }),
            target: None,
            links: Links::default(),
            servers_max: None,
        }
    }

    /// The target's name.
    pub(super) fn name(&self) -> &str {
        &self.cell.target
    }

    /// The target, while it can be measured, and the links around it.
    pub(super) fn target(&mut self) -> Option<(&mut Target, &Links)> {
        self.target.as_mut().map(|target| (target, &self.links))
    }

    /// Server connections that the target may have; `None` where nothing limits them.
    pub(super) fn servers_max(&self) -> Option<u32> {
        self.servers_max
    }

    /// What the record gets; the target is stopped.
    pub(super) fn into_cell(mut self) -> Cell {
        let fault = self
            .cell
            .windows
            .iter()
            .find_map(|window| window.invalid.clone());
        if let (CellStatus::Measured, Some(reason)) = (&self.cell.status, fault) {
            self.cell.status = CellStatus::Invalid { reason };
        }
        self.cell
    }

    /// Keeps a window's figures.
    pub(super) fn add(&mut self, window: Window) {
        self.cell.windows.push(window);
    }

    /// Keeps what the warm-up came to.
    pub(super) fn warmed(&mut self, warm_up: WarmUp) {
        self.cell.warm_up = Some(warm_up);
    }

    /// The target is gone. What it showed until then stays.
    pub(super) fn breaks(&mut self, error: &EnvironmentError) {
        self.target = None;
        self.cell.status = CellStatus::Broken {
            reason: error.to_string(),
        };
    }
}

fn servers_max(spec: &TargetSpec, scenario: &Scenario) -> Option<u32> {
    let file = match spec {
        TargetSpec::Catalog(target) | TargetSpec::Twin(target) => target.file(),
        TargetSpec::Running(_) => return None,
    };
    let limited = file.role == Role::Pooler && !file.unlimited;
    limited.then_some(scenario.pool.default_pool_size)
}

fn cell(target: &str, status: CellStatus) -> Cell {
    Cell {
        target: target.to_owned(),
        status,
        windows: Vec::new(),
        warm_up: None,
    }
}
