//! What `compare` and `stress` share: from a plan to a table, the files of the report, and an exit
//! code.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use poolproof_reports::{
    GateReport, RunRecord,
    format::counted,
    gate::judge,
    record::{Cell, CellStatus},
    render,
};
use poolproof_scenarios::Scenario;

use super::{asked, exit_of, history};
use crate::{
    cli::{Format, OutputFlags, RunFlags},
    exit::Exit,
    interrupt::Interrupts,
    mask::mask_url,
    output,
    problem::Problem,
    progress::Progress,
    run::{Blocks, RunPlan, execute},
    targets::TargetSpec,
};

/// Name of the page among the report's files.
const PAGE: &str = "report.html";

/// Runs the scenarios on the targets and reports.
///
/// # Errors
///
/// When the flags contradict each other, or the run has no record.
pub(super) fn run(
    scenarios: Vec<Scenario>,
    targets: Vec<TargetSpec>,
    blocks: Blocks,
    flags: &RunFlags,
    output_flags: OutputFlags,
) -> Result<Exit, Problem> {
    asked::check(&targets, flags)?;
    let (scenarios, notices) = asked::apply(scenarios, &targets, flags);
    let plan = RunPlan {
        scenarios,
        targets,
        driver: flags.driver,
        blocks,
        // A short one is easier to type again, and as good.
        seed: flags.seed.unwrap_or_else(|| rand::random::<u32>().into()),
        quick: flags.quick,
        choices: flags.environment.choices()?,
    };
    // A folder that cannot be written is told before the run and not after it.
    fs::create_dir_all(&flags.out).map_err(|error| unwritable(&flags.out, &error))?;
    // Before anything else starts threads: they would not leave the signals to the watcher.
    let interrupts = watch()?;
    let mut history = history::for_run(flags.store.as_ref())?;
    let targets: Vec<&str> = plan.targets.iter().map(TargetSpec::name).collect();
    let progress = Progress::new(output_flags, plan.windows(), &targets, flags.live);
    let record = measure(&plan, &notices, &progress, &interrupts)?;
    let gate = judge(&record, &[]);
    let page = write(&record, &gate, &flags.out)?;
    output::print(&output::render(&record, &gate, output_flags.format)?)?;
    let kept = history.as_mut().map(|open| open.keep(&record, &gate));
    if let Some(Err(problem)) = kept {
        history::not_kept(&problem);
    }
    if output_flags.format == Format::Table {
        output::print(&format!("\nReport: {}", page.display()))?;
    }
    Ok(exit_of(&gate))
}

/// Begins to watch for Ctrl-C. To be called before anything else starts threads.
pub(super) fn watch() -> Result<Interrupts, Problem> {
    Interrupts::watch().map_err(|error| {
        Problem::new(
            Exit::Environment,
            format!("cannot watch for Ctrl-C: {error}"),
            "Allow this user more threads (`ulimit -u`).",
        )
    })
}

fn measure(
    plan: &RunPlan,
    notices: &[String],
    progress: &Progress,
    interrupts: &Interrupts,
) -> Result<RunRecord, Problem> {
    progress.notice(&format!(
        "{} on {}, {}, seed {}",
        names(plan.scenarios.iter().map(|scenario| &*scenario.name)),
        names(plan.targets.iter().map(TargetSpec::name)),
        counted(plan.windows(), "window", "windows"),
        plan.seed,
    ));
    for notice in notices {
        progress.notice(notice);
    }
    let command = std::env::args().map(|word| mask_url(&word)).collect();
    let record = execute(plan, command, progress, interrupts);
    if let Ok(record) = &record {
        for step in next_steps(record) {
            progress.notice(&step);
        }
    }
    progress.finish();
    record.map_err(|error| error.into_problem(interrupts))
}

/// What to do about each target that broke under a scenario; its log was shown when it did.
fn next_steps(record: &RunRecord) -> impl Iterator<Item = String> {
    record.scenarios.iter().flat_map(|run| {
        let scenario = &run.scenario.name;
        let broken = |cell: &&Cell| matches!(cell.status, CellStatus::Broken { .. });
        run.cells.iter().filter(broken).map(move |cell| {
            let target = &cell.target;
            format!(
                " next: {target} broke under {scenario}, its last words stand above; \
                 `poolproof stress {scenario} --target {target}` runs that alone."
            )
        })
    })
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Writes all forms of the report and returns the page's path.
fn write(record: &RunRecord, gate: &GateReport, folder: &Path) -> Result<PathBuf, Problem> {
    render::write_all(record, gate, folder).map_err(|error| unwritable(folder, &error))?;
    let page = folder.join(PAGE);
    Ok(fs::canonicalize(&page).unwrap_or(page))
}

fn unwritable(folder: &Path, error: &io::Error) -> Problem {
    Problem::usage(
        format!("cannot write the report into {}: {error}", folder.display()),
        "Name a folder that you may write with --out.",
    )
}
