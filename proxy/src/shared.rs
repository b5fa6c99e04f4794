//! What all cores share: looked at when connections come and go, never while messages pass.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::cancel::CancelRegistry;
use crate::config::Config;
use crate::cores::CoreId;
use crate::parameters::Interner;
use crate::pool::Commons;
use crate::pool::registry::Pools;
use crate::server::lookup::Lookups;

/// The pooler but for its threads and sockets.
#[derive(Debug)]
pub struct Shared {
    /// All pools.
    pub pools: Arc<Pools>,
    /// Where users are looked up whom `auth_file` does not list.
    pub lookups: Lookups,
    /// All clients that can be cancelled.
    pub cancels: Arc<CancelRegistry>,
    config: RwLock<Arc<Config>>,
    clients: AtomicUsize,
    /// Clients of each core.
    loads: Box<[AtomicUsize]>,
    stopping: AtomicBool,
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

/// Connections by which a core may be ahead of the idlest one before it passes new ones on.
const IMBALANCE_MAX: usize = 1;

impl Shared {
    /// For `cores` cores.
    #[must_use]
    pub fn new(config: Config, cores: usize) -> Self {
        let commons = Commons {
            cores,
            interner: Interner::default(),
            returned: Notify::new(),
        };
        Self {
            pools: Arc::new(Pools::new(Arc::new(commons))),
            lookups: Lookups::default(),
            cancels: Arc::new(CancelRegistry::new(cores)),
            config: RwLock::new(Arc::new(config)),
            clients: AtomicUsize::new(0),
            loads: (0..cores).map(|_| AtomicUsize::new(0)).collect(),
            stopping: AtomicBool::new(false),
            left: Notify::new(),
        }
    }

    /// The configuration of this moment.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the configuration.
    pub fn configure(&self, config: Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// A connection is served by the current core from now on.
    #[must_use]
    pub fn arrives(self: &Arc<Self>) -> Present {
        let core = CoreId::current();
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

    /// Whether the pooler takes no more clients.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// From now on no client is taken.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
