//! What the gate says, as programs read it.

use poolproof_reports::{
    GateReport, RunRecord,
    gate::{Criterion, Judgement, Verdict},
};
use serde::Serialize;

/// A record with what the gate says of it: `run.json`, and one field more.
#[derive(Debug, Serialize)]
pub(super) struct Judged<'a> {
    verdict: Said<'a>,
    #[serde(flatten)]
    record: &'a RunRecord,
}

/// The whole answer.
#[derive(Debug, Serialize)]
struct Said<'a> {
    /// `pass`, `fail` or `no verdict`, from which the exit code comes.
    outcome: String,
    headline: String,
    checks: Vec<Check<'a>>,
}

/// The answer to one check.
#[derive(Debug, Serialize)]
pub struct Check<'a> {
    /// In capitals where it failed.
    pub verdict: &'static str,
    /// The scenario's name.
    pub scenario: &'a str,
    /// The target's name.
    pub target: &'a str,
    /// What was asked.
    pub threshold: String,
    /// Why the verdict is what it is.
    pub sentence: &'a str,
}

impl<'a> Judged<'a> {
    pub(super) fn new(record: &'a RunRecord, gate: &'a GateReport) -> Self {
        let verdict = Said {
            outcome: gate.outcome().to_string(),
            headline: gate.headline(),
            checks: checks(gate),
        };
        Self { verdict, record }
    }
}

/// All checks, the worst first.
#[must_use]
pub fn checks(gate: &GateReport) -> Vec<Check<'_>> {
    gate.judgements.iter().map(check).collect()
}

fn check(judgement: &Judgement) -> Check<'_> {
    Check {
        verdict: word(judgement.verdict),
        scenario: &judgement.scenario,
        target: &judgement.target,
        threshold: match &judgement.criterion {
            Criterion::Threshold(threshold) => threshold.to_string(),
            Criterion::Measured | Criterion::Invariant(_) => judgement.asked(),
        },
        sentence: &judgement.sentence,
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "FAIL",
        Verdict::NoVerdict => "no verdict",
        Verdict::Pass => "pass",
        Verdict::NotApplicable => "not asked",
    }
}
