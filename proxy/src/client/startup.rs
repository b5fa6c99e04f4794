//! The first words of a client: encryption, a cancel request, or a session.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::refusal::Refusal;
use crate::deadline::{Deadline, Elapsed};
use crate::protocol::startup::{
    CancelKey, PacketError, StartupPacket, StartupParameters, body_length, parse,
};

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartupRequest {
    /// A session.
    Session(StartupParameters),
    /// To cancel what another connection runs. It gets no answer, as PostgreSQL gives none.
    Cancel(CancelKey),
    /// TLS, to which it has been told to go on.
    Tls,
}

/// What a client that asks for TLS is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// That there is none.
    Nothing,
    /// To begin with it.
    Tls,
    /// That it is mistaken, as it speaks over TLS already.
    Encrypted,
}

/// Why a client got no further.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// It closed the connection before saying anything, as a port check does.
    #[error("client closed the connection without a word")]
    Silent,
    /// It went away in the middle.
    #[error("client unexpected eof")]
    Gone(#[source] std::io::Error),
    /// Its packet is malformed.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// It took too long.
    #[error("client_login_timeout")]
    Timeout,
}

impl From<Elapsed> for StartupError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

impl StartupError {
    /// What to tell the client, if it still listens.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        use crate::protocol::message::backend::SqlState;
        match self {
            Self::Silent | Self::Gone(_) => None,
            Self::Packet(error) => Some(Refusal::new(error.sql_state(), error.to_string())),
            Self::Timeout => Some(Refusal::new(
                SqlState::PROTOCOL_VIOLATION,
                "client_login_timeout",
            )),
        }
    }
}

/// Reads until the client has said what it wants. TLS is as `offer` says, and GSSAPI encryption
/// refused on the way.
///
/// Not one byte beyond the packet is read: what follows belongs to the session, and what a client
/// sent together with a request for encryption can never be taken for encrypted.
///
/// Cancelled, what was read so far is lost; the connection is then good for nothing but closing.
///
/// # Errors
/// Why the client gets no further; [`StartupError::refusal`] is what it should be told.
pub async fn read_startup<S>(
    stream: &mut S,
    offer: Offer,
    deadline: Deadline,
) -> Result<StartupRequest, StartupError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    deadline.bound(read_request(stream, offer)).await?
}

async fn read_request<S>(stream: &mut S, offer: Offer) -> Result<StartupRequest, StartupError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Of each kind a client may ask once, and over TLS for none: as PostgreSQL does, the code of another
    // request is taken for the version that stands in its place.
    let (mut ssl, mut gss) = (offer != Offer::Encrypted, offer != Offer::Encrypted);
    loop {
        match read_packet(stream).await? {
            StartupPacket::Session(session) => return Ok(StartupRequest::Session(session)),
            StartupPacket::Cancel(key) => return Ok(StartupRequest::Cancel(key)),
            StartupPacket::Ssl if ssl && offer == Offer::Tls => {
                answer(stream, b'S').await?;
                return Ok(StartupRequest::Tls);
            }
            StartupPacket::Ssl if ssl => ssl = false,
            StartupPacket::GssEncryption if gss => gss = false,
            StartupPacket::Ssl => return Err(SSL_VERSION.into()),
            StartupPacket::GssEncryption => return Err(GSSENC_VERSION.into()),
        }
        answer(stream, b'N').await?;
    }
}

/// An SSLRequest where none may be.
const SSL_VERSION: PacketError = PacketError::Version {
    major: 1234,
    minor: 5679,
};
/// A GSSENCRequest where none may be.
const GSSENC_VERSION: PacketError = PacketError::Version {
    major: 1234,
    minor: 5680,
};

async fn answer(stream: &mut (impl AsyncWrite + Unpin), byte: u8) -> Result<(), StartupError> {
    stream
        .write_all(&[byte])
        .await
        .map_err(StartupError::Gone)?;
    stream.flush().await.map_err(StartupError::Gone)
}

async fn read_packet(stream: &mut (impl AsyncRead + Unpin)) -> Result<StartupPacket, StartupError> {
    let mut header = [0; 4];
    let first = stream.read(&mut header).await.map_err(StartupError::Gone)?;
    if first == 0 {
        return Err(StartupError::Silent);
    }
    stream
        .read_exact(&mut header[first..])
        .await
        .map_err(StartupError::Gone)?;
    let mut body = vec![0; body_length(header)?];
    stream
        .read_exact(&mut body)
        .await
        .map_err(StartupError::Gone)?;
    Ok(parse(&body)?)
}

#[cfg(test)]
mod tests;
