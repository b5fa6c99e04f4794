//! One file for each command. A command turns its arguments into work for the other parts, prints
//! the result, and says how it ended.

mod asked;
mod choose;
mod compare;
mod diff;
mod doctor;
mod gate;
mod history;
mod listing;
mod measure;
mod proxy;
mod record;
mod report;
mod scenarios;
mod stress;

pub use proxy::{pooler, pooler_arguments};

use std::process::ExitCode;

use crate::{
    cli::{Cli, Command},
    exit::Exit,
    problem::Problem,
};

/// Does what the command line asks.
///
/// # Errors
///
/// What kept the command from its work, with its exit code.
pub fn run(cli: Cli) -> Result<ExitCode, Problem> {
    let Cli { output, command } = cli;
    let exit = match command {
        Command::Compare(args) => compare::run(args, output)?,
        Command::Stress(args) => stress::run(args, output)?,
        Command::Diff(args) => diff::run(&args, output)?,
        Command::Record(args) => record::run(&args, output)?,
        Command::Gate(args) => gate::run(&args, output)?,
        Command::Report(args) => report::run(&args, output)?,
        Command::History(args) => history::run(&args, output)?,
        Command::Scenarios(command) => scenarios::run(&command, output)?,
        Command::Doctor(args) => doctor::run(&args, output)?,
        Command::Pump { listen, upstream } => pump(listen, upstream)?,
        Command::Proxy { args } => return Ok(pooler(&args)),
    };
    Ok(exit.into())
}

/// Pumps until it is ended from outside.
fn pump(listen: std::net::SocketAddr, upstream: std::net::SocketAddr) -> Result<Exit, Problem> {
    crate::pump::run(listen, upstream).map_err(|error| {
        Problem::new(
            Exit::Environment,
            format!("cannot pump between {listen} and {upstream}: {error}"),
            "Name an address of this machine that nobody listens on.",
        )
    })?;
    Ok(Exit::Ok)
}

/// The exit code for what the gate says.
fn exit_of(gate: &poolproof_reports::GateReport) -> Exit {
    use poolproof_reports::gate::Outcome;
    match gate.outcome() {
        Outcome::Pass => Exit::Ok,
        Outcome::Fail => Exit::Failed,
        Outcome::NoVerdict => Exit::NoVerdict,
    }
}

/// Writes a file that the user named.
fn write(path: &std::path::Path, text: &str) -> Result<(), Problem> {
    std::fs::write(path, text).map_err(|error| {
        Problem::usage(
            format!("cannot write {}: {error}", path.display()),
            "Name a file in a folder that exists and that you may write.",
        )
    })
}

/// Makes a folder that the user named for results, if it is not there.
fn folder(path: &std::path::Path) -> Result<(), Problem> {
    std::fs::create_dir_all(path).map_err(|error| {
        Problem::usage(
            format!("cannot make {}: {error}", path.display()),
            "Name a folder that you may write with --out.",
        )
    })
}
