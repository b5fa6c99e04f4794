//! One connection to PostgreSQL.

use std::io;
use std::os::fd::AsRawFd;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::{backend, frontend};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::frames::{Frame, Reader};
use super::upstream::Upstream;
use crate::fault::Fault;

/// Process number and secret, as BackendKeyData carries them.
pub(crate) type Key = [u8; 8];

/// What `DISCARD ALL` does, each part with the fault that leaves it out.
const RESET: [(&str, Option<Fault>); 8] = [
    ("CLOSE ALL", None),
    ("SET SESSION AUTHORIZATION DEFAULT", None),
    ("RESET ALL", Some(Fault::LeaksSet)),
    ("DEALLOCATE ALL", Some(Fault::LeaksPreparedStatement)),
    ("UNLISTEN *", Some(Fault::LeaksListen)),
    (
        "SELECT pg_advisory_unlock_all()",
        Some(Fault::LeaksAdvisoryLock),
    ),
    ("DISCARD TEMP", Some(Fault::LeaksTemporaryTable)),
    ("DISCARD SEQUENCES", None),
];

/// A field of the ErrorResponse with which PostgreSQL ends a session.
const FATAL: &[u8] = b"VFATAL\0";

/// Bytes that a fault may have left unread before that.
const UNREAD_MAX: usize = 64 << 10;

/// A connection that is logged in.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) from: Reader,
    pub(crate) to: OwnedWriteHalf,
    pub(crate) key: Key,
}

impl Server {
    /// A connection without a login. Not cancel safe: the connection is lost.
    pub(crate) async fn dial(upstream: &Upstream) -> io::Result<Self> {
        let stream = TcpStream::connect(upstream.address).await?;
        stream.set_nodelay(true)?;
        let (from, to) = stream.into_split();
        Ok(Self {
            from: Reader::new(from),
            to,
            key: Key::default(),
        })
    }

    /// Whether PostgreSQL has ended it, which it says before it closes the connection. Asks the system,
    /// as the runtime may not have been told yet.
    pub(crate) fn is_gone(&self) -> bool {
        let mut unread = vec![0; UNREAD_MAX];
        let socket = self.to.as_ref().as_raw_fd();
        match recv(
            socket,
            &mut unread,
            MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT,
        ) {
            Ok(0) => true,
            Ok(len) => unread[..len].windows(FATAL.len()).any(|at| at == FATAL),
            Err(error) => error != Errno::EAGAIN,
        }
    }

    /// A connection that is logged in with the startup packet of a client. Not cancel safe: the
    /// connection is lost.
    pub(crate) async fn open(upstream: &Upstream, startup: &[u8]) -> io::Result<Self> {
        let mut server = Self::dial(upstream).await?;
        server.to.write_all(startup).await?;
        let password = upstream.password.as_deref().unwrap_or_default();
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let frame = server.frame().await?;
            let mut bytes = BytesMut::from(&frame.0[..]);
            let mut answer = BytesMut::new();
            match backend::Message::parse(&mut bytes)? {
                Some(backend::Message::AuthenticationSasl(body)) => {
                    let offered: Vec<&str> = body.mechanisms().collect()?;
                    assert!(offered.contains(&SCRAM_SHA_256), "{offered:?}");
                    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut answer)?;
                }
                Some(backend::Message::AuthenticationSaslContinue(body)) => {
                    scram.update(body.data())?;
                    frontend::sasl_response(scram.message(), &mut answer)?;
                }
                Some(backend::Message::AuthenticationSaslFinal(body)) => {
                    scram.finish(body.data())?;
                }
                Some(backend::Message::BackendKeyData(_)) => server.keep_key(&frame),
                Some(backend::Message::ReadyForQuery(_)) => return Ok(server),
                Some(backend::Message::ErrorResponse(_)) => {
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                _ => {}
            }
            server.to.write_all(&answer).await?;
        }
    }

    /// Remembers the key of a BackendKeyData.
    pub(crate) fn keep_key(&mut self, frame: &Frame) {
        if let Ok(key) = frame.body().try_into() {
            self.key = key;
        }
    }

    /// The next message; the end of the stream is an error. Cancel safe.
    pub(crate) async fn frame(&mut self) -> io::Result<Frame> {
        let found = self.from.next().await?;
        found
            .map(|found| found.frame)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Takes everything back that the last client has left, but for what `fault` leaves. Not cancel
    /// safe: the server must be closed then.
    pub(crate) async fn reset(&mut self, fault: Option<Fault>) -> io::Result<()> {
        let parts = RESET
            .iter()
            .filter(|(_, leaves)| leaves.is_none() || *leaves != fault);
        let parts: Vec<&str> = parts.map(|(part, _)| *part).collect();
        let mut query = BytesMut::new();
        frontend::query(&parts.join("; "), &mut query)?;
        self.to.write_all(&query).await?;
        while self.frame().await?.tag() != b'Z' {}
        Ok(())
    }
}

/// Asks PostgreSQL to cancel what the server with this key does, and returns when it has been told.
/// Cancel safe, but the request may be on its way.
pub(crate) async fn cancel(upstream: &Upstream, key: Key) -> io::Result<()> {
    let mut server = Server::dial(upstream).await?;
    let request = [
        &16_u32.to_be_bytes()[..],
        &80_877_102_u32.to_be_bytes(),
        &key,
    ]
    .concat();
    server.to.write_all(&request).await?;
    server.from.next().await.map(drop)
}
