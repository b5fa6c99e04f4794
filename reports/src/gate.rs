//! The gate: thresholds against a record, each with a verdict and a sentence.

use poolproof_scenarios::threshold::Threshold;

use crate::RunRecord;

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
}

/// Answer to one criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The figure is on the right side of its bound.
    Pass,
    /// It is not.
    Fail,
    /// The run cannot tell.
    NoVerdict,
    /// The target lacks what the scenario needs, or was not part of the run: nothing was asked.
    NotApplicable,
}

/// Answer to the whole run, from which the exit code comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing failed and everything could be told: exit code 0.
    Pass,
    /// Something failed: exit code 1.
    Fail,
    /// Nothing failed, and something could not be told: exit code 4.
    NoVerdict,
}

impl GateReport {
    /// A failure outweighs what could not be told.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let any = |verdict| self.judgements.iter().any(|one| one.verdict == verdict);
        if any(Verdict::Fail) {
            Outcome::Fail
        } else if any(Verdict::NoVerdict) {
            Outcome::NoVerdict
        } else {
            Outcome::Pass
        }
    }
}

/// Judges the record by its scenarios' own thresholds and by `extra` ones, which apply to every
/// scenario.
#[must_use]
pub fn judge(record: &RunRecord, extra: &[Threshold]) -> GateReport {
    let _ = (record, extra);
    GateReport::default()
}
