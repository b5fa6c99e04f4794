//! The main job: several targets side by side.

use std::path::Path;

use poolproof::{
    engine::Stop,
    environment::{Choices, Demand, Environment},
    targets::{CatalogTarget, TargetSpec},
};
use poolproof_reports::record::{Cell, CellStatus};
use poolproof_scenarios::pool::PoolSettings;

use crate::bench::Bench;

fn share(cell: &Cell) -> (u64, u64) {
    let windows = cell.windows.iter();
    windows.fold((0, 0), |(succeeded, attempted), window| {
        (succeeded + window.succeeded, attempted + window.attempted)
    })
}

#[test]
fn three_targets_side_by_side_pass_and_leave_only_the_report() {
    let bench = Bench::new();
    let outcome = bench.run(&["compare", "--quick", "--seed", "7"]);
    outcome.check(0, &["direct", "proxy", "pgbouncer", "100.00 %", "seed 7"]);
    let last = outcome.stdout.lines().last().expect("a last line");
    let page = last.strip_prefix("Report: ").expect("the page's path");
    assert!(Path::new(page).is_file(), "{page}");
    for name in [
        "run.json",
        "report.html",
        "report.md",
        "junit.xml",
        "results.csv",
    ] {
        assert!(!bench.read(&format!("poolproof-out/{name}")).is_empty());
    }
    let record = bench.record();
    assert!(record.quick);
    assert_eq!(record.seed, 7);
    let names: Vec<&str> = record.targets.iter().map(|info| &*info.name).collect();
    assert_eq!(names, ["direct", "proxy", "pgbouncer"]);
    assert_eq!(record.scenarios.len(), 2);
    for cell in record.scenarios.iter().flat_map(|run| &run.cells) {
        assert_eq!(cell.status, CellStatus::Measured, "{}", cell.target);
        assert_eq!(cell.windows.len(), 2, "{}", cell.target);
        let (succeeded, attempted) = share(cell);
        assert!(attempted > 0, "{}", cell.target);
        assert_eq!(succeeded, attempted, "{}", cell.target);
    }
    assert_eq!(bench.left(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn the_floor_and_a_file_of_ones_own_are_targets_too() {
    let bench = Bench::new();
    bench.write(
        "mine.toml",
        "name = \"mine\"\npurpose = \"PgBouncer under a name of ours.\"\nprogram = \"pgbouncer\"\n\
         version = [\"-V\"]\nargs = [\"${folder}/a.ini\"]\n[[file]]\nname = \"a.ini\"\n\
         template = \"a.ini\"\n[[file]]\nname = \"users\"\ntext = '\"${user}\" \"${password}\"'\n",
    );
    bench.write(
        "a.ini",
        "[databases]\n${dbname} = host=${server_host} port=${server_port}\n[pgbouncer]\n\
         listen_addr = 127.0.0.1\nlisten_port = ${port}\nauth_type = scram-sha-256\n\
         unix_socket_dir =\nauth_file = ${folder}/users\npool_mode = ${pool_mode}\n",
    );
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "null,./mine.toml",
        "--blocks",
        "1",
    ];
    bench.run(&line).check(0, &["null", "mine", "100.00 %"]);
    let record = bench.record();
    let mine = &record.targets[1];
    assert!(mine.version.starts_with("PgBouncer"), "{mine:?}");
    let users = mine.config_files.iter().find(|file| file.name == "users");
    assert_eq!(users.expect("users").text, "\"app\" \"********\"");
    let pumped = &record.scenarios[0].cells[0].windows[0];
    assert!(
        pumped.target_cost.is_some_and(|cost| cost.cpu_us > 0),
        "{pumped:?}"
    );
}

#[test]
fn poolers_get_the_same_configuration_and_the_record_no_password() {
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "proxy,pgbouncer",
        "--blocks",
        "1",
    ];
    bench.run(&line).check(0, &[]);
    let record = bench.record();
    let file = |target: usize, name: &str| {
        let files = &record.targets[target].config_files;
        let file = files.iter().find(|file| file.name == name);
        file.unwrap_or_else(|| panic!("no {name}")).text.clone()
    };
    let (ours, theirs) = (file(0, "pgbouncer.ini"), file(1, "pgbouncer.ini"));
    let differing: Vec<&str> = ours
        .lines()
        .zip(theirs.lines())
        .filter(|(ours, theirs)| ours != theirs)
        .filter_map(|(ours, _)| ours.split_once(" = ").map(|(key, _)| key))
        .collect();
    assert_eq!(differing, ["listen_port", "unix_socket_dir", "auth_file"]);
    assert_eq!(file(0, "userlist.txt"), "\"app\" \"********\"\n");
}

#[test]
fn a_pooler_that_runs_already_is_measured_and_goes_on() {
    let bench = Bench::new();
    let direct = TargetSpec::Catalog(CatalogTarget::direct());
    let demand = Demand {
        targets: vec![direct.clone()],
        clients_max: 10,
        tls: false,
        choices: Choices::default(),
    };
    let stop = Stop::default();
    let mut environment = Environment::start(&demand, &stop).expect("PostgreSQL");
    let mut theirs = environment
        .target(&direct, &PoolSettings::default(), &stop)
        .expect("a target");
    let endpoint = theirs.endpoint.clone();
    let password = endpoint.password.expect("a password");
    let address = format!(
        "mine=postgres://app:{password}@127.0.0.1:{}/app",
        endpoint.port
    );
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        &address,
        "--blocks",
        "2",
    ];
    let outcome = bench.run(&line);
    outcome.check(0, &["mine"]);
    assert!(environment.ended(&mut theirs).is_none(), "it was stopped");
    assert_eq!(bench.record().targets[0].config_files, []);
    for name in ["run.json", "report.html", "report.md"] {
        let text = bench.read(&format!("poolproof-out/{name}"));
        assert!(!text.contains(&password), "{name} holds the password");
    }
    assert!(!outcome.stdout.contains(&password) && !outcome.stderr.contains(&password));
}

#[test]
fn the_second_driver_gives_the_same_answer() {
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "direct,pgbouncer",
        "--blocks",
        "1",
        "--driver",
        "tokio-postgres",
    ];
    bench.run(&line).check(0, &["100.00 %"]);
    assert_eq!(bench.record().scenarios[0].driver, "tokio-postgres");
}

#[test]
fn a_quick_stress_counts_every_query_of_its_flags() {
    let bench = Bench::new();
    let line = [
        "stress",
        "--target",
        "direct",
        "--total",
        "60",
        "--max-concurrent",
        "5",
        "--queries",
        "3",
    ];
    bench.run(&line).check(0, &["direct"]);
    assert_eq!(share(&bench.record().scenarios[0].cells[0]), (180, 180));
}

#[test]
fn json_is_all_that_standard_output_holds_when_asked_for() {
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "direct",
        "--blocks",
        "1",
        "--format",
        "json",
        "--quiet",
    ];
    let outcome = bench.run(&line);
    outcome.check(0, &[]);
    let value: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(value["targets"][0]["name"], "direct");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_run_goes_on_when_nobody_hears_its_progress() {
    let bench = Bench::new();
    let line = [
        "compare",
        "brief.toml",
        "--targets",
        "direct",
        "--blocks",
        "1",
    ];
    bench.run_unheard(&line).check(0, &["Report: "]);
}
