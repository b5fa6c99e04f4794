//! What two runs must have in common for their figures to be compared.

use poolproof_scenarios::Scenario;

use crate::record::{CpuTime, Environment};

/// Whether both ran on the same kind of machine, started in the same way.
pub(crate) fn same_machine(one: &Environment, other: &Environment) -> bool {
    let machine = |of: &Environment| (of.kind, of.cores, of.cpu_model.clone());
    machine(one) == machine(other)
}

/// The same but for what is judged of it.
pub(crate) fn same_load(one: &Scenario, other: &Scenario) -> bool {
    let bare = |scenario: &Scenario| Scenario {
        purpose: String::new(),
        thresholds: Vec::new(),
        ..scenario.clone()
    };
    bare(one) == bare(other)
}

/// What counted processor time. Earlier versions, which do not say, asked the scheduler.
pub(crate) fn counted_by(environment: &Environment) -> CpuTime {
    environment.cpu_time.unwrap_or(CpuTime::Scheduler)
}
