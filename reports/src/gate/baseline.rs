//! An earlier run to which a run is held.

use poolproof_scenarios::{
    Threshold,
    threshold::{Bound, Comparison, Metric},
};

use super::Verdict;
use crate::{
    RunRecord,
    comparable::{counted_by, same_load, same_machine},
    figures::Figures,
    record::{CellStatus, CpuTime, ScenarioRun},
};

/// Stands in a threshold in the place of a target: `p99 <= 1.1 * baseline`.
pub const BASELINE: &str = "baseline";

/// Share of the baseline's success rate that must be kept: one failure in a thousand more is told.
const SUCCESS_KEPT: f64 = 0.999;

/// What is asked of a run with a baseline when nothing else is: throughput, p50, p99 and CPU a
/// transaction may be worse by `margin`, 0.1 for 10 %, and the success rate by a thousandth.
#[must_use]
pub fn regression_thresholds(margin: f64) -> Vec<Threshold> {
    let threshold = |metric, comparison, factor| Threshold {
        on: None,
        metric,
        comparison,
        bound: Bound::Relative {
            factor,
            target: BASELINE.to_owned(),
        },
    };
    let most = 1.0 + margin;
    // As many digits as a reader wants to see of a quotient.
    let least = (most.recip() * 1e4).round() / 1e4;
    vec![
        threshold(Metric::SuccessRate, Comparison::AtLeast, SUCCESS_KEPT),
        threshold(Metric::Throughput, Comparison::AtLeast, least),
        threshold(Metric::P50, Comparison::AtMost, most),
        threshold(Metric::P99, Comparison::AtMost, most),
        threshold(Metric::Cpu, Comparison::AtMost, most),
    ]
}

/// The same cell in the baseline, or why there is none to be compared with.
pub(super) enum Before<'a> {
    Found {
        figures: Box<Figures<'a>>,
        /// Why its processor time is no figure to be compared with; `None` where it is.
        cpu_differs: Option<String>,
    },
    Missing(String),
}

impl<'a> Before<'a> {
    /// Looks for `target` under the scenario of `run` in `baseline`. Runs are comparable when the
    /// same was asked of the same machine.
    pub(super) fn of(
        record: &RunRecord,
        run: &ScenarioRun,
        baseline: Option<&'a RunRecord>,
        target: &str,
    ) -> Self {
        let Some(baseline) = baseline else {
            return Self::Missing("no baseline was given: name one with --baseline".to_owned());
        };
        let name = &run.scenario.name;
        if let Some(difference) = machines_differ(record, baseline) {
            return Self::Missing(difference);
        }
        let mut runs = baseline.scenarios.iter();
        let Some(before) = runs.find(|before| before.scenario.name == *name) else {
            return Self::Missing(format!("the baseline has no scenario {name}"));
        };
        if !same_load(&before.scenario, &run.scenario) || before.driver != run.driver {
            return Self::Missing(format!("{name} or its driver was another in the baseline"));
        }
        match before.cells.iter().find(|cell| cell.target == target) {
            None => Self::Missing(format!("the baseline has no {target} in {name}")),
            Some(cell) if cell.status != CellStatus::Measured => Self::Missing(format!(
                "the baseline has no valid figures of {target} in {name}"
            )),
            Some(cell) => Self::Found {
                figures: Box::new(Figures::of(cell)),
                cpu_differs: cpu_differs(record, baseline),
            },
        }
    }
}

/// A cell that only the baseline has figures of.
pub(super) struct Lost<'a> {
    pub(super) scenario: &'a str,
    pub(super) target: &'a str,
    pub(super) verdict: Verdict,
    /// Why, as a sentence without a full stop.
    pub(super) sentence: String,
}

/// What `baseline` measured and `record` did not. A run may take fewer scenarios and targets than an
/// earlier one; a target that no longer can what it could is another matter.
pub(super) fn lost<'a>(record: &'a RunRecord, baseline: &'a RunRecord) -> Vec<Lost<'a>> {
    let before = baseline.scenarios.iter().flat_map(|run| {
        let measured = run.cells.iter();
        let measured = measured.filter(|cell| cell.status == CellStatus::Measured);
        measured.map(|cell| (run.scenario.name.as_str(), cell.target.as_str()))
    });
    let lost = before.filter_map(|(scenario, target)| {
        let (verdict, sentence) = match status(record, scenario, target) {
            None => (
                Verdict::NotApplicable,
                "the baseline has it and this run does not: it was not compared".to_owned(),
            ),
            Some(CellStatus::Unsupported { reason }) => (
                Verdict::NoVerdict,
                format!("it was measured in the baseline and is now unsupported: {reason}"),
            ),
            Some(_) => return None,
        };
        Some(Lost {
            scenario,
            target,
            verdict,
            sentence,
        })
    });
    lost.collect()
}

fn status<'a>(record: &'a RunRecord, scenario: &str, target: &str) -> Option<&'a CellStatus> {
    let mut runs = record.scenarios.iter();
    let run = runs.find(|run| run.scenario.name == scenario)?;
    let cell = run.cells.iter().find(|cell| cell.target == target)?;
    Some(&cell.status)
}

/// Why the processor time of the two runs cannot be compared; `None` where it can.
fn cpu_differs(record: &RunRecord, baseline: &RunRecord) -> Option<String> {
    let by = |record: &RunRecord| counted_by(&record.environment);
    let (now, before) = (by(record), by(baseline));
    (now != before).then(|| {
        let words = |by| match by {
            CpuTime::PerfEvents => "perf events",
            CpuTime::Scheduler => "the scheduler",
        };
        format!(
            "{} counted the processor time of the baseline and {} that of this run, which cannot be \
             compared: measure it again",
            words(before),
            words(now)
        )
    })
}

fn machines_differ(record: &RunRecord, baseline: &RunRecord) -> Option<String> {
    let (now, before) = (&record.environment, &baseline.environment);
    (!same_machine(now, before)).then(|| {
        format!(
            "the baseline ran on another machine, {} × {} and not {} × {}: measure it again on this \
             one",
            before.cores, before.cpu_model, now.cores, now.cpu_model
        )
    })
}
