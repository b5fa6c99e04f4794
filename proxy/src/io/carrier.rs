//! The TCP connection under TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A TCP connection under TLS. It changes its runtime while the TLS session on it goes on, so that
/// an encrypted connection can move to another core as a plain one does.
#[derive(Debug)]
pub enum Carrier {
    /// Registered with the runtime of one core.
    Attached(TcpStream),
    /// On its way to another core.
    Detached(std::net::TcpStream),
    /// Lost, as the system refused the move.
    Lost,
}

impl Carrier {
    /// Takes the connection out of its runtime. May be called from any thread.
    ///
    /// # Errors
    ///
    /// When the system refuses to forget the registration; the connection is lost then.
    pub(super) fn detach(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Attached(socket) => Self::Detached(socket.into_std()?),
            other => other,
        };
        Ok(())
    }

    /// Registers the connection with the runtime of the current thread.
    ///
    /// # Errors
    ///
    /// When the system has no room for one more registration; the connection is lost then.
    pub(super) fn attach(&mut self) -> io::Result<()> {
        *self = match std::mem::replace(self, Self::Lost) {
            Self::Detached(socket) => Self::Attached(TcpStream::from_std(socket)?),
            other => other,
        };
        Ok(())
    }

    /// Our end of the connection.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Attached(socket) => socket.local_addr().ok(),
            Self::Detached(socket) => socket.local_addr().ok(),
            Self::Lost => None,
        }
    }

    /// Whether something happened that nobody has read yet. Costs no system call.
    pub(super) fn is_readable(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        match self {
            Self::Attached(socket) => socket.poll_read_ready(&mut context).is_ready(),
            Self::Detached(_) | Self::Lost => true,
        }
    }

    fn socket(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        match self {
            Self::Attached(socket) => Ok(Pin::new(socket)),
            Self::Detached(_) | Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl AsyncRead for Carrier {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().socket()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().socket()?.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket()?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket()?.poll_shutdown(cx)
    }
}
