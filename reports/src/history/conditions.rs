//! Under which conditions the runs of a trend were made.

use poolproof_scenarios::{Scenario, threshold::Metric};
use serde::Deserialize;

use super::Series;
use crate::{
    comparable::{counted_by, same_load, same_machine},
    record::Environment,
};

/// What a record says of its conditions; its windows, which are long, are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Conditions {
    environment: Environment,
    scenarios: Vec<Load>,
}

#[derive(Debug, Deserialize)]
struct Load {
    scenario: Scenario,
    driver: String,
}

impl Conditions {
    /// Whether figures of `metric` under the scenario called `name` can be compared, as a gate
    /// compares a run with its baseline.
    fn compare_with(&self, other: &Self, name: &str, metric: Metric) -> bool {
        let (mine, theirs) = (&self.environment, &other.environment);
        let (Some(load), Some(before)) = (self.load(name), other.load(name)) else {
            return false;
        };
        same_machine(mine, theirs)
            && same_load(&load.scenario, &before.scenario)
            && load.driver == before.driver
            && (metric != Metric::Cpu || counted_by(mine) == counted_by(theirs))
    }

    fn load(&self, name: &str) -> Option<&Load> {
        self.scenarios.iter().find(|one| one.scenario.name == name)
    }
}

/// Leaves out of `series` what cannot be compared with its newest run. `of` knows the conditions of
/// the runs; one whose record cannot be read is not compared.
pub(super) fn keep_comparable<'a>(
    series: &mut Series,
    metric: Metric,
    of: impl Fn(i64) -> Option<&'a Conditions>,
) {
    let Some((newest, _)) = series.points.last().copied() else {
        return;
    };
    let before = series.points.len();
    series.points.retain(|(run, _)| {
        let compared = of(*run).zip(of(newest));
        let compared =
            compared.is_some_and(|(one, last)| one.compare_with(last, &series.scenario, metric));
        *run == newest || compared
    });
    series.left_out = before - series.points.len();
}
