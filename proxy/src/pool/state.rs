//! Who gets which server: the decisions of one pool, without sockets, clocks or threads.
//!
//! One pool serves all cores. Its idle servers stand in a stack for each core, as moving a server
//! to another core's runtime costs two system calls; its waiting clients stand in a queue for each
//! core, numbered by their arrival. The numbers say:
//!
//! - there are never more than `size` servers, those being opened included, and a reserve of
//!   further ones for clients that wait too long;
//! - a client waits only while no core has an idle server;
//! - a server that comes back goes to the client that waits longest, or, to spare the move, to one
//!   of the same core that came a few arrivals later: at most [`LOCALITY_SLACK`] or, in a long
//!   queue, a quarter of it, up to [`LOCALITY_SLACK_MAX`]. So nobody is overtaken by more than that
//!   many.

use std::collections::VecDeque;

use crate::cores::CoreId;

mod room;

/// Arrivals by which a client of the server's own core may come before the oldest one, however
/// short the queue is (`docs/decisions/0002-one-pool-across-cores.md`).
pub const LOCALITY_SLACK: u64 = 8;

/// The same in the longest queue: more than the hand-backs of one turn of a core, among which the
/// arrivals of the other cores stand.
pub const LOCALITY_SLACK_MAX: u64 = 64;

/// In between it is this part of the queue.
const LOCALITY_SHARE: u64 = 4;

/// The number of an arrival; lower came earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What a client that asks for a server gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Checkout<S> {
    /// An idle server of the core named.
    Server(S, CoreId),
    /// A place in the queue. The caller opens a server if `open` says so.
    Wait {
        /// The place.
        ticket: Ticket,
        /// One more server is to be opened; it is counted already.
        open: bool,
    },
}

/// What becomes of a server that nobody uses any more.
#[derive(Debug, PartialEq, Eq)]
pub enum GiveBack<S, W> {
    /// It is idle.
    Idle,
    /// It is set aside for a waiting client, who is to be woken.
    Handed(W),
    /// The pool has shrunk or is paused; the caller closes it and reports [`PoolState::closed`].
    Surplus(S),
}

/// What a waiting client finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited<S> {
    /// A server.
    Server(S),
    /// Nothing yet.
    Not,
    /// The queue was sent away.
    Refused,
}

/// Which idle server a client gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The one used last, of the client's own core if there is one.
    #[default]
    LatestFirst,
    /// The one that was idle longest, whatever its core.
    OldestFirst,
}

/// Whether servers are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// Not now; they stay open.
    Held,
    /// Not now; they are closed as they come back.
    Paused,
}

#[derive(Debug)]
struct Waiter<W> {
    ticket: Ticket,
    waker: W,
}

/// One pool: servers `S`, and `W` to wake a waiting client.
#[derive(Debug)]
pub struct PoolState<S, W> {
    size: usize,
    /// Servers beyond the size, for clients that wait too long.
    reserve: usize,
    order: Order,
    /// Per core, the one used last on top; all with the first core if the oldest comes first.
    idle: Vec<Vec<S>>,
    /// Per core, tickets ascending.
    queues: Vec<VecDeque<Waiter<W>>>,
    /// Set aside for clients that have not come for them yet. At most `size`.
    handed: Vec<(Ticket, S)>,
    next: Ticket,
    total: usize,
    opening: usize,
    waiting: usize,
    gate: Gate,
    /// Servers fail to open; nobody tries before [`PoolState::retry`].
    held_off: bool,
    /// A limit over several pools leaves no room; nobody tries before [`PoolState::room`].
    put_off: bool,
}

impl<S, W> PoolState<S, W> {
    /// An empty pool of up to `size` servers for `cores` cores.
    #[must_use]
    pub fn new(size: usize, cores: usize) -> Self {
        Self {
            size,
            reserve: 0,
            order: Order::default(),
            idle: (0..cores).map(|_| Vec::new()).collect(),
            queues: (0..cores).map(|_| VecDeque::new()).collect(),
            handed: Vec::new(),
            next: Ticket(0),
            total: 0,
            opening: 0,
            waiting: 0,
            gate: Gate::Open,
            held_off: false,
            put_off: false,
        }
    }

    /// Servers, those being opened included.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Servers being opened.
    #[must_use]
    pub const fn opening(&self) -> usize {
        self.opening
    }

