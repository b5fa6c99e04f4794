//! After SIGKILL nothing but files stay, and the doctor removes them.

use nix::sys::signal::Signal;

use crate::{bench::Bench, processes};

#[test]
fn a_killed_run_leaves_files_alone_and_the_doctor_removes_them() {
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "direct,pgbouncer",
        "--blocks",
        "8",
    ];
    let mut running = bench.start(&line);
    bench.await_words(&mut running, "  1/8  ");
    let seen = processes::below(running.pid());
    assert!(seen.len() >= 2, "expected servers, got {seen:#?}");
    bench
        .run_beside(&["doctor", "--clean"])
        .check(0, &["nothing is left of earlier runs"]);
    processes::send(running.pid(), Signal::SIGKILL);
    assert_eq!(bench.outcome(running.wait()).code, -9);
    processes::await_end(&seen);
    let left = bench.left();
    assert_eq!(left.len(), 1, "expected one folder, got {left:?}");
    let name = left[0].to_str().expect("a plain path");
    bench
        .run(&["doctor"])
        .check(0, &[name, "poolproof doctor --clean"]);
    bench
        .run(&["doctor", "--clean"])
        .check(0, &["removed", name]);
    assert!(bench.left().is_empty());
}
