//! Clients that misbehave: they come beside those of the load, log in as anybody does, and then do what
//! no driver means to do.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use poolproof_scenarios::fault::{Fault, FaultKind};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::engine::{Credentials, Endpoint, Frame, Login, LoginStep};

/// Longest that a login may take: behind a pool that is in trouble it may never come.
const LOGIN_LIMIT: Duration = Duration::from_secs(5);
/// Largest message of a login; a longer one is none.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// How long a client that vanishes lets its query run.
const BEFORE_VANISHING: Duration = Duration::from_millis(50);
/// What a client that vanishes asks for: it outlives the client by far.
const LONG_QUERY: &str = "SELECT pg_sleep(0.5), repeat('x', 100000)";
/// What a client that does not read asks for: 20 MB, more than the sockets on the way hold.
const LARGE_QUERY: &str = "SELECT repeat('x', 10000) FROM generate_series(1, 2000)";

/// Clients of one fault. Dropping it waits for their end.
#[derive(Debug)]
pub(super) struct Saboteurs {
    /// How many have done what they came for.
    pub(super) acted: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Saboteurs {
    /// Sends as many clients as `fault` says to `endpoint`.
    pub(super) fn send(fault: &Fault, endpoint: &Endpoint) -> io::Result<Self> {
        let acted = Arc::new(AtomicU64::new(0));
        let (counter, fault, endpoint) = (Arc::clone(&acted), *fault, endpoint.clone());
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("saboteurs".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let mut clients = JoinSet::new();
                    for _ in 0..fault.clients {
                        clients.spawn(one(fault, endpoint.clone(), Arc::clone(&counter)));
                    }
                    while clients.join_next().await.is_some() {}
                });
            })?;
        Ok(Self {
            acted,
            thread: Some(thread),
        })
    }
}

impl Drop for Saboteurs {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // What they meet is the target's affair; a panic of theirs has been printed.
            let _ = thread.join();
        }
    }
}

/// One client. Cancel safe: its connection is dropped.
async fn one(fault: Fault, endpoint: Endpoint, acted: Arc<AtomicU64>) {
    let Ok(Ok(mut stream)) = timeout(LOGIN_LIMIT, log_in(&endpoint)).await else {
        return;
    };
    let (bytes, stays) = match fault.kind {
        FaultKind::ClientsVanish => (query(LONG_QUERY), BEFORE_VANISHING),
        FaultKind::ClientsStopReading => (query(LARGE_QUERY), fault.lasts),
        _ => {
            let mut whole = query("SELECT 1");
            whole.truncate(whole.len() / 2);
            (whole, fault.lasts)
        }
    };
    if stream.write_all(&bytes).await.is_ok() {
        acted.fetch_add(1, Relaxed);
        sleep(stays).await;
    }
    // Gone without a word: with no time to linger, the system sends a reset.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// A Query message.
fn query(sql: &str) -> Vec<u8> {
    let mut bytes = bytes::BytesMut::new();
    // The only error is a zero byte in the text, and there is none.
    let _ = postgres_protocol::message::frontend::query(sql, &mut bytes);
    bytes.to_vec()
}

/// Connects and logs in. Cancel safe: the connection is dropped.
pub(crate) async fn log_in(endpoint: &Endpoint) -> io::Result<TcpStream> {
    let mut credentials = Credentials::new(endpoint).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    // Little room, so that what is not read is soon the other side's to keep.
    let _ = SockRef::from(&stream).set_recv_buffer_size(MESSAGE_BYTES_MAX);
    stream.write_all(credentials.startup_of(0)).await?;
    let mut login = Login::default();
    loop {
        let mut header = [0; 5];
        stream.read_exact(&mut header).await?;
        let [tag, length @ ..] = header;
        let length = (u32::from_be_bytes(length) as usize).saturating_sub(4);
        if length > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let frame = Frame {
            tag,
            body: &body,
            whole: true,
        };
        match login.take(&frame, &mut credentials) {
            Ok(LoginStep::Wait) => {}
            Ok(LoginStep::Send(answer)) => stream.write_all(&answer).await?,
            Ok(LoginStep::Done) => return Ok(stream),
            Err(failure) => return Err(io::Error::other(failure.message)),
        }
    }
}

#[cfg(test)]
mod tests;
