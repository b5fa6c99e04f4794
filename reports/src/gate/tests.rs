//! The gate as a table: record and thresholds in, verdicts and sentences out.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::{
    Latency,
    record::{
        Cell, CellStatus, Cost, Environment, EnvironmentKind, SCHEMA_VERSION, TargetInfo, Tool,
        Window,
    },
};

mod against;
mod blocks;
mod happenings;
mod simulated;
mod unjudged;

/// What a simulated cell shows in each of its windows.
#[derive(Clone, Copy)]
struct Shape {
    blocks: u32,
    succeeded: u64,
    failed: u64,
    micros: u64,
    cpu_us: u64,
    generator_bound: bool,
}

const STEADY: Shape = Shape {
    blocks: 6,
    succeeded: 1_000,
    failed: 0,
    micros: 2_000,
    cpu_us: 50,
    generator_bound: false,
};

fn cell(target: &str, shape: Shape) -> Cell {
    let window = |block| {
        let mut latency = Latency::default();
        for _ in 0..shape.succeeded {
            // A little different in each block, so that intervals have a width.
            latency.record(Duration::from_micros(shape.micros + 10 * u64::from(block)));
        }
        Window {
            block,
            duration_us: 1_000_000,
            attempted: shape.succeeded + shape.failed,
            succeeded: shape.succeeded,
            latency,
            target_cost: Some(Cost {
                cpu_us: shape.cpu_us * shape.succeeded,
                peak_rss_bytes: 8_000_000,
            }),
            generator_bound: shape.generator_bound,
            ..Window::default()
        }
    };
    Cell {
        warm_up: None,
        target: target.to_owned(),
        status: CellStatus::Measured,
        windows: (0..shape.blocks).map(window).collect(),
    }
}

fn with_status(target: &str, status: CellStatus) -> Cell {
    Cell {
        warm_up: None,
        target: target.to_owned(),
        status,
        windows: Vec::new(),
    }
}

fn record(thresholds: &[&str], cells: Vec<Cell>) -> RunRecord {
    let scenario = serde_json::json!({
        "name": "ramp",
        "purpose": "Test.",
        "load": { "shape": "connections", "total": 10, "max_concurrent": 5, "transactions": 1 },
        "transaction": [],
        "thresholds": thresholds,
    });
    let targets = cells.iter().map(|cell| TargetInfo {
        name: cell.target.clone(),
        version: "1".to_owned(),
        started_as: String::new(),
        config_files: Vec::new(),
        image: None,
    });
    RunRecord {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            version: "0.1.0".to_owned(),
            commit: None,
            command: vec!["poolproof".to_owned()],
        },
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        duration_ms: 1_000,
        seed: 1,
        quick: false,
        environment: Environment {
            kind: EnvironmentKind::Local,
            os: "Debian".to_owned(),
            kernel: "6.1".to_owned(),
            cpu_model: "any".to_owned(),
            cores: 2,
            memory_bytes: 1,
            postgres_version: "17".to_owned(),
            container_engine: None,
            cpu_time: None,
        },
        targets: targets.collect(),
        scenarios: vec![ScenarioRun {
            scenario: serde_json::from_value(scenario).unwrap(),
            driver: "wire".to_owned(),
            cells,
        }],
    }
}

fn check(thresholds: &[&str], cells: Vec<Cell>, expected: &Expect) {
    let report = judge(&record(thresholds, cells), &[]);
    let mut text = format!("{}\n", report.outcome());
    for judgement in &report.judgements {
        let Judgement {
            target,
            verdict,
            sentence,
            ..
        } = judgement;
        text += &format!(
            "{verdict} | {target} | {} | {sentence}\n",
            judgement.asked()
        );
    }
    expected.assert_eq(&text);
}

