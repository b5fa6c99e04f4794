//! Exit code 3: the environment could not be had.

use std::net::TcpListener;

use crate::bench::Bench;

const RUN: [&str; 4] = ["compare", "brief.toml", "--blocks", "1"];

fn check(bench: &Bench, args: &[&str], words: &[&str]) {
    let line: Vec<&str> = RUN.iter().chain(args).copied().collect();
    bench.run(&line).check(3, words);
    assert!(bench.left().is_empty(), "left behind: {:?}", bench.left());
}

#[test]
fn missing_programs_are_told_with_how_to_get_them() {
    let bench = Bench::new();
    check(
        &bench,
        &[
            "--targets",
            "direct,pgbouncer",
            "--pgbouncer-bin",
            "/nonexistent",
        ],
        &[
            "pgbouncer was not found",
            "/nonexistent",
            "apt-get install pgbouncer",
        ],
    );
    check(
        &bench,
        &["--targets", "direct", "--pg-bin", "/nonexistent"],
        &["PostgreSQL", "/nonexistent", "apt-get install postgresql"],
    );
    let doctor = bench.run(&["doctor", "--pgbouncer-bin", "/nonexistent"]);
    doctor.check(3, &["MISSING", "pgbouncer", "apt-get install pgbouncer"]);
    bench.run(&["doctor"]).check(
        0,
        &["PostgreSQL", "pgbouncer", "null", "pgpool", "open files"],
    );
}

#[test]
fn a_busy_port_is_told_with_whom_to_ask() {
    let bench = Bench::new();
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = holder.local_addr().expect("an address").port();
    for target in ["direct", "pgbouncer"] {
        check(
            &bench,
            &[
                "--targets",
                "direct,pgbouncer",
                "--port",
                &format!("{target}={port}"),
            ],
            &[target, &format!("127.0.0.1:{port}"), "ss -ltnp"],
        );
    }
}

#[test]
fn a_pooler_that_cannot_start_is_told_with_its_log() {
    let bench = Bench::new();
    // A program that answers as PgBouncer does when it is asked for its version, and then fails.
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo PgBouncer 0 && exit 0\n\
                  echo cannot open the moon >&2\nexit 9\n";
    bench.write("pgbouncer", script);
    let program = bench.path().join("pgbouncer");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).expect("a mode");
    let program = program.to_str().expect("a plain path");
    check(
        &bench,
        &["--targets", "pgbouncer", "--pgbouncer-bin", program],
        &[
            "pgbouncer ended with exit code 9",
            "cannot open the moon",
            "poolproof doctor",
        ],
    );
}

#[test]
fn a_pooler_of_the_users_own_that_is_not_there_is_told_without_its_password() {
    let bench = Bench::new();
    let address = "mine=postgres://me:sesame@127.0.0.1:1/db";
    check(&bench, &["--targets", address], &["mine", "127.0.0.1:1"]);
    assert!(!bench.read("stderr").contains("sesame"));
}

#[test]
fn without_an_engine_containers_cannot_be_had() {
    let bench = Bench::new();
    let socket = format!("unix://{}/none.sock", bench.path().display());
    let line = ["compare", "brief.toml", "--env", "docker"];
    bench
        .run_with(&line, &[("DOCKER_HOST", &socket)])
        .check(3, &["expected a Docker engine", "none.sock", "--env local"]);
    assert!(bench.left().is_empty(), "left behind: {:?}", bench.left());
}
