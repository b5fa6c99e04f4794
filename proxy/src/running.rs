//! A pooler that runs: started from a configuration, watched, and stopped.

use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::config::Config;
use crate::console::orders::{Refused, pause_all, resume};
use crate::cores::CoreId;
use crate::listen::{Handed, ListenError, Listeners, SocketFile, UnixSocket, listen};
use crate::log::Sink;
use crate::pool::{Census, PoolId};
use crate::server::connect::ServerAddress;
use crate::shared::{ReloadError, Shared};
use crate::stats::Totals;
use crate::stop::{self, Stop};
use crate::worker::{Course, PASSED_MAX, Worker};

/// Most threads that `worker_threads` may ask for.
const CORES_MAX: usize = 1024;

/// Why a pooler does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Clients could not come.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system gives no more file descriptors.
    #[error("cannot keep the sockets that listen: {0}")]
    Socket(#[source] io::Error),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A pooler at work. Dropped, it stops at once.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    course: Arc<watch::Sender<Course>>,
    threads: Mutex<Vec<JoinHandle<io::Result<()>>>>,
    metrics: Vec<SocketAddr>,
    unix: Vec<String>,
    socket_files: Vec<SocketFile>,
}

/// One pool at one moment.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// Which.
    pub id: PoolId,
    /// Its servers and who waits for them.
    pub census: Census,
    /// What it has done so far.
    pub totals: Totals,
}

/// The pooler at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// Connections of clients, those in their login included.
    pub clients: usize,
    /// All pools.
    pub pools: Vec<PoolView>,
}

/// Starts a pooler: when this returns, clients can connect.
///
/// # Errors
///
/// When an address cannot be had, or a thread.
pub fn start(config: Config) -> Result<Running, StartError> {
    let opened = open(&config, Handed::default())?;
    start_on(config, opened, None)
}

/// The sockets of a pooler that has no threads yet: until it has, the process may fork.
#[derive(Debug)]
pub struct Opened {
    listeners: Listeners,
    cores: usize,
}

/// Listens as `config` says, or takes the sockets that another process has opened.
///
/// # Errors
///
/// When an address cannot be had.
pub fn open(config: &Config, handed: Handed) -> Result<Opened, StartError> {
    let settings = &config.settings;
    let cores = match settings.worker_threads as usize {
        0 => std::thread::available_parallelism().map_or(1, half),
        cores => cores,
    }
    .min(CORES_MAX);
    let listeners = listen(settings, cores, handed)?;
    Ok(Opened { listeners, cores })
}

/// [`start`] on sockets that are open, and with whoever had them before.
///
/// # Errors
///
/// When the system gives no thread.
pub fn start_on(
    config: Config,
    Opened { listeners, cores }: Opened,
    predecessor: Option<ServerAddress>,
) -> Result<Running, StartError> {
    let local = |socket: &std::net::TcpListener| socket.local_addr().ok();
    let addresses = listeners.tcp[0].iter().filter_map(local).collect();
    let metrics_addresses = listeners.metrics.iter().filter_map(local).collect();
    let listening = listeners.all().map_err(StartError::Socket)?;
    let (stops, orders) = mpsc::channel(2);
    let (door, doors) = mpsc::channel(1);
    let shared = Arc::new(Shared::new(config, cores, stops));
    shared.listens_on(listening);
    shared.cancels.is_preceded_by(predecessor);
    clock::tick();
    let (course, watched) = watch::channel(Course::Running);
    let course = Arc::new(course);
    let (senders, inboxes): (Vec<_>, Vec<_>) =
        (0..cores).map(|_| mpsc::channel(PASSED_MAX)).unzip();
    let others: Arc<[_]> = senders.into();
    let paths = listeners.unix.iter().map(UnixSocket::path).collect();
    let unix = listeners.unix.into_iter();
    let (mut unix, socket_files): (Vec<_>, Vec<_>) =
        unix.map(|unix| (unix.listener, unix.file)).unzip();
    let running = Running {
        shared: Arc::clone(&shared),
        addresses,
        course: Arc::clone(&course),
        threads: Mutex::default(),
        metrics: metrics_addresses,
        unix: paths,
        socket_files: socket_files.into_iter().flatten().collect(),
    };
    for (at, (tcp, inbox)) in listeners.tcp.into_iter().zip(inboxes).enumerate() {
        let worker = Worker {
            core: CoreId(u16::try_from(at).unwrap_or(u16::MAX)),
            shared: Arc::clone(&shared),
            tcp,
            unix: std::mem::take(&mut unix),
            inbox,
            others: Arc::clone(&others),
            course: watched.clone(),
            open: door.clone(),
        };
        running.spawn(format!("pooler-{at}"), move || worker.run())?;
    }
    drop(door);
    let metrics = listeners.metrics;
    running.spawn("pooler-stop".to_owned(), move || {
        stop::supervise(&shared, &course, orders, doors, metrics)
    })?;
    Ok(running)
}