#[test]
fn absolute_bounds_judge_the_figure() {
    let failing = Shape {
        failed: 10,
        ..STEADY
    };
    check(
        &[
            "success_rate >= 99.9%",
            "success_rate >= 99%",
            "p99 <= 20ms",
            "p99 < 1ms",
            "throughput >= 1000/s",
            "cpu <= 45us",
            "memory <= 8MB",
        ],
        vec![cell("proxy", failing)],
        &expect![[r#"
            fail
            fail | proxy | success_rate >= 99.9% | success rate is 99.00 %, at least 99.9% was asked
            fail | proxy | p99 < 1ms | p99 is 2.05 ms, below 1ms was asked
            fail | proxy | cpu <= 45us | CPU a transaction is 50.0 µs, at most 45us was asked
            pass | proxy | throughput >= 1000/s | throughput is 1,000/s, at least 1000/s was asked
            pass | proxy | memory <= 8MB | peak memory is 8.00 MB, at most 8MB was asked
            pass | proxy | success_rate >= 99% | success rate is 99.00 %, at least 99% was asked
            pass | proxy | p99 <= 20ms | p99 is 2.05 ms, at most 20ms was asked
        "#]],
    );
}

#[test]
fn relative_bounds_judge_the_interval() {
    let seven = Shape {
        blocks: 7,
        ..STEADY
    };
    let cheaper = Shape {
        cpu_us: 40,
        micros: 1_990,
        ..seven
    };
    check(
        &[
            "cpu <= 1.0 * pgbouncer",
            "cpu <= 0.5 * pgbouncer",
            "p99 < 0.9975 * pgbouncer",
            "p99 <= 1.1 * pgbouncer",
        ],
        vec![cell("proxy", cheaper), cell("pgbouncer", seven)],
        &expect![[r#"
            fail
            fail | proxy | cpu <= 0.5 * pgbouncer | CPU a transaction is 0.80 × (0.80–0.80) PgBouncer's, at most 0.5 × was asked
            pass | proxy | p99 < 0.9975 * pgbouncer | p99 is 1.00 × (0.99–1.00) PgBouncer's, below 0.9975 × was asked
            pass | proxy | p99 <= 1.1 * pgbouncer | p99 is 1.00 × (0.99–1.00) PgBouncer's, at most 1.1 × was asked
            pass | proxy | cpu <= 1 * pgbouncer | CPU a transaction is 0.80 × (0.80–0.80) PgBouncer's, at most 1 × was asked
            pass | pgbouncer | measured | 7,000 transactions were measured
        "#]],
    );
}

#[test]
fn six_blocks_cannot_fail_four_comparisons() {
    let dearer = Shape {
        cpu_us: 90,
        ..STEADY
    };
    // One in 2⁶ runs shows as much by luck, and Holm's first bound is 5 % ÷ 4.
    check(
        &[
            "cpu <= 1.0 * pgbouncer",
            "p50 <= 1.1 * pgbouncer",
            "p90 <= 1.1 * pgbouncer",
            "p99 <= 1.1 * pgbouncer",
        ],
        vec![cell("proxy", dearer), cell("pgbouncer", STEADY)],
        &expect![[r#"
            no verdict
            no verdict | proxy | cpu <= 1 * pgbouncer | CPU a transaction is 1.80 × (1.80–1.80) PgBouncer's, at most 1 × was asked, which may be luck among 4 comparisons at once: run more blocks
            pass | proxy | p50 <= 1.1 * pgbouncer | p50 is 1.00 × (1.00–1.00) PgBouncer's, at most 1.1 × was asked
            pass | proxy | p90 <= 1.1 * pgbouncer | p90 is 1.00 × (1.00–1.00) PgBouncer's, at most 1.1 × was asked
            pass | proxy | p99 <= 1.1 * pgbouncer | p99 is 1.00 × (1.00–1.00) PgBouncer's, at most 1.1 × was asked
            pass | pgbouncer | measured | 6,000 transactions were measured
        "#]],
    );
}

#[test]
fn few_blocks_give_no_relative_verdict() {
    let short = Shape {
        blocks: 2,
        ..STEADY
    };
    check(
        &["cpu <= 1.5 * pgbouncer"],
        vec![cell("proxy", short), cell("pgbouncer", short)],
        &expect![[r#"
            no verdict
            no verdict | proxy | cpu <= 1.5 * pgbouncer | CPU a transaction is 1.00 × PgBouncer's, and 2 blocks give no 95 % interval, which takes 6
            pass | pgbouncer | measured | 2,000 transactions were measured
        "#]],
    );
}

#[test]
fn a_missing_or_broken_reference_gives_no_verdict() {
    let thresholds = ["cpu <= 1.0 * pgbouncer"];
    check(
        &thresholds,
        vec![cell("proxy", STEADY)],
        &expect![[r#"
        no verdict
        no verdict | proxy | cpu <= 1 * pgbouncer | pgbouncer, to compare with, was not part of the run
    "#]],
    );
    let broken = CellStatus::Broken {
        reason: "it exited with status 1".to_owned(),
    };
    check(
        &thresholds,
        vec![cell("proxy", STEADY), with_status("pgbouncer", broken)],
        &expect![[r#"
            fail
            fail | pgbouncer | measured | the target broke: it exited with status 1
            no verdict | proxy | cpu <= 1 * pgbouncer | PgBouncer, to compare with: the target broke: it exited with status 1
        "#]],
    );
}

#[test]
fn absent_samples_never_pass() {
    let nothing = Shape {
        succeeded: 0,
        ..STEADY
    };
    let only_failures = Shape {
        failed: 50,
        ..nothing
    };
    let few = Shape {
        blocks: 1,
        succeeded: 99,
        ..STEADY
    };
    let thresholds = ["p99 <= 1s", "success_rate >= 0%"];
    check(
        &thresholds,
        vec![cell("a", nothing)],
        &expect![[r#"
        no verdict
        no verdict | a | p99 <= 1s | no transaction was attempted
        no verdict | a | success_rate >= 0% | no transaction was attempted
    "#]],
    );
    check(
        &thresholds,
        vec![cell("a", only_failures)],
        &expect![[r#"
        no verdict
        no verdict | a | p99 <= 1s | 0 successes cannot show p99, which takes at least 100: run longer
        pass | a | success_rate >= 0% | success rate is 0.00 %, at least 0% was asked
    "#]],
    );
    check(
        &thresholds,
        vec![cell("a", few)],
        &expect![[r#"
        no verdict
        no verdict | a | p99 <= 1s | 99 successes cannot show p99, which takes at least 100: run longer
        pass | a | success_rate >= 0% | success rate is 100.00 %, at least 0% was asked
    "#]],
    );
    check(
        &thresholds,
        vec![with_status("a", CellStatus::Measured)],
        &expect![[r#"
            no verdict
            no verdict | a | p99 <= 1s | no transaction was attempted
            no verdict | a | success_rate >= 0% | no transaction was attempted
        "#]],
    );
}

#[test]
fn cells_without_thresholds_must_be_measured() {
    let failures = Shape {
        succeeded: 0,
        failed: 7,
        ..STEADY
    };
    let cells = vec![
        cell("direct", STEADY),
        cell("proxy", failures),
        with_status("odyssey", CellStatus::Measured),
        with_status(
            "pgbouncer",
            CellStatus::Broken {
                reason: "it was killed by signal 9; the last lines of its log:\n    gone"
                    .to_owned(),
            },
        ),
        with_status(
            "pgcat",
            CellStatus::Unsupported {
                reason: "no COPY".to_owned(),
            },
        ),
        with_status(
            "pgpool",
            CellStatus::Invalid {
                reason: "the rate was not delivered".to_owned(),
            },
        ),
    ];
    check(
        &[],
        cells,
        &expect![[r#"
        fail
        fail | proxy | measured | none of 42 transactions succeeded
        fail | pgbouncer | measured | the target broke: it was killed by signal 9
        no verdict | odyssey | measured | no transaction was attempted
        no verdict | pgpool | measured | the run is invalid: the rate was not delivered
        pass | direct | measured | 6,000 transactions were measured
        not applicable | pgcat | measured | unsupported: no COPY
    "#]],
    );
}

#[test]
fn generator_bound_gives_no_verdict_on_throughput_only() {
    let bound = Shape {
        generator_bound: true,
        ..STEADY
    };
    check(
        &[
            "throughput >= 1/s",
            "throughput >= 1.0 * pgbouncer",
            "p99 <= 1s",
        ],
        vec![cell("proxy", STEADY), cell("pgbouncer", bound)],
        &expect![[r#"
            no verdict
            no verdict | proxy | throughput >= 1 * pgbouncer | PgBouncer, to compare with: the generator and not the target was the limit in 6 of 6 windows: give it more cores
            no verdict | pgbouncer | throughput >= 1/s | the generator and not the target was the limit in 6 of 6 windows: give it more cores
            pass | proxy | p99 <= 1s | p99 is 2.05 ms, at most 1s was asked
            pass | pgbouncer | p99 <= 1s | p99 is 2.05 ms, at most 1s was asked
            pass | proxy | throughput >= 1/s | throughput is 1,000/s, at least 1/s was asked
        "#]],
    );
}

#[test]
fn thresholds_on_absent_targets() {
    let record = record(&["proxy: p99 <= 1s"], vec![cell("direct", STEADY)]);
    let report = judge(&record, &[]);
    assert_eq!(report.outcome(), Outcome::Pass);
    assert_eq!(report.with(Verdict::NotApplicable).count(), 1);
    let asked = "prxy: p99 <= 1s".parse().unwrap();
    assert_eq!(judge(&record, &[asked]).outcome(), Outcome::NoVerdict);
}

#[test]
fn a_threshold_given_twice_is_asked_once() {
    let record = record(&["p99 <= 20ms"], vec![cell("a", STEADY)]);
    let extra = ["p99 <= 20ms", "p99 <= 30ms"].map(|text| text.parse().unwrap());
    assert_eq!(judge(&record, &extra).judgements.len(), 2);
}

#[test]
fn the_worst_offender_comes_first() {
    let slow = Shape {
        micros: 90_000,
        ..STEADY
    };
    let slower = Shape {
        micros: 500_000,
        ..STEADY
    };
    let report = judge(
        &record(
            &["p99 <= 20ms"],
            vec![cell("a", STEADY), cell("b", slow), cell("c", slower)],
        ),
        &[],
    );
    let order: Vec<_> = report
        .judgements
        .iter()
        .map(|one| one.target.as_str())
        .collect();
    assert_eq!(order, ["c", "b", "a"]);
    assert_eq!(report.outcome(), Outcome::Fail);
}
