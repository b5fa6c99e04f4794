//! Whatever ends a run, nothing of it stays, or the doctor removes it.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    bench::{Bench, Running},
    engine,
};

const RUN: [&str; 7] = [
    "compare",
    "brief.toml",
    "--env=docker",
    "--container-network=published",
    "--targets=direct,pgbouncer",
    "--blocks=40",
    "--quiet",
];

/// A run whose containers are there.
fn under_way(bench: &Bench) -> Running {
    let running = bench.start(&RUN);
    for name in ["postgres", "pgbouncer"] {
        engine::container_of(running.pid(), name);
    }
    running
}

fn send(running: &Running, signal: Signal) {
    kill(Pid::from_raw(running.pid()), signal).expect("a running process");
}

#[test]
fn after_ctrl_c_nothing_is_there() {
    if !engine::answers() {
        return;
    }
    let bench = Bench::new();
    let mut running = under_way(&bench);
    send(&running, Signal::SIGINT);
    let outcome = bench.outcome(running.wait());
    outcome.check(130, &["interrupted"]);
    assert_eq!(engine::made_by(running.pid()), Vec::<String>::new());
    assert!(bench.left().is_empty(), "left behind: {:?}", bench.left());
}

#[test]
fn after_sigkill_the_doctor_removes_containers_networks_volumes_and_folders() {
    if !engine::answers() {
        return;
    }
    let bench = Bench::new();
    let mut running = under_way(&bench);
    let pid = running.pid();
    let postgres = engine::container_of(pid, "postgres");
    let format = "{{range .Mounts}}{{.Name}} {{end}}";
    let volumes = engine::docker(&["inspect", "--format", format, &postgres]);
    let volume = volumes
        .split_whitespace()
        .next()
        .expect("a volume")
        .to_owned();
    // A run that lives is left alone.
    bench
        .run_beside(&["doctor", "--clean"])
        .check(0, &["environment docker"]);
    assert!(engine::made_by(pid).contains(&postgres));

    send(&running, Signal::SIGKILL);
    assert_eq!(bench.outcome(running.wait()).code, -9);
    let left = engine::made_by(pid);
    assert_eq!(left.len(), 3, "two containers and a network: {left:?}");
    let words: Vec<&str> = left.iter().map(String::as_str).collect();
    bench.run(&["doctor", "--format", "json"]).check(0, &words);
    bench.run(&["doctor", "--clean"]).check(0, &["removed"]);
    assert_eq!(engine::made_by(pid), Vec::<String>::new());
    let volumes = engine::docker(&["volume", "ls", "--quiet"]);
    assert!(
        !volumes.lines().any(|name| name == volume),
        "{volume} is still there"
    );
    assert!(bench.left().is_empty(), "left behind: {:?}", bench.left());
}
