//! Every scenario of the catalog, briefly, against our own pooler.

use poolproof_reports::record::CellStatus;
use poolproof_scenarios::{catalog, load::Load};

use crate::bench::Bench;

/// Longest window of a quick form, in microseconds.
const WINDOW_MAX_US: u64 = 15_000_000;
/// Scenarios of so many logins that they take a build for speed, and clients for a debug build.
const CROWDS: [(&str, &str, &str); 2] = [
    ("hold-10k", "clients = 9990", "clients = 990"),
    ("databases", "clients = 2000", "clients = 200"),
];

#[test]
fn the_proxy_meets_every_threshold_of_the_catalog() {
    let bench = Bench::alone();
    // Those that do harm have a test of their own.
    let load = || {
        catalog::ENTRIES
            .iter()
            .filter(|entry| entry.path.starts_with("load/"))
    };
    let mut line: Vec<String> = ["compare", "--targets", "proxy", "--quick", "--blocks", "1"]
        .map(str::to_owned)
        .into();
    for entry in load() {
        line.push(match CROWDS.iter().find(|crowd| crowd.0 == entry.name) {
            None => entry.name.to_owned(),
            Some((name, many, fewer)) => {
                assert!(entry.text.contains(many), "{}", entry.text);
                let file = format!("./{name}.toml");
                bench.write(&file, &entry.text.replace(many, fewer));
                file
            }
        });
    }
    let line: Vec<_> = line.iter().map(String::as_str).collect();
    let outcome = bench.run(&line);
    let record = bench.record();
    assert_eq!(record.scenarios.len(), load().count());
    for run in &record.scenarios {
        let name = &run.scenario.name;
        let cell = &run.cells[0];
        match &cell.status {
            // A machine that runs other tests may be too busy for a rate; what was asked at all must
            // have been answered.
            CellStatus::Measured | CellStatus::Invalid { .. } => {
                let is_open = matches!(run.scenario.load, Load::Open { .. });
                assert!(is_open || cell.status == CellStatus::Measured, "{name}");
                let window = &cell.windows[0];
                assert!(window.succeeded > 0, "{name}");
                assert!(window.duration_us < WINDOW_MAX_US, "{name}");
                assert_eq!(
                    window.attempted, window.succeeded,
                    "{name}: {:?}",
                    window.error_samples
                );
            }
            // What the proxy lacks is said of a feature that the scenario names.
            CellStatus::Unsupported { .. } => assert!(!run.scenario.needs.is_empty(), "{name}"),
            CellStatus::Broken { reason } => panic!("{name}: {reason}"),
        }
    }
    let invalid = |status: &CellStatus| matches!(status, CellStatus::Invalid { .. });
    let any_invalid = record
        .scenarios
        .iter()
        .any(|run| invalid(&run.cells[0].status));
    // Without an invalid window a busy machine may still leave a threshold without a verdict.
    let code = if any_invalid || outcome.code == 4 {
        4
    } else {
        0
    };
    outcome.check(code, &["100.00 %"]);
}
