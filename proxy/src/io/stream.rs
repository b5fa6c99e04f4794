//! A connection, whatever it runs over.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::CommonState;

use super::carrier::Carrier;
use super::post;
use super::socket::Socket;

/// A connection to a client or to a server, registered with the runtime of one core.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(Socket<TcpStream>),
    /// Unix socket.
    Unix(Socket<UnixStream>),
    /// TCP under TLS, boxed so that plain connections stay as small as they are.
    Tls(Box<TlsStream<Carrier>>),
    /// Any of these, of which something was read already, boxed as that is seldom.
    Ahead(Box<Ahead>),
}

/// What was read of a connection before its time, and the connection itself.
#[derive(Debug)]
pub struct Ahead {
    bytes: BytesMut,
    stream: Stream,
}

/// A connection on its way to the runtime of another core.
#[derive(Debug)]
pub enum Detached {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// Unix socket.
    Unix(std::os::unix::net::UnixStream),
    /// TCP under TLS.
    Tls(Box<TlsStream<Carrier>>),
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::Tcp(Socket::new(socket))
    }
}

impl From<UnixStream> for Stream {
    fn from(socket: UnixStream) -> Self {
        Self::Unix(Socket::new(socket))
    }
}

impl Detached {
    /// Registers the connection with the runtime of the current thread.
    ///
    /// # Errors
    ///
    /// When the system has no room for one more registration.
    pub fn attach(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(socket) => TcpStream::from_std(socket)?.into(),
            Self::Unix(socket) => UnixStream::from_std(socket)?.into(),
            Self::Tls(mut tls) => {
                tls.get_mut().0.attach()?;
                Stream::Tls(tls)
            }
        })
    }
}

impl Stream {
    /// The connection with `bytes` to be read before all else.
    #[must_use]
    pub fn with_ahead(self, bytes: BytesMut) -> Self {
        if bytes.is_empty() {
            self
        } else {
            let stream = self;
            Self::Ahead(Box::new(Ahead { bytes, stream }))
        }
    }

    /// Takes the connection out of its runtime. May be called from any thread.
    ///
    /// # Errors
    ///
    /// When the system refuses to forget the registration, or bytes read ahead would be lost.
    pub fn detach(self) -> io::Result<Detached> {
        Ok(match self {
            Self::Tcp(socket) => Detached::Tcp(socket.into_inner().into_std()?),
            Self::Unix(socket) => Detached::Unix(socket.into_inner().into_std()?),
            Self::Tls(mut tls) => {
                tls.get_mut().0.detach()?;
                Detached::Tls(tls)
            }
            Self::Ahead(ahead) if ahead.bytes.is_empty() => return ahead.stream.detach(),
            Self::Ahead(_) => return Err(io::ErrorKind::Unsupported.into()),
        })
    }

    /// The descriptor of a connection that the post may send on; a session of TLS writes itself.
    pub(super) fn posted(&self) -> Option<RawFd> {
        match self {
            Self::Tcp(socket) => Some(socket.fd()),
            Self::Unix(socket) => Some(socket.fd()),
            Self::Tls(_) => None,
            Self::Ahead(ahead) => ahead.stream.posted(),
        }
    }

    /// The Unix socket, if it is one.
    #[must_use]
    pub fn unix(&self) -> Option<&UnixStream> {
        match self {
            Self::Unix(socket) => Some(socket),
            Self::Tcp(_) | Self::Tls(_) => None,
            Self::Ahead(ahead) => ahead.stream.unix(),
        }
    }

    /// Whether something happened on the connection that nobody has read yet, as far as the
    /// runtime has been told. Costs no system call.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        match self {
            Self::Tcp(socket) => socket.poll_read_ready(&mut context).is_ready(),
            Self::Unix(socket) => socket.poll_read_ready(&mut context).is_ready(),
            Self::Tls(tls) => {
                let (carrier, session) = tls.get_ref();
                // A session that wants nothing has plaintext, or its end, to give.
                !session.wants_read() || carrier.is_readable()
            }
            Self::Ahead(ahead) => !ahead.bytes.is_empty() || ahead.stream.is_readable(),
        }
    }

    /// What TLS knows of the connection; `None` of a plain one.
    #[must_use]
    pub fn tls(&self) -> Option<&CommonState> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => None,
            Self::Tls(tls) => Some(tls.get_ref().1),
            Self::Ahead(ahead) => ahead.stream.tls(),
        }
    }

    /// TLS version and cipher as PgBouncer shows them; `None` of a plain connection.
    #[must_use]
    pub fn tls_words(&self) -> Option<String> {
        let session = self.tls()?;
        let (version, suite) = (
            session.protocol_version()?,
            session.negotiated_cipher_suite()?,
        );
        Some(format!("{version:?}/{:?}", suite.suite()))
    }

    /// Our end of the connection; a Unix socket has no address.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Unix(_) => None,
            Self::Tls(tls) => tls.get_ref().0.local_addr(),
            Self::Ahead(ahead) => ahead.stream.local_addr(),
        }
    }

    /// Reads what is there into `buffer`; 0 is the end of the stream. Cancel safe.
    ///
    /// A read that does not fill the buffer tells the runtime that the socket is empty, so that no
    /// second read is needed to find that out.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_read_some(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = Pin::new(self).poll_read(cx, &mut buffer);
        match read {
            // A TLS session that ends without a word. Messages carry their lengths, so nobody can
            // pass off a part for the whole by cutting the connection.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(0))
            }
            read => read.map_ok(|()| buffer.filled().len()),
        }
    }

    /// Writes as much of `bytes` as the socket takes. Cancel safe. Under TLS some of it may stay
    /// inside until [`Stream::poll_flush_some`] is ready.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_write_some(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write(cx, bytes)
    }

    /// Sends what TLS keeps of what was written; a plain connection keeps nothing. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the connection is broken.
    pub fn poll_flush_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Self::Ahead(ahead) => ahead.stream.poll_flush_some(cx),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(&mut **socket).poll_read(cx, buffer),
            Self::Unix(socket) => Pin::new(&mut **socket).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
            Self::Ahead(ahead) if ahead.bytes.is_empty() => {
                Pin::new(&mut ahead.stream).poll_read(cx, buffer)
            }
            Self::Ahead(ahead) => {
                let len = buffer.remaining().min(ahead.bytes.len());
                buffer.put_slice(&ahead.bytes.split_to(len));
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(fd) = self.posted() {
            post::settle(fd);
        }
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(&mut **socket).poll_write(cx, bytes),
            Self::Unix(socket) => Pin::new(&mut **socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
            Self::Ahead(ahead) => Pin::new(&mut ahead.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(&mut **socket).poll_flush(cx),
            Self::Unix(socket) => Pin::new(&mut **socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Self::Ahead(ahead) => Pin::new(&mut ahead.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(socket) => Pin::new(&mut **socket).poll_shutdown(cx),
            Self::Unix(socket) => Pin::new(&mut **socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            Self::Ahead(ahead) => Pin::new(&mut ahead.stream).poll_shutdown(cx),
        }
    }
}
