//! Every scenario that does harm, against our own pooler: each fault is live, and is recovered from.

use std::time::Duration;

use poolproof_reports::record::{CellStatus, Window};
use poolproof_scenarios::catalog;

use crate::bench::Bench;

/// Longest that a service may take to return on a machine that runs other tests as well. The thresholds of
/// the catalog are narrower, and are for a machine of one's own.
const RECOVERY_MAX: Duration = Duration::from_secs(20);

/// What must have failed or waited because of each fault, since one without an effect tests nothing.
fn felt(name: &str, window: &Window) {
    let failed = window.attempted - window.succeeded;
    let longest = window.latency.max().unwrap_or_default();
    let (fails, waits) = match name {
        "backends-killed" | "postgres-restarted" | "postgres-stopped" => (true, 0),
        "link-cut" | "link-reset-mid-batch" => (true, 0),
        "pooler-restarted" | "pooler-killed" => (true, 0),
        "postgres-frozen" | "pooler-frozen" | "pooler-paused" | "link-stalled" => (false, 500),
        "link-delayed" => (false, 40),
        // Nobody else feels these. `faults::saboteur` and `environment` have tests that they are live.
        _ => (false, 0),
    };
    assert_eq!(
        failed > 0,
        fails,
        "{name}: {failed} failed, {:?}",
        window.error_samples
    );
    assert!(
        longest >= Duration::from_millis(waits),
        "{name}: {longest:?} at most"
    );
}

#[test]
fn every_fault_is_live_and_the_proxy_recovers() {
    let bench = Bench::alone();
    let mut line = vec!["compare", "--targets", "proxy", "--quick", "--blocks", "1"];
    let harm = || {
        catalog::ENTRIES
            .iter()
            .filter(|entry| entry.path.starts_with("faults/"))
    };
    line.extend(harm().map(|entry| entry.name));
    let outcome = bench.run(&line);
    let record = bench.record();
    assert_eq!(record.scenarios.len(), harm().count(), "{}", outcome.stderr);
    for run in &record.scenarios {
        let (name, cell) = (&run.scenario.name, &run.cells[0]);
        assert_eq!(cell.status, CellStatus::Measured, "{name}");
        let window = &cell.windows[0];
        assert_eq!(window.faults.len(), run.scenario.faults.len(), "{name}");
        for fault in &window.faults {
            let recovered = fault.recovered_after_ms.map(Duration::from_millis);
            assert!(
                recovered.is_some_and(|after| after < RECOVERY_MAX),
                "{name}: {fault:?}"
            );
        }
        for check in &window.invariants {
            assert!(check.looks > 0, "{name}: {check:?}");
            assert_eq!(check.violations, 0, "{name}: {check:?}");
        }
        felt(name, window);
    }
}
