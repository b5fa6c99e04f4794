//! The short form of a scenario, for a first look.

use std::time::Duration;

use crate::{Scenario, load::Load};

/// Longest closed window of the quick form.
const LASTS_MAX: Duration = Duration::from_secs(2);
/// Longest step of a knee in the quick form.
const STEP_MAX: Duration = Duration::from_millis(250);
/// Fewest connections of the quick form, if the scenario has as many.
const TOTAL_MIN: u32 = 100;

impl Scenario {
    /// The same scenario, done sooner: stages shrink in proportion, totals to a tenth. Clients,
    /// pools, statements and thresholds stay, so that the same thing is asked for a shorter time.
    #[must_use]
    pub fn quick(&self) -> Self {
        let mut quick = self.clone();
        // What is done at the second second needs a third one to recover from it.
        if !self.faults.is_empty() {
            return quick;
        }
        match &mut quick.load {
            Load::Closed { stages, .. } => {
                shrink(stages.iter_mut().map(|stage| &mut stage.lasts).collect());
            }
            Load::Open { stages, .. } => {
                shrink(stages.iter_mut().map(|stage| &mut stage.lasts).collect());
            }
            // Of a knee every step stays, as nobody knows which one breaks.
            Load::Knee { step, .. } => *step = (*step).min(STEP_MAX),
            // So many logins take the time that they take.
            Load::Hold { arrive, lasts, .. } => *lasts = (*lasts).min(*arrive + LASTS_MAX),
            Load::Connections {
                total,
                max_concurrent,
                ..
            } => {
                // Twice the concurrency at least, or the quick form would never wait for a slot.
                let fewest = TOTAL_MIN.max(max_concurrent.saturating_mul(2));
                *total = (*total / 10).max(fewest).min(*total);
            }
        }
        quick
    }
}

/// Shortens stages in proportion until they take as long together as a quick window may.
fn shrink(stages: Vec<&mut Duration>) {
    let whole: Duration = stages.iter().map(|lasts| **lasts).sum();
    if whole <= LASTS_MAX {
        return;
    }
    let share = LASTS_MAX.as_secs_f64() / whole.as_secs_f64();
    for lasts in stages {
        let micros = (lasts.as_secs_f64() * share * 1e6).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most two seconds"
        )]
        let micros = micros as u64;
        *lasts = Duration::from_micros(micros);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{Scenario, catalog, load::Load};

    fn lasts(scenario: &Scenario) -> Duration {
        match &scenario.load {
            Load::Closed { stages, .. } => stages.iter().map(|stage| stage.lasts).sum(),
            _ => Duration::ZERO,
        }
    }

    #[test]
    fn stages_shrink_in_proportion() {
        let ramp = catalog::find("ramp").unwrap().quick();
        let Load::Closed { stages, .. } = &ramp.load else {
            panic!("ramp is a closed load");
        };
        let millis: Vec<_> = stages.iter().map(|stage| stage.lasts.as_millis()).collect();
        assert_eq!(millis, [400, 1600]);
        assert_eq!(lasts(&ramp), Duration::from_secs(2));
    }

    #[test]
    fn totals_shrink_and_still_wait_for_slots() {
        let stress = catalog::find("stress-1000").unwrap().quick();
        assert_eq!(
            stress.load,
            Load::Connections {
                total: 100,
                max_concurrent: 50,
                transactions: 10,
                think_time: Duration::ZERO,
            }
        );
    }

    #[test]
    fn a_quick_form_is_its_own_quick_form() {
        for scenario in catalog::all() {
            let quick = scenario.unwrap().quick();
            assert_eq!(quick.quick(), quick);
        }
    }
}
