//! Handshakes for whoever speaks through tokio: sessions of a comparison, and `tokio-postgres`, which leaves
//! them to its users.
//!
//! There is a crate for the latter; for channel binding, which poolers do not speak, it brings a second set of
//! crates that read certificates.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rustls::{ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{TlsConnector, client};

use super::{EngineError, SSL_REQUEST, Tls, server_name};

/// What `tokio-postgres` asks for a handshake with a host.
#[derive(Clone)]
pub(crate) struct Handshakes(Arc<ClientConfig>);

impl Tls {
    /// For `Config::connect`.
    pub(crate) fn handshakes(&self) -> Handshakes {
        Handshakes(Arc::clone(&self.config))
    }

    /// Asks the server at `host` for TLS and shakes hands with it (protocol chapter, «SSL Session
    /// Encryption»). Cancel safe: the connection goes with the future.
    ///
    /// # Errors
    ///
    /// What the connection or the handshake says; `Unsupported` from a server that does not agree.
    pub(crate) async fn connect<S>(
        &self,
        host: &str,
        mut stream: S,
    ) -> io::Result<client::TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = server_name(host).map_err(io::Error::other)?;
        stream.write_all(&SSL_REQUEST).await?;
        // One byte and no more: what follows is the server's part of the handshake.
        if stream.read_u8().await? != b'S' {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, stream).await
    }
}

/// A handshake with one host.
pub(crate) struct Handshake {
    connector: TlsConnector,
    host: ServerName<'static>,
}

/// An encrypted connection.
pub(crate) struct Encrypted<S>(client::TlsStream<S>);

impl<S> MakeTlsConnect<S> for Handshakes
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = EngineError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, EngineError> {
        Ok(Handshake {
            connector: TlsConnector::from(Arc::clone(&self.0)),
            host: server_name(host)?,
        })
    }
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    /// Cancel safe: the connection goes with the future.
    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let stream = self.connector.connect(self.host, stream).await?;
            Ok(Encrypted(stream))
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
