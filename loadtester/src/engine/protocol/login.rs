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

/// What is needed to log in, the same for every connection of a thread.
pub(in crate::engine) struct Credentials {
    startup: Vec<u8>,
    user: String,
    plain: Option<String>,
    password: Password,
}

impl Credentials {
    /// # Errors
    ///
    /// A zero byte in the user's or the database's name.
    pub(in crate::engine) fn new(endpoint: &Endpoint) -> Result<Self, EngineError> {
        let mut startup = BytesMut::new();
        let parameters = [
            ("user", endpoint.user.as_str()),
            ("database", endpoint.dbname.as_str()),
            ("application_name", "poolproof"),
            ("client_encoding", "UTF8"),
        ];
        frontend::startup_message(parameters, &mut startup).map_err(EngineError::Generator)?;
        Ok(Self {
            startup: startup.to_vec(),
            user: endpoint.user.clone(),
            plain: endpoint.password.clone(),
            password: Password::new(endpoint.password.as_deref().unwrap_or_default()),
        })
    }

    /// The StartupMessage.
    pub(in crate::engine) fn startup(&self) -> &[u8] {
        &self.startup
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
pub(in crate::engine) enum Login {
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
pub(in crate::engine) enum LoginStep {
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
    pub(in crate::engine) fn take(
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
mod tests {
    use super::{Credentials, Endpoint, Frame, Login, LoginStep};

    fn credentials(password: Option<&str>) -> Credentials {
        Credentials::new(&Endpoint {
            host: "localhost".into(),
            port: 5432,
            user: "app".into(),
            password: password.map(str::to_owned),
            dbname: "bank".into(),
        })
        .unwrap()
    }

    /// Runs messages (tag, body) and returns the step of the last, or the class of the failure.
    fn run(password: Option<&str>, messages: &[(u8, &[u8])]) -> Result<LoginStep, String> {
        let mut credentials = credentials(password);
        let mut login = Login::default();
        let mut last = LoginStep::Wait;
        for &(tag, body) in messages {
            last = login
                .take(
                    &Frame {
                        tag,
                        body,
                        whole: true,
                    },
                    &mut credentials,
                )
                .map_err(|failure| failure.class.to_string())?;
        }
        Ok(last)
    }

    const OK: (u8, &[u8]) = (b'R', &[0, 0, 0, 0]);
    const PLAIN: (u8, &[u8]) = (b'R', &[0, 0, 0, 3]);
    const MD5: (u8, &[u8]) = (b'R', &[0, 0, 0, 5, 1, 2, 3, 4]);
    const SASL: (u8, &[u8]) = (b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    const READY: (u8, &[u8]) = (b'Z', b"I");

    #[test]
    fn ways_in() {
        let done = Ok(LoginStep::Done);
        let key: (u8, &[u8]) = (b'K', &[0; 8]);
        assert_eq!(run(None, &[OK, (b'S', b"a\0b\0"), key, READY]), done);
        assert_eq!(run(Some("x"), &[PLAIN, OK, READY]), done);
        assert_eq!(run(Some("x"), &[MD5, OK, READY]), done);
        assert_eq!(
            run(Some("x"), &[PLAIN]),
            Ok(LoginStep::Send(b"p\0\0\0\x06x\0".to_vec()))
        );
    }

    #[test]
    fn md5_is_what_postgresql_computes() {
        // 'md5' || md5(md5('x' || 'app') || '\x01020304'), by Python's hashlib.
        let expected = b"p\0\0\0\x28md58c1d335da33f84d770113323386583c8\0";
        assert_eq!(
            run(Some("x"), &[MD5]),
            Ok(LoginStep::Send(expected.to_vec()))
        );
    }

    #[test]
    fn ways_to_stay_out() {
        let check = |password, messages: &[(u8, &[u8])], class: &str| {
            assert_eq!(
                run(password, messages),
                Err(class.to_owned()),
                "{messages:?}"
            );
        };
        check(None, &[PLAIN], "auth");
        check(None, &[SASL], "auth");
        check(Some("x"), &[(b'R', b"\0\0\0\x0aSCRAM-SHA-512\0\0")], "auth");
        check(Some("x"), &[(b'R', &[0, 0, 0, 7])], "auth");
        check(None, &[(b'E', b"SFATAL\0C28P01\0Mno\0\0")], "auth");
        check(
            None,
            &[(b'E', b"SFATAL\0C53300\0Mfull\0\0")],
            "sqlstate 53300",
        );
        check(None, &[READY], "protocol violation");
        check(None, &[(b'D', b"")], "protocol violation");
        check(None, &[(b'R', &[0, 0])], "protocol violation");
        check(None, &[OK, OK], "protocol violation");
        check(None, &[OK, (b'Z', b"T")], "protocol violation");
        check(Some("x"), &[SASL, OK], "protocol violation");
        check(
            Some("x"),
            &[SASL, (b'R', &[0, 0, 0, 12])],
            "protocol violation",
        );
        check(
            Some("x"),
            &[SASL, (b'R', &[0, 0, 0, 11])],
            "protocol violation",
        );
        check(Some("x"), &[(b'R', &[0, 0, 0, 5, 1])], "protocol violation");
    }
}
