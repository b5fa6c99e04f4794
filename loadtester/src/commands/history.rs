//! `poolproof history`: the runs that were kept, and how their figures went.

use std::path::PathBuf;

use poolproof_reports::{
    GateReport, RunRecord,
    gate::judge,
    history::{History, HistoryError, KeptRun, Series, Store},
    overview::METRICS,
    render::{self, sparkline},
};
use poolproof_scenarios::threshold::Metric;
use tokio::runtime::{Builder, Runtime};

use super::{listing::Listing, write};
use crate::{
    cli::{HistoryArgs, HistoryCommand, OutputFlags, StoreChoice, TrendArgs},
    exit::Exit,
    output,
    problem::Problem,
};

/// Below the user's data folder.
const DEFAULT_FILE: &str = "poolproof/history.sqlite";

/// A history that questions are put to, one after the other.
pub(super) struct Keeper {
    runtime: Runtime,
    history: History,
}

impl Keeper {
    /// Opens `store`.
    pub(super) fn open(store: &Store) -> Result<Self, Problem> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Problem::new(
                Exit::Environment,
                format!("cannot make a runtime for the history: {error}"),
                "Run `poolproof doctor` to see the limits of open files.",
            )
        })?;
        let history = runtime.block_on(History::open(store)).map_err(refused)?;
        Ok(Self { runtime, history })
    }

    /// Keeps a run and returns its number.
    pub(super) fn keep(&mut self, record: &RunRecord, gate: &GateReport) -> Result<i64, Problem> {
        let kept = self.history.keep(record, gate);
        self.runtime.block_on(kept).map_err(refused)
    }
}

/// The history that a run is kept in; `None` when it is kept nowhere, with the reason where the user
/// did not ask for that. One that the user named must open before anything is measured.
pub(super) fn for_run(choice: Option<&StoreChoice>) -> Result<Option<Keeper>, Problem> {
    match choice {
        Some(StoreChoice::Nowhere) => Ok(None),
        Some(StoreChoice::In(store)) => Keeper::open(store).map(Some),
        None => match default_store() {
            None => Ok(None),
            Some(store) => Ok(Keeper::open(&store).inspect_err(not_kept).ok()),
        },
    }
}

/// Says that a run is not kept, which takes nothing from its verdict.
pub(super) fn not_kept(problem: &Problem) {
    output::tell(&format!("The run is not kept: {}", problem.what));
}

/// A file in the data folder of the XDG base directory specification.
fn default_store() -> Option<Store> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let folder = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
    Some(Store::File(folder.join(DEFAULT_FILE)))
}

fn refused(error: HistoryError) -> Problem {
    let exit = match error {
        HistoryError::Open { .. } | HistoryError::Place { .. } | HistoryError::Store(_) => {
            Exit::Environment
        }
        _ => Exit::Usage,
    };
    Problem::new(
        exit,
        error,
        "Name another file or a PostgreSQL with --store, or --store none to keep nothing.",
    )
}

/// Runs the command.
pub(super) fn run(args: &HistoryArgs, flags: OutputFlags) -> Result<Exit, Problem> {
    let store = args.store.clone().or_else(default_store).ok_or_else(|| {
        Problem::usage(
            "there is no data folder, as neither XDG_DATA_HOME nor HOME is set",
            "Name the history's file with --store.",
        )
    })?;
    if let Store::File(path) = &store
        && matches!(path.try_exists(), Ok(false))
    {
        return nothing_kept(args, &store, flags);
    }
    let mut open = Keeper::open(&store)?;
    let text = match &args.command {
        HistoryCommand::List { last } => list(&mut open, *last)?.render(flags.format),
        HistoryCommand::Show { id } => show(&mut open, *id, flags)?,
        HistoryCommand::Trend(args) => trend(&mut open, args, flags)?,
    };
    output::print(&text)?;
    Ok(Exit::Ok)
}

/// Reads a history that is not there, which stays so. Before the first run there is none in the data
/// folder; a file that the user named should be one.
fn nothing_kept(args: &HistoryArgs, store: &Store, flags: OutputFlags) -> Result<Exit, Problem> {
    match &args.command {
        HistoryCommand::List { last: _ } if args.store.is_none() => {
            output::print(&runs(Vec::new()).render(flags.format))?;
            Ok(Exit::Ok)
        }
        _ => Err(Problem::usage(
            format!("there is no history at {store}"),
            "Name the file with --store; `poolproof compare` and `poolproof stress` make it when they \
             keep their runs.",
        )),
    }
}

fn list(open: &mut Keeper, last: u32) -> Result<Listing, Problem> {
    let Keeper { runtime, history } = open;
    let kept = runtime.block_on(history.list(last)).map_err(refused)?;
    Ok(runs(kept))
}

fn runs(kept: Vec<KeptRun>) -> Listing {
    if kept.is_empty() {
        output::tell(
            "No run has been kept here yet: `poolproof compare` and `poolproof stress` keep theirs.",
        );
    }
    let mut listing = Listing::new(&["run", "began", "commit", "kind", "verdict", "why"]);
    for run in kept {
        listing.row(&[
            &run.id.to_string(),
            &run.started_at,
            run.commit.as_deref().unwrap_or("–"),
            if run.quick { "quick" } else { "full" },
            &run.outcome,
            &run.headline,
        ]);
    }
    listing
}

fn show(open: &mut Keeper, id: i64, flags: OutputFlags) -> Result<String, Problem> {
    let Keeper { runtime, history } = open;
    let record = runtime.block_on(history.record(id)).map_err(refused)?;
    let record = record.ok_or_else(|| {
        Problem::usage(
            format!("the history has no run {id}"),
            "`poolproof history list` shows those that it has.",
        )
    })?;
    output::render(&record, &judge(&record, &[]), flags.format)
}

fn trend(open: &mut Keeper, args: &TrendArgs, flags: OutputFlags) -> Result<String, Problem> {
    let Keeper { runtime, history } = open;
    let mut ask = |metric| {
        let answer = runtime.block_on(history.trend(metric, args.last));
        answer.map_err(refused)
    };
    let series = ask(args.metric)?;
    if let Some(path) = &args.html {
        let all: Result<Vec<(Metric, Vec<Series>)>, Problem> = METRICS
            .into_iter()
            .map(|metric| Ok((metric, ask(metric)?)))
            .collect();
        write(path, &render::trends(&all?))?;
    }
    if series.is_empty() {
        output::tell(
            "No run has been kept here yet but, perhaps, short ones (--quick), which have no part in trends.",
        );
    }
    if series.iter().any(|one| one.left_out > 0) {
        output::tell(
            "Runs that cannot be compared with the newest are left out: the machine, the load, the driver \
             or what counted processor time was another.",
        );
    }
    let mut listing = Listing::new(&[
        "scenario", "target", "runs", "left out", "first", "last", "trend",
    ]);
    for one in &series {
        let values: Vec<f64> = one.points.iter().map(|(_, value)| *value).collect();
        let text = |value: Option<&f64>| {
            value.map_or_else(String::new, |value| render::figure_of(args.metric, *value))
        };
        listing.row(&[
            &one.scenario,
            &one.target,
            &values.len().to_string(),
            &one.left_out.to_string(),
            &text(values.first()),
            &text(values.last()),
            &sparkline(&values),
        ]);
    }
    Ok(listing.render(flags.format))
}
