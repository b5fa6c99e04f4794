//! Finds how many clients a target carries: steps with more and more of them, until one breaks.

use std::time::{Duration, Instant};

use poolproof_reports::record::{Cost, Knee, Window};
use poolproof_scenarios::{
    Scenario,
    load::{ClientStage, Connect, Load, knee_steps},
};

use super::{EngineError, Stop, WindowPlan};

/// What a step must hold.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    max_p99: Duration,
    /// In percent.
    min_success: f64,
}

impl Bounds {
    /// Why `step` is broken, if it is.
    fn broken(self, clients: u32, step: &Window) -> Option<String> {
        let success = step.succeeded as f64 / (step.attempted as f64).max(1.0) * 100.0;
        if success < self.min_success || step.attempted == 0 {
            return Some(format!(
                "with {clients} clients {success:.2} % succeeded, of {} % expected",
                self.min_success
            ));
        }
        let p99 = step.latency.percentile(99.0)?;
        (p99 > self.max_p99).then(|| {
            format!(
                "with {clients} clients the 99th percentile was {p99:?}, of {:?} expected",
                self.max_p99
            )
        })
    }
}

/// Runs the steps of `plan`, each as a window of its own that `run` measures, and puts them together.
pub(super) fn run(
    plan: &WindowPlan<'_>,
    stop: &Stop,
    run: impl Fn(&WindowPlan<'_>) -> Result<Window, EngineError>,
) -> Result<Window, EngineError> {
    let Load::Knee {
        from,
        to,
        step,
        max_p99,
        min_success,
        think_time,
        connect,
    } = plan.scenario.load
    else {
        return run(plan);
    };
    let bounds = Bounds {
        max_p99,
        min_success,
    };
    let began = Instant::now();
    let mut whole = Window::default();
    let mut knee = Knee::default();
    for (index, clients) in (0_u64..).zip(knee_steps(from, to)) {
        let scenario = step_of(plan.scenario, clients, step, (think_time, connect));
        let measured = run(&WindowPlan {
            scenario: &scenario,
            // Each step has random choices, and nonces, of its own.
            seed: plan.seed.wrapping_add(index << 32),
            watch: plan.watch.clone(),
            ..*plan
        })?;
        let broken = bounds.broken(clients, &measured);
        if broken.is_none() && !stop.is_stopped() {
            knee.clients = clients;
            knee.throughput = rate(&measured);
        }
        add(&mut whole, began.elapsed(), measured);
        if broken.is_some() || stop.is_stopped() {
            knee.broke = broken;
            break;
        }
    }
    whole.knee = Some(knee);
    Ok(whole)
}

/// The scenario of one step.
fn step_of(
    scenario: &Scenario,
    clients: u32,
    lasts: Duration,
    (think_time, connect): (Duration, Connect),
) -> Scenario {
    let stage = |lasts| ClientStage { clients, lasts };
    Scenario {
        load: Load::Closed {
            stages: vec![stage(Duration::ZERO), stage(lasts)],
            think_time,
            connect,
        },
        ..scenario.clone()
    }
}

/// Transactions a second, rounded down.
fn rate(window: &Window) -> u64 {
    let micros = u128::from(window.duration_us.max(1));
    u64::try_from(u128::from(window.succeeded) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

/// Adds a step that ended when `elapsed` of the whole window was over.
fn add(whole: &mut Window, elapsed: Duration, mut step: Window) {
    let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
    let offset = elapsed_us.saturating_sub(step.duration_us) / 1_000;
    if whole.duration_us == 0 {
        whole.block = step.block;
        whole.started_ms = step.started_ms;
    }
    whole.duration_us = elapsed_us;
    whole.attempted += step.attempted;
    whole.succeeded += step.succeeded;
    for (class, count) in step.errors {
        *whole.errors.entry(class).or_default() += count;
    }
    for (class, sample) in step.error_samples {
        whole.error_samples.entry(class).or_insert(sample);
    }
    whole.latency.merge(&step.latency);
    whole.failed_latency.merge(&step.failed_latency);
    whole.connect_latency.merge(&step.connect_latency);
    for each in &mut step.series {
        each.at_ms += offset;
    }
    whole.series.append(&mut step.series);
    for (mine, other) in [
        (&mut whole.target_cost, step.target_cost),
        (&mut whole.postgres_cost, step.postgres_cost),
        (&mut whole.generator_cost, step.generator_cost),
    ] {
        *mine = sum(*mine, other);
    }
    whole.generator_bound |= step.generator_bound;
}

fn sum(one: Option<Cost>, other: Option<Cost>) -> Option<Cost> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some(Cost {
        cpu_us: one.cpu_us + other.cpu_us,
        peak_rss_bytes: one.peak_rss_bytes.max(other.peak_rss_bytes),
    })
}
