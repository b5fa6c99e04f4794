//! `poolproof proxy`: the pooler, with PgBouncer's own command line.

use std::{ffi::OsString, iter::once, process::ExitCode};

/// The arguments after `proxy`, if that is the command. They are taken before clap sees them, as
/// PgBouncer's `-q` or `-V` are not ours to read.
#[must_use]
pub fn pooler_arguments(command_line: &[OsString]) -> Option<&[OsString]> {
    match command_line {
        [_, command, args @ ..] if command == "proxy" => Some(args),
        _ => None,
    }
}

/// Runs the pooler until it is told to stop.
#[must_use]
pub fn pooler(args: &[OsString]) -> ExitCode {
    let name = OsString::from("poolproof proxy");
    poolproof_proxy::cli::run(once(&name).chain(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_proxy_is_the_poolers() {
        let line = ["poolproof", "proxy", "-q", "a.ini"].map(OsString::from);
        assert_eq!(pooler_arguments(&line), Some(&line[2..]));
        let line = ["poolproof", "compare", "proxy"].map(OsString::from);
        assert_eq!(pooler_arguments(&line), None);
    }
}
