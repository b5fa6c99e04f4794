//! Every scenario of the catalog, briefly, against our own pooler.

use poolproof_reports::record::CellStatus;
use poolproof_scenarios::catalog;

use crate::bench::Bench;

/// Longest window of a quick form, in microseconds.
const WINDOW_MAX_US: u64 = 15_000_000;

#[test]
fn the_proxy_meets_every_threshold_of_the_catalog() {
    let bench = Bench::new();
    let mut line = vec!["compare", "--targets", "proxy", "--quick", "--blocks", "1"];
    line.extend(catalog::ENTRIES.iter().map(|entry| entry.name));
    let outcome = bench.run(&line);
    let record = bench.record();
    assert_eq!(record.scenarios.len(), catalog::ENTRIES.len());
    for run in &record.scenarios {
        let name = &run.scenario.name;
        let cell = &run.cells[0];
        match &cell.status {
            CellStatus::Measured => {
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
            status => panic!("{name}: {status:?}"),
        }
    }
    outcome.check(0, &["100.00 %"]);
}
