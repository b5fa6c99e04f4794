//! The settings that sessions look at with each message, free of locks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::settings::PoolSettings;
use crate::server::residue::Residue;

/// How servers are cared for between clients. Changes take effect with the next message.
#[derive(Debug)]
pub struct Care {
    statements_max: AtomicUsize,
    reset_always: AtomicBool,
    reset_dirty: AtomicBool,
}

impl Care {
    /// As `settings` say.
    #[must_use]
    pub fn new(settings: &PoolSettings) -> Self {
        Self {
            statements_max: AtomicUsize::new(settings.max_prepared_statements as usize),
            reset_always: AtomicBool::new(settings.server_reset_query_always),
            reset_dirty: AtomicBool::new(settings.server_reset_dirty),
        }
    }

    /// From now on as `settings` say.
    pub fn set(&self, settings: &PoolSettings) {
        let new = Self::new(settings);
        let (max, relaxed) = (new.statements_max.into_inner(), Ordering::Relaxed);
        self.statements_max.store(max, relaxed);
        self.reset_always
            .store(new.reset_always.into_inner(), relaxed);
        self.reset_dirty
            .store(new.reset_dirty.into_inner(), relaxed);
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
}
