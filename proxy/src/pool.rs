//! The servers of one database and user, and the clients that wait for them.
//!
//! [`state`] decides; this file holds the lock around it, wakes and opens. There is one lock for
//! each pool and it is held for a few dozen instructions, never across an await.

pub mod care;
pub mod housekeeping;
mod opener;
pub mod registry;
pub mod settings;
pub mod state;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Instant;

use tokio::sync::Notify;

use crate::auth::credential::Credential;
use crate::client::auth::Identity;
use crate::client::refusal::Refusal;
use crate::cores::CoreId;
use crate::parameters::Interner;
use crate::pool::care::Care;
use crate::pool::settings::PoolSettings;
use crate::pool::state::{Checkout, GiveBack, PoolState, Ticket, Waited};
use crate::prepared::Catalog;
use crate::protocol::message::backend::SqlState;
use crate::server::Server;
use crate::stats::PoolStats;

pub use opener::Welcome;

/// Which pool: what the client asked for, not what the server calls it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolId {
    /// Database.
    pub database: String,
    /// User.
    pub user: String,
}

impl std::fmt::Display for PoolId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.database, self.user)
    }
}

/// What all pools of a pooler share.
#[derive(Debug)]
pub struct Commons {
    /// Cores that there are.
    pub cores: usize,
    /// One copy of each set of session parameters.
    pub interner: Interner,
    /// Told when a server comes back to a pool that is closing.
    pub returned: Notify,
}

/// A client in the queue.
#[derive(Debug)]
struct Waiter {
    waker: Waker,
    since: Instant,
}

/// A pool.
#[derive(Debug)]
pub struct Pool {
    /// Which.
    pub id: PoolId,
    /// What was counted.
    pub stats: PoolStats,
    /// The statements that its clients have prepared.
    pub catalog: Catalog,
    /// What sessions look at with each message.
    pub care: Care,
    commons: Arc<Commons>,
    state: Mutex<PoolState<Box<Server>, Waiter>>,
    settings: Mutex<Arc<PoolSettings>>,
    opening: Mutex<opener::Opening>,
    /// A task watches `query_wait_timeout`.
    watched: AtomicBool,
    /// Connections begun, by which they take turns among the hosts.
    turn: AtomicUsize,
}

/// What a client that asks for a server gets.
#[derive(Debug)]
pub enum Asked {
    /// A server of this core.
    Server(Box<Server>),
    /// A place in the queue.
    Wait(Ticket),
    /// Nothing, as servers cannot be had.
    Refused(Refusal),
}

/// What a client that waits for a server finds.
#[derive(Debug)]
pub enum Found {
    /// A server of this core.
    Server(Box<Server>),
    /// Nothing yet; it will be woken.
    Nothing,
    /// Its place is gone.
    Refused(Refusal),
}

/// Servers of a pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Servers held by clients.
    pub servers_active: usize,
    /// Servers that nobody holds.
    pub servers_idle: usize,
    /// Servers being opened.
    pub servers_opening: usize,
    /// Clients in the queue.
    pub clients_waiting: usize,
}

/// A place among the servers of a pool, given up when it is dropped.
#[derive(Debug)]
pub struct Seat(Arc<Pool>);

impl Seat {
    /// The pool in which the place is.
    #[must_use]
    pub const fn pool(&self) -> &Arc<Pool> {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let open = self.0.state().closed();
        self.0.open(open);
        self.0.commons.returned.notify_one();
    }
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(id: PoolId, settings: PoolSettings, commons: Arc<Commons>) -> Self {
        Self {
            id,
            stats: PoolStats::new(commons.cores),
            catalog: Catalog::default(),
            care: Care::new(&settings),
            state: Mutex::new(PoolState::new(settings.size, commons.cores)),
            settings: Mutex::new(Arc::new(settings)),
            opening: Mutex::default(),
            watched: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            commons,
        }
    }

    /// The settings of this moment.
    #[must_use]
    pub fn settings(&self) -> Arc<PoolSettings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What all pools share.
    #[must_use]
    pub fn commons(&self) -> &Commons {
        &self.commons
    }

    /// Takes new settings; servers above a smaller size are closed as they come back.
    pub fn configure(self: &Arc<Self>, settings: PoolSettings) {
        let open = self.state().resize(settings.size);
        self.care.set(&settings);
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.open(open);
    }

