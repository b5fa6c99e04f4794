//! From a connection to an encrypted one, before the first message of a login.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connect::ServerAddress;
use crate::config::SslMode;
use crate::io::Stream;
use crate::protocol::message::frontend;
use crate::tls::ServerTls;

/// Whether a server is asked for encryption, and what follows if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// It is not asked.
    Never,
    /// It is asked, and does without if it must.
    IfOffered,
    /// It is asked, and nothing is said to it in clear.
    Always,
}

impl Asking {
    /// What `server_tls_sslmode` means for the first attempt. Sockets of the own machine are never
    /// encrypted, as PostgreSQL has no encryption on them.
    #[must_use]
    pub const fn first(mode: SslMode, address: &ServerAddress) -> Self {
        match (address, mode) {
            (ServerAddress::Unix(_) | ServerAddress::Abstract(_), _)
            | (_, SslMode::Disable | SslMode::Allow) => Self::Never,
            (_, SslMode::Prefer) => Self::IfOffered,
            (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => Self::Always,
        }
    }
}

/// How the connections to one server are encrypted: what its cancel requests must know.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// Versions, authorities, our own certificate.
    pub tls: ServerTls,
    /// The name under which the server was asked for.
    pub host: String,
}

/// Why a connection is not encrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptError {
    /// The server has no TLS.
    #[error("server refuses TLS, which server_tls_sslmode demands")]
    Refused,
    /// It answered with something else.
    #[error("server breaks the protocol: expected S or N in answer to SSLRequest, got {0:?}")]
    Violation(char),
    /// The handshake failed, or the certificate is not good enough.
    #[error("TLS handshake with the server failed: {0}")]
    Handshake(#[source] io::Error),
    /// The connection broke.
    #[error("server connection lost before TLS was up: {0}")]
    Lost(#[from] io::Error),
}

impl Encryption {
    /// Asks for encryption and leads the handshake.
    ///
    /// Exactly one byte of the answer is read in clear. What an attacker slips in behind it
    /// (CVE-2021-23222) is taken for a part of the handshake, which fails.
    ///
    /// Cancelled, the connection is closed.
    ///
    /// # Errors
    ///
    /// When it cannot be had as `asking` demands.
    pub async fn begin(
        &self,
        mut stream: Stream,
        address: &ServerAddress,
        asking: Asking,
    ) -> Result<Stream, EncryptError> {
        let (Asking::IfOffered | Asking::Always, ServerAddress::Tcp(address)) = (asking, address)
        else {
            return Ok(stream);
        };
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        stream.write_all(&request).await?;
        let mut answer = [0];
        stream.read_exact(&mut answer).await?;
        match (answer[0], asking) {
            (b'S', _) => {
                let tls = self.tls.connect(stream, &self.host, address.ip());
                tls.await.map_err(EncryptError::Handshake)
            }
            (b'N', Asking::Always) => Err(EncryptError::Refused),
            (b'N', _) => Ok(stream),
            (other, _) => Err(EncryptError::Violation(char::from(other))),
        }
    }
}
