//! What can be read of a window while it runs, and how it is ended early.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Counters of a running window. The generator adds to them a few times a second, so that reading
/// them costs the measurement nothing.
#[derive(Debug, Default)]
pub struct Live {
    attempted: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    clients: AtomicU64,
    p50_us: AtomicU64,
    p99_us: AtomicU64,
}

/// One reading of [`Live`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveFigures {
    /// Transactions begun.
    pub attempted: u64,
    /// Transactions that succeeded.
    pub succeeded: u64,
    /// Transactions that failed.
    pub failed: u64,
    /// Clients connected or connecting.
    pub clients: u64,
    /// Median latency of the last moment in microseconds, of the thread that told last; 0 without
    /// successes.
    pub p50_us: u64,
    /// The same of the 99th percentile.
    pub p99_us: u64,
}

impl Live {
    /// The counters now. Each is right; together they may be a moment apart.
    #[must_use]
    pub fn figures(&self) -> LiveFigures {
        LiveFigures {
            attempted: self.attempted.load(Relaxed),
            succeeded: self.succeeded.load(Relaxed),
            failed: self.failed.load(Relaxed),
            clients: self.clients.load(Relaxed),
            p50_us: self.p50_us.load(Relaxed),
            p99_us: self.p99_us.load(Relaxed),
        }
    }

    /// Moves the counters from what one generator thread last said to what it says now.
    pub(super) fn advance(&self, from: LiveFigures, to: LiveFigures) {
        self.attempted
            .fetch_add(to.attempted - from.attempted, Relaxed);
        self.succeeded
            .fetch_add(to.succeeded - from.succeeded, Relaxed);
        self.failed.fetch_add(to.failed - from.failed, Relaxed);
        // Clients go down as well as up; wrapping addition carries both.
        self.clients
            .fetch_add(to.clients.wrapping_sub(from.clients), Relaxed);
        self.p50_us.store(to.p50_us, Relaxed);
        self.p99_us.store(to.p99_us, Relaxed);
    }
}

/// The wish that a window end soon, as Ctrl-C sets it. It stays set.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Asks every window that holds this flag to end. Safe to call from any thread, any number of
    /// times.
    pub fn stop(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Live, LiveFigures};

    #[test]
    fn clients_leave_as_they_came() {
        let live = Live::default();
        let busy = LiveFigures {
            attempted: 9,
            succeeded: 7,
            failed: 1,
            clients: 5,
            p50_us: 300,
            p99_us: 900,
        };
        live.advance(LiveFigures::default(), busy);
        live.advance(busy, LiveFigures { clients: 2, ..busy });
        assert_eq!(live.figures(), LiveFigures { clients: 2, ..busy });
    }
}
