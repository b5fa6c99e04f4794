//! Counters that cost nothing: each core counts for itself, readers add up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cores::CoreId;

/// A number that only one thread changes and any may read.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`. Only the core that owns the counter may call it: a load and a store are
    /// cheaper than an atomic addition, and lose nothing as long as nobody else writes.
    pub fn add(&self, amount: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(amount),
            Ordering::Relaxed,
        );
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one core did for one pool. On cache lines of its own, so that cores do not slow each other
/// down (two lines, as processors fetch them in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct CoreStats {
    /// Servers handed to clients.
    pub assignments: Counter,
    /// Transactions that ended.
    pub transactions: Counter,
    /// Requests that were answered.
    pub queries: Counter,
    /// Bytes from clients.
    pub received: Counter,
    /// Bytes to clients.
    pub sent: Counter,
    /// Microseconds that clients waited for a server.
    pub wait_us: Counter,
    /// Reset queries begun.
    pub resets: Counter,
}

/// The counters of one pool.
#[derive(Debug)]
pub struct PoolStats {
    cores: Box<[CoreStats]>,
}

/// The sums over all cores at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Servers handed to clients.
    pub assignments: u64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Requests that were answered.
    pub queries: u64,
    /// Bytes from clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
    /// Time that clients waited for a server.
    pub wait: Duration,
    /// Reset queries begun.
    pub resets: u64,
}

impl PoolStats {
    /// Counters for `cores` cores.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self {
            cores: (0..cores).map(|_| CoreStats::default()).collect(),
        }
    }

    /// The counters of the current core.
    #[must_use]
    pub fn here(&self) -> &CoreStats {
        &self.cores[CoreId::current().index()]
    }

    /// Adds up.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let sum = |pick: fn(&CoreStats) -> &Counter| {
            self.cores
                .iter()
                .map(|core| pick(core).get())
                .fold(0, u64::wrapping_add)
        };
        Totals {
            assignments: sum(|core| &core.assignments),
            transactions: sum(|core| &core.transactions),
            queries: sum(|core| &core.queries),
            received: sum(|core| &core.received),
            sent: sum(|core| &core.sent),
            wait: Duration::from_micros(sum(|core| &core.wait_us)),
            resets: sum(|core| &core.resets),
        }
    }
}
