//! Random choices without a state: each is a function of what it is the choice for, so that any
//! part of a plan can be had without the parts before it.

use super::VisitId;

/// What all choices of one window hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Key(u64);

impl Key {
    pub(in crate::engine) fn new(seed: u64, scenario: &str, block: u32) -> Self {
        let Self(named) = Self(scramble(seed)).named(scenario);
        Self(scramble(named ^ u64::from(block)))
    }

    /// A key for what this one is not to decide.
    pub(in crate::engine) fn named(self, name: &str) -> Self {
        let mix = |key, byte| scramble(key ^ u64::from(byte));
        Self(name.bytes().fold(self.0, mix))
    }

    /// The number that belongs to `index` in the stream of `visit`.
    pub(in crate::engine) fn number(self, visit: VisitId, index: u64) -> u64 {
        scramble(scramble(self.0 ^ u64::from(visit.0)).wrapping_add(index))
    }

    pub(in crate::engine) fn salt(self) -> u64 {
        self.0
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
/// OOPSLA 2014): maps 64 bits one to one onto 64 bits that look random.
fn scramble(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The weighted mix of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Mix {
    key: Key,
    /// Sums of the weights up to and with each transaction.
    sums: Vec<u64>,
}

impl Mix {
    pub(in crate::engine) fn new(key: Key, weights: impl Iterator<Item = u32>) -> Self {
        let sums = weights
            .scan(0, |sum, weight| {
                *sum += u64::from(weight);
                Some(*sum)
            })
            .collect();
        Self { key, sums }
    }

    pub(in crate::engine) fn key(&self) -> Key {
        self.key
    }

    /// Which transaction `visit` runs as its `index`th, counted from 0.
    pub(in crate::engine) fn pick(&self, visit: VisitId, index: u32) -> usize {
        let Some(&all) = self.sums.last().filter(|_| self.sums.len() > 1) else {
            return 0;
        };
        // The high half of a product maps 64 random bits onto 0..all without a division; the bias
        // is all ÷ 2⁶⁴ (Lemire 2019).
        let wide = u128::from(self.key.number(visit, index.into())) * u128::from(all);
        let drawn = (wide >> 64) as u64;
        self.sums.partition_point(|&sum| sum <= drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Mix, VisitId, scramble};

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs for seed 1234567 of the authors' C code.
        let gamma = 0x9e37_79b9_7f4a_7c15_u64;
        let outputs: Vec<_> = (0..3_u64)
            .map(|step| scramble(1_234_567_u64.wrapping_add(step.wrapping_mul(gamma))))
            .collect();
        assert_eq!(
            outputs,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn shares_follow_the_weights() {
        let mix = Mix::new(Key::new(1, "demo", 0), [1, 3, 6].into_iter());
        let mut counts = [0_i32; 3];
        for visit in 0..100 {
            for index in 0..1_000 {
                counts[mix.pick(VisitId(visit), index)] += 1;
            }
        }
        // Three standard deviations of a binomial share of 100,000 draws are below 500.
        for (count, expected) in counts.into_iter().zip([10_000, 30_000, 60_000]) {
            assert!((count - expected).abs() < 500, "{counts:?}");
        }
    }

    #[test]
    fn seed_scenario_and_block_all_matter() {
        let keys = [("a", 1, 0), ("b", 1, 0), ("a", 2, 0), ("a", 1, 1)]
            .map(|(name, seed, block)| Key::new(seed, name, block).salt());
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key));
        }
    }
}
