//! Which target is the reference, what stands where, and the sentences.

use super::*;
use crate::record::{Cell, Cost, TargetInfo, Window};

fn record(names: &[&str]) -> RunRecord {
    let target = |name: &&str| TargetInfo {
        name: (*name).to_owned(),
        version: String::new(),
        started_as: String::new(),
        config_files: Vec::new(),
        image: None,
    };
    let json = serde_json::json!({
        "schema_version": 1,
        "tool": { "version": "0", "commit": null, "command": [] },
        "started_at": "", "duration_ms": 0, "seed": 0, "quick": false,
        "environment": {
            "kind": "local", "os": "", "kernel": "", "cpu_model": "", "cores": 1,
            "memory_bytes": 1, "postgres_version": "",
        },
        "targets": [], "scenarios": [],
    });
    let mut record: RunRecord = serde_json::from_value(json).unwrap();
    record.targets = names.iter().map(target).collect();
    record
}

fn cell(target: &str, rate: u64, generator_bound: bool) -> Cell {
    let window = |block| Window {
        block,
        duration_us: 1_000_000,
        attempted: rate,
        succeeded: rate,
        target_cost: Some(Cost {
            cpu_us: 10_000,
            peak_rss_bytes: 1,
        }),
        generator_bound,
        ..Window::default()
    };
    Cell {
        warm_up: None,
        target: target.to_owned(),
        status: CellStatus::Measured,
        windows: (0..6).map(window).collect(),
    }
}

#[test]
fn pgbouncer_is_the_reference_or_else_the_first() {
    let table: [(&[&str], Option<&str>); 4] = [
        (&["direct", "proxy", "pgbouncer"], Some("pgbouncer")),
        (&["direct", "proxy"], Some("direct")),
        (&["proxy"], None),
        (&[], None),
    ];
    for (names, expected) in table {
        assert_eq!(
            Overview::of(&record(names)).reference,
            expected,
            "{names:?}"
        );
    }
}

#[test]
fn well_known_targets_keep_their_looks() {
    let record = record(&["odyssey", "pgbouncer", "pgcat", "direct"]);
    let indices = ["direct", "pgbouncer", "odyssey", "pgcat"].map(|name| index_of(&record, name));
    assert_eq!(indices, [0, 2, 3, 4]);
}

fn sentence(mine: &Cell, reference: &Cell) -> String {
    let figures = [mine, reference].map(Figures::of);
    let contrasts = contrasts(&figures[0], &figures, Some(&reference.target));
    let column = Column {
        index: 0,
        figures: figures[0].clone(),
        contrasts,
    };
    let other = Column {
        index: 1,
        figures: figures[1].clone(),
        contrasts: Vec::new(),
    };
    column.sentence(&reference.target, other.unmeasured())
}

#[test]
fn sentences_say_what_the_run_can_say() {
    let pgbouncer = cell("pgbouncer", 1_000, false);
    assert_eq!(
        sentence(&cell("proxy", 1_500, false), &pgbouncer),
        "proxy: 1.50 × PgBouncer's throughput (better) at 0.67 × its CPU a transaction (better)"
    );
    assert_eq!(
        sentence(&cell("proxy", 1_020, true), &pgbouncer),
        "proxy: 1.02 × PgBouncer's throughput (not judged: the generator was the limit) at 0.98 × \
         its CPU a transaction (no difference within 5 %)"
    );
    let mut short = cell("proxy", 1_500, false);
    short.windows.truncate(2);
    assert_eq!(
        sentence(&short, &pgbouncer),
        "proxy: 1.50 × PgBouncer's throughput at 0.67 × its CPU a transaction"
    );
    let broken = Cell {
        status: CellStatus::Broken {
            reason: "it was killed by signal 9".to_owned(),
        },
        ..cell("proxy", 1, false)
    };
    assert_eq!(
        sentence(&broken, &pgbouncer),
        "proxy: broken, it was killed by signal 9"
    );
    let silent = Cell {
        windows: Vec::new(),
        ..cell("proxy", 1, false)
    };
    assert_eq!(
        sentence(&silent, &pgbouncer),
        "proxy: nothing to compare with PgBouncer"
    );
}

#[test]
fn nothing_is_compared_with_a_side_that_was_not_measured() {
    let reason = "the rate was not delivered".to_owned();
    let invalid = Cell {
        status: CellStatus::Invalid { reason },
        ..cell("pgbouncer", 1_000, false)
    };
    let proxy = cell("proxy", 1_500, false);
    let figures = [&proxy, &invalid].map(Figures::of);
    assert_eq!(contrasts(&figures[0], &figures, Some("pgbouncer")), []);
    assert_eq!(contrasts(&figures[1], &figures, Some("proxy")), []);
    assert_eq!(
        sentence(&proxy, &invalid),
        "proxy: nothing to compare with, as PgBouncer is invalid, the rate was not delivered"
    );
}

#[test]
fn a_percentile_that_a_block_cannot_show_is_not_compared() {
    let with_successes = |target, successes| {
        let mut cell = cell(target, successes, false);
        for window in &mut cell.windows {
            for _ in 0..successes {
                window.latency.record(std::time::Duration::from_millis(1));
            }
        }
        cell
    };
    // p99 takes 100 successes and p99.9 takes 1,000.
    let cells = [
        with_successes("proxy", 999),
        with_successes("pgbouncer", 1_000),
    ];
    let figures = [&cells[0], &cells[1]].map(Figures::of);
    let compared = contrasts(&figures[0], &figures, Some("pgbouncer"));
    let has = |metric| compared.iter().any(|one| one.metric == metric);
    assert_eq!((has(Metric::P99), has(Metric::P999)), (true, false));
}

#[test]
fn a_target_against_itself_shows_the_machines_noise() {
    let mut record = record(&["proxy", "proxy-2"]);
    let scenario = serde_json::json!({
        "name": "ramp", "purpose": "", "transaction": [],
        "load": { "shape": "connections", "total": 1, "max_concurrent": 1, "transactions": 1 },
    });
    record.scenarios = vec![ScenarioRun {
        scenario: serde_json::from_value(scenario).unwrap(),
        driver: "wire".to_owned(),
        cells: vec![cell("proxy", 100, false), cell("proxy-2", 100, false)],
    }];
    let overview = Overview::of(&record);
    let [noise] = overview.scenarios[0].noise.as_slice() else {
        panic!("{:?}", overview.scenarios[0].noise);
    };
    assert_eq!(noise.target, "proxy");
    assert!(
        noise.sentence().contains("throughput 1.00 ×"),
        "{}",
        noise.sentence()
    );
}
