//! All pools by database and user.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::gates::Gates;
use super::settings::PoolSettings;
use super::{Commons, Pool, PoolId};

/// All pools. Asked at logins only: a session keeps its pool.
#[derive(Debug)]
pub struct Pools {
    commons: Arc<Commons>,
    by_id: Mutex<HashMap<PoolId, Arc<Pool>>>,
    gates: Mutex<Gates>,
}

impl Pools {
    /// No pools yet.
    #[must_use]
    pub fn new(commons: Arc<Commons>) -> Self {
        Self {
            commons,
            by_id: Mutex::default(),
            gates: Mutex::default(),
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
        let pool = by_id
            .entry(id)
            .or_insert_with_key(|id| self.make(id, settings()));
        Arc::clone(pool)
    }

    /// The pool called `id`. If there is none it is made with `settings`, unless those are none. They
    /// are asked for while nobody else can look at the pools: a configuration that comes later finds
    /// the new one.
    pub fn get_if(
        &self,
        id: PoolId,
        settings: impl FnOnce(&PoolId) -> Option<PoolSettings>,
    ) -> Option<Arc<Pool>> {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        Some(match by_id.entry(id) {
            Entry::Occupied(entry) => Arc::clone(entry.get()),
            Entry::Vacant(entry) => {
                let settings = settings(entry.key())?;
                let pool = self.make(entry.key(), settings);
                Arc::clone(entry.insert(pool))
            }
        })
    }

    fn make(&self, id: &PoolId, settings: PoolSettings) -> Arc<Pool> {
        let pool = Pool::new(id.clone(), settings, Arc::clone(&self.commons));
        if self.gates().is_closed(&id.database) {
            pool.pause("pool is paused");
        }
        let pool = Arc::new(pool);
        pool.budget.join(&pool);
        pool
    }

    /// What an operator has paused or disabled. Never held while a pool is asked for.
    pub fn gates(&self) -> MutexGuard<'_, Gates> {
        // Each change is a single assignment.
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a pool: whoever asks for it gets a new one.
    pub fn remove(&self, id: &PoolId) {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        by_id.remove(id);
    }

    /// The pools that have neither a client nor a server: each of those would hold it.
    #[must_use]
    pub fn unused(&self) -> Vec<PoolId> {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = by_id.values().filter(|pool| Arc::strong_count(pool) == 1);
        unused.map(|pool| pool.id.clone()).collect()
    }

    /// Forgets a pool if nobody has come to it meanwhile. Says whether it did.
    pub fn remove_unused(&self, id: &PoolId) -> bool {
        let mut by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody new can get hold of it.
        let unused = by_id
            .get(id)
            .is_some_and(|pool| Arc::strong_count(pool) == 1);
        unused && by_id.remove(id).is_some()
    }

    /// All of them at this moment, in no particular order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Pool>> {
        let by_id = self.by_id.lock().unwrap_or_else(PoisonError::into_inner);
        by_id.values().cloned().collect()
    }
}
