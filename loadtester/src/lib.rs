//! The load tester: the command line, environments, targets, and the engine that makes the load.

pub mod engine;
pub mod exit;

/// Runs the command line of this process.
#[must_use]
pub fn run() -> std::process::ExitCode {
    exit::Exit::Ok.into()
}
