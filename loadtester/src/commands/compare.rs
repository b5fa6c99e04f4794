//! `poolproof compare`: the same scenarios against several targets, side by side.

use super::{choose, measure};
use crate::{
    cli::{CompareArgs, OutputFlags},
    exit::Exit,
    problem::Problem,
    run::Blocks,
    targets::with_twins,
};

/// What runs when nothing is named.
const DEFAULT_SCENARIOS: [&str; 2] = ["ramp", "stress-1000"];
/// Fewest blocks from which a 95 % interval of the median can be had.
const BLOCKS: u32 = 6;
/// Blocks of a first look, where nothing is compared.
const QUICK_BLOCKS: u32 = 2;

/// Runs the command.
pub(super) fn run(args: CompareArgs, output: OutputFlags) -> Result<Exit, Problem> {
    let CompareArgs {
        scenarios,
        targets,
        blocks,
        run,
    } = args;
    let names: Vec<&str> = if scenarios.is_empty() {
        DEFAULT_SCENARIOS.to_vec()
    } else {
        scenarios.iter().map(String::as_str).collect()
    };
    let scenarios: Vec<Vec<_>> = names
        .into_iter()
        .map(choose::scenarios)
        .collect::<Result<_, _>>()?;
    let scenarios = scenarios.concat();
    let default = Blocks {
        usual: if run.quick { QUICK_BLOCKS } else { BLOCKS },
        compared: BLOCKS,
    };
    let targets = with_twins(targets).map_err(|error| {
        Problem::usage(
            error,
            "Give each target of your own another `name` in its file.",
        )
    })?;
    let blocks = blocks.map_or(default, Blocks::all);
    measure::run(scenarios, targets, blocks, &run, output)
}
