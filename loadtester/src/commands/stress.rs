//! `poolproof stress`: scenarios against one target, or the classic stress test in numbers of the
//! user's own.

use poolproof_scenarios::{Scenario, load::Load};

use super::{choose, measure};
use crate::{
    cli::{OutputFlags, StressArgs},
    exit::Exit,
    problem::Problem,
    run::Blocks,
};

/// What runs when nothing is named, and what the numbers of the flags change.
const CLASSIC: &str = "stress-1000";

/// Runs the command.
pub(super) fn run(args: StressArgs, output: OutputFlags) -> Result<Exit, Problem> {
    let StressArgs {
        scenarios,
        target,
        total,
        max_concurrent,
        queries,
        blocks,
        run,
    } = args;
    let scenarios = if scenarios.is_empty() {
        let classic = choose::scenario(CLASSIC)?;
        vec![with_numbers(classic, total, max_concurrent, queries)?]
    } else {
        let named = scenarios.iter().map(|name| choose::scenario(name));
        named.collect::<Result<_, _>>()?
    };
    measure::run(scenarios, vec![target], Blocks::all(blocks), &run, output)
}

/// The classic stress test with the numbers that were given, read again so that they are held to the
/// bounds of any scenario.
fn with_numbers(
    mut scenario: Scenario,
    total: Option<u32>,
    max_concurrent: Option<u32>,
    queries: Option<u32>,
) -> Result<Scenario, Problem> {
    let Load::Connections {
        total: usual_total,
        max_concurrent: usual_concurrent,
        transactions,
        think_time,
    } = scenario.load
    else {
        return Ok(scenario);
    };
    if total.or(max_concurrent).or(queries).is_none() {
        return Ok(scenario);
    }
    let total = total.unwrap_or(usual_total);
    scenario.name = "stress".to_owned();
    scenario.load = Load::Connections {
        total,
        max_concurrent: max_concurrent.unwrap_or(usual_concurrent.min(total)),
        transactions: queries.unwrap_or(transactions),
        think_time,
    };
    scenario.purpose = "The classic stress test with numbers from the command line.".to_owned();
    let refused = |reason: String| {
        Problem::usage(
            format!("these numbers make no scenario: {reason}"),
            "Change --total, --max-concurrent or --queries.",
        )
    };
    let text = scenario
        .format()
        .map_err(|error| refused(error.to_string()))?;
    Scenario::parse(&text, "").map_err(|error| {
        // Lines of a text that the user never saw would say nothing.
        let messages = error.problems.into_iter().map(|problem| problem.message);
        refused(messages.collect::<Vec<_>>().join("; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classic() -> Scenario {
        choose::scenario(CLASSIC).expect("in the catalog")
    }

    #[test]
    fn numbers_replace_the_usual_ones() {
        let scenario = with_numbers(classic(), Some(200), None, Some(3)).expect("a scenario");
        let expected = Load::Connections {
            total: 200,
            max_concurrent: 50,
            transactions: 3,
            think_time: std::time::Duration::ZERO,
        };
        assert_eq!(scenario.load, expected);
        let few = with_numbers(classic(), Some(5), None, None).expect("a scenario");
        assert!(matches!(
            few.load,
            Load::Connections {
                max_concurrent: 5,
                ..
            }
        ));
    }

    #[test]
    fn without_numbers_it_is_the_catalogs() {
        assert_eq!(with_numbers(classic(), None, None, None), Ok(classic()));
    }

    #[test]
    fn numbers_beyond_the_bounds_are_refused() {
        let problem = with_numbers(classic(), None, Some(1_000_000), None).expect_err("too many");
        assert_eq!(problem.exit, Exit::Usage);
        assert!(problem.next.contains("--max-concurrent"), "{problem}");
    }
}
