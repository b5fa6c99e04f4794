//! Containers that are disturbed from outside while a run goes on.

use poolproof_reports::record::CellStatus;

use crate::{bench::Bench, engine};

#[test]
fn a_killed_container_fails_its_target_and_the_others_go_on() {
    if !engine::answers() {
        return;
    }
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--env=docker",
        "--targets=direct,pgbouncer",
        "--blocks=12",
    ];
    let mut running = bench.start(&line);
    bench.await_words(&mut running, "  1/12  ");
    let container = engine::container_of(running.pid(), "pgbouncer");
    engine::docker(&["kill", &container]);
    let outcome = bench.outcome(running.wait());
    outcome.check(
        1,
        &["the container of pgbouncer ended with SIGKILL", "direct"],
    );
    let record = bench.record();
    let status = |index: usize| &record.scenarios[0].cells[index].status;
    assert_eq!(status(0), &CellStatus::Measured);
    assert!(
        matches!(status(1), CellStatus::Broken { .. }),
        "{:?}",
        status(1)
    );
    assert_eq!(engine::made_by(running.pid()), Vec::<String>::new());
}
