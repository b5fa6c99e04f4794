//! Ratios with known effects: single cases as a table, rates of error by simulation.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use super::*;

fn ratio(blocks: &[f64]) -> Ratio {
    Ratio::new(blocks.to_vec()).unwrap()
}

/// Six blocks from `low` to `high`, whose interval therefore is exactly these two.
fn spanning(low: f64, high: f64) -> Ratio {
    let middle = f64::midpoint(low, high);
    ratio(&[low, middle, middle, middle, middle, high])
}

#[test]
fn effects() {
    let table = [
        (1.20, 1.40, Effect::Better, Effect::Worse),
        (0.70, 0.90, Effect::Worse, Effect::Better),
        (0.97, 1.04, Effect::NoDifference, Effect::NoDifference),
        (1.01, 1.04, Effect::NoDifference, Effect::NoDifference),
        (1.01, 1.20, Effect::Better, Effect::Worse),
        (0.90, 1.20, Effect::Unclear, Effect::Unclear),
    ];
    for (low, high, throughput, latency) in table {
        let ratio = spanning(low, high);
        assert_eq!(
            ratio.effect(Better::Higher, 0.05),
            throughput,
            "{low}–{high}"
        );
        assert_eq!(ratio.effect(Better::Lower, 0.05), latency, "{low}–{high}");
    }
    assert_eq!(
        ratio(&[1.5; 5]).effect(Better::Higher, 0.05),
        Effect::Unclear
    );
}

#[test]
fn bounds() {
    let table = [
        (0.80, 0.90, Comparison::AtMost, 1.0, Answer::Yes),
        (0.80, 1.00, Comparison::AtMost, 1.0, Answer::Yes),
        (0.80, 1.00, Comparison::Below, 1.0, Answer::Spans),
        (0.80, 1.01, Comparison::AtMost, 1.0, Answer::Spans),
        (1.01, 1.20, Comparison::AtMost, 1.0, Answer::No),
        (1.25, 1.40, Comparison::AtLeast, 1.2, Answer::Yes),
        (1.00, 1.10, Comparison::Above, 1.2, Answer::No),
        (1.10, 1.30, Comparison::AtLeast, 1.2, Answer::Spans),
    ];
    for (low, high, comparison, factor, answer) in table {
        let kept = spanning(low, high).keeps(comparison, factor);
        assert_eq!(kept, answer, "{low}–{high} {comparison} {factor}");
    }
    let two = ratio(&[0.5, 0.5]);
    assert_eq!(two.keeps(Comparison::AtMost, 1.0), Answer::TooFewBlocks);
}

/// Draws one ratio around a true median of 1.
type Noise = fn(&mut ChaCha12Rng) -> f64;

/// Shapes of noise around a true median of 1: a symmetric one, a skewed one, and one that is
/// mostly quiet with rare disturbances, as on a shared machine.
const NOISES: [(&str, Noise); 3] = [
    ("uniform", |random| random.random_range(0.9..1.1)),
    ("exponential", |random| {
        let uniform: f64 = random.random_range(f64::EPSILON..1.0);
        -uniform.ln() / std::f64::consts::LN_2
    }),
    ("disturbed", |random| {
        let width = if random.random_ratio(1, 10) {
            0.8
        } else {
            0.02
        };
        1.0 + random.random_range(-width..width)
    }),
];

/// `runs` simulated runs of `blocks` blocks each, whose true ratio is `truth`.
fn simulate(
    truth: f64,
    blocks: usize,
    runs: usize,
) -> impl Iterator<Item = (&'static str, Vec<Ratio>)> {
    NOISES.into_iter().map(move |(name, noise)| {
        let mut random = ChaCha12Rng::seed_from_u64(7);
        let run =
            |random: &mut _| ratio(&Vec::from_iter((0..blocks).map(|_| truth * noise(random))));
        (name, (0..runs).map(|_| run(&mut random)).collect())
    })
}

fn share(ratios: &[Ratio], holds: impl Fn(&Ratio) -> bool) -> f64 {
    ratios.iter().filter(|ratio| holds(ratio)).count() as f64 / ratios.len() as f64
}

const RUNS: usize = 4_000;
/// Three standard errors of a share of 5 % over [`RUNS`]: √(0.05 · 0.95 ÷ 4,000) · 3.
const SLACK: f64 = 0.0104;

#[test]
fn the_interval_holds_the_truth_in_95_of_100_runs() {
    for blocks in [6, 7, 10, 16, 25] {
        for (noise, ratios) in simulate(1.3, blocks, RUNS) {
            let held = share(&ratios, |one| one.interval.unwrap().contains(1.3));
            assert!(held >= 0.95 - SLACK, "{noise}, {blocks} blocks: {held}");
        }
    }
}

#[test]
fn equal_sides_raise_no_alarm() {
    for blocks in [6, 12] {
        for (noise, ratios) in simulate(1.0, blocks, RUNS) {
            let alarms = share(&ratios, |one| {
                let effect = one.effect(Better::Higher, 0.05);
                matches!(effect, Effect::Better | Effect::Worse)
            });
            assert!(alarms <= 0.05 + SLACK, "{noise}, {blocks} blocks: {alarms}");
        }
    }
}

#[test]
fn a_side_at_its_bound_seldom_passes_or_fails() {
    for (noise, ratios) in simulate(1.1, 12, RUNS) {
        for wrong in [Answer::Yes, Answer::No] {
            let given = share(&ratios, |one| one.keeps(Comparison::AtMost, 1.1) == wrong);
            assert!(given <= 0.025 + SLACK, "{noise}: {wrong:?} {given}");
        }
    }
}

#[test]
fn twenty_percent_slower_is_seen() {
    let (_, ratios) = simulate(1.2, 6, RUNS).next().unwrap();
    let seen = share(&ratios, |one| {
        one.effect(Better::Lower, 0.05) == Effect::Worse
    });
    assert!(seen > 0.999, "{seen}");
}

#[test]
fn the_smallest_difference_is_what_the_blocks_could_show() {
    let noise = [0.96, 0.98, 1.0, 1.0, 1.02, 1.05];
    let smallest = ratio(&noise).smallest_difference().unwrap();
    assert!((smallest - 0.05).abs() < 1e-12, "{smallest}");
    let shifted = |factor: f64| {
        let blocks = noise.map(|block| block * factor);
        ratio(&blocks).effect(Better::Lower, 0.0)
    };
    assert_eq!(shifted(1.0 + smallest), Effect::Worse);
    assert_eq!(shifted(1.0 + smallest * 0.8), Effect::Unclear);
    assert_eq!(ratio(&[1.0; 5]).smallest_difference(), None);
}

#[test]
fn chances_of_breaking_a_bound() {
    let worse = spanning(1.11, 1.3);
    let chance = worse.chance_of_breaking(Comparison::AtMost, 1.1);
    assert!((chance - 1.0 / 64.0).abs() < 1e-12, "{chance}");
    assert_eq!(worse.chance_of_breaking(Comparison::AtLeast, 1.1), 1.0);
}
