//! The command line. It is parsed once, here; what comes out is typed and checked.

mod assignment;
mod diff_args;
mod environment_flags;
mod history;
mod record_args;
mod refusal;
mod run_flags;
mod thresholds;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use assignment::{ImageChoice, PortChoice};
pub use diff_args::{DiffArgs, ModeChoice};
pub use environment_flags::{EnvFlag, EnvironmentFlags};
pub use history::{HistoryArgs, HistoryCommand, StoreChoice, TrendArgs};
pub use record_args::RecordArgs;
pub use refusal::{is_help, refusal};
pub use run_flags::RunFlags;
pub use thresholds::{BoundFlag, Margin, PercentAtLeast, RatioAtMost, TimeAtMost};

use crate::targets::TargetSpec;
use poolproof_scenarios::Threshold;

/// Prove your Postgres pooler: the same load against several targets, side by side.
#[derive(Debug, Parser)]
#[command(
    name = "poolproof",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 all thresholds met; 1 one failed; 2 the command line or a \
file is wrong; 3 the environment could not be had; 4 no verdict."
)]
pub struct Cli {
    /// How and where to say things.
    #[command(flatten)]
    pub output: OutputFlags,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How a command says what it has to say. Results go to standard output, progress and problems to
/// standard error.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputFlags {
    /// Form of the result on standard output
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        help_heading = "Output"
    )]
    pub format: Format,
    /// Print the result and problems, nothing else
    #[arg(long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Print no progress
    #[arg(long, global = true, help_heading = "Output")]
    pub no_progress: bool,
}

/// Form of a result on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people at a terminal
    #[default]
    Table,
    /// For programs
    Json,
    /// For pull requests and job pages
    Markdown,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the same scenarios against several targets, side by side
    Compare(CompareArgs),
    /// Run scenarios against one target
    Stress(StressArgs),
    /// Run the same sessions against several targets, with PostgreSQL as the oracle
    Diff(DiffArgs),
    /// Record what an application says to PostgreSQL, for `diff --replay`
    Record(RecordArgs),
    /// Judge a run: exit code, table, JUnit
    Gate(GateArgs),
    /// Render the reports of a run again
    Report(ReportArgs),
    /// Look at the runs that were kept: list, show, trend
    History(HistoryArgs),
    /// Work with scenarios: list, show, check, new
    #[command(subcommand)]
    Scenarios(ScenariosCommand),
    /// Run the pooler, with PgBouncer's arguments: [-d] [-q] [-v] [-R] [-u USER] CONFIG.ini
    #[command(disable_help_flag = true)]
    Proxy {
        /// As PgBouncer takes them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Pass bytes on between clients and a server: the target null
    #[command(hide = true)]
    Pump {
        /// Where clients connect
        listen: std::net::SocketAddr,
        /// Where the server is
        upstream: std::net::SocketAddr,
    },
    /// Tell what is installed, which environments can run, and how to mend what is missing
    Doctor(DoctorArgs),
}

/// `poolproof compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Scenarios of the catalog, or files; load, faults and all stand for those of the catalog; without
    /// any, ramp and stress-1000
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Targets in the order of their columns: direct, proxy, pgbouncer, pgbouncer-fleet, null, odyssey,
    /// pgcat, pgdog, pg_doorman, pgagroal, pgpool, a file such as ./mine.toml, or NAME=postgres://… for
    /// a pooler that runs already; one that is named twice shows the machine's own noise
    #[arg(long, value_delimiter = ',', default_value = "direct,proxy,pgbouncer")]
    #[arg(value_name = "TARGET,…")]
    pub targets: Vec<TargetSpec>,
    /// Blocks; in each, every target has one window, in shuffled order [default: 6; with --quick 2, and
    /// 6 where a threshold compares two targets]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub blocks: Option<u32>,
    /// How it is run.
    #[command(flatten)]
    pub run: RunFlags,
}

