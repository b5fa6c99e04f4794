//! TLS with clients.

use std::io;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsStream, rustls};

use super::ALPN;
use super::files::{authorities, needs, proof};
use super::keys::{Remark, Side};
use super::suites::{provider, versions};
use crate::config::{Settings, SslMode};
use crate::io::Stream;
use crate::io::carrier::Carrier;

/// TLS with clients, as the configuration says.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    config: Option<Arc<ServerConfig>>,
    required: bool,
}

impl ClientTls {
    /// What `settings` say, with the files that they name.
    ///
    /// # Errors
    ///
    /// The first key that is to blame.
    pub fn build(settings: &Settings, warnings: &mut Vec<Remark>) -> Result<Self, Remark> {
        let side = Side::clients(settings);
        let required = match side.mode {
            SslMode::Disable => return Ok(Self::default()),
            SslMode::Allow | SslMode::Prefer => false,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => true,
        };
        let keys = side.keys;
        let (chain, key) = proof(&side)?.ok_or_else(|| needs(keys.sslmode, keys.cert_file))?;
        let provider = provider(&side, warnings);
        let roots = authorities(&side)?.map(|authorities| authorities.roots);
        let verifier = client_verifier(&side, roots, &provider)?;
        let fault = |error: rustls::Error| {
            let words = format!(
                "{}: certificate and key do not go together: {error}",
                keys.cert_file
            );
            Remark::new(keys.cert_file, words)
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(&side, warnings)?)
            .map_err(|error| {
                let words = format!("{}: no cipher suite is left: {error}", keys.protocols);
                Remark::new(keys.protocols, words)
            })?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(fault)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self {
            config: Some(Arc::new(config)),
            required,
        })
    }

    /// Whether a client that asks for TLS gets it.
    #[must_use]
    pub const fn is_offered(&self) -> bool {
        self.config.is_some()
    }

    /// Whether a client over TCP must use TLS.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.required
    }

    /// Leads the handshake with a client that has sent nothing but perhaps its ClientHello.
    ///
    /// Cancelled, the connection is closed.
    ///
    /// # Errors
    ///
    /// When the handshake fails, or there is no TLS on this kind of connection.
    pub async fn accept(&self, stream: Stream) -> io::Result<Stream> {
        let (Some(config), Stream::Tcp(socket)) = (&self.config, stream) else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let acceptor = TlsAcceptor::from(Arc::clone(config));
        let tls = acceptor
            .accept(Carrier::Attached(socket.into_inner()))
            .await?;
        Ok(Stream::Tls(Box::new(TlsStream::Server(tls))))
    }
}

/// Whether clients are asked for a certificate: they must show one for `verify-ca` and above, may
/// where authorities are named, and are not asked otherwise.
fn client_verifier(
    side: &Side<'_>,
    roots: Option<RootCertStore>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Remark> {
    let keys = side.keys;
    let Some(roots) = roots else {
        if side.verifies() {
            return Err(needs(keys.sslmode, keys.ca_file));
        }
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if side.verifies() {
        builder
    } else {
        builder.allow_unauthenticated()
    };
    builder
        .build()
        .map_err(|error| Remark::new(keys.ca_file, format!("{}: {error}", keys.ca_file)))
}
