//! Logging in: from the startup packet to the first ReadyForQuery.

use std::mem;

use bytes::BytesMut;
use poolproof_reports::record::ErrorClass;
use postgres_protocol::{authentication::md5_hash, message::frontend};

use super::{
    super::{Endpoint, EngineError, Failure},
    Frame, error_response,
    scram::{First, Last, Password},
};

/// The only mechanism that is spoken; `-PLUS` needs TLS.
const SCRAM: &str = "SCRAM-SHA-256";

/// The database of the client of this number, of so many that clients are spread over.
pub(in crate::engine) fn database_of(endpoint: &Endpoint, databases: u32, client: u32) -> String {
    if databases == 1 {
        return endpoint.dbname.clone();
    }
    format!("poolproof_{}", client % databases + 1)
}

/// What is needed to log in, the same for every connection of a thread.
pub(crate) struct Credentials {
    /// One for each database that clients are spread over.
    startups: Vec<Vec<u8>>,
    user: String,
    plain: Option<String>,
    password: Password,
}

impl Credentials {
    /// # Errors
    ///
    /// A zero byte in the user's or the database's name.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        Self::for_databases(endpoint, 1)
    }

    /// As [`Credentials::new`], for clients that are spread over so many databases.
    pub(in crate::engine) fn for_databases(
        endpoint: &Endpoint,
        databases: u32,
    ) -> Result<Self, EngineError> {
        let startup = |index| {
            let mut startup = BytesMut::new();
            let database = database_of(endpoint, databases, index);
            let parameters = [
                ("user", endpoint.user.as_str()),
                ("database", &database),
                ("application_name", "poolproof"),
                ("client_encoding", "UTF8"),
            ];
            frontend::startup_message(parameters, &mut startup)
                .map(|()| startup.to_vec())
                .map_err(EngineError::Generator)
        };
        Ok(Self {
            startups: (0..databases).map(startup).collect::<Result<_, _>>()?,
            user: endpoint.user.clone(),
            plain: endpoint.password.clone(),
            password: Password::new(endpoint.password.as_deref().unwrap_or_default()),
        })
    }

    /// The StartupMessage of the client of this number.
    pub(crate) fn startup_of(&self, client: u32) -> &[u8] {
        let index = client as usize % self.startups.len().max(1);
        self.startups.get(index).map_or(&[], Vec::as_slice)
    }

    fn plain(&self) -> Result<&str, Failure> {
        self.plain.as_deref().ok_or_else(|| {
            Failure::new(
                ErrorClass::Auth,
                "the server asks for a password, and none was given",
            )
        })
    }
}

/// A login that waits for the server.
#[derive(Debug, Default)]
pub(crate) enum Login {
    /// For an authentication request, or AuthenticationOk.
    #[default]
    Asked,
    /// For the server's first SCRAM message.
    ScramFirst(First),
    /// For the server's SCRAM proof.
    ScramLast(Last),
    /// For AuthenticationOk, after a password or a proof.
    Proved,
    /// For ReadyForQuery.
    LetIn,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What a message of the server calls for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LoginStep {
    /// Nothing.
    Wait,
    /// These bytes.
    Send(Vec<u8>),
    /// The session has begun.
    Done,
}

impl Login {
    /// Takes the next message.
    ///
    /// # Errors
    ///
    /// Not let in, or the protocol was broken: the connection is of no use.
    pub(crate) fn take(
        &mut self,
        frame: &Frame<'_>,
        credentials: &mut Credentials,
    ) -> Result<LoginStep, Failure> {
        match (frame.tag, &self) {
            (b'N' | b'S' | b'v', _) | (b'K', Self::LetIn) => Ok(LoginStep::Wait),
            (b'E', _) => Err(error_response(frame.body).at_login()),
            (b'Z', Self::LetIn) => match frame.body {
                b"I" => Ok(LoginStep::Done),
                body => Err(Failure::violation(format!(
                    "expected ReadyForQuery with status I after the login, got {}",
                    body.escape_ascii()
                ))),
            },
            (b'R', _) if frame.whole => self.authenticate(frame.body, credentials),
            (tag, state) => Err(Failure::violation(format!(
                "got a message of type {} during the login, which was {}",
                tag.escape_ascii(),
                state.name()
            ))),
        }
    }

