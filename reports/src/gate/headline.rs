//! The gate's answer in one sentence.

use super::{Criterion, GateReport, Judgement, Outcome, Verdict};
use crate::format::counted;

impl GateReport {
    /// The outcome's reason: what failed worst, what could not be told, or that all is well.
    #[must_use]
    pub fn headline(&self) -> String {
        let asked = self.judgements.len() - self.with(Verdict::NotApplicable).count();
        let count = |verdict| counted(self.with(verdict).count() as u64, "check", "checks");
        let worst = |verdict| {
            let worst = self.with(verdict).next();
            worst.map_or_else(String::new, |one| {
                format!(": {}", one.sentence_with_place())
            })
        };
        match self.outcome() {
            Outcome::Fail => format!(
                "{} of {asked} failed, worst of all{}",
                count(Verdict::Fail),
                worst(Verdict::Fail)
            ),
            Outcome::NoVerdict if self.judgements.is_empty() => {
                "nothing was judged, as the run has no scenario".to_owned()
            }
            Outcome::NoVerdict if asked == 0 => format!(
                "nothing was judged, as no check applies{}",
                worst(Verdict::NotApplicable)
            ),
            Outcome::NoVerdict => format!(
                "nothing failed, and {} of {asked} could not be told{}",
                count(Verdict::NoVerdict),
                worst(Verdict::NoVerdict)
            ),
            Outcome::Pass if self.has_thresholds() => {
                format!("all {asked} checks passed")
            }
            Outcome::Pass => "everything was measured, and no threshold was given".to_owned(),
        }
    }

    fn has_thresholds(&self) -> bool {
        let by_threshold = |one: &Judgement| matches!(one.criterion, Criterion::Threshold(_));
        self.with(Verdict::Pass).any(by_threshold)
    }
}

impl Judgement {
    /// The sentence with scenario and target before it.
    #[must_use]
    pub fn sentence_with_place(&self) -> String {
        let Self {
            scenario,
            target,
            sentence,
            ..
        } = self;
        format!("{target} in {scenario}: {sentence}")
    }
}
