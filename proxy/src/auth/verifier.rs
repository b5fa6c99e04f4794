//! Checks who a client is: a state machine from the first challenge to the verdict.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::credential::{Credential, Stored, mock_secret};
use super::random::{NoRandomness, random_bytes};
use super::scram::server::{AwaitFinal, AwaitFirst, Outcome};
use super::scram::{MECHANISM, ScramError};
use crate::config::AuthType;

/// What to send to the client next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// AuthenticationCleartextPassword.
    CleartextPassword,
    /// AuthenticationMD5Password with this salt.
    Md5Password([u8; 4]),
    /// AuthenticationSASL, offering [`MECHANISM`].
    Sasl,
    /// AuthenticationSASLContinue.
    SaslContinue(String),
}

/// What came of an answer.
#[derive(Debug)]
pub enum Step {
    /// The client must answer once more.
    Ask(Verifier, Challenge),
    /// It is who it says. What is given is to be sent as AuthenticationSASLFinal first.
    Granted(Option<String>),
    /// It is not, or nobody knows. The reason is for the log and never for the client.
    Denied(Denial),
}

/// Why a client was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// `auth_file` does not list the user.
    #[error("no such user")]
    UnknownUser,
    /// What is stored fits another method.
    #[error("what is stored of the password does not fit this auth_type")]
    Unfit,
    /// The password is wrong.
    #[error("wrong password")]
    WrongPassword,
}

