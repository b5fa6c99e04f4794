//! Flags of every command that measures.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use poolproof_scenarios::Threshold;

use super::{PortChoice, StoreChoice};
use crate::{engine::DriverKind, environment::local};

/// How a run is made.
#[derive(Clone, Debug, Args)]
pub struct RunFlags {
    /// Where targets come from
    #[arg(long, value_enum, default_value_t, help_heading = "Environment")]
    pub env: EnvironmentChoice,
    /// Folder for run.json, report.html, report.md, junit.xml and results.csv
    #[arg(long, value_name = "FOLDER", default_value = "poolproof-out")]
    pub out: PathBuf,
    /// Where the run is kept: a file, postgres://…, or none [default: history.sqlite in the user's
    /// data folder]
    #[arg(long, value_name = "STORE")]
    pub store: Option<StoreChoice>,
    /// Seed of every random choice [default: a new one, which is printed]
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Short windows, for a first look
    #[arg(long)]
    pub quick: bool,
    /// Show all targets side by side while they are measured: rate, percentiles, failures, servers in use
    #[arg(long, help_heading = "Output")]
    pub live: bool,
    /// Who speaks to the targets: wire (lean, our own) or tokio-postgres
    #[arg(long, default_value_t)]
    pub driver: DriverKind,
    /// A threshold beside the scenarios' own, such as 'p99 <= 20ms' or 'proxy: cpu <= 1.0 * pgbouncer'
    #[arg(long, value_name = "THRESHOLD")]
    pub threshold: Vec<Threshold>,
    /// Port of a target on 127.0.0.1; direct is PostgreSQL [default: free ones]
    #[arg(long, value_name = "TARGET=PORT", help_heading = "Environment")]
    pub port: Vec<PortChoice>,
    /// Folder of PostgreSQL's programs (initdb, postgres)
    #[arg(long, value_name = "FOLDER", help_heading = "Environment")]
    pub pg_bin: Option<PathBuf>,
    /// PgBouncer's program
    #[arg(long, value_name = "FILE", help_heading = "Environment")]
    pub pgbouncer_bin: Option<PathBuf>,
}

/// Where targets come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EnvironmentChoice {
    /// The machine's own binaries, if they are there
    #[default]
    Auto,
    /// The machine's own binaries
    Local,
}

impl RunFlags {
    /// Places and ports for the environment of this machine.
    #[must_use]
    pub fn local_choices(&self) -> local::Choices {
        local::Choices {
            pg_bin: self.pg_bin.clone(),
            pgbouncer_bin: self.pgbouncer_bin.clone(),
            ports: self
                .port
                .iter()
                .map(|choice| (choice.target, choice.port))
                .collect(),
        }
    }
}