/// How many of `cores` the pooler takes for itself if nobody says
/// (`docs/decisions/0005-half-of-the-cores.md`).
const fn half(cores: NonZero<usize>) -> usize {
    cores.get().div_ceil(2)
}

impl Running {
    fn spawn(
        &self,
        name: String,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), StartError> {
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(work)
            .map_err(StartError::Thread)?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        Ok(())
    }

    /// The TCP addresses on which it listens.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The paths of the Unix sockets on which it listens; `@` begins an abstract one.
    #[must_use]
    pub fn unix_paths(&self) -> &[String] {
        &self.unix
    }

    /// The addresses that answer `/metrics` and `/health`.
    #[must_use]
    pub fn metrics_addrs(&self) -> &[SocketAddr] {
        &self.metrics
    }

    /// Tells `sink` what each new configuration says of the log.
    pub fn log_to(&self, sink: &Arc<Sink>) {
        // One process has one log.
        let _ = self.shared.sink.set(Arc::clone(sink));
    }

    /// What goes on at this moment.
    #[must_use]
    pub fn view(&self) -> View {
        let view = |pool: Arc<crate::pool::Pool>| PoolView {
            id: pool.id.clone(),
            census: pool.census(),
            totals: pool.stats.totals(),
        };
        View {
            clients: self.shared.clients(),
            pools: self.shared.pools.all().into_iter().map(view).collect(),
        }
    }

    /// Takes a new configuration. Logins and pools that come from now on follow it; what is
    /// changeable only by a restart stays as it was.
    pub fn reload(&self, config: Config) {
        self.shared.configure(config);
    }

    /// Reads the configuration file again, as SIGHUP asks.
    ///
    /// # Errors
    /// What is wrong in it; it is logged, and everything goes on as before.
    pub fn reload_file(&self) -> Result<(), ReloadError> {
        self.shared.reload()
    }

    /// Hands out no server any more, as SIGUSR1 asks. Does not wait for those that are out.
    ///
    /// # Errors
    /// When it is so already.
    pub fn pause(&self) -> Result<(), Refused> {
        pause_all(&self.shared)
    }

    /// Hands out servers again, as SIGUSR2 asks.
    ///
    /// # Errors
    /// When it does already.
    pub fn resume(&self) -> Result<(), Refused> {
        resume(&self.shared, None)
    }

    /// Begins to stop; a second call stops at once. [`Running::join`] waits for the end.
    pub fn shutdown(&self, stop: Stop) {
        self.shared.ask_to_stop(stop);
    }

    /// Waits until the pooler has stopped.
    ///
    /// # Errors
    ///
    /// When one of its threads ended with an error.
    pub fn join(&self) -> io::Result<()> {
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let mut outcome = Ok(());
        for thread in threads {
            let ended = thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        stop::end(&self.shared, &self.course);
        if self.shared.has_successor() {
            self.socket_files.drain(..).for_each(SocketFile::leave);
        }
        // Nobody is left to hear of an error.
        let _ = self.join();
    }
}
