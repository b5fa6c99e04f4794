use super::{Random, permute};

const DRAWS: u32 = 200_000;

/// Draws ten numbers' worth of counts and holds them against the shares that theory gives, by
/// Pearson's chi-square: with nine degrees of freedom 33.7 is passed once in 10,000 times, and the
/// seed is fixed.
fn check(name: &str, shares: [f64; 10], mut draw: impl FnMut(&mut Random) -> i64) {
    let mut random = Random::new(7);
    let mut counts = [0_u32; 10];
    for _ in 0..DRAWS {
        let drawn = draw(&mut random);
        counts[usize::try_from(drawn - 1).unwrap()] += 1;
    }
    let whole: f64 = shares.iter().sum();
    let chi: f64 = counts
        .iter()
        .zip(shares)
        .map(|(count, share)| {
            let expected = f64::from(DRAWS) * share / whole;
            (f64::from(*count) - expected).powi(2) / expected
        })
        .sum();
    assert!(chi < 33.7, "{name}: {chi}, {counts:?}");
}

/// The standard normal distribution function, integrated by Simpson's rule from 0.
fn phi(x: f64) -> f64 {
    const STEPS: i32 = 2_000;
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let width = x / f64::from(STEPS);
    let sum: f64 = (0..=STEPS)
        .map(|step| {
            let weight = match step {
                0 | STEPS => 1.0,
                step if step % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * density(width * f64::from(step))
        })
        .sum();
    0.5 + sum * width / 3.0
}

fn shares(share: impl Fn(f64) -> f64) -> [f64; 10] {
    std::array::from_fn(|index| share(index as f64))
}

/// Formulas are those of pgbench's manual page, «Built-In Functions».
#[test]
fn distributions_are_those_of_the_manual() {
    check("uniform", [0.1; 10], |random| random.uniform(1, 10));
    // Each number has the density between its half steps, of a bell 2.5 deviations wide each way.
    let bell =
        shares(|index| phi(2.5 * ((index + 1.0) / 5.0 - 1.0)) - phi(2.5 * (index / 5.0 - 1.0)));
    check("gaussian", bell, |random| random.gaussian(1, 10, 2.5));
    let falling = shares(|index| (-3.0 * index / 10.0).exp() - (-3.0 * (index + 1.0) / 10.0).exp());
    check("exponential", falling, |random| {
        random.exponential(1, 10, 3.0)
    });
    let zipf = shares(|index| (index + 1.0).powf(-1.1));
    check("zipfian", zipf, |random| random.zipfian(1, 10, 1.1));
}

#[test]
fn ranges_reach_both_ends_of_int8() {
    let mut random = Random::new(1);
    for _ in 0..1_000 {
        let drawn = random.uniform(i64::MIN, -2);
        assert!(drawn <= -2);
        assert!((5..=5).contains(&random.gaussian(5, 5, 2.0)));
    }
}

#[test]
fn a_permutation_takes_every_place_once() {
    for size in [1, 2, 3, 10, 64, 1_000] {
        let mut places: Vec<_> = (0..size).map(|value| permute(value, size, 42)).collect();
        if size >= 64 {
            assert_ne!(
                places,
                (0..size).collect::<Vec<_>>(),
                "it moves what it permutes"
            );
        }
        places.sort_unstable();
        assert_eq!(places, (0..size).collect::<Vec<_>>());
    }
}
