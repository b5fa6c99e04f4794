//! Nonces: the number that goes out with a query and must come back in its row.

use std::fmt;

use super::{Key, VisitId};

/// Digits of every nonce. Equal length lets a message be encoded once and patched; 18 digits
/// without a leading zero are an int8 in every version of PostgreSQL.
const DIGITS: usize = 18;
/// The smallest number of 18 digits.
const FLOOR: u64 = 100_000_000_000_000_000;
/// The bits that are free below the largest: 2⁵⁹ < 9 · 10¹⁷.
const FREE_BITS: u32 = 59;
/// Of these, the bits that count queries within a visit: 34 thousand millions of them.
const SEQUENCE_BITS: u32 = 35;

/// A nonce as decimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Nonce([u8; DIGITS]);

impl Nonce {
    /// The nonce of query `sequence` of `visit`. Within a window no two are equal; between windows,
    /// and between targets, the key makes a meeting as unlikely as a random one.
    pub(in crate::engine) fn new(key: Key, visit: VisitId, sequence: u64) -> Self {
        let sequence = sequence & ((1 << SEQUENCE_BITS) - 1);
        let place = (u64::from(visit.0) << SEQUENCE_BITS) | sequence;
        Self::from_number(FLOOR + ((place ^ key.salt()) & ((1 << FREE_BITS) - 1)))
    }

    fn from_number(mut number: u64) -> Self {
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            let units = (number % 10) as u8;
            *digit += units;
            number /= 10;
        }
        Self(digits)
    }

    /// A nonce of one digit repeated, which marks places in messages that are being encoded.
    pub(in crate::engine) fn marker(digit: u8) -> Self {
        Self([b'0' + digit % 10; DIGITS])
    }

    pub(in crate::engine) fn bytes(&self) -> &[u8; DIGITS] {
        &self.0
    }

    /// The nonce as the parameter of a driver that encodes for itself.
    pub(in crate::engine) fn number(&self) -> i64 {
        self.0
            .iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|digit| write!(out, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Key, Nonce, VisitId};

    #[test]
    fn no_two_queries_share_a_nonce() {
        let key = Key::new(3, "demo", 5);
        let mut seen = HashSet::new();
        for visit in (0..300).chain([(1 << 24) - 1]) {
            for sequence in (0..100).chain([(1 << 35) - 1]) {
                let nonce = Nonce::new(key, VisitId(visit), sequence);
                assert!(
                    seen.insert(*nonce.bytes()),
                    "visit {visit}, query {sequence}"
                );
            }
        }
    }

    #[test]
    fn every_nonce_has_eighteen_digits_and_is_its_number() {
        for sequence in 0..1_000 {
            let nonce = Nonce::new(Key::new(sequence, "demo", 0), VisitId(9), sequence);
            assert_ne!(nonce.bytes()[0], b'0');
            assert_eq!(nonce.to_string().parse::<i64>(), Ok(nonce.number()));
        }
    }
}
