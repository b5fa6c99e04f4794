//! The record of a run: `run.json`, from which every report is drawn.

use std::collections::BTreeMap;

use poolproof_scenarios::Scenario;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Latency;

/// Version of the record's shape. A reader refuses a newer one with a sentence.
pub const SCHEMA_VERSION: u32 = 1;

/// All that a run left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// What ran, and how it was called.
    pub tool: Tool,
    /// Begin of the run, RFC 3339 in UTC.
    pub started_at: String,
    /// Length of the whole run in milliseconds.
    pub duration_ms: u64,
    /// Seed of every random choice in the run.
    pub seed: u64,
    /// Short windows, for a first look: figures are rough.
    pub quick: bool,
    /// The machine.
    pub environment: Environment,
    /// Targets in the order of their columns.
    pub targets: Vec<TargetInfo>,
    /// Scenarios in the order in which they ran.
    pub scenarios: Vec<ScenarioRun>,
}

/// The program that wrote the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Version of poolproof.
    pub version: String,
    /// Commit it was built from, where known.
    pub commit: Option<String>,
    /// The command line, passwords masked.
    pub command: Vec<String>,
}

/// Where the run took place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// How the targets were started.
    pub kind: EnvironmentKind,
    /// Operating system's own name, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor model.
    pub cpu_model: String,
    /// Processors that the run could use.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Version of the PostgreSQL server behind every target.
    pub postgres_version: String,
    /// The engine that ran the containers, and how they were reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_engine: Option<String>,
    /// What counted the processor time of targets and PostgreSQL; records of earlier versions do
    /// not say: the scheduler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<CpuTime>,
}

/// What counts processor time. Figures of the two cannot be compared: docs/measuring.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CpuTime {
    /// Perf events: all of it, from one switch of a processor to the next.
    PerfEvents,
    /// The scheduler's sums, which charge some of the work of who wakes others to whom it wakes.
    Scheduler,
}

/// How targets are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    /// As processes, from the machine's own binaries.
    Local,
    /// As containers.
    Docker,
}

/// One column of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetInfo {
    /// Name in tables: `direct`, `proxy`, `pgbouncer`, …
    pub name: String,
    /// What it says of its own version.
    pub version: String,
    /// How it was started, or the address it was found at; passwords masked.
    pub started_as: String,
    /// Configuration files as given to it.
    pub config_files: Vec<ConfigFile>,
    /// The image that it ran from, in a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ContainerImage>,
}

/// An image as the engine that ran it knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerImage {
    /// Its name, such as `poolproof/pgbouncer`.
    pub name: String,
    /// Its identity: the hash of its configuration.
    pub id: String,
    /// Its digest in the registry that it came from; an image that was built on the machine has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A configuration file as it was given to a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigFile {
    /// File name without folders.
    pub name: String,
    /// The text, passwords masked.
    pub text: String,
}

/// One scenario and what each target made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScenarioRun {
    /// The scenario as it ran, after `--quick` and flags were applied.
    pub scenario: Scenario,
    /// Driver of the load: `wire`, `tokio-postgres`, …
    pub driver: String,
    /// One per target of the run, in the same order.
    pub cells: Vec<Cell>,
}

/// One scenario on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// The target's name.
    pub target: String,
    /// Whether there is something to judge.
    pub status: CellStatus,
    /// The measured windows, one per block.
    pub windows: Vec<Window>,
    /// The load before the first of them, whose figures are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
}

/// The load that came before what was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WarmUp {
    /// How long it lasted, in milliseconds.
    pub lasted_ms: u64,
    /// Whether its throughput had become level by its end.
    pub steady: bool,
}

/// Whether a cell can be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum CellStatus {
    /// It ran to its end.
    Measured,
    /// The target lacks a feature that the scenario needs.
    Unsupported {
        /// Which.
        reason: String,
    },
    /// The run says nothing about the target, because the generator or the machine failed.
    Invalid {
        /// Why, and what to change.
        reason: String,
    },
    /// The target could not be started or died: it counts as failed.
    Broken {
        /// What happened.
        reason: String,
    },
}

/// One measured stretch of one scenario on one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// Index of the block; windows of one block stand next to each other in time.
    pub block: u32,
    /// Begin, in milliseconds since the run began.
    pub started_ms: u64,
    /// Length in microseconds.
    pub duration_us: u64,
    /// Transactions that the plan scheduled or a client began, connecting included.
    pub attempted: u64,
    /// Transactions whose every answer came and was right.
    pub succeeded: u64,
    /// What did not succeed, by class. The counts add up to `attempted - succeeded`.
    pub errors: BTreeMap<ErrorClass, u64>,
    /// The first message seen of each class, for the reader.
    pub error_samples: BTreeMap<ErrorClass, String>,
    /// Latency of successful transactions. In open loop counted from the intended start.
    pub latency: Latency,
    /// Latency of transactions that failed after they were begun.
    pub failed_latency: Latency,
    /// Time to connect and log in, successes only.
    pub connect_latency: Latency,
    /// The window in steps of equal length.
    pub series: Vec<Step>,
    /// What the target's processes used.
    pub target_cost: Option<Cost>,
    /// What PostgreSQL used.
    pub postgres_cost: Option<Cost>,
    /// What the generator used.
    pub generator_cost: Option<Cost>,
    /// The generator and not the target was the limit: no verdict on throughput.
    pub generator_bound: bool,
    /// What an open load says beside its latency.
    #[serde(default)]
    pub open_loop: Option<OpenLoop>,
    /// Where a knee broke.
    #[serde(default)]
    pub knee: Option<Knee>,
    /// Why the window says nothing about the target, and what to change.
    #[serde(default)]
    pub invalid: Option<String>,
    /// What was done to the parties meanwhile, in the order in which it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultMark>,
    /// What had to hold meanwhile and afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invariants: Vec<InvariantCheck>,
}

