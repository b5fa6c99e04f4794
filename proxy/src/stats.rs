//! Counters that cost nothing: each core counts for itself, readers add up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cores::CoreId;
use crate::server::stopwatch::Lap;

pub mod history;
pub mod latency;

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

/// Declares the counters once, for those who count and for those who add up.
macro_rules! counters {
    ($( $(#[doc = $meaning:literal])+ $name:ident, )*) => {
        /// What one core did for one pool. On cache lines of its own, so that cores do not slow
        /// each other down (two lines, as processors fetch them in pairs).
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct CoreStats {
            $( $(#[doc = $meaning])+ pub $name: Counter, )*
            /// How long transactions held their servers.
            pub transaction_time: latency::Histogram,
            /// How long requests took.
            pub query_time: latency::Histogram,
            /// How long clients waited that had to wait for a server.
            pub wait_time: latency::Histogram,
        }

        /// The sums over all cores at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Totals {
            $( $(#[doc = $meaning])+ pub $name: u64, )*
        }

        impl Totals {
            fn of(stats: &CoreStats) -> Self {
                Self { $( $name: stats.$name.get(), )* }
            }

            /// Both together.
            #[must_use]
            pub const fn plus(self, other: Self) -> Self {
                Self { $( $name: self.$name.wrapping_add(other.$name), )* }
            }

            /// What came since `earlier`; nothing of what was forgotten in between.
            #[must_use]
            pub const fn since(self, earlier: Self) -> Self {
                Self { $( $name: self.$name.saturating_sub(earlier.$name), )* }
            }
        }
    };
}

counters! {
    /// Servers handed to clients.
    assignments,
    /// Transactions that ended.
    transactions,
    /// Requests that were answered.
    queries,
    /// Bytes from clients.
    received,
    /// Bytes to clients.
    sent,
    /// Microseconds that clients held servers.
    transaction_us,
    /// Microseconds that servers worked on requests.
    query_us,
    /// Microseconds that clients waited for a server.
    wait_us,
    /// Parse messages of clients.
    client_parses,
    /// Parse messages to servers.
    server_parses,
    /// Bind messages.
    binds,
    /// Reset queries begun.
    resets,
    /// Errors that servers answered with.
    errors,
    /// Clients that were sent away while they waited for a server.
    refusals,
}

impl CoreStats {
    /// Counts how long a request and its transaction took. Of `queries` and `transactions` whose
    /// ends came together, in a pipeline, all but the first took no time of their own.
    pub fn time(&self, lap: Lap, queries: u32, transactions: u32) {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.query_us.add(us(lap.request));
        self.query_time.count(lap.request);
        self.query_time.count_at_once(queries.saturating_sub(1));
        if let Some(time) = lap.transaction {
            self.transaction_us.add(us(time));
            self.transaction_time.count(time);
            self.transaction_time
                .count_at_once(transactions.saturating_sub(1));
        }
    }

    /// Counts how long a client waited that now has a server.
    pub fn waited(&self, time: Duration) {
        self.wait_us
            .add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        self.wait_time.count(time);
    }
}

/// The counters of one pool.
#[derive(Debug)]
pub struct PoolStats {
    cores: Box<[CoreStats]>,
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
        let each = self.cores.iter().map(Totals::of);
        each.fold(Totals::default(), Totals::plus)
    }

    /// How long things took, over all cores; `of` says which.
    #[must_use]
    pub fn distribution(
        &self,
        of: impl Fn(&CoreStats) -> &latency::Histogram,
    ) -> latency::Distribution {
        let mut sum = latency::Distribution::default();
        for core in &self.cores {
            sum.add(of(core));
        }
        sum
    }
}
