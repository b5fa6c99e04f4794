//! The servers of one database and user, and the clients that wait for them.
//!
//! [`state`] decides; this file holds the lock around it, wakes and opens. There is one lock for
//! each pool and it is held for a few dozen instructions, never across an await.

pub mod account;
pub mod care;
pub mod gates;
pub mod housekeeping;
mod listed;
mod opener;
mod orders;
pub mod registry;
pub mod roster;
mod seat;
pub mod settings;
pub mod state;
mod welcome;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::auth::credential::Credential;
use crate::client::auth::Identity;
use crate::client::refusal::Refusal;
use crate::config::Config;
use crate::cores::CoreId;
use crate::parameters::Interner;
use crate::pool::account::{Account, Accounts, Budget};
use crate::pool::care::Care;
use crate::pool::roster::{Roster, ServerCard};
use crate::pool::settings::PoolSettings;
use crate::pool::state::{Checkout, GiveBack, Order, PoolState, Ticket, Waited};
use crate::prepared::Catalog;
use crate::protocol::message::backend::SqlState;
use crate::server::Server;
use crate::server::circuit::Circuits;
use crate::server::names::HostNames;
use crate::stats::PoolStats;

pub use listed::Listed;
pub use seat::Seat;
pub use welcome::Welcome;

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
    /// Told when a server is closed.
    pub closed: Notify,
    /// The configuration of this moment.
    pub config: ArcSwap<Config>,
    /// Which server addresses are left alone.
    pub circuits: Circuits,
    /// Addresses of servers, as the resolver gave them.
    pub names: HostNames,
    /// What each database has, over all pools.
    pub databases: Accounts,
    /// What each user has, over all pools.
    pub users: Accounts,
    /// For each core, where its tasks run; set when its thread begins.
    pub runtimes: Box<[OnceLock<Handle>]>,
}

impl Commons {
    /// Where to open a server: on the core of the current thread, or on the first one for threads
    /// that serve nobody. `None` at the end of the pooler's life.
    fn runtime(&self) -> Option<Handle> {
        if CoreId::is_here() {
            return Handle::try_current().ok();
        }
        self.runtimes.first()?.get().cloned()
    }

    /// Waits until `done`, which is asked again whenever a server was closed. Cancel safe.
    pub async fn until(&self, done: impl Fn() -> bool) {
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            // Before the question, so that no server closes unheard between it and the wait.
            closed.as_mut().enable();
            if done() {
                return;
            }
            closed.await;
        }
    }
}

/// A client in the queue.
#[derive(Debug)]
struct Waiter {
    waker: Waker,
    since: Instant,
    /// It was woken to be told that it waits.
    told: bool,
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
    /// Its clients.
    pub guests: Arc<Account>,
    commons: Arc<Commons>,
    state: Mutex<PoolState<Box<Server>, Waiter>>,
    settings: Mutex<Arc<PoolSettings>>,
    opening: Mutex<opener::Opening>,
    roster: Roster,
    /// A task watches `query_wait_timeout`.
    watched: AtomicBool,
    /// Connections begun, by which they take turns among the hosts.
    turn: AtomicUsize,
    /// What it may have together with other pools.
    budget: Budget,
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

/// Has `state` do as `settings` say, but for its size.
fn arrange(state: &mut PoolState<Box<Server>, Waiter>, settings: &PoolSettings) {
    state.set_reserve(settings.reserve_size);
    state.set_order(if settings.server_round_robin {
        Order::OldestFirst
    } else {
        Order::LatestFirst
    });
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(id: PoolId, settings: PoolSettings, commons: Arc<Commons>) -> Self {
        let budget = Budget::new(
            commons.databases.of(&id.database),
            commons.users.of(&id.user),
        );
        let mut state = PoolState::new(settings.size, commons.cores);
        arrange(&mut state, &settings);
        Self {
            id,
            stats: PoolStats::new(commons.cores),
            catalog: Catalog::default(),
            care: Care::new(&settings),
            guests: Arc::default(),
            budget,
            state: Mutex::new(state),
            settings: Mutex::new(Arc::new(settings)),
            opening: Mutex::default(),
            roster: Roster::default(),
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
    pub fn configure(self: &Arc<Self>, mut settings: PoolSettings) {
        // What a look-up has shown stands in no file, and the clients are still there.
        if settings.credential.is_none() {
            settings.credential.clone_from(&self.settings().credential);
        }
        let open = {
            let mut state = self.state();
            arrange(&mut state, &settings);
            state.resize(settings.size)
        };
        self.care.set(&settings);
        let settings = Arc::new(settings);
        let old = std::mem::replace(
            &mut *self.settings.lock().unwrap_or_else(PoisonError::into_inner),
            Arc::clone(&settings),
        );
        if !settings.leads_to_same(&old) {
            self.forget_failure();
            self.renew("connection outdated");
        }
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
                told: false,
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

    /// An idle server of any core, for use on this one; `None` if it is dead, or must be checked
    /// first.
    fn fetch(self: &Arc<Self>, mut server: Box<Server>) -> Option<Box<Server>> {
        if !server.is_alive(&self.commons.interner) {
            server.seat.blame("server conn crashed?");
            return None;
        }
        if server.core != CoreId::current() {
            let moved = server.migrate().map(Box::new);
            let moved = moved.inspect_err(
                |error| tracing::warn!(pool = %self.id, %error, "cannot move a server"),
            );
            server = moved.ok()?;
        }
        if self.care.wants_check(&server) {
            self.check(server);
            return None;
        }
        Some(server)
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
        if let Some(reason) = server.reason_to_close() {
            server.seat.blame(reason);
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
            GiveBack::Idle => self.budget.has_idle(),
            GiveBack::Handed(waiter) => waiter.waker.wake(),
            GiveBack::Surplus(mut server) => {
                server.seat.blame("pool is paused or has shrunk");
                server.close();
            }
        }
    }

    /// Sees to it that clients do not wait longer than `query_wait_timeout`, are told that they
    /// wait, and get a server of the reserve. One sleeping task does for all of them.
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

    /// Whether a server is to be closed because the pool was renewed after it was opened.
    #[must_use]
    pub fn is_outdated(&self, card: &ServerCard) -> bool {
        card.generation != self.roster.generation()
    }

    /// The servers that are open.
    #[must_use]
    pub fn servers(&self) -> Vec<Arc<ServerCard>> {
        self.roster.all()
    }

    /// How long the client has waited that waits longest.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        let oldest = self.state().heads().map(|waiter| waiter.since).min();
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
