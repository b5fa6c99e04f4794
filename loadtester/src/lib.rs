//! The load tester: the command line, environments, targets, and the engine that makes the load.

pub mod engine;
pub mod environment;
pub mod exit;
pub mod mask;
pub mod targets;

/// Runs the command line of this process.
#[must_use]
pub fn run() -> std::process::ExitCode {
    exit::Exit::Ok.into()
}
