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
        return parse(&scenario_text(name)?, name);
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

/// The scenarios that `name` means: those of a group of the catalog, or one.
///
/// # Errors
///
/// As [`scenario`].
pub(super) fn scenarios(name: &str) -> Result<Vec<Scenario>, Problem> {
    let Some(group) = catalog::group(name) else {
        return scenario(name).map(|scenario| vec![scenario]);
    };
    group.map(|entry| scenario(entry.name)).collect()
}

/// The text behind `name`.
///
/// # Errors
///
/// As [`scenario`], but the text need not be a valid scenario.
pub(super) fn source(name: &str) -> Result<String, Problem> {
    if is_path(name) {
        return scenario_text(name);
    }
    scenario(name)?;
    Ok(catalog::entry(name).map_or_else(|_| String::new(), |entry| entry.text.to_owned()))
}

/// Reads one scenario file. Scripts that it names are files beside it.
///
/// # Errors
///
/// All that is wrong with it, each with its line and column.
pub(super) fn parse(text: &str, file: &str) -> Result<Scenario, Problem> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let scripts = |name: &str| {
        let script = text_of(&folder.join(name));
        script.map_err(|reason| format!("it cannot be read: {reason}"))
    };
    Scenario::parse_with(text, file, &scripts).map_err(|error| malformed(&error, file))
}

/// The text of a scenario's file.
///
/// # Errors
///
/// As [`text`].
pub(super) fn scenario_text(path: impl AsRef<Path>) -> Result<String, Problem> {
    text(
        path.as_ref(),
        "scenario",
        "Check the path; `poolproof scenarios new NAME` begins a scenario of your own.",
    )
}

/// A file's text. `what` says what it is to the user, `next` where such a file comes from.
///
/// # Errors
///
/// When it cannot be read, or is far too large.
pub(super) fn text(path: &Path, what: &str, next: &str) -> Result<String, Problem> {
    text_of(path).map_err(|reason| {
        let file = path.display();
        Problem::usage(format!("cannot read the {what} {file}: {reason}"), next)
    })
}

fn text_of(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("expected at most {FILE_BYTES_MAX} bytes, got more"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_a_file_beside_its_scenario() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "name = \"ours\"\npurpose = \"Ours.\"\n[load]\nshape = \"connections\"\n\
                    total = 1\nmax_concurrent = 1\ntransactions = 1\n[[transaction]]\n\
                    name = \"ask\"\nprotocol = \"simple\"\nscript = \"ours.sql\"\n";
        let path = folder.path().join("ours.toml");
        fs::write(&path, text).expect("a file");
        let read = || scenario(&path.to_string_lossy());
        let missing = read().expect_err("no script yet").to_string();
        assert!(missing.contains("ours.sql"), "{missing}");
        let script = folder.path().join("ours.sql");
        fs::write(&script, "SELECT 1;\n\\shell ls\n").expect("a file");
        let refused = read().expect_err("outside of the subset").to_string();
        assert!(
            refused.contains("ours.sql:2:1: expected a command"),
            "{refused}"
        );
        fs::write(&script, "SELECT 1;\n").expect("a file");
        assert!(read().expect("a scenario").transactions[0].script.is_some());
    }
}
