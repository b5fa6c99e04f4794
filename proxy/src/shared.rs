//! What all cores share: looked at when connections come and go, never while messages pass.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, mpsc};

use crate::cancel::CancelRegistry;
use crate::config::{CONSOLE, Config, ConfigErrors, SetError};
use crate::cores::CoreId;
use crate::listen::Listening;
use crate::log::Sink;
use crate::parameters::Interner;
use crate::pool::account::Accounts;
use crate::pool::registry::Pools;
use crate::pool::settings::PoolSettings;
use crate::pool::{Commons, Pool};
use crate::server::circuit::Circuits;
use crate::server::lookup::Lookups;
use crate::server::names::HostNames;
use crate::stats::history::{ByDatabase, History};
use crate::stop::Stop;

/// The pooler but for its threads and sockets.
#[derive(Debug)]
pub struct Shared {
    /// All pools.
    pub pools: Arc<Pools>,
    /// Where users are looked up whom `auth_file` does not list.
    pub lookups: Lookups,
    /// All clients that can be cancelled.
    pub cancels: Arc<CancelRegistry>,
    clients: AtomicUsize,
    /// Clients of each core.
    loads: Box<[AtomicUsize]>,
    stopping: AtomicBool,
    /// Whether connections are turned away that have not yet logged in.
    closed: AtomicBool,
    stops: mpsc::Sender<Stop>,
    history: Mutex<History>,
    /// The log, which is told of new settings.
    pub sink: OnceLock<Arc<Sink>>,
    /// Logins so far.
    pub logins: Logins,
    /// The sockets on which clients come, as long as they may.
    listening: Mutex<Vec<Listening>>,
    succeeded: AtomicBool,
    /// Told when a client leaves while the pooler is stopping.
    pub left: Notify,
}

/// A connection of a client, counted as long as this exists.
#[derive(Debug)]
pub struct Present {
    shared: Arc<Shared>,
    number: usize,
    core: CoreId,
}

impl Present {
    /// How many connections there were with this one when it came.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.shared.loads[self.core.index()].fetch_sub(1, Ordering::Relaxed);
        self.shared.clients.fetch_sub(1, Ordering::Relaxed);
        if self.shared.is_stopping() {
            self.shared.left.notify_one();
        }
    }
}

/// Logins of clients, counted when they end. All cores count together, as logins are rare.
#[derive(Debug, Default)]
pub struct Logins {
    successes: AtomicU64,
    failures: AtomicU64,
}

impl Logins {
    /// A client was let in.
    pub fn succeeded(&self) {
        self.successes.fetch_add(1, Ordering::Relaxed);
    }

    /// A client was not let in.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Successes and failures so far.
    #[must_use]
    pub fn totals(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.successes), of(&self.failures))
    }
}

/// A configuration file that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReloadError(ConfigErrors);

/// Connections by which a core may be ahead of the idlest one before it passes new ones on.
const IMBALANCE_MAX: usize = 1;

impl Shared {
    /// For `cores` cores; `stops` is heard by whoever can end them.
    #[must_use]
    pub fn new(config: Config, cores: usize, stops: mpsc::Sender<Stop>) -> Self {
        let peer_id = config.settings.peer_id;
        let extra = &config.settings.track_extra_parameters;
        let commons = Commons {
            cores,
            interner: Interner::new(extra.iter()),
            names: HostNames::default(),
            databases: Accounts::default(),
            users: Accounts::default(),
            closed: Notify::new(),
            config: ArcSwap::from_pointee(config),
            circuits: Circuits::default(),
            runtimes: (0..cores).map(|_| OnceLock::new()).collect(),
        };
        Self {
            pools: Arc::new(Pools::new(Arc::new(commons))),
            lookups: Lookups::default(),
            cancels: Arc::new(CancelRegistry::new(cores, peer_id)),
            clients: AtomicUsize::new(0),
            loads: (0..cores).map(|_| AtomicUsize::new(0)).collect(),
            stopping: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            stops,
            sink: OnceLock::new(),
            logins: Logins::default(),
            listening: Mutex::default(),
            succeeded: AtomicBool::new(false),
            history: Mutex::new(History::new(Instant::now())),
            left: Notify::new(),
        }
    }

