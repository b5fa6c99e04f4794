//! Blocks in which a target answered nothing, or too little to show a percentile.

use std::ops::Range;

use super::*;

const COMPARED: [&str; 5] = [
    "success_rate >= 0.5 * REFERENCE",
    "throughput >= 0.5 * REFERENCE",
    "p50 <= 2 * REFERENCE",
    "max <= 2 * REFERENCE",
    "cpu <= 2 * REFERENCE",
];

/// A steady cell that answers nothing in the `dead` ones of its blocks.
fn with_dead(target: &str, dead: Range<usize>) -> Cell {
    let mut cell = cell(target, STEADY);
    for window in &mut cell.windows[dead] {
        window.succeeded = 0;
        window.latency = Latency::default();
    }
    cell
}

/// The verdicts on `proxy` by [`COMPARED`], held against PgBouncer in the same run and against an
/// earlier run of its own.
fn verdicts(dead: Range<usize>, dead_before: Range<usize>) -> [GateReport; 2] {
    let asked = |reference: &str| -> Vec<Threshold> {
        let texts = COMPARED.map(|text| format!("proxy: {}", text.replace("REFERENCE", reference)));
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let before = record(&[], vec![with_dead("proxy", dead_before.clone())]);
    let alone = record(&[], vec![with_dead("proxy", dead.clone())]);
    let cells = vec![
        with_dead("proxy", dead),
        with_dead("pgbouncer", dead_before),
    ];
    [
        judge(&record(&[], cells), &asked("pgbouncer")),
        judge_against(&alone, &asked(BASELINE), Some(&before)),
    ]
}

/// Verdicts of the comparisons, without what is asked of the reference.
fn compared(report: &GateReport) -> Vec<Verdict> {
    let mine = report.judgements.iter().filter(|one| one.target == "proxy");
    mine.map(|one| one.verdict).collect()
}

#[test]
fn a_block_without_an_answer_fails_every_comparison() {
    for dead in [0..1, 2..4, 0..6] {
        let expected = format!("nothing succeeded in {} of 6 blocks", dead.len());
        for report in verdicts(dead, 0..0) {
            assert_eq!(compared(&report), [Verdict::Fail; 5], "{report:#?}");
            let said = &report.judgements[0].sentence;
            assert!(said.contains(&expected), "{said}");
        }
    }
}

#[test]
fn a_reference_that_answered_nothing_for_a_while_is_beaten() {
    for report in verdicts(0..0, 2..4) {
        assert_eq!(compared(&report), [Verdict::Pass; 5], "{report:#?}");
    }
}

#[test]
fn where_neither_side_answered_nothing_passes() {
    for report in verdicts(0..6, 0..6) {
        assert_eq!(compared(&report), [Verdict::NoVerdict; 5], "{report:#?}");
    }
}

#[test]
fn a_percentile_is_compared_where_each_block_can_show_it() {
    let few = Shape {
        succeeded: 20,
        ..STEADY
    };
    for (mine, theirs, expected) in [
        (few, STEADY, "20 successes in a block cannot show p99"),
        (
            STEADY,
            few,
            "20 successes in a block of what it is compared with cannot show p99",
        ),
    ] {
        let cells = vec![cell("proxy", mine), cell("pgbouncer", theirs)];
        let asked = ["proxy: p99 <= 1.1 * pgbouncer".parse().unwrap()];
        let in_one_run = judge(&record(&[], cells), &asked);
        let before = record(&[], vec![cell("proxy", theirs)]);
        let now = record(&[], vec![cell("proxy", mine)]);
        let asked = ["p99 <= 1.1 * baseline".parse().unwrap()];
        let in_two_runs = judge_against(&now, &asked, Some(&before));
        for report in [in_one_run, in_two_runs] {
            let judgement = report.with(Verdict::NoVerdict).next().unwrap();
            assert!(
                judgement.sentence.contains(expected),
                "{}",
                judgement.sentence
            );
        }
    }
    // The figure of the whole run has 120 successes, of which p99 takes 100.
    let report = judge(&record(&["p99 <= 1s"], vec![cell("proxy", few)]), &[]);
    assert_eq!(report.outcome(), Outcome::Pass);
}
