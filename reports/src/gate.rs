//! The gate: thresholds against a record, each with a verdict and a sentence.

use std::fmt;

use poolproof_scenarios::threshold::{Quantity, Threshold};

use crate::{
    RunRecord,
    figures::Figures,
    happenings,
    record::ScenarioRun,
    statistics::{Ratio, Shift},
};

mod baseline;
mod finding;
mod headline;

pub use baseline::{BASELINE, regression_thresholds};

use baseline::Before;
use finding::{Finding, Others};

/// What the gate says of a run, the worst offender first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GateReport {
    /// One for each threshold × scenario × target.
    pub judgements: Vec<Judgement>,
}

/// What the gate says of one threshold on one target under one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The scenario's name.
    pub scenario: String,
    /// The target's name.
    pub target: String,
    /// What was asked.
    pub criterion: Criterion,
    /// The answer.
    pub verdict: Verdict,
    /// What was compared with the bound, where there was something.
    pub measured: Option<Measured>,
    /// Why, in one sentence with the measured figure.
    pub sentence: String,
}

/// What was asked of a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Criterion {
    /// To keep a threshold.
    Threshold(Threshold),
    /// To be measurable at all; asked where no threshold applies.
    Measured,
    /// To keep an invariant, by its name; asked wherever one was looked at.
    Invariant(String),
}

/// What was compared with a bound.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// A figure of the target, with an absolute bound.
    Figure(Quantity),
    /// The target ÷ its reference, with a relative bound.
    Ratio(Ratio),
    /// The target ÷ itself in the baseline run, with a bound relative to [`BASELINE`].
    Shift(Shift),
}

/// Answer to one criterion, in the order in which a reader wants to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The figure is on the wrong side of its bound.
    Fail,
    /// The run cannot tell.
    NoVerdict,
    /// The figure is on the right side of its bound.
    Pass,
    /// The target lacks what the scenario needs, or was not part of the run: nothing was asked. A run
    /// of which nothing else can be said does not pass.
    NotApplicable,
}

/// Answer to the whole run, from which the exit code comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing failed, and everything that applies could be told: exit code 0.
    Pass,
    /// Something failed: exit code 1.
    Fail,
    /// Nothing failed, and something could not be told, or nothing was judged at all: exit code 4.
    NoVerdict,
}

impl Judgement {
    /// What was asked, as text: the threshold without its target, or `measured`.
    #[must_use]
    pub fn asked(&self) -> String {
        match &self.criterion {
            Criterion::Threshold(threshold) => Threshold {
                on: None,
                ..threshold.clone()
            }
            .to_string(),
            Criterion::Measured => "measured".to_owned(),
            Criterion::Invariant(name) => format!("invariant {name}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Fail => "fail",
            Self::NoVerdict => "no verdict",
            Self::Pass => "pass",
            Self::NotApplicable => "not applicable",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NoVerdict => "no verdict",
        })
    }
}

impl GateReport {
    /// Judgements with this verdict, the worst first.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Judgement> {
        self.judgements
            .iter()
            .filter(move |judgement| judgement.verdict == verdict)
    }

    /// A failure outweighs what could not be told. To pass, something must have passed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let has = |verdict| self.with(verdict).next().is_some();
        if has(Verdict::Fail) {
            Outcome::Fail
        } else if has(Verdict::NoVerdict) || !has(Verdict::Pass) {
            Outcome::NoVerdict
        } else {
            Outcome::Pass
        }
    }
}

/// Judges the record by its scenarios' own thresholds and by `extra` ones, which apply to every
/// scenario; one that is both is asked once.
///
/// A scenario's threshold that names a target outside the run is not applicable, since a run may
/// take fewer targets than the scenario knows; an extra one was meant for this run, and what it
/// misses is no verdict.
#[must_use]
pub fn judge(record: &RunRecord, extra: &[Threshold]) -> GateReport {
    judge_against(record, extra, None)
}

/// As [`judge`]; bounds relative to [`BASELINE`] are held against the same scenario and target of
/// `baseline`, an earlier run.
#[must_use]
pub fn judge_against(
    record: &RunRecord,
    extra: &[Threshold],
    baseline: Option<&RunRecord>,
) -> GateReport {
    let mut findings: Vec<(Judgement, f64)> = Vec::new();
    for run in &record.scenarios {
        let cells: Vec<Figures<'_>> = run.cells.iter().map(Figures::of).collect();
        let own = &run.scenario.thresholds;
        let further = extra.iter().filter(|threshold| !own.contains(threshold));
        let asked = || own.iter().chain(further.clone());
        for cell in &cells {
            let before = Before::of(record, run, baseline, &cell.cell.target);
            let others = Others {
                cells: &cells,
                before: &before,
            };
            findings.extend(judge_cell(run, cell, &others, asked()));
        }
        findings.extend(absent(run, own, Verdict::NotApplicable));
        findings.extend(absent(run, extra, Verdict::NoVerdict));
        findings.extend(against_itself(run, extra));
    }
    findings.extend(baseline.into_iter().flat_map(|before| lost(record, before)));
    // Both sorts are stable, so that equals stay in the order of the run.
    findings.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    findings.sort_by_key(|(judgement, _)| judgement.verdict);
    GateReport {
        judgements: findings.into_iter().map(|(one, _)| one).collect(),
    }
}

