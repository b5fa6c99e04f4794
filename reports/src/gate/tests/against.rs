//! A run against its baseline.

use expect_test::{Expect, expect};

use super::*;

/// Judges a run of `now` against one of `before` by the usual regression thresholds.
fn check_against(before: &RunRecord, now: Shape, expected: &Expect) {
    let record = record(&[], vec![cell("proxy", now)]);
    let report = judge_against(&record, &regression_thresholds(0.1), Some(before));
    let lines = report.judgements.iter();
    let lines = lines.map(|one| format!("{} | {} | {}\n", one.verdict, one.asked(), one.sentence));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn a_run_is_held_to_its_baseline() {
    let before = record(&[], vec![cell("proxy", STEADY)]);
    check_against(
        &before,
        STEADY,
        &expect![[r#"
        pass | success_rate >= 0.999 * baseline | success rate is 1.00 × (1.00–1.00) the baseline's, at least 0.999 × was asked
        pass | throughput >= 0.9091 * baseline | throughput is 1.00 × (1.00–1.00) the baseline's, at least 0.9091 × was asked
        pass | p50 <= 1.1 * baseline | p50 is 1.00 × (0.99–1.01) the baseline's, at most 1.1 × was asked
        pass | p99 <= 1.1 * baseline | p99 is 1.00 × (0.99–1.01) the baseline's, at most 1.1 × was asked
        pass | cpu <= 1.1 * baseline | CPU a transaction is 1.00 × (1.00–1.00) the baseline's, at most 1.1 × was asked
    "#]],
    );
    let slower = Shape {
        micros: 2_500,
        ..STEADY
    };
    check_against(
        &before,
        slower,
        &expect![[r#"
        fail | p50 <= 1.1 * baseline | p50 is 1.25 × (1.23–1.26) the baseline's, at most 1.1 × was asked
        fail | p99 <= 1.1 * baseline | p99 is 1.25 × (1.23–1.26) the baseline's, at most 1.1 × was asked
        pass | success_rate >= 0.999 * baseline | success rate is 1.00 × (1.00–1.00) the baseline's, at least 0.999 × was asked
        pass | throughput >= 0.9091 * baseline | throughput is 1.00 × (1.00–1.00) the baseline's, at least 0.9091 × was asked
        pass | cpu <= 1.1 * baseline | CPU a transaction is 1.00 × (1.00–1.00) the baseline's, at most 1.1 × was asked
    "#]],
    );
    let brief = Shape {
        blocks: 2,
        ..STEADY
    };
    let report = judge_against(
        &record(&[], vec![cell("proxy", brief)]),
        &regression_thresholds(0.1),
        Some(&before),
    );
    assert_eq!(report.outcome(), Outcome::NoVerdict);
}

#[test]
fn only_the_same_load_on_the_same_machine_is_a_baseline() {
    let same = || record(&[], vec![cell("proxy", STEADY)]);
    let mut machine = same();
    machine.environment.cores = 64;
    let mut name = same();
    name.scenarios[0].scenario.name = "another".to_owned();
    let mut driver = same();
    driver.scenarios[0].driver = "tokio-postgres".to_owned();
    let target = record(&[], vec![cell("pgbouncer", STEADY)]);
    for (before, expected) in [
        (Some(machine), "another machine, 64 ×"),
        (Some(name), "no scenario ramp"),
        (Some(driver), "ramp or its driver was another"),
        (Some(target), "no proxy in ramp"),
        (None, "no baseline was given"),
    ] {
        let asked = ["p99 <= 1.1 * baseline".parse().unwrap()];
        let report = judge_against(&same(), &asked, before.as_ref());
        assert_eq!(report.outcome(), Outcome::NoVerdict, "{expected}");
        let said = &report.judgements[0].sentence;
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn what_has_no_processes_of_its_own_is_not_asked_for_their_cost() {
    let mut direct = cell("direct", STEADY);
    for window in &mut direct.windows {
        window.target_cost = None;
    }
    let run = record(&[], vec![direct]);
    let report = judge_against(&run, &regression_thresholds(0.1), Some(&run));
    assert_eq!(report.outcome(), Outcome::Pass);
    let cost = report.with(Verdict::NotApplicable).next().unwrap();
    assert_eq!(cost.asked(), "cpu <= 1.1 * baseline");
    // Where it was measured before, its absence is told.
    let before = record(&[], vec![cell("direct", STEADY)]);
    let report = judge_against(&run, &regression_thresholds(0.1), Some(&before));
    assert_eq!(report.outcome(), Outcome::NoVerdict);
}

#[test]
fn what_the_baseline_had_and_the_run_lacks_is_told() {
    let mut before = record(&[], vec![cell("proxy", STEADY), cell("pgbouncer", STEADY)]);
    let mut other = before.scenarios[0].clone();
    other.scenario.name = "copy".to_owned();
    other.cells.truncate(1);
    before.scenarios.push(other);
    let now = record(&[], vec![cell("proxy", STEADY)]);
    let report = judge_against(&now, &[], Some(&before));
    let told: Vec<_> = report.with(Verdict::NotApplicable).collect();
    let places: Vec<_> = told
        .iter()
        .map(|one| (one.scenario.as_str(), one.target.as_str()))
        .collect();
    assert_eq!(places, [("ramp", "pgbouncer"), ("copy", "proxy")]);
    assert_eq!(report.outcome(), Outcome::Pass);
    assert!(told[0].sentence.contains("the baseline has it"));
    let unsupported = CellStatus::Unsupported {
        reason: "no COPY".to_owned(),
    };
    let cells = vec![cell("proxy", STEADY), with_status("pgbouncer", unsupported)];
    let report = judge_against(&record(&[], cells), &[], Some(&before));
    assert_eq!(report.outcome(), Outcome::NoVerdict);
    let said = &report.judgements[0].sentence;
    assert!(said.contains("measured in the baseline"), "{said}");
}

#[test]
fn processor_time_is_compared_where_the_same_counted_it() {
    use crate::record::CpuTime::{PerfEvents, Scheduler};
    let counted_by = |by| {
        let mut record = record(&[], vec![cell("proxy", STEADY)]);
        record.environment.cpu_time = by;
        record
    };
    for (before, now, comparable) in [
        (Some(PerfEvents), None, false),
        (Some(Scheduler), Some(PerfEvents), false),
        (Some(PerfEvents), Some(PerfEvents), true),
        (None, Some(Scheduler), true),
    ] {
        let asked = regression_thresholds(0.1);
        let report = judge_against(&counted_by(now), &asked, Some(&counted_by(before)));
        let untold: Vec<_> = report.with(Verdict::NoVerdict).collect();
        assert_eq!(untold.is_empty(), comparable, "{before:?} {now:?}");
        assert!(
            untold
                .iter()
                .all(|one| one.asked() == "cpu <= 1.1 * baseline")
        );
        assert_eq!(report.with(Verdict::Pass).count() + untold.len(), 5);
    }
}
