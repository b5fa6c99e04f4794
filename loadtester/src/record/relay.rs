//! Stands between an application and its server, and passes on every byte as it is.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, Bytes};
use poolproof_scenarios::session::Client;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::{frames::Frames, tape::Tape};

/// Bytes of one read.
const READ_BYTES: usize = 64 << 10;
/// Longest startup packet: PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`.
const STARTUP_MAX: usize = 10_000;
/// Requests for encryption before the startup packet: one of each kind.
const ENCRYPTION_MAX: usize = 2;
/// What stands in place of a protocol version.
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;

/// Why there is no relay.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A relay that listens.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    desk: Arc<Desk>,
}

/// What all connections share.
#[derive(Debug)]
struct Desk {
    upstream: (String, u16),
    tape: Mutex<Tape>,
    /// Who has which key: a cancel request names one.
    keys: Mutex<HashMap<Bytes, Client>>,
    /// A client has left.
    left: Notify,
}

impl Relay {
    /// Listens on `address` in front of the server at `upstream`.
    ///
    /// # Errors
    ///
    /// When it cannot listen there. Cancel safe.
    pub async fn bind(
        address: SocketAddr,
        upstream: (String, u16),
        tape: Tape,
    ) -> Result<Self, RelayError> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| RelayError::Listen { address, source })?;
        let desk = Arc::new(Desk {
            upstream,
            tape: Mutex::new(tape),
            keys: Mutex::default(),
            left: Notify::new(),
        });
        Ok(Self { listener, desk })
    }

    /// Where it listens, as the system gave it.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves whoever comes. Cancel safe: connections that are open end with the runtime.
    pub async fn serve(&self) {
        loop {
            match self.listener.accept().await {
                Ok((client, _)) => {
                    let desk = Arc::clone(&self.desk);
                    // A connection that breaks is seen by both of its ends.
                    tokio::spawn(async move { desk.serve(client).await });
                }
                // Too many open files, for one: somebody will leave.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Waits until a client has left. Cancel safe.
    pub async fn somebody_left(&self) {
        self.desk.left.notified().await;
    }

    /// What was recorded so far. The guard must not be held across an await.
    pub fn tape(&self) -> MutexGuard<'_, Tape> {
        self.desk.tape()
    }
}

impl Desk {
    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Bytes, Client>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one connection until it ends. Not cancel safe: both sides are closed.
    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let Some(packet) = first_words(&mut client).await? else {
            return Ok(());
        };
        let upstream = (self.upstream.0.as_str(), self.upstream.1);
        let mut server = TcpStream::connect(upstream).await?;
        server.set_nodelay(true)?;
        let mut words = packet.slice(4..);
        if words.get_u32() == CANCEL_REQUEST {
            // Bound first: the guard of the map must not live as long as that of the tape.
            let canceled = self.keys().get(&words).cloned();
            if let Some(canceled) = canceled {
                self.tape().cancels(&canceled);
            }
            server.write_all(&packet).await?;
            // The server closes once it has taken the request, and so do we.
            server.read_to_end(&mut Vec::new()).await?;
            return Ok(());
        }
        server.write_all(&packet).await?;
        let name = self.tape().connects(&words);
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let ended = tokio::select! {
            ended = self.listen(&name, from_client, to_server) => ended,
            ended = self.answer(&name, from_server, to_client) => ended,
        };
        self.keys().retain(|_, client| *client != name);
        self.left.notify_one();
        ended
    }

    /// From the client to the server. Not cancel safe.
    async fn listen(
        &self,
        name: &Client,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (mut frames, mut buffer) = (Frames::default(), vec![0; READ_BYTES]);
        loop {
            // A connection that breaks ends as one that is closed.
            let count = from.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                self.tape().leaves(name);
                return Ok(());
            }
            frames.take(&buffer[..count]);
            {
                let mut tape = self.tape();
                while let Some((tag, body)) = frames.next() {
                    // Passwords and what proves that one is known.
                    if tag != b'p' {
                        tape.says(name, tag, &body);
                    }
                }
                tape.sends(name);
            }
            to.write_all(&buffer[..count]).await?;
        }
    }

    /// From the server to the client. Not cancel safe.
    async fn answer(
        &self,
        name: &Client,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (mut frames, mut buffer) = (Frames::default(), vec![0; READ_BYTES]);
        loop {
            let count = from.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                self.tape().closed(name);
                return to.shutdown().await;
            }
            frames.take(&buffer[..count]);
            while let Some((tag, body)) = frames.next() {
                match tag {
                    b'K' => drop(self.keys().insert(body, name.clone())),
                    b'Z' => {
                        let status = body.first().copied().unwrap_or(b'I');
                        self.tape().answered(name, status);
                    }
                    b'A' => self.tape().notified(name),
                    b'G' => self.tape().invited(name),
                    _ => {}
                }
            }
            to.write_all(&buffer[..count]).await?;
        }
    }
}

/// The first packet that is no request for encryption, from its length to its end; encryption is
/// refused. `None` when there is none. Not cancel safe.
async fn first_words(client: &mut TcpStream) -> io::Result<Option<Bytes>> {
    for _ in 0..=ENCRYPTION_MAX {
        let mut length = [0; 4];
        if client.read_exact(&mut length).await.is_err() {
            return Ok(None);
        }
        let whole = u32::from_be_bytes(length) as usize;
        // Whoever begins with TLS at once has another length here.
        if !(8..=STARTUP_MAX).contains(&whole) {
            return Ok(None);
        }
        let mut packet = vec![0; whole];
        packet[..4].copy_from_slice(&length);
        client.read_exact(&mut packet[4..]).await?;
        let packet = Bytes::from(packet);
        match packet.slice(4..).get_u32() {
            SSL_REQUEST | GSSENC_REQUEST => client.write_all(b"N").await?,
            _ => return Ok(Some(packet)),
        }
    }
    Ok(None)
}
