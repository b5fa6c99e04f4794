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

/// When something happened last.
#[derive(Debug)]
pub struct LastTime(AtomicU32);

impl LastTime {
    /// Just now.
    #[must_use]
    pub fn now() -> Self {
        Self(AtomicU32::new(Second::now().0))
    }

    /// It happens again.
    pub fn again(&self) {
        self.0.store(Second::now().0, Ordering::Relaxed);
    }

    /// When it was.
    #[must_use]
    pub fn get(&self) -> Second {
        Second(self.0.load(Ordering::Relaxed))
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
