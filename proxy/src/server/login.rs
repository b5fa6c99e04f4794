//! Logging in to a server.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::auth::credential::Credential;
use crate::auth::prover::{Prover, ProverError, Reply, Request};
use crate::config::ProtocolVersion;
use crate::deadline::{Deadline, Elapsed};
use crate::protocol::message::frontend::{
    password_message, query, sasl_initial_response, sasl_response, startup_message,
};
use crate::protocol::startup::{CANCEL_KEY_BYTES_MAX, CancelKey, PROTOCOL_3_0, PROTOCOL_3_2};

mod greeting;
mod server_error;

pub use server_error::ServerError;

/// Longest message of a login in bytes; an error with all its fields fits well.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a whole login: a server that never comes to an end is given up.
const LOGIN_BYTES_MAX: usize = 1 << 20;

/// As whom to log in, and where.
#[derive(Clone, Debug)]
pub struct ServerLogin<'a> {
    /// User.
    pub user: &'a str,
    /// Database, by its name on the server.
    pub database: &'a str,
    /// What is known of the user's password: `Config::server_credential`.
    pub credential: Option<&'a Credential>,
    /// Protocol to ask for.
    pub version: ProtocolVersion,
    /// Further startup parameters.
    pub parameters: &'a [(&'a str, &'a str)],
    /// The hash of the server's certificate, to which the proof is bound; `None` without TLS.
    pub end_point: Option<Vec<u8>>,
    /// SQL to run before anybody else may use the connection.
    pub first_query: Option<&'a str>,
}

/// What a server says of itself when it lets us in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerGreeting {
    /// Its ParameterStatus messages in order.
    pub parameters: Vec<(String, String)>,
    /// The key with which its queries are cancelled; a pooler behind which there is a pooler may
    /// give none.
    pub key: Option<CancelKey>,
}

impl ServerGreeting {
    /// A parameter has another value than it had at first.
    fn changes(&mut self, (name, value): (String, String)) {
        let known = self.parameters.iter_mut().find(|(known, _)| *known == name);
        match known {
            Some((_, old)) => *old = value,
            None => self.parameters.push((name, value)),
        }
    }
}

/// Why a server did not let us in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// It said so.
    #[error("server refuses the login: {0}")]
    Refused(Box<ServerError>),
    /// It asks for what we cannot answer.
    #[error(transparent)]
    Prover(#[from] ProverError),
    /// It does not follow the protocol.
    #[error("server breaks the protocol: expected {expected}, got {got}")]
    Violation {
        /// What was due.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// The connection broke.
    #[error("server connection lost during login: {0}")]
    Lost(#[from] std::io::Error),
    /// It took too long.
    #[error("connect timeout: server did not finish the login within server_connect_timeout")]
    Timeout,
}

impl From<Elapsed> for LoginError {
    fn from(_: Elapsed) -> Self {
        Self::Timeout
    }
}

impl LoginError {
    fn violation(expected: &'static str, got: impl Into<String>) -> Self {
        Self::Violation {
            expected,
            got: got.into(),
        }
    }
}

/// Logs in, up to and including ReadyForQuery; what the server sends with it is taken in too, so
/// that nothing is lost and the next byte read belongs to the first query.
///
/// Cancelled, the connection is good for nothing but closing.
///
/// # Errors
/// Why the server did not let us in.
pub async fn login<S>(
    stream: &mut S,
    login: &ServerLogin<'_>,
    deadline: Deadline,
) -> Result<ServerGreeting, LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    deadline.bound(login_unbounded(stream, login)).await?
}

async fn login_unbounded<S>(
    stream: &mut S,
    login: &ServerLogin<'_>,
) -> Result<ServerGreeting, LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = BytesMut::new();
    let names = [("user", login.user), ("database", login.database)];
    startup_message(
        &mut out,
        code(login.version),
        names.into_iter().chain(login.parameters.iter().copied()),
    );
    let mut dialogue = Dialogue {
        stream,
        input: BytesMut::new(),
        received: 0,
    };
    let mut prover = Prover::new(login.user, login.credential).bound_to(login.end_point.clone());
    dialogue.send(&mut out).await?;
    let asked = code(login.version);
    while !authenticate(&dialogue.receive().await?, &mut prover, asked, &mut out)? {
        dialogue.send(&mut out).await?;
    }
    let mut greeting = greeting::Reader::default();
    // Beyond ReadyForQuery only what came along with it, so that no byte is left behind.
    while !greeting.is_ready() || !dialogue.input.is_empty() {
        greeting.take(&dialogue.receive().await?)?;
    }
    let mut greeting = greeting.finish();
    if let Some(sql) = login.first_query {
        query(&mut out, sql);
        dialogue.send(&mut out).await?;
        first_answer(&mut dialogue, &mut greeting).await?;
    }
    Ok(greeting)
}

