//! Where a series has left its beginning behind.

/// Values that are joined into one, so that the noise of single ones does not decide (MSER-5).
const BATCH: usize = 5;

/// Fewest batches from which anything can be said.
const BATCHES_MIN: usize = 4;

/// What a series shows of its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steadiness {
    /// After this many values the rest is level.
    After(usize),
    /// Its best beginning is not before its middle: it has not settled.
    NotReached,
    /// It is too short to tell.
    TooShort,
}

/// Finds where to cut off the warm-up of `series`, whose values are of equal length in time.
///
/// The cut is where the mean of what remains has the smallest standard error: cutting more of a
/// beginning that differs makes it smaller, cutting good values makes it larger. A cut at the
/// middle or beyond is not believed. K. P. White, «An effective truncation heuristic for bias reduction in
/// simulation output», Simulation 69 (1997).
#[must_use]
pub fn steadiness(series: &[f64]) -> Steadiness {
    let batches: Vec<f64> = series
        .chunks_exact(BATCH)
        .map(|batch| batch.iter().sum::<f64>() / BATCH as f64)
        .collect();
    if batches.len() < BATCHES_MIN {
        return Steadiness::TooShort;
    }
    // What remains must be two batches at least, or its spread would be nothing.
    let cuts = 0..batches.len() - 1;
    let best = cuts.min_by(|one, other| {
        let (one, other) = (error(&batches[*one..]), error(&batches[*other..]));
        one.total_cmp(&other)
    });
    match best {
        Some(cut) if cut * 2 < batches.len() => Steadiness::After(cut * BATCH),
        _ => Steadiness::NotReached,
    }
}

/// The square of the standard error of the mean, which MSER makes as small as it can.
fn error(batches: &[f64]) -> f64 {
    let count = batches.len() as f64;
    let mean = batches.iter().sum::<f64>() / count;
    let squares: f64 = batches.iter().map(|batch| (batch - mean).powi(2)).sum();
    squares / (count * count)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha12Rng;

    use super::*;

    /// `length` values around what `level` says, with 5 % of noise.
    fn series(length: u32, level: impl Fn(f64) -> f64) -> Vec<f64> {
        let mut random = ChaCha12Rng::seed_from_u64(3);
        let noisy = |at| level(f64::from(at)) * random.random_range(0.95..1.05);
        (0..length).map(noisy).collect()
    }

    #[test]
    fn a_slow_beginning_is_cut_off() {
        let warming = series(100, |at| if at < 20.0 { 50.0 + at } else { 100.0 });
        match steadiness(&warming) {
            Steadiness::After(cut) => assert!((20..=30).contains(&cut), "{cut}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_level_series_keeps_most_of_itself() {
        let Steadiness::After(cut) = steadiness(&series(100, |_| 100.0)) else {
            panic!("it is steady");
        };
        assert!(cut <= 50, "{cut}");
    }

    #[test]
    fn what_climbs_to_its_end_is_not_steady() {
        let climbing = series(100, |at| 100.0 + 10.0 * at);
        assert_eq!(steadiness(&climbing), Steadiness::NotReached);
        // Also when there is little of it: the last possible cut is the best of a climb.
        assert_eq!(steadiness(&climbing[..20]), Steadiness::NotReached);
        assert_eq!(steadiness(&[1.0; 19]), Steadiness::TooShort);
    }
}