    /// Uses from now on what a login has shown of its user's password.
    pub fn learn(&self, identity: &Identity, known: Option<Arc<Credential>>) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = known.and_then(|known| settings.learned(identity, known)) {
            *settings = Arc::new(news);
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState<Box<Server>, Waiter>> {
        // The state is consistent between any two of its operations, none of which panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a server. A place in the queue that comes back is to be asked about with
    /// [`Pool::look`] whenever the task is woken, or given up with [`Pool::abandon`].
    #[must_use]
    pub fn ask(self: &Arc<Self>, cx: &Context<'_>) -> Asked {
        let here = CoreId::current();
        loop {
            let waiter = || Waiter {
                waker: cx.waker().clone(),
                since: Instant::now(),
            };
            let checkout = self.state().checkout(here, waiter);
            let server = match checkout {
                Checkout::Server(server, _) => self.fetch(server),
                Checkout::Wait { ticket, open } => return self.wait(ticket, open),
            };
            if let Some(server) = server {
                return Asked::Server(server);
            }
        }
    }

    /// An idle server of any core, for use on this one; `None` if it is dead.
    fn fetch(&self, mut server: Box<Server>) -> Option<Box<Server>> {
        if !server.is_alive(&self.commons.interner) {
            tracing::info!(pool = %self.id, "closing because: server conn crashed?");
            return None;
        }
        if server.core == CoreId::current() {
            return Some(server);
        }
        let moved = server.migrate().map(Box::new);
        moved
            .inspect_err(|error| tracing::warn!(pool = %self.id, %error, "cannot move a server"))
            .ok()
    }

    fn wait(self: &Arc<Self>, ticket: Ticket, open: bool) -> Asked {
        self.open(usize::from(open));
        if !open && let Some(refusal) = self.hopeless() {
            self.abandon(ticket);
            return Asked::Refused(refusal);
        }
        self.watch();
        Asked::Wait(ticket)
    }

    /// Looks whether the wait is over.
    #[must_use]
    pub fn look(&self, cx: &Context<'_>, ticket: Ticket, since: Instant) -> Found {
        let here = CoreId::current();
        let renew = |waiter: &mut Waiter| waiter.waker.clone_from(cx.waker());
        let waited = self.state().look(here, ticket, renew);
        match waited {
            Waited::Not => Found::Nothing,
            Waited::Server(server) if server.core == here => Found::Server(server),
            Waited::Server(server) => server.migrate().map(Box::new).map_or_else(
                |error| {
                    let words = format!("cannot move a server to another thread: {error}");
                    Found::Refused(Refusal::new(SqlState::INTERNAL_ERROR, words))
                },
                Found::Server,
            ),
            Waited::Refused => Found::Refused(self.refusal(since)),
        }
    }

    /// Why a client that has waited since then waits no more.
    fn refusal(&self, since: Instant) -> Refusal {
        let timeout = self.settings().query_wait_timeout.get();
        let timed_out = timeout.is_some_and(|timeout| since.elapsed() >= timeout);
        let failure = self.last_refusal();
        failure
            .filter(|_| !timed_out)
            .unwrap_or_else(|| Refusal::new(SqlState::PROTOCOL_VIOLATION, "query_wait_timeout"))
    }

    /// Gives up a place in the queue of the current core.
    pub fn abandon(&self, ticket: Ticket) {
        let server = self.state().abandon(CoreId::current(), ticket);
        if let Some(server) = server {
            self.give_back(server);
        }
    }

    /// Takes a server back. One that is not free, or past its time, is closed.
    pub fn give_back(&self, mut server: Box<Server>) {
        if !server.is_free() || server.has_outlived() {
            server.close();
            return;
        }
        server.rest();
        let core = server.core;
        let outcome = self.state().give_back(core, server);
        self.finish(outcome);
    }

    fn finish(&self, outcome: GiveBack<Box<Server>, Waiter>) {
        match outcome {
            GiveBack::Idle => {}
            GiveBack::Handed(waiter) => waiter.waker.wake(),
            GiveBack::Surplus(server) => server.close(),
        }
    }

    /// Sees to it that clients do not wait longer than `query_wait_timeout`. One sleeping task
    /// does for all of them: all may wait equally long, so that the oldest is due first.
    fn watch(self: &Arc<Self>) {
        if !self.watched.load(Ordering::Relaxed) && !self.watched.swap(true, Ordering::Relaxed) {
            tokio::spawn(housekeeping::watch_waits(Arc::clone(self)));
        }
    }

    /// The numbers of this moment.
    #[must_use]
    pub fn census(&self) -> Census {
        let state = self.state();
        let (idle, opening) = (state.idle(), state.opening());
        Census {
            servers_active: state.total() - idle - opening,
            servers_idle: idle,
            servers_opening: opening,
            clients_waiting: state.waiting(),
        }
    }

    /// Hands out no server any more and closes each as soon as it is free.
    pub fn close(&self) {
        let mut idle = Vec::new();
        {
            let mut state = self.state();
            state.pause();
            for core in 0..self.commons.cores {
                let core = CoreId(u16::try_from(core).unwrap_or(u16::MAX));
                idle.append(&mut state.remove_idle(core, |_| true));
            }
        }
        for server in idle {
            server.close();
        }
    }
}