/// `poolproof stress`.
#[derive(Debug, Args)]
pub struct StressArgs {
    /// Scenarios of the catalog, or files; without any, stress-1000
    #[arg(value_name = "SCENARIO", conflicts_with_all = ["total", "max_concurrent", "queries"])]
    pub scenarios: Vec<String>,
    /// What to put under load: direct, proxy, pgbouncer, or NAME=postgres://…
    #[arg(long, default_value = "proxy")]
    pub target: TargetSpec,
    /// Connections in all [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub total: Option<u32>,
    /// Connections at one moment [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_concurrent: Option<u32>,
    /// Queries on each connection [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub queries: Option<u32>,
    /// Windows of each scenario
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub blocks: u32,
    /// How it is run.
    #[command(flatten)]
    pub run: RunFlags,
}

/// `poolproof gate`.
#[derive(Debug, Args)]
pub struct GateArgs {
    /// A run's folder, or its run.json
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Least share of transactions that succeed, such as 99.9%
    #[arg(long, value_name = "PERCENT")]
    pub min_success_rate: Vec<PercentAtLeast>,
    /// Longest latency of 99 % of the transactions, such as 20ms
    #[arg(long, value_name = "TIME")]
    pub max_p99: Vec<TimeAtMost>,
    /// Largest ratio of one target's p99 to another's, such as proxy/pgbouncer=1.10
    #[arg(long, value_name = "TARGET/TARGET=RATIO")]
    pub max_p99_ratio: Vec<RatioAtMost>,
    /// Any other threshold, such as 'proxy: cpu <= 1.0 * pgbouncer' or 'p99 <= 1.1 * baseline'
    #[arg(long, value_name = "THRESHOLD")]
    pub threshold: Vec<Threshold>,
    /// An earlier run on the same machine, which this one must not fall behind
    #[arg(long, value_name = "RUN")]
    pub baseline: Option<PathBuf>,
    /// By how much throughput, p50, p99 and CPU may be worse than in the baseline [default: 10%]
    #[arg(long, value_name = "PERCENT", requires = "baseline")]
    pub max_regression: Option<Margin>,
    /// Write the verdicts as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// `poolproof report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folders of runs, or their run.json
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Write the page
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The matrix.json of a differential run, to stand in the page
    #[arg(long, value_name = "FILE", requires = "html")]
    pub matrix: Option<PathBuf>,
    /// Write the summary for pull requests
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the verdicts as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write one line for each scenario and target
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// `poolproof scenarios`.
#[derive(Debug, Subcommand)]
pub enum ScenariosCommand {
    /// List the catalog
    List,
    /// Print a scenario's file
    Show {
        /// A scenario of the catalog, or a file
        scenario: String,
    },
    /// Say whether files are valid scenarios, and where not
    Check {
        /// The files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Begin a scenario of your own, as NAME.toml in the current folder
    New {
        /// Lower-case letters, digits and dashes
        name: String,
    },
}

/// `poolproof doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Remove what killed runs left in the temporary folder
    #[arg(long)]
    pub clean: bool,
    /// Folder of PostgreSQL's programs (initdb, postgres)
    #[arg(long, value_name = "FOLDER")]
    pub pg_bin: Option<PathBuf>,
    /// PgBouncer's program
    #[arg(long, value_name = "FILE")]
    pub pgbouncer_bin: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn targets_are_a_list() {
        let line = [
            "poolproof",
            "compare",
            "--targets",
            "direct,x=postgres://me@db",
        ];
        let Command::Compare(args) = Cli::try_parse_from(line).expect("a command").command else {
            panic!("expected compare");
        };
        let names: Vec<&str> = args.targets.iter().map(TargetSpec::name).collect();
        assert_eq!(names, ["direct", "x"]);
    }

    #[test]
    fn a_quick_stress_excludes_a_named_one() {
        let line = ["poolproof", "stress", "ramp", "--total", "5"];
        assert!(Cli::try_parse_from(line).is_err());
    }
}