/// One cell by every threshold that applies to it, each with its offence; by
/// [`Criterion::Measured`] where none does.
fn judge_cell<'a>(
    run: &ScenarioRun,
    cell: &Figures<'_>,
    others: &Others<'_>,
    thresholds: impl Iterator<Item = &'a Threshold>,
) -> Vec<(Judgement, f64)> {
    let target = &cell.cell.target;
    let conclude = |criterion, finding: Finding| {
        let judgement = Judgement {
            scenario: run.scenario.name.clone(),
            target: target.clone(),
            criterion,
            verdict: finding.verdict,
            measured: finding.measured,
            sentence: finding.sentence,
        };
        (judgement, finding.offence)
    };
    let asked: Vec<_> = thresholds
        .filter(|threshold| applies_to(threshold, target))
        .collect();
    let invariants = happenings::invariants(cell.cell).into_iter().map(|check| {
        let finding = finding::invariant(&check);
        conclude(Criterion::Invariant(check.name), finding)
    });
    if asked.is_empty() {
        let measured = conclude(Criterion::Measured, finding::measured(cell));
        return std::iter::once(measured).chain(invariants).collect();
    }
    let findings = asked
        .iter()
        .map(|threshold| finding::by_threshold(threshold, cell, others));
    let findings = finding::correct_for_many(findings.collect());
    let pairs = asked.into_iter().zip(findings);
    pairs
        .map(|(threshold, finding)| conclude(Criterion::Threshold(threshold.clone()), finding))
        .chain(invariants)
        .collect()
}

/// A target is not held against itself.
fn applies_to(threshold: &Threshold, target: &str) -> bool {
    let named = threshold.on.as_deref().is_none_or(|name| name == target);
    named && threshold.reference() != Some(target)
}

/// Thresholds on targets that were not part of the run.
fn absent<'a>(
    run: &'a ScenarioRun,
    thresholds: &'a [Threshold],
    verdict: Verdict,
) -> impl Iterator<Item = (Judgement, f64)> + 'a {
    thresholds.iter().filter_map(move |threshold| {
        let target = threshold.on.as_ref()?;
        let present = run.cells.iter().any(|cell| cell.target == *target);
        (!present).then(|| {
            let judgement = Judgement {
                scenario: run.scenario.name.clone(),
                target: target.clone(),
                criterion: Criterion::Threshold(threshold.clone()),
                verdict,
                measured: None,
                sentence: format!(
                    "{target} was not part of the run{}",
                    finding::instead(target, run.cells.iter().map(|cell| cell.target.as_str()))
                ),
            };
            (judgement, 0.0)
        })
    })
}

/// What `baseline` measured and `record` did not so much as ask for, or could not run any more.
fn lost(record: &RunRecord, baseline: &RunRecord) -> Vec<(Judgement, f64)> {
    let lost = baseline::lost(record, baseline).into_iter();
    let judged = lost.map(|lost| {
        let judgement = Judgement {
            scenario: lost.scenario.to_owned(),
            target: lost.target.to_owned(),
            criterion: Criterion::Measured,
            verdict: lost.verdict,
            measured: None,
            sentence: lost.sentence,
        };
        (judgement, 0.0)
    });
    judged.collect()
}

/// Thresholds that hold the only target to which they apply against itself.
fn against_itself<'a>(
    run: &'a ScenarioRun,
    thresholds: &'a [Threshold],
) -> impl Iterator<Item = (Judgement, f64)> + 'a {
    thresholds.iter().filter_map(move |threshold| {
        let reference = threshold.reference()?;
        let mut targets = run.cells.iter().map(|cell| cell.target.as_str());
        let present = targets.clone().any(|target| target == reference);
        let applies = targets.any(|target| applies_to(threshold, target));
        let absent = threshold.on.as_deref().is_some_and(|on| on != reference);
        (present && !applies && !absent).then(|| {
            let judgement = Judgement {
                scenario: run.scenario.name.clone(),
                target: reference.to_owned(),
                criterion: Criterion::Threshold(threshold.clone()),
                verdict: Verdict::NoVerdict,
                measured: None,
                sentence: format!("{reference} is not held against itself: name another target"),
            };
            (judgement, 0.0)
        })
    })
}

#[cfg(test)]
mod tests;