/// Reads the answer to the first query, up to ReadyForQuery. What it changes of the parameters
/// is part of the greeting; that it failed is logged and nothing more, as in PgBouncer.
async fn first_answer<S>(
    dialogue: &mut Dialogue<'_, S>,
    greeting: &mut ServerGreeting,
) -> Result<(), LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let message = dialogue.receive().await?;
        match message.tag {
            b'S' => greeting.changes(greeting::parameter(&message.body)?),
            b'E' => {
                let error = ServerError::parse(&message.body);
                tracing::warn!("connect_query failed: {error}");
            }
            b'Z' => return Ok(()),
            b'T' | b'D' | b'C' | b'I' | b'N' | b'A' => {}
            tag => {
                let expected = "the answer to connect_query";
                return Err(LoginError::violation(expected, describe(tag)));
            }
        }
    }
}

/// One message of a server: its type and its body.
struct Message {
    tag: u8,
    body: BytesMut,
}

/// Answers a message of the authentication. `true` when it is over.
fn authenticate(
    message: &Message,
    prover: &mut Prover<'_>,
    asked: u32,
    out: &mut BytesMut,
) -> Result<bool, LoginError> {
    match message.tag {
        b'R' => {}
        b'E' => return Err(refused(&message.body)),
        b'N' => return Ok(false),
        // Where 3.0 is asked for there is nothing to negotiate.
        b'v' if asked > PROTOCOL_3_0 => {
            return negotiated(&message.body, asked).map(|()| false);
        }
        tag => {
            return Err(LoginError::violation(
                "an authentication request",
                describe(tag),
            ));
        }
    }
    match prover.reply(&Request::parse(&message.body)?)? {
        Reply::Done => return Ok(true),
        Reply::Wait => {}
        Reply::Password(text) => password_message(out, &text),
        Reply::SaslInitial(mechanism, data) => sasl_initial_response(out, mechanism, &data),
        Reply::Sasl(data) => sasl_response(out, &data),
    }
    Ok(false)
}

const fn code(version: ProtocolVersion) -> u32 {
    match version {
        ProtocolVersion::V3_0 => PROTOCOL_3_0,
        ProtocolVersion::V3_2 => PROTOCOL_3_2,
    }
}

/// Takes in NegotiateProtocolVersion. All that an older version means is shorter keys; no option
/// was asked for, so that none can be unknown.
fn negotiated(body: &[u8], asked: u32) -> Result<(), LoginError> {
    let parts = body.split_first_chunk::<4>();
    let parts = parts.and_then(|(version, rest)| Some((version, rest.split_first_chunk::<4>()?)));
    match parts {
        Some((version, (options, [])))
            if (PROTOCOL_3_0..asked).contains(&u32::from_be_bytes(*version))
                && *options == [0; 4] =>
        {
            Ok(())
        }
        _ => Err(LoginError::violation(
            "NegotiateProtocolVersion with an older version 3 and no options",
            format!("{body:?}"),
        )),
    }
}

fn refused(body: &[u8]) -> LoginError {
    LoginError::Refused(Box::new(ServerError::parse(body)))
}

fn describe(tag: u8) -> String {
    format!("message type {:?}", char::from(tag))
}

/// A connection, and what was read from it and not yet understood.
struct Dialogue<'a, S> {
    stream: &'a mut S,
    input: BytesMut,
    received: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    async fn send(&mut self, out: &mut BytesMut) -> Result<(), LoginError> {
        if !out.is_empty() {
            self.stream.write_all(out).await?;
            self.stream.flush().await?;
            out.clear();
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<Message, LoginError> {
        loop {
            if let Some(message) = self.split()? {
                return Ok(message);
            }
            if self.received > LOGIN_BYTES_MAX {
                let got = format!("{} bytes without it", self.received);
                return Err(LoginError::violation("ReadyForQuery", got));
            }
            match self.stream.read_buf(&mut self.input).await? {
                0 => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
                count => self.received += count,
            }
        }
    }

    /// Takes a whole message off the input, if there is one.
    fn split(&mut self) -> Result<Option<Message>, LoginError> {
        let Some((&[tag, ref length @ ..], _)) = self.input.split_first_chunk::<5>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length);
        let body = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_sub(4));
        let Some(body) = body.filter(|body| *body <= MESSAGE_BYTES_MAX) else {
            let got = format!("{} of {length} bytes", describe(tag));
            return Err(LoginError::violation("a message of at most 64 kB", got));
        };
        if self.input.len() < 5 + body {
            return Ok(None);
        }
        self.input.advance(5);
        Ok(Some(Message {
            tag,
            body: self.input.split_to(body),
        }))
    }
}

#[cfg(test)]
mod tests;
