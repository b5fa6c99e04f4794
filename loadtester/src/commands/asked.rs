//! What the flags of a run ask, applied to its scenarios and checked against its targets.

use poolproof_scenarios::{Scenario, Threshold, nearest};

use crate::{
    cli::RunFlags,
    problem::Problem,
    targets::{CatalogTarget, TargetSpec},
};

/// Targets of one run; a table with more columns is read by nobody.
const TARGETS_MAX: usize = 16;

/// Checks what the parser cannot: that the flags go together.
///
/// # Errors
///
/// When two targets have one name, or a flag speaks of a target that is not in the run.
pub(super) fn check(targets: &[TargetSpec], flags: &RunFlags) -> Result<(), Problem> {
    if targets.len() > TARGETS_MAX {
        return Err(Problem::usage(
            format!(
                "expected at most {TARGETS_MAX} targets, got {}",
                targets.len()
            ),
            "Spread them over several runs.",
        ));
    }
    for (index, target) in targets.iter().enumerate() {
        if has(&targets[..index], target.name()) {
            return Err(Problem::usage(
                format!("expected each target once, got {} twice", target.name()),
                "Name it once, or twice to measure the machine's own noise (proxy,proxy); a pooler that \
                 runs already gets a name of its own: NAME=postgres://….",
            ));
        }
    }
    for choice in &flags.environment.port {
        // PostgreSQL stands behind every target that we start.
        if choice.target != CatalogTarget::direct() && !has(targets, choice.target.name()) {
            return Err(stranger("--port", choice.target.name()));
        }
    }
    not_against_itself(&flags.threshold)?;
    for threshold in &flags.threshold {
        let named = [threshold.reference(), threshold.on.as_deref()];
        if let Some(name) = named.into_iter().flatten().find(|name| !has(targets, name)) {
            return Err(stranger("--threshold", name));
        }
    }
    Ok(())
}

/// Checks that no threshold holds a target against itself, which would judge nothing.
///
/// # Errors
///
/// The first one that does.
pub(super) fn not_against_itself(thresholds: &[Threshold]) -> Result<(), Problem> {
    let itself = |one: &&Threshold| one.on.is_some() && one.on.as_deref() == one.reference();
    match thresholds.iter().find(itself) {
        None => Ok(()),
        Some(threshold) => Err(Problem::usage(
            format!("expected two targets, and {threshold} holds one against itself"),
            "Name another one to compare with, such as 'proxy: p99 <= 1.1 * pgbouncer'.",
        )),
    }
}

/// The target that was meant, where a slip of the hand explains its name.
pub(super) fn instead(name: &str, targets: &[TargetSpec]) -> String {
    let mut known: Vec<&str> = CatalogTarget::all().map(CatalogTarget::name).collect();
    if known.contains(&name) {
        return String::new();
    }
    known.extend(targets.iter().map(TargetSpec::name));
    let near = nearest(name, known);
    near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

fn stranger(flag: &str, name: &str) -> Problem {
    Problem::usage(
        format!("{flag} speaks of {name}, which is not among the targets of this run"),
        format!("Add {name} to --targets, or leave the flag out."),
    )
}

fn has(targets: &[TargetSpec], name: &str) -> bool {
    targets.iter().any(|target| target.name() == name)
}

/// The scenarios as the flags ask for them, and a notice for each threshold of theirs that cannot be
/// judged in this run, as it is measured by a target that is not in it.
pub(super) fn apply(
    scenarios: Vec<Scenario>,
    targets: &[TargetSpec],
    flags: &RunFlags,
) -> (Vec<Scenario>, Vec<String>) {
    let mut notices = Vec::new();
    let scenarios = scenarios.into_iter().map(|scenario| {
        let mut asked = if flags.quick {
            scenario.quick()
        } else {
            scenario
        };
        asked.thresholds.retain(|threshold| {
            let mut named = threshold.reference().into_iter();
            let Some(missing) = named.find(|name| !has(targets, name)) else {
                return true;
            };
            notices.push(format!(
                "{}: {threshold} is not judged, as {missing} is not in this run{}",
                asked.name,
                instead(missing, targets)
            ));
            false
        });
        asked.thresholds.extend(flags.threshold.iter().cloned());
        asked
    });
    let scenarios = scenarios.collect();
    (scenarios, notices)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use poolproof_scenarios::catalog;

    use super::*;
    use crate::cli::{Cli, Command};

    fn compare(line: &str) -> (Vec<TargetSpec>, RunFlags) {
        let words = ["poolproof", "compare"].into_iter().chain(line.split('|'));
        match Cli::try_parse_from(words).expect("a command").command {
            Command::Compare(args) => (args.targets, args.run),
            other => panic!("expected compare, got {other:?}"),
        }
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for (line, expected) in [
            ("--targets|direct,direct", "got direct twice"),
            (
                "--targets|direct|--port|proxy=6432",
                "--port speaks of proxy",
            ),
            (
                "--targets|direct|--threshold|p99 <= 1.1 * pgbouncer",
                "--threshold speaks of pgbouncer",
            ),
            (
                "--targets|proxy|--threshold|proxy: p99 <= 0.1 * proxy",
                "proxy: p99 <= 0.1 * proxy holds one against itself",
            ),
            (
                "--targets|direct|--threshold|proxy: p99 <= 1s",
                "--threshold speaks of proxy",
            ),
        ] {
            let (targets, flags) = compare(line);
            let problem = check(&targets, &flags).expect_err(line);
            assert!(problem.what.contains(expected), "{problem}");
        }
        let (targets, flags) = compare("--targets|proxy|--port|direct=5544|--port|proxy=6432");
        assert_eq!(check(&targets, &flags), Ok(()));
    }

    #[test]
    fn a_slip_in_a_scenario_is_told() {
        let mut scenario = catalog::find("ramp").expect("in the catalog");
        scenario.thresholds = vec!["p99 <= 1.1 * pgbouncr".parse().expect("a threshold")];
        let (targets, flags) = compare("--targets|direct");
        let (_, notices) = apply(vec![scenario], &targets, &flags);
        let expected = "pgbouncr is not in this run; did you mean pgbouncer?";
        assert!(notices[0].ends_with(expected), "{notices:?}");
    }

    #[test]
    fn a_threshold_without_its_reference_is_told_and_left_out() {
        let mut scenario = catalog::find("ramp").expect("in the catalog");
        let text = ["success_rate >= 100%", "p99 <= 1.1 * pgbouncer"];
        scenario.thresholds = text.map(|text| text.parse().expect("a threshold")).into();
        let (targets, flags) = compare("--targets|direct|--threshold|p99 <= 1s");
        let (scenarios, notices) = apply(vec![scenario], &targets, &flags);
        let kept: Vec<String> = scenarios[0]
            .thresholds
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(kept, ["success_rate >= 100%", "p99 <= 1s"]);
        assert_eq!(notices.len(), 1);
        assert!(
            notices[0].contains("p99 <= 1.1 * pgbouncer is not judged"),
            "{notices:?}"
        );
    }
}