    /// Takes an authentication request; its kind is the first four bytes.
    fn authenticate(
        &mut self,
        body: &[u8],
        credentials: &mut Credentials,
    ) -> Result<LoginStep, Failure> {
        let (kind, rest) = body.split_first_chunk::<4>().ok_or_else(|| {
            Failure::violation("expected an authentication request of 4 bytes or more")
        })?;
        let state = mem::take(self);
        let (next, step) = match (i32::from_be_bytes(*kind), state) {
            (0, Self::Asked | Self::Proved) => (Self::LetIn, LoginStep::Wait),
            (3, Self::Asked) => (Self::Proved, password(credentials.plain()?)?),
            (5, Self::Asked) => {
                let salt = rest.try_into().map_err(|_| {
                    Failure::violation(format!("expected 4 bytes of salt, got {}", rest.len()))
                })?;
                let (user, plain) = (credentials.user.as_bytes(), credentials.plain()?);
                (
                    Self::Proved,
                    password(&md5_hash(user, plain.as_bytes(), salt))?,
                )
            }
            (10, Self::Asked) => {
                credentials.plain()?;
                begin_scram(rest)?
            }
            (11, Self::ScramFirst(first)) => {
                let (message, last) = first
                    .answer(rest, &mut credentials.password)
                    .map_err(Failure::violation)?;
                let mut out = BytesMut::new();
                frontend::sasl_response(message.as_bytes(), &mut out).map_err(unsendable)?;
                (Self::ScramLast(last), LoginStep::Send(out.to_vec()))
            }
            (12, Self::ScramLast(last)) => {
                last.check(rest)
                    .map_err(|why| Failure::new(ErrorClass::Auth, why))?;
                (Self::Proved, LoginStep::Wait)
            }
            (kind, Self::Asked) => {
                return Err(Failure::new(
                    ErrorClass::Auth,
                    format!("expected trust, password, md5 or {SCRAM}, got request {kind}"),
                ));
            }
            (kind, state) => {
                return Err(Failure::violation(format!(
                    "got authentication request {kind} during a login that was {}",
                    state.name()
                )));
            }
        };
        *self = next;
        Ok(step)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Asked => "waiting for an authentication request",
            Self::ScramFirst(_) => "waiting for the server's first SCRAM message",
            Self::ScramLast(_) => "waiting for the server's SCRAM proof",
            Self::Proved => "waiting for AuthenticationOk",
            Self::LetIn => "waiting for ReadyForQuery",
        }
    }
}

fn begin_scram(mechanisms: &[u8]) -> Result<(Login, LoginStep), Failure> {
    let mut offered = mechanisms.split(|byte| *byte == 0);
    if !offered.any(|name| name == SCRAM.as_bytes()) {
        return Err(Failure::new(
            ErrorClass::Auth,
            format!(
                "expected {SCRAM} among the mechanisms, got {}",
                mechanisms.escape_ascii()
            ),
        ));
    }
    let first = First::new();
    let mut out = BytesMut::new();
    frontend::sasl_initial_response(SCRAM, first.message().as_bytes(), &mut out)
        .map_err(unsendable)?;
    Ok((Login::ScramFirst(first), LoginStep::Send(out.to_vec())))
}

fn password(text: &str) -> Result<LoginStep, Failure> {
    let mut out = BytesMut::new();
    frontend::password_message(text.as_bytes(), &mut out).map_err(unsendable)?;
    Ok(LoginStep::Send(out.to_vec()))
}

/// A password with a zero byte cannot travel.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err takes"
)]
fn unsendable(error: std::io::Error) -> Failure {
    Failure::new(
        ErrorClass::Auth,
        format!("the password cannot be sent: {error}"),
    )
}

#[cfg(test)]
mod tests;
