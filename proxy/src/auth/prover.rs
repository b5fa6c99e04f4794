//! Proves to a server who we are: a state machine from its first request to AuthenticationOk.

use super::credential::{Credential, Stored};
use super::md5::Md5Secret;
use super::random::NoRandomness;
use super::scram::client::{AwaitServerFinal, AwaitServerFirst, Binding};
use super::scram::{MECHANISM, MECHANISM_PLUS, ScramError};

/// What a server's Authentication message asks (type byte and length taken off).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Nothing more: we are in.
    Ok,
    /// The password in clear.
    CleartextPassword,
    /// The password's MD5 with this salt.
    Md5Password([u8; 4]),
    /// One of these SASL mechanisms.
    Sasl(Vec<&'a [u8]>),
    /// An answer to this SASL message.
    SaslContinue(&'a [u8]),
    /// Nothing; this is the server's own proof.
    SaslFinal(&'a [u8]),
}

/// Why we cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ProverError {
    /// The server wants a password and none is known.
    #[error("server asks for a password, and none is known for this user")]
    NoPassword,
    /// What is stored does not answer what the server asks.
    #[error("server asks for {asked}, which {stored} cannot answer")]
    Unfit {
        /// The server's method.
        asked: &'static str,
        /// What is stored of the password.
        stored: &'static str,
    },
    /// A method that the pooler does not know.
    #[error("server asks for authentication method {0}, which is not supported")]
    Method(u32),
    /// None of the SASL mechanisms is known.
    #[error("server offers no SASL mechanism that is supported: expected {MECHANISM}")]
    Mechanism,
    /// It broke the rules of SCRAM, or does not know the password.
    #[error(transparent)]
    Scram(#[from] ScramError),
    /// A message out of turn, or malformed.
    #[error("malformed authentication request from the server: expected {0}")]
    Malformed(&'static str),
    /// The system has no random bytes for the nonce.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl<'a> Request<'a> {
    /// Reads the body of an Authentication message.
    ///
    /// # Errors
    /// When it is malformed, or asks for a method that the pooler does not know.
    pub fn parse(body: &'a [u8]) -> Result<Self, ProverError> {
        let Some((code, rest)) = body.split_first_chunk::<4>() else {
            return Err(ProverError::Malformed("a method of four bytes"));
        };
        match u32::from_be_bytes(*code) {
            0 => Ok(Self::Ok),
            3 => Ok(Self::CleartextPassword),
            5 => {
                let salt = rest.try_into();
                salt.map(Self::Md5Password)
                    .map_err(|_| ProverError::Malformed("4 bytes of salt"))
            }
            10 => {
                let names = rest
                    .split(|byte| *byte == 0)
                    .take_while(|name| !name.is_empty());
                Ok(Self::Sasl(names.collect()))
            }
            11 => Ok(Self::SaslContinue(rest)),
            12 => Ok(Self::SaslFinal(rest)),
            method => Err(ProverError::Method(method)),
        }
    }
}

/// What to send to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: wait for what it says next.
    Wait,
    /// PasswordMessage.
    Password(String),
    /// SASLInitialResponse for this mechanism.
    SaslInitial(&'static str, String),
    /// SASLResponse.
    Sasl(String),
    /// The server let us in.
    Done,
}

/// How far the proof has come.
#[derive(Debug)]
enum State {
    /// The server has asked for nothing yet.
    Start,
    /// The password was sent.
    PasswordSent,
    ScramFirst(AwaitServerFirst),
    ScramFinal(AwaitServerFinal),
    /// The server proved that it knows the password.
    ServerProved,
}

/// Proves one user to one server.
#[derive(Debug)]
pub struct Prover<'a> {
    user: &'a str,
    credential: Option<&'a Credential>,
    /// What a hash of the server's certificate binds to; `None` without TLS.
    end_point: Option<Vec<u8>>,
    state: State,
}

impl<'a> Prover<'a> {
    /// A proof that we are `user`.
    #[must_use]
    pub fn new(user: &'a str, credential: Option<&'a Credential>) -> Self {
        Self {
            user,
            credential,
            end_point: None,
            state: State::Start,
        }
    }

    /// Binds the proof to a TLS connection, if the server can, by the hash of its certificate
    /// ([`crate::tls::end_point_hash`]).
    #[must_use]
    pub fn bound_to(mut self, end_point: Option<Vec<u8>>) -> Self {
        self.end_point = end_point;
        self
    }

    /// Answers what the server asks.
    ///
    /// # Errors
    /// When there is no answer. The connection is then good for nothing but closing.
    pub fn reply(&mut self, request: &Request<'_>) -> Result<Reply, ProverError> {
        let state = std::mem::replace(&mut self.state, State::PasswordSent);
        let (state, reply) = match (state, request) {
            // A server that skips its own proof in the middle of SCRAM may be an impostor.
            (State::Start | State::PasswordSent | State::ServerProved, Request::Ok) => {
                (State::PasswordSent, Reply::Done)
            }
            (State::Start, Request::CleartextPassword) => {
                (State::PasswordSent, Reply::Password(self.cleartext()?))
            }
            (State::Start, Request::Md5Password(salt)) => {
                (State::PasswordSent, Reply::Password(self.md5(*salt)?))
            }
            (State::Start, Request::Sasl(mechanisms)) => self.sasl(mechanisms)?,
            (State::ScramFirst(exchange), Request::SaslContinue(data)) => {
                let challenge = exchange.server_first(data)?;
                let credential = self.credential.ok_or(ProverError::NoPassword)?;
                let keys = credential.scram_keys(&challenge.salt, challenge.iterations);
                let keys = keys.ok_or_else(|| unfit(MECHANISM, credential))?;
                let (next, data) = challenge.answer(&keys);
                (State::ScramFinal(next), Reply::Sasl(data))
            }
            (State::ScramFinal(exchange), Request::SaslFinal(data)) => {
                exchange.server_final(data)?;
                (State::ServerProved, Reply::Wait)
            }
            (State::ScramFirst(_), _) => return Err(ProverError::Malformed("SASLContinue")),
            (State::ScramFinal(_), _) => return Err(ProverError::Malformed("SASLFinal")),
            (_, _) => return Err(ProverError::Malformed("AuthenticationOk")),
        };
        self.state = state;
        Ok(reply)
    }

    fn credential(&self) -> Result<&'a Credential, ProverError> {
        match self.credential {
            Some(Credential {
                stored: Stored::Nothing,
                ..
            })
            | None => Err(ProverError::NoPassword),
            Some(credential) => Ok(credential),
        }
    }

    fn cleartext(&self) -> Result<String, ProverError> {
        let credential = self.credential()?;
        match &credential.stored {
            Stored::Plain(password) => Ok(password.reveal().to_owned()),
            _ => Err(unfit("the password in clear", credential)),
        }
    }

    fn md5(&self, salt: [u8; 4]) -> Result<String, ProverError> {
        let credential = self.credential()?;
        match &credential.stored {
            Stored::Plain(password) => {
                Ok(Md5Secret::derive(self.user, password.reveal()).response(salt))
            }
            Stored::Md5(secret) => Ok(secret.response(salt)),
            _ => Err(unfit("an md5 digest", credential)),
        }
    }

    fn sasl(&self, mechanisms: &[&[u8]]) -> Result<(State, Reply), ProverError> {
        let credential = self.credential()?;
        let offers = |name: &str| mechanisms.contains(&name.as_bytes());
        let (mechanism, binding) = match &self.end_point {
            Some(hash) if offers(MECHANISM_PLUS) => {
                (MECHANISM_PLUS, Binding::EndPoint(hash.clone()))
            }
            _ if !offers(MECHANISM) => return Err(ProverError::Mechanism),
            Some(_) => (MECHANISM, Binding::NotOffered),
            None => (MECHANISM, Binding::Impossible),
        };
        if matches!(credential.stored, Stored::Md5(_)) {
            return Err(unfit(MECHANISM, credential));
        }
        let exchange = AwaitServerFirst::new(binding)?;
        let first = exchange.client_first();
        Ok((
            State::ScramFirst(exchange),
            Reply::SaslInitial(mechanism, first),
        ))
    }
}

fn unfit(asked: &'static str, credential: &Credential) -> ProverError {
    let stored = match credential.stored {
        Stored::Nothing => "no password",
        Stored::Plain(_) => "a plain password",
        Stored::Md5(_) => "an md5 secret",
        Stored::Scram(_) => {
            "a SCRAM secret, unless the server has the very same and a client has logged in with it,"
        }
    };
    ProverError::Unfit { asked, stored }
}

#[cfg(test)]
mod tests;
