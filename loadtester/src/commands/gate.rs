//! `poolproof gate`: judges a run that was made before.

use poolproof_reports::{
    gate::{judge_against, regression_thresholds},
    render, store,
};
use poolproof_scenarios::Threshold;

use super::{asked, exit_of, listing::Listing, write};
use crate::{
    cli::{Format, GateArgs, OutputFlags},
    exit::Exit,
    output,
    problem::Problem,
};

/// By how much a run may fall behind its baseline unless something else is said.
const REGRESSION_MAX: f64 = 0.1;

/// Runs the command.
pub(super) fn run(args: &GateArgs, flags: OutputFlags) -> Result<Exit, Problem> {
    let record = store::read(&args.run).map_err(|error| unreadable(&error))?;
    let baseline = args.baseline.as_deref().map(store::read).transpose();
    let baseline = baseline.map_err(|error| unreadable(&error))?;
    let thresholds = thresholds(args);
    asked::not_against_itself(&thresholds)?;
    let gate = judge_against(&record, &thresholds, baseline.as_ref());
    if let Some(path) = &args.junit {
        write(path, &render::junit(&record, &gate))?;
    }
    let checks = output::checks(&gate);
    let text = match flags.format {
        Format::Json => output::to_json(&checks)?,
        format => table(&checks).render(format),
    };
    output::print(&text)?;
    Ok(exit_of(&gate))
}

/// The thresholds of the flags, beside those that the run's scenarios have.
fn thresholds(args: &GateArgs) -> Vec<Threshold> {
    let GateArgs {
        run: _,
        min_success_rate,
        max_p99,
        max_p99_ratio,
        threshold,
        baseline,
        max_regression,
        junit: _,
    } = args;
    let margin = max_regression.map_or(REGRESSION_MAX, |margin| margin.0);
    let regressions = baseline.as_ref().map(|_| regression_thresholds(margin));
    let success = min_success_rate.iter().map(|bound| &bound.threshold);
    let p99 = max_p99.iter().map(|bound| &bound.threshold);
    let ratio = max_p99_ratio.iter().map(|bound| &bound.threshold);
    success
        .chain(p99)
        .chain(ratio)
        .chain(threshold)
        .cloned()
        .chain(regressions.into_iter().flatten())
        .collect()
}

fn table(checks: &[output::Check<'_>]) -> Listing {
    let mut listing = Listing::new(&["verdict", "scenario", "target", "threshold", "why"]);
    for check in checks {
        let output::Check {
            verdict,
            scenario,
            target,
            threshold,
            sentence,
        } = check;
        listing.row(&[verdict, scenario, target, threshold, sentence]);
    }
    listing
}

/// A record that cannot be read, with what to do about it.
pub(super) fn unreadable(error: &store::ReadError) -> Problem {
    Problem::usage(
        error,
        "Name the folder that `poolproof compare --out FOLDER` wrote, or its run.json.",
    )
}
