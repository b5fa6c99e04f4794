//! A link between two parties that can be delayed, stalled, cut and reset, at once or after a certain
//! message.
//!
//! It stands between the parties from the begin, in a thread of its own, and passes bytes on until it
//! is told otherwise. It follows the messages in both directions, so that «reset after BindComplete»
//! means exactly that: everything up to the last byte of that message has gone on, and nothing after it.

mod pump;
mod walker;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use poolproof_scenarios::fault::{Fault, FaultKind, Message};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{oneshot, watch},
};

use pump::Connection;

/// Connections that may wait to be accepted; a pooler opens its servers all at once.
const BACKLOG: i32 = 4_096;

/// What the link does with what it is given.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    deed: Deed,
    /// The message after which it is done; without one it is done at once.
    on: Option<Message>,
    /// Connections that it may still be done to, where it waits for a message.
    left: Arc<AtomicI64>,
    /// Connections that it was done to.
    struck: Arc<AtomicU64>,
    /// Number of the order, so that a connection knows an old one from a new one.
    number: u64,
}

/// What is done to a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Deed {
    #[default]
    Pass,
    Delay(Duration),
    Stall,
    Cut,
    Reset,
}

/// A running link. Dropping it ends every connection through it.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// Listens on a free port of 127.0.0.1 for connections to `upstream`.
    ///
    /// # Errors
    ///
    /// When there is no port, or no thread.
    pub fn start(upstream: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        // The standard library's backlog is 128, too short for a pool that opens at once.
        socket2::SockRef::from(&listener).listen(BACKLOG)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (orders, told) = watch::channel(Orders::default());
        let (over, ended) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("link".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        () = serve(listener, upstream, told) => {}
                        _ = ended => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            orders,
            over: Some(over),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what `fault` says from now on, and returns a counter of the connections that it was done
    /// to.
    pub fn strike(&self, fault: &Fault) -> Arc<AtomicU64> {
        let deed = match fault.kind {
            FaultKind::LinkDelayed => Deed::Delay(fault.by),
            FaultKind::LinkStalled => Deed::Stall,
            FaultKind::LinkCut => Deed::Cut,
            FaultKind::LinkReset => Deed::Reset,
            _ => Deed::Pass,
        };
        let struck = Arc::new(AtomicU64::new(0));
        // Without a duration a message is waited for once.
        let left = if fault.lasts.is_zero() { 1 } else { i64::MAX };
        self.orders.send_modify(|orders| {
            *orders = Orders {
                deed,
                on: fault.on,
                left: Arc::new(AtomicI64::new(left)),
                struck: Arc::clone(&struck),
                number: orders.number + 1,
            };
        });
        struck
    }

    /// Passes everything on again. Connections that were closed stay closed.
    pub fn mend(&self) {
        self.orders.send_modify(|orders| {
            *orders = Orders {
                number: orders.number + 1,
                ..Orders::default()
            };
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(over) = self.over.take() {
            // The thread may have ended by itself, which is what is wanted.
            let _ = over.send(());
        }
        if let Some(thread) = self.thread.take() {
            // It only passes bytes on; a panic in it has been printed.
            let _ = thread.join();
        }
    }
}

impl Orders {
    /// Whether new connections are closed at once.
    fn closed(&self) -> bool {
        self.on.is_none() && matches!(self.deed, Deed::Cut | Deed::Reset)
    }

    /// Takes one of the connections that the order is still for.
    fn claim(&self) -> bool {
        let claimed = self.left.fetch_sub(1, Relaxed) > 0;
        if claimed {
            self.struck.fetch_add(1, Relaxed);
        }
        claimed
    }
}

/// Accepts and connects. Cancel safe: a dropped accept loses no connection but those in the queue.
async fn serve(
    listener: std::net::TcpListener,
    upstream: SocketAddr,
    told: watch::Receiver<Orders>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((near, _)) = listener.accept().await else {
            // Out of descriptors: those that leave make room.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let orders = told.borrow().clone();
        if orders.closed() && orders.lasts() {
            orders.struck.fetch_add(1, Relaxed);
            pump::close(&near, orders.deed);
            continue;
        }
        let told = told.clone();
        tokio::spawn(async move {
            if let Ok(far) = TcpStream::connect(upstream).await {
                Connection::new(near, far, &told).run().await;
            }
        });
    }
}

impl Orders {
    /// Whether the order is for connections that come later too. One without a duration is for those
    /// that are there.
    fn lasts(&self) -> bool {
        self.left.load(Relaxed) > 1
    }
}

#[cfg(test)]
mod tests;
