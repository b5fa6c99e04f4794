//! The settings that sessions look at with each message, free of locks.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::settings::PoolSettings;
use crate::server::Server;
use crate::server::residue::Residue;

/// No server is ever idle for so many seconds.
const NEVER: u32 = u32::MAX;

/// How servers and sessions are cared for. Changes take effect with the next message.
#[derive(Debug)]
pub struct Care {
    statements_max: AtomicUsize,
    reset_always: AtomicBool,
    reset_dirty: AtomicBool,
    /// Seconds of idleness after which a server is checked before use.
    check_after: AtomicU32,
    has_limits: AtomicBool,
    fast_close: AtomicBool,
    /// Microseconds after which a client is told that it waits; 0 is never.
    notify_after_us: AtomicU64,
}

impl Care {
    /// As `settings` say.
    #[must_use]
    pub fn new(settings: &PoolSettings) -> Self {
        Self {
            statements_max: AtomicUsize::new(settings.max_prepared_statements as usize),
            reset_always: AtomicBool::new(settings.server_reset_query_always),
            reset_dirty: AtomicBool::new(settings.server_reset_dirty),
            check_after: AtomicU32::new(check_after(settings)),
            has_limits: AtomicBool::new(settings.has_limits),
            fast_close: AtomicBool::new(settings.server_fast_close),
            notify_after_us: AtomicU64::new(notify_after_us(settings)),
        }
    }

    /// From now on as `settings` say.
    pub fn set(&self, settings: &PoolSettings) {
        let Self {
            statements_max,
            reset_always,
            reset_dirty,
            check_after,
            has_limits,
            fast_close,
            notify_after_us,
        } = Self::new(settings);
        let relaxed = Ordering::Relaxed;
        self.statements_max
            .store(statements_max.into_inner(), relaxed);
        self.reset_always.store(reset_always.into_inner(), relaxed);
        self.reset_dirty.store(reset_dirty.into_inner(), relaxed);
        self.check_after.store(check_after.into_inner(), relaxed);
        self.has_limits.store(has_limits.into_inner(), relaxed);
        self.fast_close.store(fast_close.into_inner(), relaxed);
        self.notify_after_us
            .store(notify_after_us.into_inner(), relaxed);
    }

    /// Prepared statements that a server may have; 0 leaves statements alone.
    #[must_use]
    pub fn statements_max(&self) -> usize {
        self.statements_max.load(Ordering::Relaxed)
    }

    /// Whether a server with this on it is to be cleaned before another client gets it.
    #[must_use]
    pub fn is_due(&self, residue: &Residue) -> bool {
        self.reset_always.load(Ordering::Relaxed)
            || (residue.is_dirty() && self.reset_dirty.load(Ordering::Relaxed))
    }

    /// Whether an idle server is to be asked whether it still answers.
    #[must_use]
    pub fn wants_check(&self, server: &Server) -> bool {
        let after = self.check_after.load(Ordering::Relaxed);
        after != NEVER && server.is_idle_for(Duration::from_secs(u64::from(after)))
    }

    /// Whether sessions are to look at how long something lasts.
    #[must_use]
    pub fn has_limits(&self) -> bool {
        self.has_limits.load(Ordering::Relaxed)
    }

    /// How long a client waits before it is told that it does, if ever.
    #[must_use]
    pub fn notifies_after(&self) -> Option<Duration> {
        match self.notify_after_us.load(Ordering::Relaxed) {
            0 => None,
            us => Some(Duration::from_micros(us)),
        }
    }

    /// Whether a session that keeps an outdated server is to end.
    #[must_use]
    pub fn closes_fast(&self) -> bool {
        self.fast_close.load(Ordering::Relaxed)
    }
}

fn notify_after_us(settings: &PoolSettings) -> u64 {
    let after = settings.query_wait_notify.get().unwrap_or_default();
    u64::try_from(after.as_micros()).unwrap_or(u64::MAX)
}

fn check_after(settings: &PoolSettings) -> u32 {
    if settings.server_check_query.is_empty() {
        return NEVER;
    }
    u32::try_from(settings.server_check_delay.as_secs()).unwrap_or(NEVER)
}
