//! Random bytes from the system's generator, and what one process derives from them.

use std::cell::RefCell;
use std::sync::OnceLock;

use super::hash::{KEY_BYTES, hmac};

/// The system's generator did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the system gives no random bytes: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

/// Bytes that nobody can guess.
///
/// # Errors
/// When the system has none to give.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that a thread asks for at once and then gives out by and by: each question is a system
/// call, and a login needs few.
const RESERVE_LEN: usize = 256;

thread_local! {
    static RESERVE: RefCell<Reserve> = const { RefCell::new(Reserve { bytes: [0; RESERVE_LEN], left: 0 }) };
}

/// Random bytes of which none is given out twice, nor kept once it is.
struct Reserve {
    bytes: [u8; RESERVE_LEN],
    /// So many of them, the first, are still unknown to everybody.
    left: usize,
}

impl Reserve {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), getrandom::Error> {
        if out.len() > RESERVE_LEN {
            return getrandom::fill(out);
        }
        if self.left < out.len() {
            getrandom::fill(&mut self.bytes)?;
            self.left = RESERVE_LEN;
        }
        let from = self.left - out.len();
        let given = &mut self.bytes[from..self.left];
        out.copy_from_slice(given);
        given.fill(0);
        self.left = from;
        Ok(())
    }
}

/// Fills `out` with bytes that nobody can guess, a few at a time without a system call.
///
/// # Errors
/// When the system has none to give.
pub(crate) fn fill(out: &mut [u8]) -> Result<(), getrandom::Error> {
    RESERVE.with_borrow_mut(|reserve| reserve.fill(out))
}

/// A key that no other process has. It outlives reloads, so that what is derived from it does not
/// change under a client that tries twice.
fn process_key() -> Result<&'static [u8; KEY_BYTES], NoRandomness> {
    static KEY: OnceLock<[u8; KEY_BYTES]> = OnceLock::new();
    if let Some(key) = KEY.get() {
        return Ok(key);
    }
    let key = random_bytes()?;
    Ok(KEY.get_or_init(|| key))
}

/// The same bytes for the same `purpose` and `name` as long as the process lives, and otherwise
/// random.
///
/// # Errors
/// When the system has no random bytes to begin with.
pub(crate) fn derived(purpose: &str, name: &str) -> Result<[u8; KEY_BYTES], NoRandomness> {
    Ok(hmac(
        process_key()?,
        &[purpose.as_bytes(), b"\0", name.as_bytes()],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte comes from the system, once: a reserve that gave one out twice, or its zeros,
    /// would show as two equal pieces.
    #[test]
    fn no_two_pieces_are_alike() {
        let mut seen = std::collections::HashSet::new();
        for len in [8, 36, 8, 100, RESERVE_LEN, 8, RESERVE_LEN + 1, 36] {
            for _ in 0..100 {
                let mut piece = vec![0; len];
                fill(&mut piece).unwrap();
                assert!(
                    piece
                        .chunks_exact(8)
                        .all(|eight| seen.insert(eight.to_vec()))
                );
            }
        }
    }

    #[test]
    fn what_was_given_out_is_not_kept() {
        let mut reserve = Reserve {
            bytes: [0; RESERVE_LEN],
            left: 0,
        };
        let mut piece = [0; 40];
        reserve.fill(&mut piece).unwrap();
        assert!(!reserve.bytes.windows(8).any(|eight| piece[..8] == *eight));
        assert_eq!(reserve.bytes[reserve.left..], [0; 40]);
    }
}
