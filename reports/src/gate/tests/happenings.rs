//! Faults and invariants before the gate.

use expect_test::expect;

use super::*;
use crate::record::{FaultMark, InvariantCheck};

fn troubled(recovered_after_ms: Option<u64>, violations: u64) -> Cell {
    let mut cell = cell("proxy", STEADY);
    for window in &mut cell.windows {
        window.faults = vec![FaultMark {
            name: "postgres-restarted".to_owned(),
            at_ms: 400,
            until_ms: 500,
            effect: "20 backends ended".to_owned(),
            failed: 0,
            recovered_after_ms,
        }];
        window.invariants = vec![InvariantCheck {
            name: "bank".to_owned(),
            looks: 10,
            violations,
            first: (violations > 0).then(|| "the sum was 99 and not 100".to_owned()),
        }];
    }
    cell
}

#[test]
fn recovery_is_held_to_its_bound_and_invariants_to_the_word() {
    check(
        &["recovery <= 500ms"],
        vec![troubled(Some(300), 0)],
        &expect![[r#"
            pass
            pass | proxy | recovery <= 500ms | recovery is 300 ms, at most 500ms was asked
            pass | proxy | invariant bank | bank held in 60 looks
        "#]],
    );
    check(
        &["recovery <= 200ms"],
        vec![troubled(Some(300), 1)],
        &expect![[r#"
            fail
            fail | proxy | invariant bank | bank did not hold in 6 of 60 looks, first: the sum was 99 and not 100
            fail | proxy | recovery <= 200ms | recovery is 300 ms, at most 200ms was asked
        "#]],
    );
}

#[test]
fn a_time_that_nobody_saw_breaks_no_bound() {
    let mut cell = troubled(None, 0);
    for window in &mut cell.windows {
        // The first fault was seen for 200 ms, and the second one came to nothing.
        let mut second = window.faults[0].clone();
        (second.at_ms, second.recovered_after_ms) = (600, Some(0));
        window.faults.push(second);
    }
    let report = judge(&record(&["recovery <= 300ms"], vec![cell]), &[]);
    assert_eq!(report.outcome(), Outcome::NoVerdict);
}

#[test]
fn what_had_not_recovered_passes_no_bound() {
    check(
        &["recovery <= 2s", "recovery <= 100ms"],
        vec![troubled(None, 0)],
        &expect![[r#"
            fail
            fail | proxy | recovery <= 100ms | recovery is 600 ms, at most 100ms was asked
            no verdict | proxy | recovery <= 2s | the target did not serve as before when its window ended or the next fault came, with 600 ms as the longest time seen: run longer
            pass | proxy | invariant bank | bank held in 60 looks
        "#]],
    );
}
