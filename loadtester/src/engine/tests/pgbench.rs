//! Expressions and built-in scripts against pgbench itself.

use std::{fs, process::Command};

use poolproof_scenarios::pgbench::BUILTINS;

use super::{Endpoint, real_servers::with_target};
use crate::{environment::local::binaries, targets::CatalogTarget};

/// Expressions with their values, which the scenario model's own tests hold its evaluator against.
const TABLE: &str = include_str!("../../../../scenarios/src/pgbench/expression/table.txt");

pub(super) fn program() -> Command {
    let postgres = binaries::postgres(None).unwrap().postgres;
    let mut command = Command::new(postgres.with_file_name("pgbench"));
    command.arg("--no-vacuum");
    command
}

pub(super) fn to(command: &mut Command, endpoint: &Endpoint) {
    command
        .args(["--host", &endpoint.host])
        .args(["--port", &endpoint.port.to_string()])
        .args(["--username", &endpoint.user])
        .arg(&endpoint.dbname)
        .env(
            "PGPASSWORD",
            endpoint.password.as_deref().unwrap_or_default(),
        );
}

#[test]
fn the_table_of_expressions_is_pgbenchs() {
    let lines: Vec<_> = TABLE
        .lines()
        .map(|line| line.split_once(" => ").unwrap())
        .collect();
    assert!(lines.len() > 80);
    let mut script = "\\set seven 7\n\\set default_seed 42\n".to_owned();
    for (expression, _) in &lines {
        script.push_str(&format!("\\set d debug({expression})\n"));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.sql");
    fs::write(&file, script).unwrap();
    with_target(CatalogTarget::direct(), |endpoint, _| {
        let mut command = program();
        command
            .args(["--transactions=1", "--client=1", "--file"])
            .arg(&file);
        to(&mut command, endpoint);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        // pgbench prints «debug(script=0,command=3): int 7».
        let shown: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("debug("))
            .filter_map(|line| Some(line.split_once("): ")?.1))
            .collect();
        let expected: Vec<_> = lines.iter().map(|(_, value)| *value).collect();
        assert_eq!(shown, expected, "{text}");
    });
}

#[test]
fn the_built_in_scripts_are_pgbenchs() {
    for (name, text) in BUILTINS {
        let output = program()
            .arg(format!("--show-script={name}"))
            .output()
            .unwrap();
        // The first line is a comment with the script's description.
        let shown = String::from_utf8(output.stderr).unwrap();
        let (_, shown) = shown.split_once('\n').unwrap();
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(words(text), words(shown), "{name}");
    }
}
