//! All pools by database and user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::settings::PoolSettings;
use super::{Commons, Pool, PoolId};

/// All pools. Asked at logins only: a session keeps its pool.
#[derive(Debug)]
pub struct Pools {
    commons: Arc<Commons>,
    by_id: Mutex<HashMap<PoolId, Arc<Pool>>>,
}

impl Pools {
    /// No pools yet.
    #[must_use]
    pub fn new(commons: Arc<Commons>) -> Self {
        Self {
            commons,
            by_id: Mutex::default(),
        }
    }

    /// What all pools share.
    #[must_use]
    pub fn commons(&self) -> &Arc<Commons> {
        &self.commons
    }

    /// The pool called `id`, which is made with `settings` if there is none.
    #[must_use]
    pub fn get(&self, id: PoolId, settings: impl FnOnce() -> PoolSettings) -> Arc<Pool> {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = by_id.entry(id).or_insert_with_key(|id| {
            Arc::new(Pool::new(id.clone(), settings(), Arc::clone(&self.commons)))
        });
        Arc::clone(pool)
    }

    /// All of them at this moment, in no particular order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Pool>> {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        by_id.values().cloned().collect()
    }
}
