//! The load tester: the command line, environments, targets, and the engine that makes the load.
//!
//! ```text
//! cli → commands → run → environment → targets
//!                      → engine
//!                → reports (a crate of its own)
//! ```

pub mod cli;
pub mod commands;
pub mod diff;
pub mod engine;
pub mod environment;
pub mod exit;
pub mod faults;
pub mod interrupt;
pub mod invariants;
pub mod mask;
pub mod output;
pub mod problem;
pub mod progress;
pub mod pump;
pub mod record;
pub mod run;
mod sql;
pub mod targets;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;
use exit::Exit;

/// Does what the command line of this process asks.
#[must_use]
pub fn run() -> ExitCode {
    let command_line: Vec<OsString> = std::env::args_os().collect();
    if let Some(args) = commands::pooler_arguments(&command_line) {
        return commands::pooler(args);
    }
    let cli = match cli::Cli::try_parse_from(&command_line) {
        Ok(cli) => cli,
        Err(error) if cli::is_help(&error) => error.exit(),
        Err(error) => {
            output::tell(&cli::refusal(&error, &command_line));
            return Exit::Usage.into();
        }
    };
    log_to_stderr();
    commands::run(cli).unwrap_or_else(|problem| {
        output::tell(&problem.to_string());
        problem.exit.into()
    })
}

/// The log is for whoever looks for a fault of ours; what a user must know is printed.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::from_default_env())
        .init();
}
