//! One connection through a link: two directions, and what is done to them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use poolproof_scenarios::fault::Sender;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use super::{Deed, Orders, walker::Walker};

/// Bytes of one read.
const READ_BYTES: usize = 16 << 10;

/// A connection from the one who came to the link, and one to whom it leads.
pub(super) struct Connection {
    near: Direction,
    far: Direction,
}

/// What came of a direction.
enum Outcome {
    /// The end of the stream came, and was passed on.
    Ended,
    /// The connection is to be closed like this.
    Close(Deed),
}

struct Direction {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    sender: Sender,
    walker: Walker,
    told: watch::Receiver<Orders>,
    /// Requests for encryption that the client's side made and the server's side will answer.
    asked: Arc<AtomicUsize>,
    answered: usize,
    /// Number of the order that stood when the connection began.
    born: u64,
    /// Number of the last order that was counted for this connection, in either direction.
    counted: Arc<AtomicU64>,
}

impl Connection {
    pub(super) fn new(near: TcpStream, far: TcpStream, told: &watch::Receiver<Orders>) -> Self {
        // What is passed on in pieces must not wait for one another; without it the link only slows.
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_from, near_to), (far_from, far_to)) = (near.into_split(), far.into_split());
        let asked = Arc::new(AtomicUsize::new(0));
        let born = told.borrow().number;
        let counted = Arc::new(AtomicU64::new(0));
        let direction = |from, to, sender, walker| Direction {
            from,
            to,
            sender,
            walker,
            born,
            counted: Arc::clone(&counted),
            told: told.clone(),
            asked: Arc::clone(&asked),
            answered: 0,
        };
        Self {
            near: direction(near_from, far_to, Sender::Client, Walker::of_client()),
            far: direction(far_from, near_to, Sender::Server, Walker::of_server()),
        }
    }

    /// Passes bytes on until both sides have ended or the connection is closed.
    ///
    /// Not cancel safe: what was read and not yet written is lost, and the connection with it.
    pub(super) async fn run(self) {
        let Self { mut near, mut far } = self;
        let outcome = tokio::select! {
            outcome = near.run() => match outcome {
                Outcome::Ended => far.run().await,
                close => close,
            },
            outcome = far.run() => match outcome {
                Outcome::Ended => near.run().await,
                close => close,
            },
        };
        if let Outcome::Close(deed) = outcome {
            for socket in [near.from.as_ref(), far.from.as_ref()] {
                close(socket, deed);
            }
            if deed == Deed::Reset {
                // A half that is dropped ends its direction in order, and a reset would come too late.
                near.to.forget();
                far.to.forget();
            }
        }
    }
}

impl Direction {
    /// Not cancel safe: what was read and not yet written is lost.
    async fn run(&mut self) -> Outcome {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let orders = self.told.borrow_and_update().clone();
            if let Some(deed) = self.at_once(&orders) {
                return Outcome::Close(deed);
            }
            if orders.on.is_none() && orders.deed == Deed::Stall {
                self.count(&orders);
                // The sender of orders lives as long as the link.
                if self.told.changed().await.is_err() {
                    return Outcome::Close(Deed::Cut);
                }
                continue;
            }
            let read = tokio::select! {
                read = self.from.read(&mut buffer) => read,
                _ = self.told.changed() => continue,
            };
            match read {
                Ok(0) => {
                    // The other side may have gone already.
                    let _ = self.to.shutdown().await;
                    return Outcome::Ended;
                }
                // A reset on one side is a reset on the other.
                Err(_) => return Outcome::Close(Deed::Reset),
                Ok(len) => {
                    // The order may have come while the read waited.
                    let orders = self.told.borrow().clone();
                    if let Some(outcome) = self.pass(&buffer[..len], &orders).await {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Whether the connection is closed without waiting for a message. One that came after the order,
    /// while it lasted, was not let in.
    fn at_once(&self, orders: &Orders) -> Option<Deed> {
        if orders.number <= self.born || !orders.closed() {
            return None;
        }
        self.count(orders);
        Some(orders.deed)
    }

    /// Counts this connection for the order, once.
    fn count(&self, orders: &Orders) {
        if self.counted.fetch_max(orders.number, Relaxed) < orders.number {
            orders.struck.fetch_add(1, Relaxed);
        }
    }

    /// Passes `bytes` on, up to the message after which something is done.
    async fn pass(&mut self, bytes: &[u8], orders: &Orders) -> Option<Outcome> {
        if self.sender == Sender::Server {
            let asked = self.asked.load(Relaxed);
            self.walker.expect_bare(asked - self.answered);
            self.answered = asked;
        }
        let until = orders.on.and_then(|message| {
            let (tag, sender) = message.on_the_wire();
            (sender == self.sender).then_some(tag)
        });
        let mut rest = bytes;
        while let Some(end) = self.walker.walk(rest, until) {
            let (through, after) = rest.split_at(end);
            rest = after;
            if let Err(outcome) = self.write(through).await {
                return Some(outcome);
            }
            if orders.claim() {
                match orders.deed {
                    Deed::Stall => {
                        if self.told.changed().await.is_err() {
                            return Some(Outcome::Close(Deed::Cut));
                        }
                        // What follows the message goes on when the link is whole again.
                        self.walker.walk(rest, None);
                        return self.write(rest).await.err();
                    }
                    deed => return Some(Outcome::Close(deed)),
                }
            }
        }
        if self.sender == Sender::Client {
            self.asked.store(self.walker.asked, Relaxed);
        }
        if let Deed::Delay(by) = orders.deed {
            self.count(orders);
            tokio::time::sleep(by).await;
        }
        self.write(rest).await.err()
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Outcome> {
        let written = self.to.write_all(bytes).await;
        written.map_err(|_| Outcome::Close(Deed::Reset))
    }
}

/// Closes one side of a connection: in order, or with a reset.
pub(super) fn close(socket: &TcpStream, deed: Deed) {
    if deed == Deed::Reset {
        // Should the option fail, the connection is closed as any other, which is the next best.
        let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
    }
}
