//! A run as it could have been: two scenarios, three targets, windows drawn from a seed.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use poolproof_reports::{
    Latency, RunRecord,
    record::{
        Cell, CellStatus, ConfigFile, Cost, CpuTime, Environment, EnvironmentKind, ErrorClass,
        SCHEMA_VERSION, ScenarioRun, Step, TargetInfo, Tool, Window,
    },
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

/// How a target behaves under a scenario.
#[derive(Clone, Copy)]
pub(crate) struct Behaviour {
    /// Succeeded transactions a second.
    pub(crate) rate: f64,
    /// Median latency in microseconds.
    pub(crate) median_us: f64,
    /// Spread of the logarithm of latency.
    pub(crate) spread: f64,
    /// Processor time a transaction, in microseconds.
    pub(crate) cpu_us: f64,
    /// Peak resident memory in bytes.
    pub(crate) rss: u64,
    /// Share of transactions that time out.
    pub(crate) timeouts: f64,
    /// Whether the generator is the limit.
    pub(crate) generator_bound: bool,
}

const DIRECT: Behaviour = Behaviour {
    rate: 9_000.0,
    median_us: 1_400.0,
    spread: 0.25,
    cpu_us: 61.0,
    rss: 180_000_000,
    timeouts: 0.0,
    generator_bound: true,
};
const PROXY: Behaviour = Behaviour {
    rate: 6_100.0,
    median_us: 2_500.0,
    spread: 0.35,
    cpu_us: 31.0,
    rss: 9_400_000,
    timeouts: 0.0,
    generator_bound: false,
};
const PGBOUNCER: Behaviour = Behaviour {
    rate: 4_600.0,
    median_us: 3_300.0,
    spread: 0.45,
    cpu_us: 38.0,
    rss: 12_800_000,
    timeouts: 0.0,
    generator_bound: false,
};

/// Few transactions, some of which fail: cheap to draw many of.
pub(crate) const SLOW: Behaviour = Behaviour {
    rate: 50.0,
    timeouts: 0.2,
    ..PGBOUNCER
};

/// The run that the snapshots show. It is drawn once for all tests: a million latencies take a
/// while in a debug build.
pub(crate) fn record() -> RunRecord {
    static DRAWN: LazyLock<RunRecord> = LazyLock::new(draw);
    DRAWN.clone()
}

fn draw() -> RunRecord {
    let struggling = Behaviour {
        rate: 1_900.0,
        median_us: 21_000.0,
        timeouts: 0.004,
        ..PGBOUNCER
    };
    let stressed = |behaviour: Behaviour| Behaviour {
        rate: behaviour.rate / 2.0,
        median_us: behaviour.median_us * 5.0,
        generator_bound: false,
        ..behaviour
    };
    let ramp = [
        ("direct", DIRECT),
        ("proxy", PROXY),
        ("pgbouncer", PGBOUNCER),
    ];
    let stress = [
        ("direct", stressed(DIRECT)),
        ("proxy", stressed(PROXY)),
        ("pgbouncer", struggling),
    ];
    let mut random = ChaCha12Rng::seed_from_u64(42);
    let scenarios = vec![
        scenario_run("ramp", &ramp, 6, &mut random),
        scenario_run("stress-1000", &stress, 6, &mut random),
    ];
    around(scenarios)
}

/// One scenario of `blocks` blocks on the given targets.
pub(crate) fn scenario_run(
    name: &str,
    targets: &[(&str, Behaviour)],
    blocks: u32,
    random: &mut ChaCha12Rng,
) -> ScenarioRun {
    let cell = |(target, behaviour): &(&str, Behaviour)| Cell {
        warm_up: None,
        target: (*target).to_owned(),
        status: CellStatus::Measured,
        windows: (0..blocks)
            .map(|block| window(block, *behaviour, random))
            .collect(),
    };
    ScenarioRun {
        scenario: scenario(name),
        driver: "wire".to_owned(),
        cells: targets.iter().map(cell).collect(),
    }
}

fn scenario(name: &str) -> poolproof_scenarios::Scenario {
    let load = if name == "ramp" {
        serde_json::json!({
            "shape": "closed",
            "stages": [{ "clients": 50, "for": "2s" }, { "clients": 50, "for": "2s" }],
        })
    } else {
        serde_json::json!({
            "shape": "connections", "total": 1000, "max_concurrent": 50, "transactions": 10,
        })
    };
    serde_json::from_value(serde_json::json!({
        "name": name,
        "purpose": "Shows how each target carries the same load.",
        "load": load,
        "transaction": [{
            "name": "select",
            "protocol": "extended",
            "statements": [{ "sql": "select :nonce", "returns": "nonce" }],
        }],
        "thresholds": [
            "success_rate >= 99.9%",
            "proxy: p99 <= 200ms",
            "proxy: cpu <= 1.0 * pgbouncer",
            "proxy: throughput >= 1.2 * pgbouncer",
        ],
    }))
    .unwrap()
}

const STEPS: u32 = 20;
const STEP_MS: u64 = 200;

