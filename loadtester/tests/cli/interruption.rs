//! Whatever ends a run or a target, nothing that was started outlives it.

use nix::sys::signal::Signal;
use poolproof_reports::record::CellStatus;

use crate::{
    bench::{Bench, Running},
    processes,
};

const RUN: [&str; 6] = [
    "compare",
    "brief.toml",
    "--targets",
    "direct,pgbouncer",
    "--blocks",
    "8",
];

/// A run whose first window is over, and what it has started.
fn under_way(bench: &Bench) -> (Running, Vec<processes::Seen>) {
    let mut running = bench.start(&RUN);
    bench.await_words(&mut running, "  1/8  ");
    let seen = processes::below(running.pid());
    for name in ["postgres", "pgbouncer"] {
        assert!(
            seen.iter().any(|one| one.name == name),
            "no {name} in {seen:#?}"
        );
    }
    (running, seen)
}

#[test]
fn a_killed_target_fails_and_the_others_go_on() {
    let bench = Bench::new();
    let (mut running, seen) = under_way(&bench);
    let pgbouncer = seen
        .iter()
        .find(|one| one.name == "pgbouncer")
        .expect("PgBouncer");
    processes::send(pgbouncer.pid, Signal::SIGKILL);
    let outcome = bench.outcome(running.wait());
    outcome.check(
        1,
        &[
            "pgbouncer ended with SIGKILL",
            "direct",
            "next: pgbouncer broke under",
        ],
    );
    let record = bench.record();
    let [direct, pgbouncer] = &record.scenarios[0].cells[..] else {
        panic!("expected two cells");
    };
    assert_eq!(direct.status, CellStatus::Measured);
    assert_eq!(direct.windows.len(), 8, "the others go on");
    let CellStatus::Broken { reason } = &pgbouncer.status else {
        panic!("expected a broken cell, got {:?}", pgbouncer.status);
    };
    assert!(reason.contains("SIGKILL"), "{reason}");
    assert!(bench.left().is_empty());
}

#[test]
fn an_interrupted_run_leaves_no_process_and_no_folder() {
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let bench = Bench::new();
        let (mut running, seen) = under_way(&bench);
        processes::send(running.pid(), signal);
        let outcome = bench.outcome(running.wait());
        outcome.check(code, &["interrupted"]);
        processes::await_end(&seen);
        assert!(bench.left().is_empty(), "left behind: {:?}", bench.left());
    }
}

#[test]
fn an_interrupted_start_leaves_nothing_either() {
    let bench = Bench::new();
    let mut running = bench.start(&RUN);
    bench.await_words(&mut running, "setting up the environment");
    processes::send(running.pid(), Signal::SIGINT);
    let outcome = bench.outcome(running.wait());
    outcome.check(130, &["interrupted"]);
    assert!(bench.left().is_empty(), "left behind: {:?}", bench.left());
}