/// Why the exchange cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// It broke the rules of SCRAM.
    #[error(transparent)]
    Scram(#[from] ScramError),
    /// It chose a mechanism that was not offered.
    #[error("client selected an invalid SASL authentication mechanism")]
    Mechanism,
    /// Its message is malformed.
    #[error("malformed password message: expected {0}")]
    Malformed(&'static str),
    /// The system has no random bytes for nonce or salt.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Waits for a client's answer. Each state carries what its answer is judged by.
#[derive(Debug)]
pub enum Verifier {
    /// For a password in clear.
    Password(Subject),
    /// For an MD5 digest.
    Md5(Subject, [u8; 4]),
    /// For the first message of SCRAM.
    ScramFirst(Subject, AwaitFirst),
    /// For the last message of SCRAM.
    ScramFinal(Subject, AwaitFinal),
}

/// Who is being checked.
#[derive(Debug)]
pub struct Subject {
    /// The name that the client gave.
    user: String,
    /// What is known of that user.
    known: Option<Arc<Credential>>,
}

impl Subject {
    /// A client that calls itself `user`, and what is known of that user.
    #[must_use]
    pub fn new(user: &str, known: Option<&Arc<Credential>>) -> Self {
        Self {
            user: user.to_owned(),
            known: known.cloned(),
        }
    }

    fn stored(&self) -> &Stored {
        self.known
            .as_ref()
            .map_or(&Stored::Nothing, |known| &known.stored)
    }

    /// Why this subject is denied whatever it answers, if `fits` holds of nothing stored.
    fn denial(&self, fits: bool) -> Denial {
        match (&self.known, fits) {
            (None, _) => Denial::UnknownUser,
            (Some(_), false) => Denial::Unfit,
            (Some(_), true) => Denial::WrongPassword,
        }
    }
}

impl Verifier {
    /// The first challenge for `subject`. `trust` and `any` need none: they are decided by
    /// whether the user is listed, before any exchange.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn begin(
        auth_type: AuthType,
        subject: Subject,
        scram_iterations: u32,
    ) -> Result<(Self, Challenge), NoRandomness> {
        match (auth_type, subject.stored()) {
            (AuthType::Plain, _) => Ok((Self::Password(subject), Challenge::CleartextPassword)),
            // As PgBouncer: an md5 digest cannot be checked against a SCRAM secret.
            (AuthType::Md5, Stored::Nothing | Stored::Plain(_) | Stored::Md5(_)) => {
                let salt = random_bytes()?;
                Ok((Self::Md5(subject, salt), Challenge::Md5Password(salt)))
            }
            _ => {
                let known = subject.known.as_ref();
                let secret = known
                    .map(|known| known.scram_secret(scram_iterations))
                    .transpose()?;
                let secret = match secret.flatten() {
                    Some(secret) => secret,
                    None => mock_secret(&subject.user, scram_iterations)?,
                };
                Ok((
                    Self::ScramFirst(subject, AwaitFirst::new(secret)?),
                    Challenge::Sasl,
                ))
            }
        }
    }

    /// Judges the body of a client's PasswordMessage, SASLInitialResponse or SASLResponse.
    ///
    /// # Errors
    /// When the client does not follow the protocol.
    pub fn answer(self, body: &[u8]) -> Result<Step, VerifierError> {
        match self {
            Self::Password(subject) => password(&subject, zero_terminated(body)?),
            Self::Md5(subject, salt) => md5(&subject, salt, zero_terminated(body)?),
            Self::ScramFirst(subject, exchange) => {
                let (next, data) = exchange.client_first(initial_response(body)?)?;
                let next = Self::ScramFinal(subject, next);
                Ok(Step::Ask(next, Challenge::SaslContinue(data)))
            }
            Self::ScramFinal(subject, exchange) => scram(&subject, exchange.client_final(body)?),
        }
    }
}

fn password(subject: &Subject, answer: &[u8]) -> Result<Step, VerifierError> {
    let answer = str::from_utf8(answer).map_err(|_| VerifierError::Malformed("UTF-8"))?;
    let (fits, right) = match subject.stored() {
        Stored::Nothing => (false, false),
        Stored::Plain(password) => (
            true,
            password.reveal().as_bytes().ct_eq(answer.as_bytes()).into(),
        ),
        Stored::Md5(secret) => (true, secret.verify_plain(&subject.user, answer)),
        Stored::Scram(secret) => (true, secret.verify_plain(answer)),
    };
    Ok(if right {
        Step::Granted(None)
    } else {
        Step::Denied(subject.denial(fits))
    })
}

fn md5(subject: &Subject, salt: [u8; 4], answer: &[u8]) -> Result<Step, VerifierError> {
    use super::md5::Md5Secret;
    let (fits, right) = match subject.stored() {
        Stored::Nothing | Stored::Scram(_) => (false, false),
        Stored::Plain(password) => (
            true,
            Md5Secret::derive(&subject.user, password.reveal()).verify(salt, answer),
        ),
        Stored::Md5(secret) => (true, secret.verify(salt, answer)),
    };
    Ok(if right {
        Step::Granted(None)
    } else {
        Step::Denied(subject.denial(fits))
    })
}

fn scram(subject: &Subject, outcome: Outcome) -> Result<Step, VerifierError> {
    match (outcome, &subject.known) {
        (
            Outcome::Proved {
                server_final,
                client_key,
            },
            Some(known),
        ) => {
            known.keep_client_key(client_key);
            Ok(Step::Granted(Some(server_final)))
        }
        (Outcome::Proved { .. } | Outcome::Wrong, _) => {
            let fits = matches!(subject.stored(), Stored::Plain(_) | Stored::Scram(_));
            Ok(Step::Denied(subject.denial(fits)))
        }
    }
}

/// The text of a PasswordMessage.
fn zero_terminated(body: &[u8]) -> Result<&[u8], VerifierError> {
    match body.split_last() {
        Some((0, text)) if !text.contains(&0) => Ok(text),
        _ => Err(VerifierError::Malformed(
            "text that ends with its only zero byte",
        )),
    }
}

/// The data of a SASLInitialResponse: mechanism, length, data.
fn initial_response(body: &[u8]) -> Result<&[u8], VerifierError> {
    const EXPECTED: VerifierError =
        VerifierError::Malformed("a mechanism, a length and that many bytes");
    let end = body.iter().position(|byte| *byte == 0).ok_or(EXPECTED)?;
    if &body[..end] != MECHANISM.as_bytes() {
        return Err(VerifierError::Mechanism);
    }
    let (length, data) = body[end + 1..].split_first_chunk::<4>().ok_or(EXPECTED)?;
    if usize::try_from(u32::from_be_bytes(*length)) != Ok(data.len()) {
        return Err(EXPECTED);
    }
    Ok(data)
}

#[cfg(test)]
mod tests;
