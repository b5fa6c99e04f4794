//! Scenarios as the command line names them: by a name of the catalog or by a file.

use std::{fs, path::Path};

use poolproof_scenarios::{Scenario, catalog};

use crate::problem::Problem;

/// Files and streams named on the command line are read up to here; a scenario is a hundredth of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The scenario that `name` means.
///
/// # Errors
///
/// When the catalog has no such name, or the file cannot be read or is no scenario.
pub(super) fn scenario(name: &str) -> Result<Scenario, Problem> {
    if is_path(name) {
        return parse(&text(Path::new(name))?, name);
    }
    let entry = catalog::entry(name).map_err(|error| {
        Problem::usage(
            error,
            "`poolproof scenarios list` shows the catalog; a file of your own is named with its \
             path, such as ./mine.toml.",
        )
    })?;
    entry
        .scenario()
        .map_err(|error| malformed(&error, entry.path))
}

/// The text behind `name`.
///
/// # Errors
///
/// As [`scenario`], but the text need not be a valid scenario.
pub(super) fn source(name: &str) -> Result<String, Problem> {
    if is_path(name) {
        return text(Path::new(name));
    }
    scenario(name)?;
    Ok(catalog::entry(name).map_or_else(|_| String::new(), |entry| entry.text.to_owned()))
}

/// Reads one scenario file.
///
/// # Errors
///
/// All that is wrong with it, each with its line and column.
pub(super) fn parse(text: &str, file: &str) -> Result<Scenario, Problem> {
    Scenario::parse(text, file).map_err(|error| malformed(&error, file))
}

/// A file's text.
///
/// # Errors
///
/// When it cannot be read, or is far too large.
pub(super) fn text(path: &Path) -> Result<String, Problem> {
    use std::io::Read;
    let unreadable = |reason: String| {
        Problem::usage(
            format!("cannot read the scenario {}: {reason}", path.display()),
            "Check the path; `poolproof scenarios new NAME` begins a scenario of your own.",
        )
    };
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(format!(
            "expected at most {FILE_BYTES_MAX} bytes, got more"
        )));
    }
    Ok(text)
}

fn is_path(name: &str) -> bool {
    name.contains(std::path::MAIN_SEPARATOR)
        || Path::new(name)
            .extension()
            .is_some_and(|extension| extension == "toml")
}

fn malformed(error: &impl std::fmt::Display, file: &str) -> Problem {
    Problem::usage(
        error,
        format!(
            "Mend the file and read it again with `poolproof scenarios check {file}`; `poolproof \
             scenarios show ramp` is an example."
        ),
    )
}
