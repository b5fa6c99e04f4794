//! Flags of every command that measures.

use std::path::PathBuf;

use clap::Args;
use poolproof_scenarios::Threshold;

use super::{EnvironmentFlags, StoreChoice};
use crate::engine::DriverKind;

/// How a run is made.
#[derive(Clone, Debug, Args)]
pub struct RunFlags {
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
    /// Who speaks to the targets: wire (lean, our own), tokio-postgres or sqlx
    #[arg(long, default_value_t)]
    pub driver: DriverKind,
    /// A threshold beside the scenarios' own, such as 'p99 <= 20ms' or 'proxy: cpu <= 1.0 * pgbouncer'
    #[arg(long, value_name = "THRESHOLD")]
    pub threshold: Vec<Threshold>,
    /// Where the targets come from.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}
