//! The thread of one core: a runtime, its listeners, and the connections that it serves.

use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, watch};

use crate::client::card::ClientAddress;
use crate::client::connection::serve;
use crate::cores::CoreId;
use crate::io::post;
use crate::io::stream::{Detached, Stream};
use crate::pool::housekeeping::keep_house;
use crate::shared::{Present, Shared};
use crate::tcp::{tune, tune_accepted, tune_listener};

/// Connections that one core may have passed to another and that are not yet served there.
pub const PASSED_MAX: usize = 256;

/// How long a core that cannot accept a connection waits before it tries again: it is out of file
/// descriptors or memory, and trying at once would only keep it busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection that was accepted on another core.
#[derive(Debug)]
pub struct Passed {
    stream: Detached,
    address: ClientAddress,
    present: Present,
}

/// What the pooler still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Everything.
    Running,
    /// No new connections.
    Closing,
    /// Nothing: the threads end.
    Ended,
}

/// What the thread of one core needs.
#[derive(Debug)]
pub struct Worker {
    /// Which core.
    pub core: CoreId,
    /// What all cores share.
    pub shared: Arc<Shared>,
    /// Its TCP sockets.
    pub tcp: Vec<std::net::TcpListener>,
    /// The Unix sockets, on one core.
    pub unix: Vec<StdUnixListener>,
    /// Connections that other cores pass to it.
    pub inbox: mpsc::Receiver<Passed>,
    /// The way to all cores.
    pub others: Arc<[mpsc::Sender<Passed>]>,
    /// What the pooler still does.
    pub course: watch::Receiver<Course>,
    /// Held as long as connections may be accepted here.
    pub open: mpsc::Sender<Infallible>,
}

impl Worker {
    /// Serves until the course is [`Course::Ended`]; whatever is open is closed then.
    ///
    /// # Errors
    ///
    /// When the system does not give the runtime what it needs.
    pub fn run(self) -> io::Result<()> {
        self.core.settle();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(post::flush)
            .build()?;
        post::open();
        // Set once: each core has one thread.
        let _ =
            self.shared.pools.commons().runtimes[self.core.index()].set(runtime.handle().clone());
        runtime.block_on(self.serve())
    }

    async fn serve(self) -> io::Result<()> {
        let Self {
            core: _,
            shared,
            tcp,
            unix,
            inbox,
            others,
            mut course,
            open,
        } = self;
        let door = Door {
            shared: Arc::clone(&shared),
            others,
        };
        let mut accepting = Vec::new();
        for listener in tcp {
            let listener = TcpListener::from_std(listener)?;
            accepting.push(tokio::spawn(door.clone().accept_tcp(listener)));
        }
        for listener in unix {
            let listener = UnixListener::from_std(listener)?;
            accepting.push(tokio::spawn(door.clone().accept_unix(listener)));
        }
        tokio::spawn(door.receive(inbox));
        tokio::spawn(keep_house(Arc::clone(&shared.pools)));
        // The sender outlives its threads; if it were gone, there would be nothing left to serve.
        let _ = course.wait_for(|course| *course != Course::Running).await;
        for task in accepting {
            task.abort();
            // What it has accepted is counted among the clients by now.
            let _ = task.await;
        }
        drop(open);
        let _ = course.wait_for(|course| *course == Course::Ended).await;
        Ok(())
    }
}

/// Where connections come in.
#[derive(Clone)]
struct Door {
    shared: Arc<Shared>,
    others: Arc<[mpsc::Sender<Passed>]>,
}

impl Door {
    /// Cancelled, the sockets close and connections not yet accepted are refused.
    async fn accept_tcp(self, listener: TcpListener) {
        // Where every connection has the listener's address, none need be asked for it.
        let address = listener.local_addr().ok();
        let address = address.filter(|address| !address.ip().is_unspecified());
        let mut tuned = self.shared.config();
        tune_listener(&listener, &tuned.settings);
        loop {
            match listener.accept().await {
                Ok((socket, remote)) => {
                    let config = self.shared.config();
                    if Arc::ptr_eq(&config, &tuned) {
                        tune_accepted(&socket, &config.settings);
                    } else {
                        tune_listener(&listener, &config.settings);
                        // It came as the listener was before.
                        tune(&socket, &config.settings);
                        tuned = config;
                    }
                    // A socket that has lost its address by now is closed by its first read.
                    let local = address.or_else(|| socket.local_addr().ok());
                    let local = local.unwrap_or(remote);
                    let address = ClientAddress::Tcp { remote, local };
                    self.admit(socket.into(), address);
                }
                Err(error) => pause(&error).await,
            }
        }
    }

    /// As [`Door::accept_tcp`].
    async fn accept_unix(self, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => self.admit(socket.into(), ClientAddress::Unix),
                Err(error) => pause(&error).await,
            }
        }
    }

    /// Takes in what other cores pass on. Cancelled, what is on the way is closed.
    async fn receive(self, mut inbox: mpsc::Receiver<Passed>) {
        while let Some(passed) = inbox.recv().await {
            let Passed {
                stream,
                address,
                present,
            } = passed;
            match stream.attach() {
                Ok(stream) => self.begin(stream, address, present),
                Err(error) => tracing::warn!(%error, "cannot serve a connection"),
            }
        }
    }

    /// Serves a connection here, or on a core that has less to do.
    fn admit(&self, stream: Stream, address: ClientAddress) {
        let here = CoreId::current();
        let there = self.shared.choose_core(here);
        let place = (there != here)
            .then(|| self.others[there.index()].try_reserve().ok())
            .flatten();
        // A core that has not taken in what it was passed before is busy after all.
        let Some(place) = place else {
            return self.begin(stream, address, self.shared.arrives(here));
        };
        let present = self.shared.arrives(there);
        match stream.detach() {
            Ok(stream) => place.send(Passed {
                stream,
                address,
                present,
            }),
            Err(error) => tracing::warn!(%error, "cannot pass a connection on"),
        }
    }

    fn begin(&self, stream: Stream, address: ClientAddress, present: Present) {
        tokio::spawn(serve(stream, address, present, Arc::clone(&self.shared)));
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}
