//! The files that other tools read: each is read back by a reader of its format.

use std::{fs, path::Path};

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use poolproof_reports::{
    Latency,
    figures::Figures,
    gate::judge,
    render::{csv, hlog, junit, write_all},
    store,
};

use crate::fixture;

#[test]
fn junit_has_a_case_for_each_judgement() {
    let record = fixture::record();
    let gate = judge(&record, &["p99 <= 1.1 * odyssey".parse().unwrap()]);
    let report = quick_junit::Report::deserialize_from_str(&junit(&record, &gate)).unwrap();
    let suites: Vec<_> = report
        .test_suites
        .iter()
        .map(|suite| suite.name.as_str())
        .collect();
    assert_eq!(suites, ["ramp", "stress-1000"]);
    let (cases, failures, errors) = (report.tests, report.failures, report.errors);
    // Twelve by the scenarios, one of which fails, and six without their reference.
    assert_eq!((cases, failures, errors), (18, 1, 6));
    assert_eq!(cases, gate.judgements.len());
    insta::assert_snapshot!(junit(&record, &judge(&record, &[])));
}

#[test]
fn csv_holds_the_records_figures() {
    let record = fixture::record();
    let text = csv(&record, &judge(&record, &[]));
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 1 + 6);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
    let column = |name| lines[0].iter().position(|head| *head == name).unwrap();
    let total = Figures::of(&record.scenarios[1].cells[2]).total;
    let pgbouncer = &lines[6];
    assert_eq!(pgbouncer[column("target")], "pgbouncer");
    assert_eq!(pgbouncer[column("attempted")], total.attempted.to_string());
    assert_eq!(pgbouncer[column("failed")], total.failed().to_string());
    let p99 = total.latency.percentile(99.0).unwrap().as_micros();
    assert_eq!(pgbouncer[column("p99_us")], p99.to_string());
    assert_eq!(pgbouncer[column("checks_failed")], "1");
    let proxy: f64 = lines[2][column("throughput_ratio")].parse().unwrap();
    // 6,100 ÷ 4,600 transactions a second with up to 4 % of weather on either side.
    assert!((1.22..1.44).contains(&proxy), "{proxy}");
}

#[test]
fn interval_log_is_read_back_whole() {
    let record = fixture::record();
    let log = hlog(&record).unwrap();
    assert!(
        log.starts_with("#[Histogram log format version 1.3]\n"),
        "{log:.80}"
    );
    let mut read = 0;
    let mut begins = Vec::new();
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(interval) = entry.unwrap() else {
            continue;
        };
        let encoded = serde_json::Value::from(interval.encoded_histogram());
        let latency: Latency = serde_json::from_value(encoded).unwrap();
        read += latency.len();
        begins.push(interval.start_timestamp());
        let longest_ms = latency.max().unwrap().as_secs_f64() * 1e3;
        assert!((interval.max() - longest_ms).abs() < 1.0);
        assert!(interval.tag().unwrap().as_str().contains('/'));
    }
    let cells = record.scenarios.iter().flat_map(|run| &run.cells);
    let succeeded: u64 = cells
        .flat_map(|cell| &cell.windows)
        .map(|window| window.succeeded)
        .sum();
    assert_eq!(read, succeeded);
    assert!(begins.is_sorted());
}

#[test]
fn records_survive_their_file() {
    let dir = tempfile::tempdir().unwrap();
    let record = fixture::record();
    let path = store::write(&dir.path().join("new"), &record).unwrap();
    assert_eq!(store::read(&path).unwrap(), record);
    assert_eq!(store::read(path.parent().unwrap()).unwrap(), record);
}

fn refused(text: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.json");
    fs::write(&path, text).unwrap();
    let message = store::read(&path).unwrap_err().to_string();
    message.replace(&path.display().to_string(), "FILE")
}

#[test]
fn other_files_are_refused_with_a_sentence() {
    let newer = r#"{"schema_version": 7, "targets": "in a shape of the future"}"#;
    let messages = [
        refused(newer),
        refused("{}"),
        refused("[1]"),
        refused("not JSON"),
        refused(r#"{"schema_version": 1}"#),
        store::read(Path::new("/nonexistent/run.json"))
            .unwrap_err()
            .to_string(),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn the_published_schema_is_current_and_describes_records() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/run.schema.json");
    let current = store::schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(path, &current).unwrap();
    }
    let published = fs::read_to_string(path).unwrap();
    assert_eq!(published, current, "UPDATE_SCHEMA=1 writes it anew");

    let schema = serde_json::from_str(&published).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut record = serde_json::to_value(fixture::record()).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&record)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    record["targets"] = "none".into();
    assert!(!validator.is_valid(&record));
}

#[test]
fn every_file_is_written() {
    // A folder that stays, so that the reports can be looked at.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    let record = fixture::record();
    let paths = write_all(&record, &judge(&record, &[]), &dir).unwrap();
    let names: Vec<_> = paths
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "run.json",
            "report.html",
            "report.md",
            "junit.xml",
            "results.csv",
            "windows.csv",
            "latency.hlog"
        ]
    );
    assert!(
        paths
            .iter()
            .all(|path| fs::metadata(path).unwrap().len() > 100)
    );
}