fn window(block: u32, behaviour: Behaviour, random: &mut ChaCha12Rng) -> Window {
    // What slows the machine for a block slows all of it.
    let weather: f64 = random.random_range(0.96..1.04);
    let mut window = Window {
        block,
        started_ms: u64::from(block) * 13_000,
        duration_us: u64::from(STEPS) * STEP_MS * 1_000,
        generator_bound: behaviour.generator_bound,
        ..Window::default()
    };
    for index in 0..STEPS {
        let step = step(index, behaviour, weather, (&mut window, random));
        window.attempted += step.succeeded + step.failed;
        window.succeeded += step.succeeded;
        window.series.push(step);
    }
    for _ in 0..50 {
        let micros = behaviour.median_us * weather * normal(random).abs();
        window
            .connect_latency
            .record(Duration::from_micros(micros as u64));
    }
    let failed = window.attempted - window.succeeded;
    if failed > 0 {
        window.errors = BTreeMap::from([
            (ErrorClass::Timeout, failed - failed / 3),
            (ErrorClass::SqlState("08P01".to_owned()), failed / 3),
        ]);
        window.error_samples = BTreeMap::from([
            (ErrorClass::Timeout, "no answer within 5 s".to_owned()),
            (
                ErrorClass::SqlState("08P01".to_owned()),
                "FATAL: query_wait_timeout <script>alert(1)</script>".to_owned(),
            ),
        ]);
    }
    let cost = |cpu_us: f64, peak_rss_bytes| {
        let cpu_us = (window.succeeded as f64 * cpu_us * weather) as u64;
        Some(Cost {
            cpu_us,
            peak_rss_bytes,
        })
    };
    window.target_cost = cost(behaviour.cpu_us, behaviour.rss);
    window.postgres_cost = cost(58.0, 190_000_000);
    window.generator_cost = cost(17.0, 11_000_000);
    window
}

fn step(
    index: u32,
    behaviour: Behaviour,
    weather: f64,
    (window, random): (&mut Window, &mut ChaCha12Rng),
) -> Step {
    let ramp = f64::from((index + 1).min(STEPS / 2)) / f64::from(STEPS / 2);
    let begun = behaviour.rate * ramp.sqrt() / weather * STEP_MS as f64 / 1e3;
    let failed = (begun * behaviour.timeouts * random.random_range(0.0..2.0)) as u64;
    let succeeded = begun as u64 - failed;
    let mut latency = Latency::default();
    for _ in 0..succeeded {
        let micros = behaviour.median_us * weather * (behaviour.spread * normal(random)).exp();
        latency.record(Duration::from_micros(micros as u64));
    }
    for _ in 0..failed {
        window.failed_latency.record(Duration::from_secs(5));
    }
    window.latency.merge(&latency);
    let micros = |percent| {
        latency
            .percentile(percent)
            .map(|time| time.as_micros() as u64)
    };
    Step {
        at_ms: u64::from(index) * STEP_MS,
        for_ms: STEP_MS,
        clients: (50.0 * ramp) as u32,
        succeeded,
        failed,
        p50_us: micros(50.0),
        p99_us: micros(99.0),
    }
}

/// A standard normal variate (Box and Muller).
fn normal(random: &mut ChaCha12Rng) -> f64 {
    let radius: f64 = random.random_range(f64::EPSILON..1.0);
    let angle: f64 = random.random_range(0.0..std::f64::consts::TAU);
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

/// A record around `scenarios`, with the targets of the first of them.
pub(crate) fn around(scenarios: Vec<ScenarioRun>) -> RunRecord {
    let targets = scenarios[0].cells.iter().map(|cell| target(&cell.target));
    RunRecord {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            version: "0.1.0".to_owned(),
            commit: Some("0123456789abcdef".to_owned()),
            command: ["poolproof", "compare", "--seed", "42"]
                .map(str::to_owned)
                .into(),
        },
        started_at: "2026-01-02T03:04:05Z".to_owned(),
        duration_ms: 156_000,
        seed: 42,
        quick: false,
        environment: Environment {
            kind: EnvironmentKind::Local,
            os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            kernel: "6.1.0-18-amd64".to_owned(),
            cpu_model: "AMD EPYC 7763 64-Core Processor".to_owned(),
            cores: 2,
            memory_bytes: 8_000_000_000,
            postgres_version: "PostgreSQL 15.14".to_owned(),
            container_engine: None,
            cpu_time: Some(CpuTime::PerfEvents),
        },
        targets: targets.collect(),
        scenarios,
    }
}

fn target(name: &str) -> TargetInfo {
    let ini = ConfigFile {
        name: "pgbouncer.ini".to_owned(),
        text: "[databases]\nbench = host=127.0.0.1 port=54321\n\n[pgbouncer]\npool_mode = \
               transaction\ndefault_pool_size = 20\n"
            .to_owned(),
    };
    let direct = name == "direct";
    TargetInfo {
        name: name.to_owned(),
        version: if direct {
            "PostgreSQL 15.14"
        } else {
            "PgBouncer 1.18.0"
        }
        .to_owned(),
        started_as: format!("{name} pgbouncer.ini"),
        config_files: if direct { Vec::new() } else { vec![ini] },
        image: None,
    }
}
