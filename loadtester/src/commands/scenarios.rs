//! `poolproof scenarios`: the catalog, and scenarios of the user's own.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use poolproof_scenarios::{Scenario, catalog};

use super::{asked, choose, listing::Listing};
use crate::{
    cli::{Format, OutputFlags, ScenariosCommand},
    exit::Exit,
    output,
    problem::Problem,
};

/// A scenario to begin with; `NAME` becomes its name.
const TEMPLATE: &str = include_str!("scenarios/template.toml");

/// Runs the command.
pub(super) fn run(command: &ScenariosCommand, flags: OutputFlags) -> Result<Exit, Problem> {
    match command {
        ScenariosCommand::List => list(flags.format),
        ScenariosCommand::Show { scenario } => show(scenario, flags.format),
        ScenariosCommand::Check { files } => check(files, flags.quiet),
        ScenariosCommand::New { name } => begin(name),
    }
}

fn list(format: Format) -> Result<Exit, Problem> {
    let mut listing = Listing::new(&["name", "purpose"]);
    for entry in catalog::ENTRIES {
        let scenario = choose::scenario(entry.name)?;
        listing.row(&[&scenario.name, &scenario.purpose]);
    }
    output::print(&listing.render(format))?;
    Ok(Exit::Ok)
}

fn show(name: &str, format: Format) -> Result<Exit, Problem> {
    let text = match format {
        Format::Json => output::to_json(&choose::scenario(name)?)?,
        Format::Markdown => format!("```toml\n{}```\n", choose::source(name)?),
        Format::Table => choose::source(name)?,
    };
    output::print(&text)?;
    Ok(Exit::Ok)
}

/// Every file is read, so that one run of the command names all that is wrong.
fn check(files: &[PathBuf], quiet: bool) -> Result<Exit, Problem> {
    let mut problems = Vec::new();
    for file in files {
        let name = file.display().to_string();
        match choose::scenario_text(file).and_then(|text| choose::parse(&text, &name)) {
            Ok(scenario) => {
                for slip in slips(&scenario) {
                    output::tell(&format!("{name}: {slip}"));
                }
                if !quiet {
                    output::print(&format!("{name}: {} is valid", scenario.name))?;
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    let Some(first) = problems.first() else {
        return Ok(Exit::Ok);
    };
    let what: Vec<&str> = problems.iter().map(|problem| &*problem.what).collect();
    Err(Problem::usage(what.join("\n"), first.next.clone()))
}

/// Thresholds that name a target which is nearly one of the catalog. It may be somebody's own, so that
/// the scenario is valid all the same.
fn slips(scenario: &Scenario) -> Vec<String> {
    let told = scenario.thresholds.iter().flat_map(|threshold| {
        let named = [threshold.on.as_deref(), threshold.reference()];
        let named = named
            .into_iter()
            .flatten()
            .map(|name| asked::instead(name, &[]));
        let slips = named.filter(|near| !near.is_empty());
        slips.map(move |near| format!("{threshold} names a target of your own{near}"))
    });
    told.collect()
}

fn begin(name: &str) -> Result<Exit, Problem> {
    let file = format!("{name}.toml");
    let text = TEMPLATE.replace("NAME", name);
    choose::parse(&text, &file).map_err(|_| {
        Problem::usage(
            format!("expected a name of lower-case letters, digits and dashes, got {name:?}"),
            "Try `poolproof scenarios new checkout-peak`.",
        )
    })?;
    create(Path::new(&file), &text)?;
    output::print(&format!(
        "{file} is a valid scenario; change it, and run it with `poolproof compare ./{file}`"
    ))?;
    Ok(Exit::Ok)
}

/// A file that is there already is somebody's work, and stays.
fn create(path: &Path, text: &str) -> Result<(), Problem> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            let next = match error.kind() {
                ErrorKind::AlreadyExists => {
                    "Choose another name, or change the file that is there."
                }
                _ => "Change to a folder that you may write.",
            };
            Problem::usage(format!("cannot make {}: {error}", path.display()), next)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_name_of_a_target_is_told() {
        let mut scenario = catalog::find("ramp").expect("in the catalog");
        let texts = [
            "p99 <= 1.1 * pgbouncr",
            "proxy: p99 <= 1.1 * pgbouncer",
            "mine: p99 <= 1s",
        ];
        scenario.thresholds = texts.map(|text| text.parse().expect("a threshold")).into();
        let expected = "p99 <= 1.1 * pgbouncr names a target of your own; did you mean pgbouncer?";
        assert_eq!(slips(&scenario), [expected]);
    }

    #[test]
    fn the_template_is_a_valid_scenario() {
        let scenario = choose::parse(&TEMPLATE.replace("NAME", "mine"), "mine.toml");
        assert_eq!(scenario.expect("a scenario").name, "mine");
    }
}
