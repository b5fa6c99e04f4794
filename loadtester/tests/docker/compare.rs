//! A comparison in containers.

use poolproof_reports::record::{CellStatus, EnvironmentKind, RunRecord};

use crate::{bench::Bench, engine};

/// Checks what every run in containers has in its record.
fn check(record: &RunRecord, targets: &[&str]) {
    assert_eq!(record.environment.kind, EnvironmentKind::Docker);
    let names: Vec<&str> = record.targets.iter().map(|info| &*info.name).collect();
    assert_eq!(names, targets);
    for info in &record.targets {
        let image = info.image.as_ref().expect("an image");
        assert_eq!(
            image.id,
            engine::docker(&["inspect", "--format", "{{.Id}}", &image.name])
        );
        assert!(
            info.started_as.starts_with("docker run "),
            "{}",
            info.started_as
        );
        assert!(!info.version.is_empty());
    }
    for cell in record.scenarios.iter().flat_map(|run| &run.cells) {
        assert_eq!(cell.status, CellStatus::Measured, "{}", cell.target);
        for window in &cell.windows {
            assert!(window.attempted > 0, "{}", cell.target);
            assert_eq!(window.succeeded, window.attempted, "{}", cell.target);
        }
    }
}

#[test]
fn three_targets_in_containers_pass_with_their_cost_and_leave_only_the_report() {
    if !engine::answers() {
        return;
    }
    let bench = Bench::new();
    let mut running = bench.start(&["compare", "brief.toml", "--env", "docker", "--blocks", "2"]);
    let pid = running.pid();
    let outcome = bench.outcome(running.wait());
    outcome.check(0, &["direct", "proxy", "pgbouncer", "100.00 %"]);
    let record = bench.record();
    check(&record, &["direct", "proxy", "pgbouncer"]);
    assert!(record.environment.postgres_version.starts_with("17"));
    let engine_words = record.environment.container_engine.as_deref();
    assert!(engine_words.is_some_and(|words| words.contains("Docker")));
    // Each pooler read the same file, but for its port and its folder.
    let ini = |index: usize| &record.targets[index].config_files[0].text;
    let differing: Vec<&str> = ini(1)
        .lines()
        .zip(ini(2).lines())
        .filter(|(ours, theirs)| ours != theirs)
        .filter_map(|(ours, _)| ours.split_once(" = ").map(|(key, _)| key))
        .collect();
    assert_eq!(differing, ["listen_port", "auth_file"]);
    for cell in &record.scenarios[0].cells {
        for window in &cell.windows {
            let postgres = window
                .postgres_cost
                .expect("the cost of PostgreSQL's container");
            assert!(postgres.cpu_us > 0 && postgres.peak_rss_bytes > 0);
            assert_eq!(window.target_cost.is_some(), cell.target != "direct");
            if let Some(cost) = window.target_cost {
                assert!(
                    cost.cpu_us > 0 && cost.peak_rss_bytes > 0,
                    "{}",
                    cell.target
                );
            }
        }
    }
    assert_eq!(engine::made_by(pid), Vec::<String>::new());
    assert_eq!(bench.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn published_ports_and_equal_limits() {
    if !engine::answers() {
        return;
    }
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--env=docker",
        "--blocks=4",
        "--targets=proxy,pgbouncer",
        "--container-network=published",
        "--container-cpus=0.75",
        "--container-memory=200m",
    ];
    let mut running = bench.start(&line);
    let pid = running.pid();
    let limits = |target: &str| {
        let name = engine::container_of(pid, target);
        let format = "{{.HostConfig.CpusetCpus}} {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} \
                      {{.HostConfig.PortBindings}}";
        engine::docker(&["inspect", "--format", format, &name])
    };
    let (ours, theirs) = (limits("proxy"), limits("pgbouncer"));
    for (limits, other) in [(&ours, &theirs), (&theirs, &ours)] {
        assert!(limits.contains(" 750000000 209715200 "), "{limits}");
        assert!(
            limits.contains("HostIp:127.0.0.1"),
            "loopback only: {limits}"
        );
        assert_eq!(limits.split(' ').next(), other.split(' ').next());
    }
    let outcome = bench.outcome(running.wait());
    outcome.check(0, &["proxy", "pgbouncer"]);
    check(&bench.record(), &["proxy", "pgbouncer"]);
    assert_eq!(engine::made_by(pid), Vec::<String>::new());
}

#[test]
fn an_image_that_nobody_has_is_told_with_what_to_do() {
    if !engine::answers() {
        return;
    }
    let bench = Bench::new();
    let image = "pgbouncer=localhost:1/no/such-image:1";
    let line = ["compare", "brief.toml", "--image", image];
    let outcome = bench.run(&line);
    outcome.check(3, &["localhost:1/no/such-image:1", "--image TARGET=IMAGE"]);
    assert!(bench.left().is_empty(), "left behind: {:?}", bench.left());
}
