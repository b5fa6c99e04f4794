//! Cancel requests: each reaches the query of the client that owns its key, or nothing.
//!
//! A cancel request names no query, it interrupts whatever its server runs when it arrives. So the
//! server must still be the client's own when the request has been dealt with: from the decision
//! to send one until PostgreSQL has closed the connection that carried it (it signals first and
//! closes then), a server that its client lets go is parked, and only then goes back to its pool.

mod forward;
mod registry;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::protocol::startup::CancelKey;
use crate::server::Server;
use crate::server::connect::ServerAddress;
use crate::server::encrypt::Encryption;

pub use forward::cancel;
pub use registry::{CancelRegistry, Registered};

/// Where a server's query is cancelled.
#[derive(Debug)]
pub struct CancelTarget {
    /// The server's address.
    pub address: ServerAddress,
    /// How to encrypt the request; `None` if the connection that it concerns is in clear.
    pub encryption: Option<Encryption>,
    /// Its key; without one it cannot be cancelled.
    pub key: Option<CancelKey>,
}

/// What a client has at this moment, as far as a cancel request must know.
#[derive(Debug, Default)]
enum Holding {
    /// Nothing that could be cancelled.
    #[default]
    Nothing,
    /// A place in a queue.
    Place(Waker),
    /// A place in a queue that it is to leave.
    LostPlace,
    /// A server.
    Server(Arc<CancelTarget>),
}

#[derive(Debug, Default)]
struct State {
    holding: Holding,
    /// Requests on their way to a server that this client holds or held.
    under_way: u32,
    /// Servers that it let go meanwhile.
    #[expect(
        clippy::vec_box,
        reason = "they come in boxes and leave in the same ones"
    )]
    parked: Vec<Box<Server>>,
}

/// What a client shares with those who cancel it.
#[derive(Debug, Default)]
pub struct Holder {
    state: Mutex<State>,
}

/// What a cancel request has to do.
enum Order {
    /// Nothing: the client runs nothing.
    Nothing,
    /// Send it there, and report with [`Holder::end`].
    Send(Arc<CancelTarget>),
}

impl Holder {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is a single assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client got a server.
    pub fn takes(&self, target: &Arc<CancelTarget>) {
        self.state().holding = Holding::Server(Arc::clone(target));
    }

    /// The client joins a queue; a cancel request wakes it.
    pub fn waits(&self, waker: &Waker) {
        self.state().holding = Holding::Place(waker.clone());
    }

    /// The client has nothing any more. Says whether it was to leave the queue.
    pub fn leaves_queue(&self) -> bool {
        matches!(
            std::mem::take(&mut self.state().holding),
            Holding::LostPlace
        )
    }

    /// Whether the client that waits is to leave the queue.
    #[must_use]
    pub fn has_lost_place(&self) -> bool {
        matches!(self.state().holding, Holding::LostPlace)
    }

    /// The client lets `server` go. It comes back if it may go to its pool at once.
    #[must_use]
    pub fn lets_go(&self, server: Box<Server>) -> Option<Box<Server>> {
        let mut state = self.state();
        state.holding = Holding::Nothing;
        if state.under_way == 0 {
            return Some(server);
        }
        state.parked.push(server);
        None
    }

    /// A cancel request with the right key has come.
    fn begin(&self) -> Order {
        let mut state = self.state();
        match std::mem::take(&mut state.holding) {
            Holding::Nothing => Order::Nothing,
            Holding::Place(waker) => {
                state.holding = Holding::LostPlace;
                drop(state);
                waker.wake();
                Order::Nothing
            }
            Holding::LostPlace => {
                state.holding = Holding::LostPlace;
                Order::Nothing
            }
            Holding::Server(target) => {
                state.under_way += 1;
                state.holding = Holding::Server(Arc::clone(&target));
                Order::Send(target)
            }
        }
    }

    #[expect(
        clippy::vec_box,
        reason = "they come in boxes and leave in the same ones"
    )]
    /// A cancel request is done with. The servers that were parked for its sake come back.
    fn end(&self) -> Vec<Box<Server>> {
        let mut state = self.state();
        state.under_way -= 1;
        if state.under_way > 0 {
            return Vec::new();
        }
        std::mem::take(&mut state.parked)
    }
}
