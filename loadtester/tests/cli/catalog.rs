//! Every scenario of the catalog, briefly, against our own pooler.

use poolproof_reports::record::CellStatus;
use poolproof_scenarios::{catalog, load::Load};

use crate::bench::Bench;

/// Longest window of a quick form, in microseconds.
const WINDOW_MAX_US: u64 = 15_000_000;
/// The scenario with the most clients.
const HOLD: &str = "hold-10k";

#[test]
fn the_proxy_meets_every_threshold_of_the_catalog() {
    let bench = Bench::new();
    // Ten thousand logins take a build for speed; what they show of a debug build is its slowness.
    let held = catalog::entry(HOLD).expect("in the catalog").text;
    assert!(held.contains("clients = 9990"), "{held}");
    bench.write(
        "held.toml",
        &held.replace("clients = 9990", "clients = 990"),
    );
    let mut line = vec!["compare", "--targets", "proxy", "--quick", "--blocks", "1"];
    // Those that do harm have a test of their own.
    let load = || {
        catalog::ENTRIES
            .iter()
            .filter(|entry| entry.path.starts_with("load/"))
    };
    line.extend(load().map(|entry| match entry.name {
        HOLD => "./held.toml",
        name => name,
    }));
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
    outcome.check(if any_invalid { 4 } else { 0 }, &["100.00 %"]);
}
