//! Runs are kept, listed, shown and drawn, in a file and in PostgreSQL.

use poolproof::{
    engine::Stop,
    environment::{Choices, Demand, Environment},
    targets::{CatalogTarget, TargetSpec},
};
use poolproof_scenarios::pool::PoolSettings;

use crate::bench::Bench;

const BRIEF: [&str; 6] = [
    "compare",
    "brief.toml",
    "--targets",
    "direct",
    "--blocks",
    "1",
];

#[test]
fn a_run_is_kept_and_found_again() {
    let bench = Bench::new();
    bench.run(&["history", "list"]).check(0, &["verdict"]);
    let typo = ["history", "--store", "typo.sqlite", "list"];
    bench
        .run(&typo)
        .check(2, &["no history at typo.sqlite", "--store"]);
    assert!(!bench.path().join("typo.sqlite").exists());
    bench.run(&BRIEF).check(0, &[]);
    bench.run(&BRIEF).check(0, &[]);
    let nowhere = [&BRIEF[..], &["--store", "none"]].concat();
    bench.run(&nowhere).check(0, &[]);
    let list = bench.run(&["history", "list"]);
    list.check(0, &["pass", "full"]);
    assert_eq!(list.stdout.lines().count(), 3, "{}", list.stdout);
    bench
        .run(&["history", "show", "2"])
        .check(0, &["brief", "p99.9"]);
    bench.run(&["history", "show", "3"]).check(2, &["no run 3"]);
    let trend = [
        "history",
        "trend",
        "--metric",
        "throughput",
        "--html",
        "t.html",
    ];
    bench.run(&trend).check(0, &["brief", "direct", "2"]);
    assert!(bench.read("t.html").contains("<polyline"));
}

#[test]
fn a_damaged_history_is_refused_before_anything_is_measured() {
    let bench = Bench::new();
    bench.write("diary", "Dear diary, this is no database.");
    let line = [&BRIEF[..], &["--store", "diary"]].concat();
    bench
        .run(&line)
        .check(2, &["damaged or no SQLite database"]);
    assert_eq!(bench.read("diary"), "Dear diary, this is no database.");
    bench
        .run(&["history", "list", "--store", "/dev/null/x"])
        .check(3, &["cannot use the history"]);
}

#[test]
fn a_team_shares_a_history_in_postgresql() {
    let bench = Bench::new();
    let direct = TargetSpec::Catalog(CatalogTarget::direct());
    let demand = Demand {
        targets: vec![direct.clone()],
        clients_max: 10,
        tls: false,
        choices: Choices::default(),
    };
    let stop = Stop::default();
    let environment = Environment::start(&demand, &stop).expect("PostgreSQL");
    let target = environment
        .target(&direct, &PoolSettings::default(), &stop)
        .expect("a target");
    let endpoint = &target.endpoint;
    let password = endpoint.password.as_deref().expect("a password");
    let (user, port, name) = (&endpoint.user, endpoint.port, &endpoint.dbname);
    let store = format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}");
    let line = [&BRIEF[..], &["--store", &store]].concat();
    bench.run(&line).check(0, &[]);
    for _ in 0..2 {
        let list = bench.run(&["history", "list", "--store", &store]);
        list.check(0, &["pass"]);
        assert_eq!(list.stdout.lines().count(), 2, "{}", list.stdout);
    }
    let trend = ["history", "trend", "--store", &store];
    bench.run(&trend).check(0, &["brief", "▅"]);
    let record = bench.read("poolproof-out/run.json");
    assert!(!record.contains(password), "the record holds the password");
}