    /// Idle servers.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.idle.iter().map(Vec::len).sum()
    }

    /// Clients in the queue.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// A client of `core` asks for a server; `waker` is asked for only if it has to wait.
    pub fn checkout(&mut self, core: CoreId, waker: impl FnOnce() -> W) -> Checkout<S> {
        if self.waiting == 0
            && self.gate == Gate::Open
            && let Some((server, from)) = self.take_idle(core)
        {
            return Checkout::Server(server, from);
        }
        let ticket = self.next;
        self.next.0 += 1;
        self.queues[core.index()].push_back(Waiter {
            ticket,
            waker: waker(),
        });
        self.waiting += 1;
        Checkout::Wait {
            ticket,
            open: self.open_one(),
        }
    }

    /// The core's own server that was used last, or else one of the core that has most.
    fn take_idle(&mut self, core: CoreId) -> Option<(S, CoreId)> {
        if self.order == Order::OldestFirst {
            return self.take_oldest();
        }
        if let Some(server) = self.idle[core.index()].pop() {
            return Some((server, core));
        }
        let richest = (0..self.idle.len()).max_by_key(|at| self.idle[*at].len())?;
        let server = self.idle[richest].pop()?;
        Some((server, CoreId(u16::try_from(richest).unwrap_or(0))))
    }

    /// The server that was idle longest: the first core's while the oldest comes first, and any
    /// that other cores still have from before.
    fn take_oldest(&mut self) -> Option<(S, CoreId)> {
        let at = self.idle.iter().position(|servers| !servers.is_empty())?;
        let core = CoreId(u16::try_from(at).unwrap_or(0));
        Some((self.idle[at].remove(0), core))
    }

    /// Counts one more server as being opened if there is need of it and room for it. Whoever is
    /// told so opens it and reports [`PoolState::opened`] or [`PoolState::failed`].
    pub fn open_one(&mut self) -> bool {
        let wanted = self.opening < self.waiting && self.total < self.size;
        let open = wanted && self.may_open();
        if open {
            self.opening += 1;
            self.total += 1;
        }
        open
    }

    fn may_open(&self) -> bool {
        self.gate == Gate::Open && !self.held_off && !self.put_off
    }

    /// A client that has to wait looks again; `waker` replaces what would wake it.
    pub fn look(&mut self, core: CoreId, ticket: Ticket, waker: impl FnOnce(&mut W)) -> Waited<S> {
        let queue = &mut self.queues[core.index()];
        if let Ok(at) = queue.binary_search_by_key(&ticket, |waiter| waiter.ticket) {
            waker(&mut queue[at].waker);
            return Waited::Not;
        }
        match self.take_handed(ticket) {
            Some(server) => Waited::Server(server),
            None => Waited::Refused,
        }
    }

    /// A client leaves the queue. A server that was already set aside for it comes back to the
    /// caller, who gives it on.
    #[must_use]
    pub fn abandon(&mut self, core: CoreId, ticket: Ticket) -> Option<S> {
        let queue = &mut self.queues[core.index()];
        if let Ok(at) = queue.binary_search_by_key(&ticket, |waiter| waiter.ticket) {
            queue.remove(at);
            self.waiting -= 1;
            return None;
        }
        self.take_handed(ticket)
    }

    fn take_handed(&mut self, ticket: Ticket) -> Option<S> {
        let at = self
            .handed
            .iter()
            .position(|(for_whom, _)| *for_whom == ticket)?;
        Some(self.handed.swap_remove(at).1)
    }

    /// A clean server of `core` is free.
    pub fn give_back(&mut self, core: CoreId, server: S) -> GiveBack<S, W> {
        if self.gate == Gate::Paused || self.total > self.size + self.reserve {
            return GiveBack::Surplus(server);
        }
        let open = self.gate == Gate::Open;
        let Some(waiter) = open.then(|| self.next_waiter(core)).flatten() else {
            let at = match self.order {
                Order::LatestFirst => core.index(),
                Order::OldestFirst => 0,
            };
            self.idle[at].push(server);
            return GiveBack::Idle;
        };
        self.handed.push((waiter.ticket, server));
        GiveBack::Handed(waiter.waker)
    }

    /// The client that is to get a server of `core`.
    fn next_waiter(&mut self, core: CoreId) -> Option<Waiter<W>> {
        let head = |queue: &VecDeque<Waiter<W>>| queue.front().map(|waiter| waiter.ticket);
        let oldest = (0..self.queues.len())
            .filter_map(|at| Some((head(&self.queues[at])?, at)))
            .min()?;
        let at = match head(&self.queues[core.index()]) {
            Some(own) if own.0 - oldest.0.0 <= self.slack() => core.index(),
            _ => oldest.1,
        };
        self.waiting -= 1;
        self.queues[at].pop_front()
    }

    /// Arrivals by which a client of the server's own core may come before the oldest one.
    fn slack(&self) -> u64 {
        let share = self.waiting as u64 / LOCALITY_SHARE;
        share.clamp(LOCALITY_SLACK, LOCALITY_SLACK_MAX)
    }

    /// A server was opened on `core`. Says also how many more to open, as servers that could not
    /// be had a moment ago can be had now; they are counted already.
    pub fn opened(&mut self, core: CoreId, server: S) -> (GiveBack<S, W>, usize) {
        self.opening -= 1;
        self.held_off = false;
        (self.give_back(core, server), self.open_wanted())
    }

    /// A server could not be opened: no further attempt before [`PoolState::retry`].
    pub const fn failed(&mut self) {
        self.opening -= 1;
        self.total -= 1;
        self.held_off = true;
    }

    /// It is time to try again. Says how many servers to open; they are counted already.
    #[must_use]
    pub fn retry(&mut self) -> usize {
        self.held_off = false;
        self.open_wanted()
    }

    /// A server is gone. Says how many to open in its place; they are counted already.
    #[must_use]
    pub fn closed(&mut self) -> usize {
        self.total -= 1;
        self.open_wanted()
    }

    fn open_wanted(&mut self) -> usize {
        let mut count = 0;
        while self.open_one() {
            count += 1;
        }
        count
    }

    /// Sends the whole queue away; the wakers of those who waited come back.
    #[must_use]
    pub fn refuse_all(&mut self) -> Vec<W> {
        self.waiting = 0;
        self.queues
            .iter_mut()
            .flat_map(|queue| queue.drain(..))
            .map(|waiter| waiter.waker)
            .collect()
    }

    /// Takes the idle servers of `core` for which `expired` says so. The caller closes them and
    /// reports [`PoolState::closed`] for each.
    #[must_use]
    pub fn remove_idle(&mut self, core: CoreId, expired: impl FnMut(&mut S) -> bool) -> Vec<S> {
        self.idle[core.index()].extract_if(.., expired).collect()
    }

    /// Sends away those at the heads of the queues for whom `expired` says so, and returns them.
    #[must_use]
    pub fn expire(&mut self, mut expired: impl FnMut(&W) -> bool) -> Vec<W> {
        let mut gone = Vec::new();
        for queue in &mut self.queues {
            while let Some(waiter) = queue.pop_front_if(|waiter| expired(&waiter.waker)) {
                gone.push(waiter.waker);
            }
        }
        self.waiting -= gone.len();
        gone
    }

    /// Everybody in the queue, in no particular order.
    pub fn waiters(&mut self) -> impl Iterator<Item = &mut W> {
        let queues = self.queues.iter_mut();
        queues.flat_map(|queue| queue.iter_mut().map(|waiter| &mut waiter.waker))
    }

    /// The heads of the queues: whoever waits longest is among them.
    pub fn heads(&self) -> impl Iterator<Item = &W> {
        self.queues
            .iter()
            .filter_map(|queue| Some(&queue.front()?.waker))
    }

    /// From now on no client gets a server, and whatever comes back is closed.
    pub const fn pause(&mut self) {
        self.gate = Gate::Paused;
    }

    /// From now on no client gets a server; what comes back is idle. A pause stays one.
    pub fn hold(&mut self) {
        if self.gate == Gate::Open {
            self.gate = Gate::Held;
        }
    }

    /// Servers are handed out again: those idle at once, to the clients whose wakers come back.
    /// Says also how many to open; they are counted already.
    #[must_use]
    pub fn resume(&mut self) -> (Vec<W>, usize) {
        self.gate = Gate::Open;
        let mut woken = Vec::new();
        for at in 0..self.idle.len() {
            let core = CoreId(u16::try_from(at).unwrap_or(u16::MAX));
            while let Some(server) = self.idle[at].pop() {
                let Some(waiter) = self.next_waiter(core) else {
                    self.idle[at].push(server);
                    break;
                };
                self.handed.push((waiter.ticket, server));
                woken.push(waiter.waker);
            }
        }
        (woken, self.open_wanted())
    }

    /// Whether servers are withheld from clients.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.gate != Gate::Open
    }

    /// Changes the size. Says how many servers to open; they are counted already. Servers above
    /// the size are closed as they come back.
    #[must_use]
    pub fn resize(&mut self, size: usize) -> usize {
        self.size = size;
        self.open_wanted()
    }
}

#[cfg(test)]
mod stress;
#[cfg(test)]
mod tests;
