//! Exit code 2, and the commands that measure nothing.

use crate::bench::Bench;

#[test]
fn what_is_no_scenario_is_told_with_what_to_do() {
    let bench = Bench::new();
    let check = |args: &[&str], words: &[&str]| bench.run(args).check(2, words);
    check(
        &["compare", "nonsense"],
        &["got \"nonsense\"", "poolproof scenarios list"],
    );
    check(&["compare", "rmap"], &["did you mean \"ramp\"?"]);
    check(
        &["compare", "./absent.toml"],
        &["./absent.toml", "poolproof scenarios new"],
    );
    check(&["stress", "nonsense"], &["poolproof scenarios list"]);
    assert!(
        bench.left().is_empty(),
        "nothing is started for a wrong command line"
    );
}

#[test]
fn a_malformed_scenario_is_told_with_its_line() {
    let bench = Bench::new();
    let text = bench
        .read("brief.toml")
        .replace("clients = 4, for = \"100ms\"", "client = 4");
    bench.write("broken.toml", &text);
    for command in [
        &["compare", "./broken.toml"][..],
        &["scenarios", "check", "broken.toml"],
    ] {
        let outcome = bench.run(command);
        outcome.check(
            2,
            &["broken.toml:8:", "clients", "poolproof scenarios check"],
        );
    }
}

#[test]
fn flags_are_held_to_their_forms() {
    let bench = Bench::new();
    let check = |args: &[&str], words: &[&str]| bench.run(args).check(2, words);
    check(&[], &["Usage"]);
    check(&["compare", "--targets", "prxy"], &["did you mean proxy?"]);
    check(
        &["compare", "--targets", "direct,direct,direct"],
        &["got direct-2 twice"],
    );
    check(&["compare", "--blocks", "0"], &["--blocks"]);
    check(&["compare", "--threshold", "p99 <= soon"], &["--threshold"]);
    check(&["compare", "--port", "proxy"], &["TARGET=PORT"]);
    check(&["records"], &["unrecognized subcommand"]);
    check(&["record"], &["--upstream"]);
    check(&["gate", "absent"], &["absent", "run.json"]);
    check(&["diff", "cancl"], &["did you mean cancel?"]);
    check(
        &["record", "--upstream", "postgres://127.0.0.1:5432"],
        &["expected postgres://USER@HOST:PORT/DATABASE:"],
    );
    check(
        &["compare", "--env", "local", "--container-cpus", "0.5"],
        &["got --container-cpus beside --env local", "--env docker"],
    );
    bench.write("a.session", "A: Query \"SELECT 1\"\nA: wait\n");
    check(
        &["diff", "--replay", "absent"],
        &["the session script absent", "poolproof record"],
    );
    check(
        &["diff", "--ledger", "absent"],
        &["the ledger absent", "docs/differential-testing.md"],
    );
    check(
        &["diff", "--replay", "a.session", "--setup", "absent.sql"],
        &["the set-up absent.sql", "pg_dump"],
    );
}

#[test]
fn a_new_scenario_is_valid_and_nobodys_file_is_lost() {
    let bench = Bench::new();
    bench
        .run(&["scenarios", "new", "mine"])
        .check(0, &["mine.toml is a valid scenario"]);
    bench
        .run(&["scenarios", "check", "mine.toml"])
        .check(0, &["mine is valid"]);
    bench
        .run(&["scenarios", "new", "mine"])
        .check(2, &["mine.toml", "another name"]);
    bench
        .run(&["scenarios", "new", "No Name"])
        .check(2, &["got \"No Name\""]);
}

#[test]
fn the_catalog_is_listed_and_shown() {
    let bench = Bench::new();
    bench
        .run(&["scenarios", "list"])
        .check(0, &["ramp", "stress-1000"]);
    bench
        .run(&["scenarios", "show", "ramp"])
        .check(0, &["name = \"ramp\"", "[load]"]);
    let listed = bench.run(&["scenarios", "list", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(value[0]["name"], "ramp");
}
