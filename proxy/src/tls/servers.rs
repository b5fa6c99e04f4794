//! TLS with servers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::{TlsConnector, TlsStream, rustls};

use super::ALPN;
use super::files::{authorities, needs, proof};
use super::keys::{Remark, Side};
use super::suites::{provider, versions};
use super::verify::{Demand, Verifier};
use crate::config::section::Section as _;
use crate::config::{Settings, SslMode};
use crate::io::Stream;
use crate::io::carrier::Carrier;

/// TLS with servers, as the configuration says.
#[derive(Clone, Debug)]
pub struct ServerTls {
    /// Whether to ask for it, and what to do without.
    pub mode: SslMode,
    config: Option<Arc<ClientConfig>>,
    /// Of the settings and of what is in the files that they name.
    fingerprint: u64,
}

/// What tells one set of settings from another.
fn fingerprint(settings: &Settings) -> u64 {
    let mut hasher = DefaultHasher::new();
    let ours = |name: &str| name.starts_with("server_tls_");
    for key in Settings::KEYS.iter().filter(|key| ours(key.name)) {
        (key.show)(settings).hash(&mut hasher);
    }
    let files = [
        &settings.server_tls_ca_file,
        &settings.server_tls_cert_file,
        &settings.server_tls_key_file,
    ];
    for file in files.into_iter().flatten() {
        // One that cannot be read is an error elsewhere.
        std::fs::read(file).unwrap_or_default().hash(&mut hasher);
    }
    hasher.finish()
}

impl Default for ServerTls {
    fn default() -> Self {
        Self {
            mode: SslMode::Disable,
            config: None,
            fingerprint: 0,
        }
    }
}

impl ServerTls {
    /// What `settings` say, with the files that they name.
    ///
    /// # Errors
    ///
    /// The first key that is to blame.
    pub fn build(settings: &Settings, warnings: &mut Vec<Remark>) -> Result<Self, Remark> {
        let side = Side::servers(settings);
        let keys = side.keys;
        if side.mode == SslMode::Disable {
            return Ok(Self::default());
        }
        let provider = provider(&side, warnings);
        let authorities = authorities(&side)?;
        let demand = match (side.mode, authorities) {
            (SslMode::VerifyCa, Some(authorities)) => Demand::Authority(authorities),
            (SslMode::VerifyFull, Some(authorities)) => Demand::AuthorityAndName(authorities),
            (SslMode::VerifyCa | SslMode::VerifyFull, None) => {
                return Err(needs(keys.sslmode, keys.ca_file));
            }
            _ => Demand::Nothing,
        };
        let verifier = Verifier::new(demand, Arc::clone(&provider));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(&side, warnings)?)
            .map_err(|error| {
                let words = format!("{}: no cipher suite is left: {error}", keys.protocols);
                Remark::new(keys.protocols, words)
            })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match proof(&side)? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
                let key = keys.cert_file;
                let words = format!("{key}: certificate and key do not go together: {error}");
                Remark::new(key, words)
            })?,
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self {
            mode: side.mode,
            config: Some(Arc::new(config)),
            fingerprint: fingerprint(settings),
        })
    }

    /// Whether a connection opened under `other` is encrypted and checked as under these.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        self.mode == other.mode && self.fingerprint == other.fingerprint
    }

    /// Leads the handshake with a server that has agreed to it; `host` is the name that it was
    /// asked for under, `address` the one that the name led to.
    ///
    /// Cancelled, the connection is closed.
    ///
    /// # Errors
    ///
    /// When the handshake fails or the certificate is not good enough.
    pub async fn connect(&self, stream: Stream, host: &str, address: IpAddr) -> io::Result<Stream> {
        let (Some(config), Stream::Tcp(socket)) = (&self.config, stream) else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let name = match ServerName::try_from(host.to_owned()) {
            Ok(name) => name,
            // No certificate can carry such a name, which is nothing to a mode that asks for none.
            Err(_) if self.mode != SslMode::VerifyFull => ServerName::IpAddress(address.into()),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidInput, error)),
        };
        let connector = TlsConnector::from(Arc::clone(config));
        let tls = connector
            .connect(name, Carrier::Attached(socket.into_inner()))
            .await?;
        Ok(Stream::Tls(Box::new(TlsStream::Client(tls))))
    }
}
