//! Whole runs with known effects through the gate: how often it is wrong, and what it sees.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::*;

const RUNS: usize = 400;
/// Three standard errors of a share of 5 % over [`RUNS`]: √(0.05 · 0.95 ÷ 400) · 3.
const SLACK: f64 = 0.0327;
/// Fewest blocks from which three comparisons at once can fail.
const BLOCKS: u32 = 6;

/// A target that is `factor` times slower and dearer than another, on a machine whose every figure is
/// off by up to 1.5 % in each block, and by 3 % more in one block of ten.
fn target(name: &str, factor: f64, random: &mut ChaCha12Rng) -> Cell {
    let mut cell = cell(name, STEADY);
    cell.windows = (0..BLOCKS)
        .map(|block| window(block, factor, random))
        .collect();
    cell
}

fn window(block: u32, factor: f64, random: &mut ChaCha12Rng) -> Window {
    let mut noise = || {
        let disturbed = if random.random_ratio(1, 10) {
            1.03
        } else {
            1.0
        };
        factor * (1.0 + random.random_range(-0.015..0.015)) * disturbed
    };
    let mut latency = Latency::default();
    // Far above the histogram's three digits, so that its rounding is no part of the noise.
    let micros = Duration::from_secs_f64(0.5 * noise());
    for _ in 0..20 {
        latency.record(micros);
    }
    let whole = |value: f64| {
        Duration::from_secs_f64(value)
            .as_micros()
            .try_into()
            .unwrap()
    };
    Window {
        block,
        duration_us: whole(noise()),
        attempted: 20,
        succeeded: 20,
        latency,
        target_cost: Some(Cost {
            cpu_us: whole(noise()),
            peak_rss_bytes: 1,
        }),
        ..Window::default()
    }
}

/// What the gate says of [`RUNS`] runs in which `b` is `factor` times worse than `a`, as the shares
/// that pass and that fail.
fn shares(factor: f64) -> (f64, f64) {
    let asked = [
        "b: p50 <= 1.1 * a",
        "b: cpu <= 1.1 * a",
        "b: throughput >= 0.90909 * a",
    ];
    let mut random = ChaCha12Rng::seed_from_u64(11);
    let outcomes: Vec<Outcome> = (0..RUNS)
        .map(|_| {
            let cells = vec![
                target("a", 1.0, &mut random),
                target("b", factor, &mut random),
            ];
            judge(&record(&asked, cells), &[]).outcome()
        })
        .collect();
    let share = |outcome| {
        let count = outcomes.iter().filter(|one| **one == outcome).count();
        count as f64 / RUNS as f64
    };
    (share(Outcome::Pass), share(Outcome::Fail))
}

#[test]
fn a_target_at_its_bounds_seldom_passes_or_fails() {
    let (passed, failed) = shares(1.1);
    assert!(passed <= 0.025 + SLACK, "{passed} passed");
    assert!(
        failed <= 0.05 + SLACK,
        "{failed} failed, of three comparisons at once"
    );
}

#[test]
fn equal_targets_pass_and_one_slowed_by_a_fifth_fails_every_time() {
    let (passed, failed) = shares(1.0);
    assert!(passed > 0.999, "{passed} passed");
    assert_eq!(failed, 0.0);
    let (passed, failed) = shares(1.2);
    assert_eq!(passed, 0.0);
    assert!(failed > 0.999, "{failed} failed");
}
