//! The SQL of `--setup`, which makes what a replay needs, and what is said when PostgreSQL refuses it.

use std::path::Path;

use super::super::choose;
use crate::{
    diff::{DiffError, told},
    exit::Exit,
    problem::Problem,
};

/// Commands of psql with which `pg_dump` begins and ends a dump. They guard psql against the dump's own
/// backslashes; to a server they say nothing.
const GUARDS: [&str; 2] = [r"\restrict ", r"\unrestrict "];

/// What the file says to a server.
///
/// # Errors
///
/// When it cannot be read.
pub(super) fn text(path: &Path) -> Result<String, Problem> {
    let dump = choose::text(
        path,
        "set-up",
        "Check the path; `pg_dump --schema-only --no-owner --no-privileges` makes such a file.",
    )?;
    Ok(unguarded(&dump))
}

/// Without what guards psql. Every line keeps its number.
fn unguarded(dump: &str) -> String {
    let is_guard = |line: &str| GUARDS.iter().any(|guard| line.starts_with(guard));
    let lines = dump.split('\n');
    let lines = lines.map(|line| if is_guard(line) { "" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

/// What PostgreSQL refuses of the file.
pub(super) fn refused(path: &Path, line: Option<usize>, error: &DiffError) -> Problem {
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    let said = match error {
        DiffError::Setup { source, .. } => told(source),
        other => other.to_string(),
    };
    Problem::new(
        Exit::Usage,
        format!("{}{line}: PostgreSQL says {said}", path.display()),
        "Mend the file: it is run by a role without privileges of its own, in a new schema \
         `public`, without psql. `pg_dump --schema-only --no-owner --no-privileges` leaves out \
         what other roles are needed for.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guards_psql_is_left_out_and_lines_keep_their_numbers() {
        let dump = "--\n\n\\restrict aBc\n\nSELECT 1;\n\\unrestrict aBc\n\n";
        assert_eq!(unguarded(dump), "--\n\n\n\nSELECT 1;\n\n\n");
        // What is no guard is for PostgreSQL to judge.
        assert_eq!(unguarded("\\connect shop\n"), "\\connect shop\n");
    }
}
