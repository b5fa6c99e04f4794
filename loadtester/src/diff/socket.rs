//! A connection to an endpoint, whatever it goes over.

use std::{io, net::Shutdown, path::PathBuf, time::Duration};

use poolproof_scenarios::session::Transport;
use socket2::{SockRef, Socket as Options};
use tokio::{
    io::{AsyncRead, AsyncWrite, split},
    net::{TcpStream, UnixStream},
};

use crate::{engine::Endpoint, environment::sockets};

/// Where sessions are performed.
#[derive(Clone, Debug)]
pub struct Place {
    /// Address, user and database.
    pub endpoint: Endpoint,
    /// Folder of its Unix socket, where it has one.
    pub sockets: Option<PathBuf>,
}

impl Place {
    /// Whether anybody can come that way.
    #[must_use]
    pub fn offers(&self, transport: Transport) -> bool {
        match transport {
            Transport::Tcp => true,
            Transport::Unix => self.sockets.is_some(),
            Transport::Tls => self.endpoint.tls.is_some(),
        }
    }

    /// Opens a connection, encrypted if it is to be. Cancel safe.
    pub(super) async fn connect(&self, transport: Transport) -> io::Result<Socket> {
        let Endpoint { host, tls, .. } = &self.endpoint;
        match (transport, &self.sockets, tls) {
            (Transport::Tcp, _, _) => {
                let (stream, options) = self.tcp().await?;
                let (reader, writer) = stream.into_split();
                Ok(Socket::new(reader, writer, options))
            }
            (Transport::Tls, _, Some(tls)) => {
                let (stream, options) = self.tcp().await?;
                // Boxed, as a handshake is large and most connections have none.
                let stream = Box::pin(tls.connect(host, stream)).await?;
                let (reader, writer) = split(stream);
                Ok(Socket::new(reader, writer, options))
            }
            (Transport::Unix, Some(folder), _) => {
                let path = folder.join(sockets::name(self.endpoint.port));
                let stream = UnixStream::connect(path).await?;
                let options = SockRef::from(&stream).try_clone()?;
                let (reader, writer) = stream.into_split();
                Ok(Socket::new(reader, writer, options))
            }
            (Transport::Unix, None, _) | (Transport::Tls, _, None) => {
                Err(io::Error::from(io::ErrorKind::Unsupported))
            }
        }
    }

    async fn tcp(&self) -> io::Result<(TcpStream, Options)> {
        let Endpoint { host, port, .. } = &self.endpoint;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        // A message in one write leaves at once; where it does not, the cuts would be lost.
        let _ = stream.set_nodelay(true);
        let options = SockRef::from(&stream).try_clone()?;
        Ok((stream, options))
    }
}

impl From<Endpoint> for Place {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            sockets: None,
        }
    }
}

/// What is read from.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// What is written to. Whoever writes flushes.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// An open connection.
pub(super) struct Socket {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) handle: Handle,
}

/// The system's socket below a connection, which is open as long as this is, too.
pub(super) struct Handle(Options);

impl Socket {
    fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        options: Options,
    ) -> Self {
        Self {
            reader: Box::new(reader),
            writer: Box::new(writer),
            handle: Handle(options),
        }
    }
}

impl Handle {
    /// With no time to linger, the system sends a reset when the connection is closed; one over a Unix socket
    /// knows no resets.
    pub(super) fn reset_on_close(&self) {
        // Should the option fail, the connection is closed as any other, which is the next best.
        let _ = self.0.set_linger(Some(Duration::ZERO));
    }

    /// Says that nothing more will be sent.
    pub(super) fn finish_sending(&self) {
        // The server may have closed before.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}
