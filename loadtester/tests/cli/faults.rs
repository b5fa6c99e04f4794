//! Every scenario that does harm, against our own pooler: each fault is live, and is recovered from.

use std::time::Duration;

use poolproof_reports::record::{CellStatus, Window};
use poolproof_scenarios::catalog;

use crate::bench::Bench;

/// Longest that a service may take to return on a machine that runs other tests as well. The thresholds of
/// the catalog are narrower, and are for a machine of one's own.
const RECOVERY_MAX: Duration = Duration::from_secs(20);

/// How a fault shows in its window.
///
/// Fewer than one of the 20 clients is in a transaction at any moment, on average, so a fault that only these cannot
/// survive may hit nobody.
enum Felt {
    /// Transactions fail, whatever the pooler does.
    Fails,
    /// Nothing fails, and somebody waits at least this long.
    Waits(Duration),
    /// Who is in a transaction fails, and the others wait: at least one of the two, the wait this long.
    FailsOrWaits(Duration),
    /// Who is in a transaction fails, and nobody need wait. The fault's mark says how many backends it ended, and a
    /// window in which it ended none is invalid.
    MayFail,
    /// By nobody whom the load asks. `faults::saboteur` and `environment` have tests that these are live.
    Unfelt,
}

impl Felt {
    /// What the catalog's scenario `name` does to our pooler's clients. A wait is a good part of the outage.
    fn of(name: &str) -> Self {
        let ms = Duration::from_millis;
        match name {
            "link-reset-mid-batch" | "pooler-restarted" | "pooler-killed" => Self::Fails,
            "postgres-frozen" | "pooler-frozen" | "pooler-paused" | "link-stalled" => {
                Self::Waits(ms(500))
            }
            "link-delayed" => Self::Waits(ms(40)),
            // Down for a second, cut for half of one; a restart takes as long as PostgreSQL needs.
            "postgres-stopped" => Self::FailsOrWaits(ms(500)),
            "link-cut" => Self::FailsOrWaits(ms(250)),
            "postgres-restarted" => Self::FailsOrWaits(ms(50)),
            "backends-killed" => Self::MayFail,
            _ => Self::Unfelt,
        }
    }
}

/// A fault without an effect tests nothing: `window` shows that of the scenario `name`.
fn felt(name: &str, window: &Window) {
    let failed = window.attempted - window.succeeded;
    let longest = window.latency.max().unwrap_or_default();
    let holds = match Felt::of(name) {
        Felt::Fails => failed > 0,
        Felt::Waits(at_least) => failed == 0 && longest >= at_least,
        Felt::FailsOrWaits(at_least) => failed > 0 || longest >= at_least,
        Felt::MayFail => true,
        Felt::Unfelt => failed == 0,
    };
    assert!(
        holds,
        "{name}: {failed} failed, the longest took {longest:?}: {:?}",
        window.error_samples
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
