//! What was asked and could not be judged, which is no pass.

use super::*;

fn unsupported(target: &str) -> Cell {
    with_status(
        target,
        CellStatus::Unsupported {
            reason: "no COPY".to_owned(),
        },
    )
}

#[test]
fn a_run_of_which_nothing_was_judged_does_not_pass() {
    let mut empty = record(&[], Vec::new());
    empty.scenarios.clear();
    for (record, expected) in [
        (
            record(&["p99 <= 1s"], vec![unsupported("pgcat")]),
            "no COPY",
        ),
        (record(&[], vec![unsupported("pgcat")]), "no COPY"),
        (empty, "the run has no scenario"),
    ] {
        let report = judge(&record, &[]);
        assert_eq!(report.outcome(), Outcome::NoVerdict);
        let said = report.headline();
        assert!(said.contains(expected), "{said}");
    }
    let cells = vec![unsupported("pgcat"), cell("proxy", STEADY)];
    let report = judge(&record(&["p99 <= 1s"], cells), &[]);
    assert_eq!(report.outcome(), Outcome::Pass);
}

#[test]
fn a_slip_of_the_hand_is_told() {
    let cells = || vec![cell("proxy", STEADY), cell("pgbouncer", STEADY)];
    for (text, expected) in [
        ("proxy: p99 <= 1.1 * pgbouncr", "did you mean pgbouncer?"),
        ("prxy: p99 <= 1s", "did you mean proxy?"),
    ] {
        let report = judge(&record(&[], cells()), &[text.parse().unwrap()]);
        let said = &report.with(Verdict::NoVerdict).next().unwrap().sentence;
        assert!(said.ends_with(expected), "{said}");
    }
}

#[test]
fn a_threshold_that_applies_to_no_target_is_told() {
    let record = record(&[], vec![cell("proxy", STEADY)]);
    for text in ["p99 <= 1.1 * proxy", "proxy: p99 <= 1.1 * proxy"] {
        let report = judge(&record, &[text.parse().unwrap()]);
        assert_eq!(report.outcome(), Outcome::NoVerdict, "{text}");
        let said = &report.judgements[0].sentence;
        assert!(said.contains("not held against itself"), "{said}");
    }
}
