//! `poolproof gate`: judges a run that was made before.

use poolproof_reports::{
    GateReport,
    gate::{Criterion, Verdict, judge_against, regression_thresholds},
    render, store,
};
use poolproof_scenarios::Threshold;
use serde::Serialize;

use super::{exit_of, listing::Listing, write};
use crate::{
    cli::{Format, GateArgs, OutputFlags},
    exit::Exit,
    output,
    problem::Problem,
};

/// By how much a run may fall behind its baseline unless something else is said.
const REGRESSION_MAX: f64 = 0.1;

/// One verdict as programs read it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    verdict: &'static str,
    scenario: &'a str,
    target: &'a str,
    threshold: String,
    sentence: &'a str,
}

/// Runs the command.
pub(super) fn run(args: &GateArgs, flags: OutputFlags) -> Result<Exit, Problem> {
    let record = store::read(&args.run).map_err(|error| unreadable(&error))?;
    let baseline = args.baseline.as_deref().map(store::read).transpose();
    let baseline = baseline.map_err(|error| unreadable(&error))?;
    let gate = judge_against(&record, &thresholds(args), baseline.as_ref());
    if let Some(path) = &args.junit {
        write(path, &render::junit(&record, &gate))?;
    }
    let lines: Vec<Line<'_>> = lines(&gate);
    let text = match flags.format {
        Format::Json => output::to_json(&lines)?,
        format => table(&lines).render(format),
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

fn lines(gate: &GateReport) -> Vec<Line<'_>> {
    gate.judgements
        .iter()
        .map(|judgement| Line {
            verdict: word(judgement.verdict),
            scenario: &judgement.scenario,
            target: &judgement.target,
            threshold: match &judgement.criterion {
                Criterion::Threshold(threshold) => threshold.to_string(),
                Criterion::Measured => "measured".to_owned(),
            },
            sentence: &judgement.sentence,
        })
        .collect()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "FAIL",
        Verdict::NoVerdict => "no verdict",
        Verdict::Pass => "pass",
        Verdict::NotApplicable => "not asked",
    }
}

fn table(lines: &[Line<'_>]) -> Listing {
    let mut listing = Listing::new(&["verdict", "scenario", "target", "threshold", "why"]);
    for line in lines {
        let Line {
            verdict,
            scenario,
            target,
            threshold,
            sentence,
        } = line;
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
