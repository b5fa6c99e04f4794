//! The command line: PgBouncer's own.

use std::path::PathBuf;

use clap::Parser;

/// A connection pooler for PostgreSQL that takes PgBouncer's files, console and signals.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "poolproof-proxy", version)]
pub struct Args {
    /// Run in the background (as a daemon).
    #[arg(short, long)]
    pub daemon: bool,

    /// Run quietly: log nothing to standard error.
    #[arg(short, long)]
    pub quiet: bool,

    /// Take over from the pooler that runs with this configuration: its sockets now, its clients
    /// as they leave.
    #[arg(short = 'R', long)]
    pub reboot: bool,

    /// Assume the identity of this system user.
    #[arg(short, long, value_name = "USERNAME")]
    pub user: Option<String>,

    /// Increase verbosity; may be given several times.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Read the configuration, say what is wrong in it or not acted on, and end.
    #[arg(long, conflicts_with_all = ["daemon", "reboot"])]
    pub check: bool,

    /// The configuration: a pgbouncer.ini.
    #[arg(value_name = "CONFIG_FILE")]
    pub config: PathBuf,
}
