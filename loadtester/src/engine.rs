//! The load engine: runs one scenario against one address for one window and says what came of it.
//!
//! It knows neither how a target was started nor what a report looks like. What happens when is
//! decided by a pure plan; two drivers carry it out; one tally counts what came of it.

mod bound;
mod cgroup;
mod cost;
mod driver;
mod endpoint;
mod error;
mod failure;
mod generator;
mod knee;
mod limits;
mod live;
mod plan;
mod procfs;
mod protocol;
mod real;
mod tally;
mod task_clock;
mod timeline;
mod tls;
mod verdict;
mod window;
mod wire;

pub use self::{
    driver::DriverKind,
    endpoint::Endpoint,
    error::EngineError,
    live::{Live, LiveFigures, Stop},
    tls::Tls,
};

use self::{failure::Failure, limits::Limits, task_clock::TaskClocks};
pub(crate) use self::{
    procfs::descendants,
    protocol::{Credentials, Frame, Login, LoginStep},
};

use std::time::Instant;

use poolproof_reports::record::{CpuTime, Window};
use poolproof_scenarios::Scenario;

/// One window: which scenario, where, how and when.
#[derive(Clone, Debug)]
pub struct WindowPlan<'a> {
    /// What is run.
    pub scenario: &'a Scenario,
    /// Name of the target. Targets of a run may share a database, so the nonces of each are its own.
    pub target: &'a str,
    /// Whom it is run against.
    pub endpoint: &'a Endpoint,
    /// Who speaks.
    pub driver: DriverKind,
    /// Seed of the run; with the block it decides every random choice of the window.
    pub seed: u64,
    /// Index of the block that the window belongs to.
    pub block: u32,
    /// Begin of the run, from which [`Window::started_ms`] counts.
    pub run_started: Instant,
    /// Whose processor time and memory are measured.
    pub watch: Watch,
}

/// Processes to measure. Each is taken with all its descendants; an empty list measures nothing.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// First processes of the target. Empty for `direct` and for a target that is not ours.
    pub target: Vec<u32>,
    /// PostgreSQL's postmaster.
    pub postgres: Vec<u32>,
    /// Where their figures stand.
    pub accounting: Accounting,
}

/// Where the processor time and the memory of a process and its descendants are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accounting {
    /// In /proc, process by process.
    #[default]
    Processes,
    /// In the control group of each first process: a container has one to itself.
    Cgroups,
}

/// Runs one window and blocks until it has ended.
///
/// What goes wrong between generator and target is no error of the call but a figure of the
/// window. After [`Stop::stop`] it returns within a fraction of a second with what there is; what
/// was going on then counts as unfinished.
///
/// # Errors
///
/// When the generator itself cannot run: the host has no address, threads or descriptors run out,
/// or the scenario cannot be encoded.
pub fn run_window(plan: &WindowPlan<'_>, live: &Live, stop: &Stop) -> Result<Window, EngineError> {
    window::run(plan, live, stop, Limits::default())
}

/// What counts the processor time of the processes under watch, on this system.
#[must_use]
pub fn cpu_time() -> CpuTime {
    if TaskClocks::are_allowed() {
        CpuTime::PerfEvents
    } else {
        CpuTime::Scheduler
    }
}

#[cfg(test)]
mod tests;
