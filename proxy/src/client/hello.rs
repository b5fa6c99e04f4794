//! From the first byte of a connection to what the client wants, over TLS if it asks for that.

use std::io;

use super::refusal::Refusal;
use super::startup::{Offer, StartupError, StartupRequest, read_startup};
use crate::deadline::Deadline;
use crate::io::Stream;
use crate::io::post::after_flush;
use crate::protocol::message::backend::SqlState;
use crate::tls::{ALPN, ClientTls};

/// First byte of a TLS connection, a handshake record (RFC 8446, chapter 5.1). No first packet of
/// PostgreSQL's begins so: it would be longer than any may be.
const TLS_HANDSHAKE: u8 = 0x16;

/// A client that has said what it wants.
#[derive(Debug)]
pub struct Hello {
    /// The connection behind what it began with.
    pub stream: Stream,
    /// What the client wants.
    pub request: StartupRequest,
}

/// A connection on which nothing can be asked for.
#[derive(Debug)]
pub struct NoHello {
    /// The connection, where it can still carry a farewell.
    pub stream: Option<Stream>,
    /// Why.
    pub error: HelloError,
}

/// Why a client got no further.
#[derive(Debug, thiserror::Error)]
pub enum HelloError {
    /// Its packet.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// The handshake failed, or its certificate is not good enough.
    #[error("TLS handshake failed: {0}")]
    Handshake(#[source] io::Error),
    /// TLS from the first byte must name the protocol, or a server of another kind could be made
    /// to take a client's words for its own (ALPACA).
    #[error("direct TLS without ALPN {}", String::from_utf8_lossy(ALPN))]
    Alpn,
    /// It wants a session in clear.
    #[error("SSL required")]
    Plain,
}

impl HelloError {
    /// What to tell the client, if it still listens.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let violation = |words: String| Some(Refusal::new(SqlState::PROTOCOL_VIOLATION, words));
        match self {
            Self::Startup(error) => error.refusal(),
            Self::Handshake(_) => None,
            Self::Alpn | Self::Plain => violation(self.to_string()),
        }
    }
}

/// Reads until the client has said what it wants. On the way it gets TLS if it asks for it and the
/// pooler has it.
///
/// What it sent in clear behind its request for TLS is taken for a part of the handshake, which
/// then fails: nothing said in clear is ever taken for encrypted (CVE-2021-3935).
///
/// Cancelled, the connection is closed.
///
/// # Errors
///
/// Why the client gets no further.
pub async fn hello(stream: Stream, tls: &ClientTls, deadline: Deadline) -> Result<Hello, NoHello> {
    if tls.is_offered() && matches!(stream, Stream::Tcp(_)) {
        // Boxed, so that a login that has no use for it is smaller.
        Box::pin(offer(stream, tls, deadline)).await
    } else {
        ask(stream, Offer::Nothing, deadline).await
    }
}

/// As [`hello`], where TLS is to be had.
async fn offer(mut stream: Stream, tls: &ClientTls, deadline: Deadline) -> Result<Hello, NoHello> {
    match begins_with_tls(&mut stream, deadline).await {
        Ok(true) => {
            let stream = handshake(stream, tls, deadline).await?;
            if stream.tls().and_then(|session| session.alpn_protocol()) != Some(ALPN) {
                return Err(failed(Some(stream), HelloError::Alpn));
            }
            return ask(stream, Offer::Encrypted, deadline).await;
        }
        Ok(false) => {}
        Err(error) => return Err(failed(Some(stream), error.into())),
    }
    let Hello { stream, request } = ask(stream, Offer::Tls, deadline).await?;
    match request {
        StartupRequest::Tls => {
            let stream = handshake(stream, tls, deadline).await?;
            ask(stream, Offer::Encrypted, deadline).await
        }
        // A cancel request may come in clear, as older clients send it.
        StartupRequest::Session(_) if tls.is_required() => {
            Err(failed(Some(stream), HelloError::Plain))
        }
        request => Ok(Hello { stream, request }),
    }
}

const fn failed(stream: Option<Stream>, error: HelloError) -> NoHello {
    NoHello { stream, error }
}

async fn ask(mut stream: Stream, offer: Offer, deadline: Deadline) -> Result<Hello, NoHello> {
    match read_startup(&mut stream, offer, deadline).await {
        Ok((request, beyond)) => {
            let stream = stream.with_ahead(beyond);
            Ok(Hello { stream, request })
        }
        Err(error) => Err(failed(Some(stream), error.into())),
    }
}

/// Whether the client begins with TLS, without a word in clear. The byte is looked at, and not
/// taken. Cancel safe.
async fn begins_with_tls(stream: &mut Stream, deadline: Deadline) -> Result<bool, StartupError> {
    let Stream::Tcp(socket) = stream else {
        return Ok(false);
    };
    let mut first = [0];
    let peeked = deadline.bound(socket.peek(&mut first)).await?;
    match peeked.map_err(StartupError::Gone)? {
        0 => Err(StartupError::Silent),
        _ => Ok(first[0] == TLS_HANDSHAKE),
    }
}

async fn handshake(stream: Stream, tls: &ClientTls, deadline: Deadline) -> Result<Stream, NoHello> {
    // Boxed, as a handshake is large and most connections have none; its cryptography takes longer
    // than a message does.
    let accepted = after_flush(Box::pin(deadline.bound(tls.accept(stream)))).await;
    let accepted = accepted.map_err(|elapsed| failed(None, StartupError::from(elapsed).into()))?;
    accepted.map_err(|error| failed(None, HelloError::Handshake(error)))
}
