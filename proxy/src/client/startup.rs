//! The first words of a client: encryption, a cancel request, or a session.

use bytes::{Buf as _, BufMut as _, BytesMut};
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
/// What was read beyond the packet is returned beside it: it belongs to the session. Where TLS is
/// to be had not one byte beyond is read, so that what a client sent together with its request for
/// encryption can never be taken for encrypted.
///
/// Cancelled, what was read so far is lost; the connection is then good for nothing but closing.
///
/// # Errors
/// Why the client gets no further; [`StartupError::refusal`] is what it should be told.
pub async fn read_startup<S>(
    stream: &mut S,
    offer: Offer,
    deadline: Deadline,
) -> Result<(StartupRequest, BytesMut), StartupError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    deadline.bound(read_request(stream, offer)).await?
}

async fn read_request<S>(
    stream: &mut S,
    offer: Offer,
) -> Result<(StartupRequest, BytesMut), StartupError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Of each kind a client may ask once, and over TLS for none: as PostgreSQL does, the code of another
    // request is taken for the version that stands in its place.
    let (mut ssl, mut gss) = (offer != Offer::Encrypted, offer != Offer::Encrypted);
    let mut read = BytesMut::new();
    loop {
        match read_packet(stream, offer, &mut read).await? {
            StartupPacket::Session(session) => return Ok((StartupRequest::Session(session), read)),
            StartupPacket::Cancel(key) => return Ok((StartupRequest::Cancel(key), read)),
            StartupPacket::Ssl if ssl && offer == Offer::Tls => {
                answer(stream, b'S').await?;
                return Ok((StartupRequest::Tls, read));
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

/// Bytes of the length that a packet begins with.
const HEADER_LEN: usize = 4;

async fn answer(stream: &mut (impl AsyncWrite + Unpin), byte: u8) -> Result<(), StartupError> {
    stream
        .write_all(&[byte])
        .await
        .map_err(StartupError::Gone)?;
    stream.flush().await.map_err(StartupError::Gone)
}

/// Bytes that are read at once, where more may be read than the packet: most packets are shorter.
const READ_LEN: usize = 512;

/// Takes one packet off the front of `read`, which is what was read beyond the one before.
async fn read_packet(
    stream: &mut (impl AsyncRead + Unpin),
    offer: Offer,
    read: &mut BytesMut,
) -> Result<StartupPacket, StartupError> {
    loop {
        let missing = match read.first_chunk() {
            None => HEADER_LEN - read.len(),
            Some(header) => {
                let len = HEADER_LEN + body_length(*header)?;
                if read.len() >= len {
                    let mut packet = read.split_to(len);
                    packet.advance(HEADER_LEN);
                    return Ok(parse(&packet)?);
                }
                len - read.len()
            }
        };
        let most = match offer {
            Offer::Tls => missing,
            Offer::Nothing | Offer::Encrypted => missing.max(READ_LEN),
        };
        read.reserve(most);
        let len = stream.read_buf(&mut read.limit(most)).await;
        if len.map_err(StartupError::Gone)? == 0 {
            return Err(if read.is_empty() {
                StartupError::Silent
            } else {
                StartupError::Gone(std::io::ErrorKind::UnexpectedEof.into())
            });
        }
    }
}

#[cfg(test)]
mod tests;
