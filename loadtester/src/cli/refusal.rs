//! What is said of a command line that is wrong.

use std::ffi::OsString;

use clap::{CommandFactory as _, error::ErrorKind};

use super::Cli;

/// With this the parser ends what it says; our problems end with what to do next.
const POINTER: &str = "For more information";

/// Whether help or the version was asked for, or nothing at all.
#[must_use]
pub fn is_help(error: &clap::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// What is wrong with the command line, and what to do next.
#[must_use]
pub fn refusal(error: &clap::Error, command_line: &[OsString]) -> String {
    let said = error.render().to_string();
    let said = said.split(POINTER).next().unwrap_or_default().trim_end();
    let named = command_line.iter().skip(1).find_map(|word| word.to_str());
    let command = named.filter(|name| Cli::command().find_subcommand(name).is_some());
    let command = command.map_or_else(String::new, |name| format!(" {name}"));
    format!(
        "{said}\n next: `poolproof{command} --help` says what it takes; docs/command-line.md says \
         more."
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_wrong_command_line_is_told_with_what_to_do() {
        for (line, expected) in [
            ("compare --blocks 0", "`poolproof compare --help`"),
            ("record --listen 5433", "`poolproof record --help`"),
            ("comprae", "`poolproof --help`"),
        ] {
            let words: Vec<OsString> = std::iter::once("poolproof")
                .chain(line.split(' '))
                .map(OsString::from)
                .collect();
            let error = Cli::try_parse_from(&words).expect_err(line);
            let said = refusal(&error, &words);
            assert!(!said.contains("For more"), "{said}");
            let (what, next) = said.split_once("\n next: ").expect("what to do");
            assert!(what.starts_with("error: "), "{said}");
            assert!(next.starts_with(expected), "{said}");
        }
    }
}
