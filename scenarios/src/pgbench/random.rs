//! Random numbers of a script: a stream for each client, the same for the same seed.

/// A stream of random numbers: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, OOPSLA 2014).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Random(u64);

/// 2⁻⁵³: a double holds so many bits.
const UNIT: f64 = 1.0 / (1_u64 << 53) as f64;

impl Random {
    /// The stream that begins with `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to and without 1.
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * UNIT
    }

    /// Above 0, up to and with 1.
    fn unit_above_zero(&mut self) -> f64 {
        1.0 - self.unit()
    }

    /// `low` to `high`, each as likely as the other. `low` is not above `high`, and the range has
    /// fewer than 2⁶³ numbers.
    pub(super) fn uniform(&mut self, low: i64, high: i64) -> i64 {
        let size = u128::from(high.abs_diff(low)) + 1;
        // The high half of a product maps 64 bits onto 0..size; the bias is size ÷ 2⁶⁴ (Lemire 2019).
        let step = ((u128::from(self.bits()) * size) >> 64) as u64;
        low.wrapping_add_unsigned(step)
    }

    /// A bell that is cut `parameter` standard deviations from its middle: the interval is that wide on
    /// both sides.
    pub(super) fn gaussian(&mut self, low: i64, high: i64, parameter: f64) -> i64 {
        let deviation = loop {
            // Box and Muller 1958; a draw beyond the cut is thrown away.
            let radius = (-2.0 * self.unit_above_zero().ln()).sqrt();
            let deviation = radius * (std::f64::consts::TAU * self.unit()).sin();
            if (-parameter..parameter).contains(&deviation) {
                break deviation;
            }
        };
        place(low, high, (deviation + parameter) / (2.0 * parameter))
    }

    /// An exponential distribution that is cut where it has fallen by e^-parameter.
    pub(super) fn exponential(&mut self, low: i64, high: i64, parameter: f64) -> i64 {
        let cut = (-parameter).exp();
        let drawn = cut + (1.0 - cut) * self.unit_above_zero();
        place(low, high, -drawn.ln() / parameter)
    }

    /// Zipf's distribution over 1..=`size` with exponent `s` above 1, by rejection (Devroye:
    /// Non-Uniform Random Variate Generation, 1986, page 551).
    fn zipf(&mut self, size: f64, s: f64) -> f64 {
        let b = (s - 1.0).exp2();
        loop {
            let x = self.unit_above_zero().powf(-1.0 / (s - 1.0)).floor();
            let t = (1.0 + 1.0 / x).powf(s - 1.0);
            if self.unit() * x * (t - 1.0) / (b - 1.0) <= t / b && x <= size {
                return x;
            }
        }
    }

    /// Zipf's distribution over `low` to `high`: `low` is the most likely.
    pub(super) fn zipfian(&mut self, low: i64, high: i64, s: f64) -> i64 {
        let size = high.abs_diff(low) as f64 + 1.0;
        offset(low, high, self.zipf(size, s) - 1.0)
    }
}

/// The number that lies at `share`, from 0 to 1, of the range.
fn place(low: i64, high: i64, share: f64) -> i64 {
    offset(
        low,
        high,
        (share * (high.abs_diff(low) as f64 + 1.0)).floor(),
    )
}

fn offset(low: i64, high: i64, steps: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and casting saturates"
    )]
    let steps = (steps as u64).min(high.abs_diff(low));
    low.wrapping_add_unsigned(steps)
}

/// FNV-1a of the eight bytes of `value` (Fowler, Noll, Vo), begun with `seed`.
pub(super) fn fnv1a(value: i64, seed: i64) -> i64 {
    let begin = 0xcbf2_9ce4_8422_2325 ^ seed.cast_unsigned();
    let hash = value.to_le_bytes().iter().fold(begin, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.cast_signed()
}

/// MurmurHash64A (Appleby) of the eight bytes of `value`.
pub(super) fn murmur2(value: i64, seed: i64) -> i64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut word = value.cast_unsigned().wrapping_mul(M);
    word ^= word >> R;
    word = word.wrapping_mul(M);
    let mut hash = seed.cast_unsigned() ^ M.wrapping_mul(8);
    hash = (hash ^ word).wrapping_mul(M);
    hash ^= hash >> R;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> R)).cast_signed()
}

/// Where `value` goes in a random order of 0..`size`. The order is not pgbench's, which changes between
/// its versions too: a Feistel network of six rounds over the smallest power of four that holds
/// the range, walked until it lands inside (Black and Rogaway 2002).
pub(super) fn permute(value: i64, size: i64, seed: i64) -> i64 {
    let size = size.cast_unsigned();
    let half = (64 - size.saturating_sub(1).leading_zeros())
        .div_ceil(2)
        .max(1);
    let mask = (1_u64 << half) - 1;
    let mut place = value.rem_euclid(size.cast_signed()).cast_unsigned();
    loop {
        let (mut left, mut right) = (place >> half, place & mask);
        for round in 0..6_u64 {
            let key = right ^ (round << 56) ^ seed.cast_unsigned();
            let mixed = Random::new(key).bits() & mask;
            (left, right) = (right, left ^ mixed);
        }
        place = (left << half) | right;
        if place < size {
            return place.cast_signed();
        }
    }
}

#[cfg(test)]
mod tests;
