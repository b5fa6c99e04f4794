//! Exit codes 0, 1 and 4 for the same run, by what is asked of it.

use poolproof_reports::record::CellStatus;

use crate::bench::Bench;

/// A bench with a finished run against PostgreSQL itself.
fn measured() -> Bench {
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "direct",
        "--blocks",
        "2",
    ];
    bench.run(&line).check(0, &[]);
    bench
}

#[test]
fn a_gate_opens_closes_or_cannot_tell() {
    let bench = measured();
    let gate = |args: &[&str], code, words: &[&str]| {
        let line: Vec<&str> = ["gate", "poolproof-out"]
            .iter()
            .chain(args)
            .copied()
            .collect();
        bench.run(&line).check(code, words);
    };
    gate(&[], 0, &["pass", "success_rate"]);
    gate(
        &["--min-success-rate", "99.9%", "--max-p99", "1m"],
        0,
        &["pass"],
    );
    gate(&["--max-p99", "1us"], 1, &["FAIL", "p99 <= 1us"]);
    // A run of half a second has too few samples to know one transaction in a million.
    gate(&["--threshold", "p99.9999 <= 1m"], 4, &["no verdict"]);
    gate(
        &["--max-p99-ratio", "direct/pgbouncer=1.1"],
        4,
        &["no verdict", "pgbouncer"],
    );
    gate(
        &["--max-p99-ratio", "direct/direct=0.1"],
        2,
        &["against itself"],
    );
    gate(&["--max-p99", "1us", "--junit", "verdicts.xml"], 1, &[]);
    assert!(bench.read("verdicts.xml").contains("<failure"));
}

#[test]
fn a_threshold_of_the_command_line_fails_the_run() {
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "direct",
        "--blocks",
        "1",
        "--threshold",
        "max <= 1us",
    ];
    bench.run(&line).check(1, &["max <= 1us"]);
    bench
        .run(&["gate", "poolproof-out/run.json"])
        .check(1, &["FAIL"]);
}

#[test]
fn the_verdict_stands_in_every_form_of_the_result() {
    let bench = measured();
    for (format, words) in [
        ("table", ["PASS", "check"]),
        ("markdown", ["## ✅ Pass", "check"]),
        ("json", ["\"outcome\": \"pass\"", "\"headline\""]),
    ] {
        let outcome = bench.run(&["report", "poolproof-out", "--format", format]);
        outcome.check(0, &words);
    }
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "direct",
        "--blocks",
        "1",
        "--threshold",
        "max <= 1us",
        "--format",
        "json",
    ];
    let outcome = bench.run(&line);
    outcome.check(1, &[]);
    let json: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON alone");
    assert_eq!(json["verdict"]["outcome"], "fail");
    assert_eq!(json["verdict"]["checks"][0]["threshold"], "max <= 1us");
    // The rest is the record, which any reader of run.json reads.
    bench.write("again.json", &outcome.stdout);
    bench.run(&["gate", "again.json"]).check(1, &["FAIL"]);
}

#[test]
fn the_live_view_is_lines_where_there_is_no_terminal() {
    let bench = Bench::new();
    let text = bench.read("brief.toml");
    bench.write("long.toml", &text.replace("200ms", "6s"));
    let line = [
        "compare",
        "long.toml",
        "--targets",
        "direct",
        "--blocks",
        "1",
        "--live",
    ];
    let outcome = bench.run(&line);
    outcome.check(0, &["brief  1/1  direct  4 clients", "servers "]);
    assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains("clients"), "{}", outcome.stdout);
}

#[test]
fn a_run_without_samples_has_no_verdict() {
    let bench = measured();
    // The record of a run whose every window was lost, as an aborted merge would leave it.
    let mut record = bench.record();
    for cell in record.scenarios.iter_mut().flat_map(|run| &mut run.cells) {
        cell.windows.clear();
    }
    let text = serde_json::to_string(&record).expect("JSON");
    bench.write("poolproof-out/run.json", &text);
    bench
        .run(&["gate", "poolproof-out"])
        .check(4, &["no verdict"]);
}

#[test]
fn reports_are_drawn_again_from_the_record() {
    let bench = measured();
    let line = [
        "report",
        "poolproof-out",
        "--html",
        "a.html",
        "--markdown",
        "a.md",
        "--junit",
        "a.xml",
        "--csv",
        "a.csv",
    ];
    bench.run(&line).check(0, &[]);
    for (again, first) in [
        ("a.html", "report.html"),
        ("a.md", "report.md"),
        ("a.xml", "junit.xml"),
        ("a.csv", "results.csv"),
    ] {
        assert_eq!(
            bench.read(again),
            bench.read(&format!("poolproof-out/{first}")),
            "{again}"
        );
    }
    bench
        .run(&["report", "poolproof-out"])
        .check(0, &["direct"]);
    let two = [
        "report",
        "poolproof-out",
        "poolproof-out",
        "--html",
        "b.html",
    ];
    bench.run(&two).check(2, &["expected one RUN"]);
    bench.write("no-matrix.json", "{}");
    let line = [
        "report",
        "poolproof-out",
        "--html",
        "b.html",
        "--matrix",
        "no-matrix.json",
    ];
    bench
        .run(&line)
        .check(2, &["no-matrix.json", "poolproof diff --out"]);
    let nowhere = ["report", "poolproof-out", "--html", "absent/a.html"];
    bench.run(&nowhere).check(2, &["absent/a.html"]);
}

#[test]
fn what_a_target_lacks_is_told_and_neither_passed_nor_failed() {
    let bench = Bench::new();
    let text = bench.read("brief.toml");
    let needing = text.replacen("purpose", "needs = [\"console\"]\npurpose", 1);
    bench.write("console.toml", &needing);
    let line = [
        "compare",
        "console.toml",
        "--targets",
        "direct,pgbouncer",
        "--blocks",
        "1",
    ];
    bench
        .run(&line)
        .check(0, &["PostgreSQL has no pooler's console"]);
    let cells = &bench.record().scenarios[0].cells;
    let expected = CellStatus::Unsupported {
        reason: "PostgreSQL has no pooler's console".to_owned(),
    };
    assert_eq!(cells[0].status, expected);
    assert_eq!(cells[0].windows, []);
    assert_eq!(cells[1].status, CellStatus::Measured);
}
