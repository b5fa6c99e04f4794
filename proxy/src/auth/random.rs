//! Random bytes from the system's generator, and what one process derives from them.

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
