//! The engine, asked by its own command: what we believe of ourselves is not what is tested.

use std::{
    env,
    io::Write as _,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Longest that the engine may take to do what it was told.
const LIMIT: Duration = Duration::from_secs(60);

/// Whether an engine answers. Says it loudly when none does, and fails where one is required.
pub(crate) fn answers() -> bool {
    let asked = Command::new("docker")
        .args(["info", "--format", "{{.ServerVersion}}"])
        .stderr(Stdio::null())
        .output();
    if asked.is_ok_and(|asked| asked.status.success()) {
        return true;
    }
    assert!(
        env::var_os("POOLPROOF_REQUIRE_DOCKER").is_none(),
        "POOLPROOF_REQUIRE_DOCKER is set, and no Docker engine answers `docker info`"
    );
    // Past the test runner, which keeps what a passing test prints to itself.
    let said =
        "\n*** NOT TESTED: no Docker engine answers, so nothing of --env docker was checked. ***\n";
    std::io::stderr()
        .write_all(said.as_bytes())
        .expect("standard error");
    false
}

/// What `docker ARGS…` prints.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().expect("docker");
    assert!(
        output.status.success(),
        "docker {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Names of the containers and networks that process `pid` made and that are still there.
pub(crate) fn made_by(pid: i32) -> Vec<String> {
    let format = "{{.Label \"poolproof.owner\"}}\t{{.Names}}";
    let containers = docker(&["ps", "--all", "--format", format]);
    let format = "{{.Label \"poolproof.owner\"}}\t{{.Name}}";
    let networks = docker(&["network", "ls", "--format", format]);
    let owner = format!("{pid} ");
    containers
        .lines()
        .chain(networks.lines())
        .filter(|line| line.starts_with(&owner))
        .filter_map(|line| line.split('\t').nth(1))
        .map(str::to_owned)
        .collect()
}

/// The container of a target, as soon as process `pid` has made it.
#[track_caller]
pub(crate) fn container_of(pid: i32, target: &str) -> String {
    let end = format!("-{target}");
    let mut found = None;
    await_that(&format!("a container of {target}"), || {
        found = made_by(pid).into_iter().find(|name| name.ends_with(&end));
        found.is_some()
    });
    found.expect("a container")
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn await_that(what: &str, mut met: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !met() {
        assert!(begin.elapsed() < LIMIT, "no {what} after {LIMIT:?}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
