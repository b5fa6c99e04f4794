//! Cancel requests: each reaches the query of the client that owns its key, or nothing.
//!
//! A cancel request names no query, it interrupts whatever its server runs when it arrives. So the
//! server must still be the client's own when the request has been dealt with: from the decision
//! to send one until PostgreSQL has closed the connection that carried it (it signals first and
//! closes then), a server that its client lets go is parked, and only then goes back to its pool.

mod forward;
mod peers;
mod registry;
mod route;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use crate::client::card::ClientCard;
use crate::client::session::Tenure;
use crate::clock::Second;
use crate::parameters::Tracked;
use crate::protocol::startup::CancelKey;
use crate::server::Server;
use crate::server::connect::ServerAddress;
use crate::server::encrypt::Encryption;

pub use forward::cancel;
pub use peers::{PeerLines, PeerView};
pub use registry::{CancelRegistry, Registered};
pub use route::PEER_ID_MAX;

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
    asked: Second,
    /// Its session parameters as it has them now.
    parameters: Option<Arc<Tracked>>,
    /// Wakes its session, wherever that stands.
    waker: Option<Waker>,
    /// There while requests are on their way: most clients are never cancelled.
    errands: Option<Box<Errands>>,
}

/// Cancel requests on their way to a server that a client holds or held.
#[derive(Debug, Default)]
struct Errands {
    under_way: u32,
    /// Servers that the client let go meanwhile.
    parked: Vec<Parked>,
}

/// A server that its client let go, but that may still be sent a cancel request.
#[derive(Debug)]
struct Parked {
    server: Box<Server>,
    /// How long its client had it, which says how it is cleaned.
    tenure: Tenure,
}

/// What a client shares with those who cancel it, look at it, or end it.
#[derive(Debug)]
pub struct Holder {
    /// Who it is.
    pub card: ClientCard,
    state: Mutex<State>,
    /// Why it is to be ended, once that has been decided.
    sentence: OnceLock<&'static str>,
}

/// What a client is about at one moment.
#[derive(Clone, Debug)]
pub struct Doing {
    /// The server that it holds.
    pub server: Option<Arc<CancelTarget>>,
    /// It is in the queue for a server.
    pub waits: bool,
    /// When it last asked for a server.
    pub asked: Second,
    /// Requests on their way to cancel what it runs.
    pub cancels: u32,
    /// Its session parameters.
    pub parameters: Option<Arc<Tracked>>,
}

/// What a cancel request has to do.
enum Order {
    /// Nothing: the client runs nothing.
    Nothing,
    /// Send it there, and report with [`Holder::end`].
    Send(Arc<CancelTarget>),
}

impl Holder {
    /// Of the client that `card` describes.
    #[must_use]
    pub fn new(card: ClientCard) -> Self {
        Self {
            card,
            state: Mutex::default(),
            sentence: OnceLock::new(),
        }
    }

    /// The client's session begins; `waker` is that of the task that serves it.
    pub fn begins(&self, waker: &Waker) {
        self.state().waker = Some(waker.clone());
    }

    /// The client has other session parameters from now on.
    pub fn has_parameters(&self, parameters: &Arc<Tracked>) {
        self.state().parameters = Some(Arc::clone(parameters));
    }

    /// Ends the client's session, and has it told why.
    pub fn kill(&self, reason: &'static str) {
        // Whoever comes second finds it done.
        let _ = self.sentence.set(reason);
        let waker = self.state().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the client's session look again at what concerns it.
    pub fn nudge(&self) {
        let waker = self.state().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Why the client is to be ended, if it is.
    #[must_use]
    pub fn sentence(&self) -> Option<&'static str> {
        self.sentence.get().copied()
    }

    /// What it is about now.
    #[must_use]
    pub fn doing(&self) -> Doing {
        let state = self.state();
        let server = match &state.holding {
            Holding::Server(target) => Some(Arc::clone(target)),
            Holding::Nothing | Holding::Place(_) | Holding::LostPlace => None,
        };
        Doing {
            server,
            waits: matches!(state.holding, Holding::Place(_) | Holding::LostPlace),
            asked: state.asked,
            cancels: state
                .errands
                .as_ref()
                .map_or(0, |errands| errands.under_way),
            parameters: state.parameters.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is a single assignment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client got a server.
    pub fn takes(&self, target: &Arc<CancelTarget>) {
        let mut state = self.state();
        state.holding = Holding::Server(Arc::clone(target));
        state.asked = Second::now();
    }

    /// The client joins a queue; a cancel request wakes it.
    pub fn waits(&self, waker: &Waker) {
        let mut state = self.state();
        state.holding = Holding::Place(waker.clone());
        state.asked = Second::now();
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

    /// The client lets `server` go, which has taken all that was sent to it. It comes back if it
    /// may go to its pool at once.
    #[must_use]
    pub fn lets_go(&self, server: Box<Server>, tenure: Tenure) -> Option<Box<Server>> {
        let mut state = self.state();
        state.holding = Holding::Nothing;
        let Some(errands) = &mut state.errands else {
            return Some(server);
        };
        errands.parked.push(Parked { server, tenure });
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
                state.errands.get_or_insert_default().under_way += 1;
                state.holding = Holding::Server(Arc::clone(&target));
                Order::Send(target)
            }
        }
    }

    /// A cancel request is done with. The servers that were parked for its sake come back.
    fn end(&self) -> Vec<Parked> {
        let mut state = self.state();
        let last = state.errands.take_if(|errands| {
            errands.under_way -= 1;
            errands.under_way == 0
        });
        last.map_or_else(Vec::new, |errands| errands.parked)
    }
}
