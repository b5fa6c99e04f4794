//! How many servers and clients one database has, or one user, over all pools: what
//! `max_db_connections`, `max_user_connections` and their likes for clients limit.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Pool;
use crate::config::Limit;

/// Accounts that nobody holds are forgotten when there are this many.
const SWEEP_MIN: usize = 256;

/// The accounts of all databases or of all users, by name.
#[derive(Debug, Default)]
pub struct Accounts(Mutex<HashMap<String, Arc<Account>>>);

impl Accounts {
    /// The account called `name`.
    #[must_use]
    pub fn of(&self, name: &str) -> Arc<Account> {
        // A map that panicked half-way would still hold valid entries.
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(name) {
            return Arc::clone(account);
        }
        if accounts.len() >= SWEEP_MIN {
            accounts.retain(|_, account| Arc::strong_count(account) > 1);
        }
        let account = Arc::default();
        accounts.insert(name.to_owned(), Arc::clone(&account));
        account
    }
}

/// What one database or one user has.
#[derive(Debug, Default)]
pub struct Account {
    servers: AtomicUsize,
    clients: AtomicUsize,
    /// Some pool waits for room.
    hungry: AtomicBool,
    pools: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    all: Vec<Weak<Pool>>,
    /// Those that wait for room.
    hungry: Vec<Weak<Pool>>,
}

/// Counts one more unless `limit` is reached.
fn count(number: &AtomicUsize, limit: Limit) -> bool {
    let most = limit.get().map_or(usize::MAX, |most| most as usize);
    let more = |now: usize| (now < most).then_some(now + 1);
    number
        .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
        .is_ok()
}

impl Account {
    fn members(&self) -> MutexGuard<'_, Members> {
        // Each change is a single call.
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `pool` takes its servers from this account too.
    pub(super) fn join(&self, pool: &Arc<Pool>) {
        let mut members = self.members();
        members.all.retain(|member| member.strong_count() > 0);
        members.all.push(Arc::downgrade(pool));
    }

    /// Servers, those being opened included.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.servers.load(Ordering::Acquire)
    }

    /// Clients.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Acquire)
    }

    /// Whether some pool waits for room.
    #[must_use]
    pub fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed)
    }

    /// `pool` is to be told when there may be room.
    fn note_hungry(&self, pool: &Arc<Pool>) {
        let mut members = self.members();
        members.hungry.push(Arc::downgrade(pool));
        self.hungry.store(true, Ordering::SeqCst);
    }

    /// There may be room: whoever waits for it tries again.
    pub(super) fn stir(&self) {
        if !self.hungry.swap(false, Ordering::SeqCst) {
            return;
        }
        let hungry = std::mem::take(&mut self.members().hungry);
        for pool in hungry.iter().filter_map(Weak::upgrade) {
            pool.there_is_room();
        }
    }

    /// Has another pool close a server that it does not need. Says whether one did.
    fn evict(&self, beneficiary: &Arc<Pool>) -> bool {
        let others: Vec<_> = {
            let members = self.members();
            let pools = members.all.iter().filter_map(Weak::upgrade);
            pools
                .filter(|pool| !Arc::ptr_eq(pool, beneficiary))
                .collect()
        };
        others.iter().any(|pool| pool.evict())
    }
}

/// The accounts from which a pool takes its servers, and their limits.
#[derive(Debug)]
pub(super) struct Budget {
    database: Arc<Account>,
    user: Arc<Account>,
}

/// The limits of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits {
    /// `max_db_connections`.
    pub database: Limit,
    /// `max_user_connections`.
    pub user: Limit,
}

/// A server counted in both accounts, until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    database: Arc<Account>,
    user: Arc<Account>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.database.servers.fetch_sub(1, Ordering::AcqRel);
        self.user.servers.fetch_sub(1, Ordering::AcqRel);
        self.database.stir();
        self.user.stir();
    }
}

impl Budget {
    pub(super) fn new(database: Arc<Account>, user: Arc<Account>) -> Self {
        Self { database, user }
    }

    pub(super) fn join(&self, pool: &Arc<Pool>) {
        self.database.join(pool);
        self.user.join(pool);
    }

    /// A server was left idle: somebody else may have better use for its place.
    pub(super) fn has_idle(&self) {
        for account in [&self.database, &self.user] {
            if account.is_hungry() {
                account.stir();
            }
        }
    }

    /// Room for one more server of `pool`, made by closing an idle one of another pool if need
    /// be; or else the account that has none.
    pub(super) fn room_for(
        &self,
        pool: &Arc<Pool>,
        limits: BudgetLimits,
    ) -> Result<Counted, &Account> {
        loop {
            match self.count(limits) {
                Err(full) if full.evict(pool) => {}
                outcome => return outcome,
            }
        }
    }

    /// `pool`, which opens nothing now, is told when there may be room in `full` again.
    pub(super) fn wait_for_room(&self, full: &Account, pool: &Arc<Pool>, limits: BudgetLimits) {
        full.note_hungry(pool);
        // What was closed since the last look has told nobody.
        if self.count(limits).is_ok() {
            full.stir();
        }
    }

    /// Counts one more server; or else says which account is full.
    pub(super) fn count(&self, limits: BudgetLimits) -> Result<Counted, &Account> {
        if !count(&self.database.servers, limits.database) {
            return Err(&self.database);
        }
        if !count(&self.user.servers, limits.user) {
            self.database.servers.fetch_sub(1, Ordering::AcqRel);
            return Err(&self.user);
        }
        Ok(Counted {
            database: Arc::clone(&self.database),
            user: Arc::clone(&self.user),
        })
    }
}

/// A client counted in an account, until this is dropped.
#[derive(Debug)]
pub struct Stay(Arc<Account>);

impl Stay {
    /// Counts a client unless there are as many as `limit` allows.
    #[must_use]
    pub fn begin(account: Arc<Account>, limit: Limit) -> Option<Self> {
        count(&account.clients, limit).then(|| Self(account))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_counted_up_to_the_limit() {
        let accounts = Accounts::default();
        let enter = |limit| Stay::begin(accounts.of("a"), Limit::new(limit));
        let (first, second) = (enter(2), enter(2));
        assert!(first.is_some() && second.is_some());
        assert!(enter(2).is_none());
        assert!(enter(0).is_some(), "0 is no limit");
        drop(first);
        assert!(enter(2).is_some());
        assert!(Stay::begin(accounts.of("b"), Limit::new(1)).is_some());
    }

    #[test]
    fn a_server_counts_in_both_accounts_or_in_none() {
        let accounts = Accounts::default();
        let budget = |user| Budget::new(accounts.of("db"), accounts.of(user));
        let limits = BudgetLimits {
            database: Limit::new(2),
            user: Limit::new(1),
        };
        let first = budget("u").count(limits).ok();
        assert!(first.is_some());
        assert!(budget("u").count(limits).is_err(), "the user has one");
        assert_eq!(accounts.of("db").servers(), 1);
        let second = budget("v").count(limits).ok();
        assert!(second.is_some());
        assert!(budget("w").count(limits).is_err(), "the database has two");
        assert_eq!(accounts.of("w").servers(), 0);
        drop((first, second));
        assert_eq!(accounts.of("db").servers(), 0);
    }

    #[test]
    fn accounts_that_nobody_holds_are_forgotten() {
        let accounts = Accounts::default();
        for number in 0..10 * SWEEP_MIN {
            let _ = accounts.of(&number.to_string());
        }
        assert!(accounts.0.lock().unwrap().len() <= SWEEP_MIN);
    }
}
