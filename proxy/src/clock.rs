//! A clock that costs nothing to read: seconds since the process began, kept by the housekeepers.
//!
//! Idle times and ages are counted in seconds, and are noted at every hand-back of a server; the
//! system's clock would be read there for nothing.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
static NOW: AtomicU32 = AtomicU32::new(0);

/// A moment, as whole seconds of the process's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Second(u32);

impl Second {
    /// The moment at which the clock was set last.
    #[must_use]
    pub fn now() -> Self {
        Self(NOW.load(Ordering::Relaxed))
    }

    /// Time from `earlier` to this moment, in whole seconds; none if it comes after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0) as u64)
    }
}

/// Sets the clock. Every housekeeper does so about once a second.
pub fn tick() {
    let seconds = BEGAN.elapsed().as_secs();
    NOW.store(
        u32::try_from(seconds).unwrap_or(u32::MAX),
        Ordering::Relaxed,
    );
}
