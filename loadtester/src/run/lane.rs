//! One scenario on one target: the target, and the cell that its windows fill.

use poolproof_reports::record::{Cell, CellStatus, WarmUp, Window};
use poolproof_scenarios::Scenario;

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
}

impl Lane {
    /// With a target that runs; it stays unmeasured if it lacks what the scenario needs.
    pub(super) fn open(target: Target, spec: &TargetSpec, scenario: &Scenario) -> Self {
        let lacking = features::lacking(spec, &target.info.version, scenario);
        let (status, target) = match lacking {
            Some(reason) => (CellStatus::Unsupported { reason }, None),
            None => (CellStatus::Measured, Some(target)),
        };
        Self {
            cell: cell(spec.name(), status),
            target,
        }
    }

    /// Without a target, as it did not start.
    pub(super) fn broken(name: &str, error: &EnvironmentError) -> Self {
        let reason = error.to_string();
        Self {
            cell: cell(name, CellStatus::Broken { reason }),
            target: None,
        }
    }

    /// The target's name.
    pub(super) fn name(&self) -> &str {
        &self.cell.target
    }

    /// The target, while it can be measured.
    pub(super) fn target(&mut self) -> Option<&mut Target> {
        self.target.as_mut()
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

fn cell(target: &str, status: CellStatus) -> Cell {
    Cell {
        target: target.to_owned(),
        status,
        windows: Vec::new(),
        warm_up: None,
    }
}