/// A fault as it came, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultMark {
    /// What was done, such as `postgres-restarted`.
    pub name: String,
    /// When it began, in milliseconds since the window began.
    pub at_ms: u64,
    /// When it was undone; [`at_ms`](Self::at_ms) for one that is over at once.
    pub until_ms: u64,
    /// What it did, such as `7 backends ended`.
    pub effect: String,
    /// Transactions that failed from its begin to the next fault or the end of the window.
    pub failed: u64,
    /// Time from its begin to the moment from which the target served as before, in milliseconds; absent
    /// where that did not come before the next fault or the end of the window.
    pub recovered_after_ms: Option<u64>,
}

/// An invariant, and how often it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvariantCheck {
    /// Which, such as `bank`.
    pub name: String,
    /// How often it was looked at and could be judged.
    pub looks: u64,
    /// How often it did not hold.
    pub violations: u64,
    /// The first time that it did not, in words.
    pub first: Option<String>,
}

/// An open load taken apart. [`Window::latency`] is its response time, from the intended start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenLoop {
    /// Transactions that the plan had scheduled.
    pub scheduled: u64,
    /// From the actual send to the answer, successes only.
    pub service: Latency,
    /// From the intended start to the actual one: waiting for a client that was free.
    pub queue: Latency,
    /// How late the generator was where a client was free: its own doing, not the target's.
    pub lag: Latency,
}

/// How many clients a target carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Knee {
    /// Clients of the last step that held its bounds; 0 if the first one broke.
    pub clients: u32,
    /// Transactions a second in that step.
    pub throughput: u64,
    /// Why the next step broke; absent where the load ended before.
    pub broke: Option<String>,
}

/// A step of a window's time line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Begin, in milliseconds since the window began.
    pub at_ms: u64,
    /// Length in milliseconds.
    pub for_ms: u64,
    /// Clients connected or connecting at its end.
    pub clients: u32,
    /// Transactions that succeeded in the step.
    pub succeeded: u64,
    /// Transactions that failed in the step.
    pub failed: u64,
    /// Median latency in microseconds, without samples absent.
    pub p50_us: Option<u64>,
    /// 99th percentile in microseconds, without samples absent.
    pub p99_us: Option<u64>,
}

/// Processor time and memory of a group of processes over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// User and system time together, in microseconds.
    pub cpu_us: u64,
    /// Largest sum of resident memory seen, in bytes.
    pub peak_rss_bytes: u64,
}

/// Why a transaction did not succeed.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub enum ErrorClass {
    /// No connection: refused, reset while connecting, no route.
    Connect,
    /// Connected, and not let in.
    Auth,
    /// No answer within the client's time limit.
    Timeout,
    /// The connection ended in mid-session.
    Disconnect,
    /// An ErrorResponse with this SQLSTATE.
    SqlState(String),
    /// A message that the protocol does not allow here.
    ProtocolViolation,
    /// An answer that is not this query's.
    WrongAnswer,
    /// Scheduled, and never sent.
    Dropped,
    /// Begun, and still going on when the run ended.
    Unfinished,
}

impl From<ErrorClass> for String {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Connect => "connect".into(),
            ErrorClass::Auth => "auth".into(),
            ErrorClass::Timeout => "timeout".into(),
            ErrorClass::Disconnect => "disconnect".into(),
            ErrorClass::SqlState(code) => format!("sqlstate {code}"),
            ErrorClass::ProtocolViolation => "protocol violation".into(),
            ErrorClass::WrongAnswer => "wrong answer".into(),
            ErrorClass::Dropped => "dropped".into(),
            ErrorClass::Unfinished => "unfinished".into(),
        }
    }
}

impl TryFrom<String> for ErrorClass {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "connect" => Self::Connect,
            "auth" => Self::Auth,
            "timeout" => Self::Timeout,
            "disconnect" => Self::Disconnect,
            "protocol violation" => Self::ProtocolViolation,
            "wrong answer" => Self::WrongAnswer,
            "dropped" => Self::Dropped,
            "unfinished" => Self::Unfinished,
            other => match other.strip_prefix("sqlstate ") {
                Some(code) => Self::SqlState(code.to_owned()),
                None => return Err(format!("expected an error class, got {other:?}")),
            },
        })
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&String::from(self.clone()))
    }
}
