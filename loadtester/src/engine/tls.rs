//! TLS towards a target: whom clients trust, and the server's own words before a handshake.

mod handshake;

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

use super::EngineError;

/// SSLRequest: length 8, code 1234 5679 in two halves.
pub(in crate::engine) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// What a client needs to speak TLS and to know the server: its certificate must be vouched for by one
/// authority and must name the host, as with libpq's `sslmode=verify-full`.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    authority: Arc<str>,
}

impl Tls {
    /// Trusts what `authority`, a certificate in PEM, vouches for, and nothing else.
    ///
    /// # Errors
    ///
    /// When it is no certificate.
    pub fn trusting(authority: &str) -> Result<Self, EngineError> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(authority.as_bytes())
            .map_err(|error| EngineError::Tls(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| EngineError::Tls(error.to_string()))?;
        let versions = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| EngineError::Tls(error.to_string()))?;
        let mut config = versions.with_root_certificates(roots).with_no_client_auth();
        // As libpq does: each connection pays for a whole handshake.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            authority: authority.into(),
        })
    }

    /// A handshake with the server at `host` that has not begun.
    ///
    /// # Errors
    ///
    /// When `host` is neither an address nor a name.
    pub(in crate::engine) fn session(&self, host: &str) -> Result<ClientConnection, EngineError> {
        ClientConnection::new(Arc::clone(&self.config), server_name(host)?)
            .map_err(|error| EngineError::Tls(error.to_string()))
    }

    /// The authority's certificate in PEM, for a driver that brings its own settings.
    pub(in crate::engine) fn authority(&self) -> &str {
        &self.authority
    }
}

/// What the certificate of a server at `host` must name.
///
/// # Errors
///
/// When `host` is neither an address nor a name.
fn server_name(host: &str) -> Result<ServerName<'static>, EngineError> {
    ServerName::try_from(host.to_owned())
        .map_err(|error| EngineError::Tls(format!("{host:?}: {error}")))
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.authority == other.authority
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tls").finish_non_exhaustive()
    }
}
