//! What driver `wire` costs beside pgbench doing the same, in interleaved pairs. By hand, as its
//! result is a figure and a machine that does other things spoils it:
//! `cargo test --release -p poolproof --lib cost_of_wire -- --ignored --nocapture`.

use std::{fmt, fs, process::Command, time::Duration};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::{DriverKind, Endpoint, Limits, closed, real_servers::with_target, run, scenario};
use crate::{environment::local::binaries, targets::CatalogTarget};

const CLIENTS: u32 = 20;
const SECONDS: u32 = 4;
const PAIRS: usize = 7;

/// Processor time a transaction in microseconds, and transactions a second.
#[derive(Clone, Copy)]
struct Figures {
    cpu_us: f64,
    rate: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} µs at {:.0}/s", self.cpu_us, self.rate)
    }
}

#[test]
#[ignore = "a measurement, by hand on a quiet machine"]
fn wire_costs_no_more_than_pgbench() {
    with_target(CatalogTarget::direct(), |endpoint, _| {
        for protocol in ["simple", "extended", "prepared"] {
            let mut ratios: Vec<f64> = (0..PAIRS)
                .map(|_| {
                    let (ours, theirs) = (wire(endpoint, protocol), pgbench(endpoint, protocol));
                    eprintln!("{protocol}: wire {ours}, pgbench {theirs}");
                    ours.cpu_us / theirs.cpu_us
                })
                .collect();
            ratios.sort_by(f64::total_cmp);
            let median = ratios[PAIRS / 2];
            eprintln!("{protocol}: CPU a transaction, median of {PAIRS} pairs: {median:.2}");
            assert!(median <= 1.0, "{protocol}: {ratios:.2?}");
        }
    });
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2⁵²")]
fn wire(endpoint: &Endpoint, protocol: &str) -> Figures {
    let scenario = scenario(&closed(CLIENTS, SECONDS * 1_000), protocol);
    let window = run(&scenario, endpoint, DriverKind::Wire, Limits::default());
    assert_eq!(window.attempted, window.succeeded);
    let cpu = window.generator_cost.unwrap().cpu_us as f64;
    Figures {
        cpu_us: cpu / window.succeeded as f64,
        rate: window.succeeded as f64 / (window.duration_us as f64 / 1e6),
    }
}

fn pgbench(endpoint: &Endpoint, protocol: &str) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("select.sql");
    // The same length of statement and answer as a nonce.
    fs::write(
        &script,
        "\\set n random(100000000000000000, 999999999999999999)\nSELECT :n;\n",
    )
    .unwrap();
    let program = binaries::postgres(None)
        .unwrap()
        .postgres
        .with_file_name("pgbench");
    let before = children_cpu();
    let output = Command::new(program)
        .args(["--no-vacuum", "--jobs=1", "--protocol", protocol])
        .args([
            "--client",
            &CLIENTS.to_string(),
            "--time",
            &SECONDS.to_string(),
        ])
        .args([
            "--host",
            &endpoint.host,
            "--port",
            &endpoint.port.to_string(),
        ])
        .args(["--username", &endpoint.user, "--file"])
        .arg(&script)
        .arg(&endpoint.dbname)
        .env(
            "PGPASSWORD",
            endpoint.password.as_deref().unwrap_or_default(),
        )
        .output()
        .unwrap();
    let cpu = children_cpu() - before;
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |label: &str| {
        let (_, rest) = text
            .split_once(label)
            .unwrap_or_else(|| panic!("{label} in {text}"));
        rest.split_whitespace()
            .next()
            .and_then(|word| word.parse::<f64>().ok())
            .unwrap()
    };
    Figures {
        cpu_us: cpu.as_secs_f64() * 1e6 / number("actually processed: "),
        rate: number("tps = "),
    }
}

/// Processor time of the children that have ended.
fn children_cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap())
}
