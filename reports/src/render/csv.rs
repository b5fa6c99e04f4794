//! One line for each scenario and target.

use crate::{GateReport, RunRecord};

/// One line for each scenario and target.
#[must_use]
pub fn csv(record: &RunRecord, gate: &GateReport) -> String {
    let _ = (record, gate);
    String::new()
}