    /// The configuration of this moment.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.pools.commons().config.load_full()
    }

    /// Replaces the configuration, and acts on what has changed: servers that are not where the
    /// new one says are closed once they are free, and the clients of a database that is no more
    /// are sent away.
    pub fn configure(&self, mut config: Config) {
        let running = self.config();
        config.credentials.keep_known(&running.credentials);
        let config = Arc::new(config);
        self.pools.commons().config.store(Arc::clone(&config));
        if let Some(sink) = self.sink.get() {
            sink.configure(&config.settings);
        }
        for pool in self.pools.all() {
            if pool.id.database == CONSOLE {
                continue;
            }
            match PoolSettings::anew(&config, &pool.id) {
                Some(settings) => pool.configure(settings),
                None => self.kill(&pool, "database removed"),
            }
        }
        if config.has_session_limits() {
            // What they wait for may have a limit now.
            for holder in self.cancels.all() {
                holder.nudge();
            }
        }
    }

    /// Reads the configuration file again and acts on it. A faulty one leaves all as it is.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn reload(&self) -> Result<(), ReloadError> {
        let running = self.config();
        let path = running.settings.conffile.as_ref().unwrap_or(&running.path);
        let mut config = Config::load(path).map_err(|errors| {
            for note in errors.notes() {
                tracing::error!("{note}");
            }
            tracing::error!("the configuration is wrong: going on with the old one");
            ReloadError(errors)
        })?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        for key in config.keep_until_restart(&running) {
            tracing::warn!("{key} has changed in the file: only a restart changes it here");
        }
        self.configure(config);
        Ok(())
    }

    /// Changes one setting until the next reload.
    ///
    /// # Errors
    /// Why it stays as it was.
    pub fn set(&self, key: &str, value: &str) -> Result<(), SetError> {
        let config = self.config().with(key, value)?;
        self.configure(config);
        Ok(())
    }

    /// Asks the pooler to stop; a second time it stops at once.
    pub fn ask_to_stop(&self, stop: Stop) {
        // Room for two: whoever finds none is the third, and finds the pooler ending at once.
        let _ = self.stops.try_send(stop);
    }

    /// Sends the clients of `pool` away and closes its servers; it is not to be found any more.
    pub fn kill(&self, pool: &Arc<Pool>, reason: &'static str) {
        self.pools.remove(&pool.id);
        pool.pause(reason);
        for holder in self.cancels.all() {
            if Arc::ptr_eq(&holder.card.pool, pool) {
                holder.kill(reason);
            }
        }
    }

    /// The pooler takes clients on `sockets` from now on.
    pub fn listens_on(&self, sockets: Vec<Listening>) {
        *self.listening() = sockets;
    }

    /// The sockets on which clients come; none once the pooler is stopping.
    pub fn listening(&self) -> MutexGuard<'_, Vec<Listening>> {
        // Each change is a single assignment.
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Another process has taken over the sockets: what belongs to them is left to it.
    pub fn is_succeeded(&self) {
        self.succeeded.store(true, Ordering::Relaxed);
    }

    /// Whether another process has taken over the sockets.
    #[must_use]
    pub fn has_successor(&self) -> bool {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// The totals of each database at this moment.
    #[must_use]
    pub fn totals(&self) -> ByDatabase {
        let mut totals = ByDatabase::new();
        for pool in self.pools.all() {
            let sum = totals.entry(pool.id.database.clone()).or_default();
            *sum = sum.plus(pool.stats.totals());
        }
        totals
    }

    /// The looks at the totals that averages are made of.
    pub fn history(&self) -> MutexGuard<'_, History> {
        // Each change is a single assignment.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection was accepted, and `core` is to serve it.
    #[must_use]
    pub fn arrives(self: &Arc<Self>, core: CoreId) -> Present {
        self.loads[core.index()].fetch_add(1, Ordering::Relaxed);
        let number = self.clients.fetch_add(1, Ordering::Relaxed) + 1;
        Present {
            shared: Arc::clone(self),
            number,
            core,
        }
    }

    /// Connections at this moment.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// The core that should serve a connection which `here` has accepted: `here` itself unless
    /// another has clearly less to do. The system spreads connections by a hash of their
    /// addresses, which of twenty clients may give one core fifteen.
    #[must_use]
    pub fn choose_core(&self, here: CoreId) -> CoreId {
        let load = |core: usize| self.loads[core].load(Ordering::Relaxed);
        let idlest = (0..self.loads.len())
            .min_by_key(|core| load(*core))
            .unwrap_or(0);
        if load(here.index()) > load(idlest) + IMBALANCE_MAX {
            CoreId(u16::try_from(idlest).unwrap_or(0))
        } else {
            here
        }
    }

    /// Whether the pooler accepts no more connections.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Whether a connection that has not yet logged in is too late.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// From now on no connection is accepted. One that is in its login goes on with it where clients
    /// are waited for: it came in time, and with a successor nobody is to be refused.
    pub fn stop(&self, stop: Stop) {
        if stop != Stop::WaitForClients {
            self.closed.store(true, Ordering::Relaxed);
        }
        self.stopping.store(true, Ordering::Relaxed);
        self.listening().clear();
    }
}
