//! The text messages of SCRAM (RFC 5802, section 7).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{ITERATIONS_MAX, MESSAGE_BYTES_MAX};
use crate::auth::hash::Key;

/// A message that breaks the rules of the exchange.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// Longer than any honest one.
    #[error("SCRAM message of {0} bytes is too long: at most {MESSAGE_BYTES_MAX}")]
    TooLong(usize),
    /// Not what stands here in the grammar.
    #[error("malformed SCRAM message: expected {0}")]
    Malformed(&'static str),
    /// It wants channel binding, which was not offered.
    #[error("client requires SCRAM channel binding, which this connection cannot have")]
    ChannelBinding,
    /// The channel binding data is not that of the first message.
    #[error("SCRAM channel binding check failed")]
    ChannelBindingMismatch,
    /// It wants to act as somebody else.
    #[error("client uses authorization identity, but it is not supported")]
    AuthorizationIdentity,
    /// It demands an extension.
    #[error("client requires an unsupported SCRAM extension")]
    Extension,
    /// The nonce is not the one of this exchange.
    #[error("invalid SCRAM nonce")]
    Nonce,
    /// The server asks for more work than is reasonable.
    #[error("server asks for {0} SCRAM iterations: at most {ITERATIONS_MAX} are done")]
    Iterations(u64),
    /// The server said so itself.
    #[error("server reports a SCRAM error: {0}")]
    Server(String),
    /// The server does not know the password either.
    #[error("server's SCRAM signature is wrong: it does not know the password")]
    Signature,
}

/// Text of a bounded length.
pub(super) fn bounded(data: &[u8]) -> Result<&str, ScramError> {
    if data.len() > MESSAGE_BYTES_MAX {
        return Err(ScramError::TooLong(data.len()));
    }
    str::from_utf8(data).map_err(|_| ScramError::Malformed("UTF-8"))
}

/// The attributes of a message, `a=value` parts separated by commas.
pub(super) struct Attributes<'a>(std::str::Split<'a, char>);

impl<'a> Attributes<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self(text.split(','))
    }

    /// The value of the next attribute, which must be called `name`.
    pub(super) fn take(
        &mut self,
        name: char,
        expected: &'static str,
    ) -> Result<&'a str, ScramError> {
        let attribute = self.0.next().ok_or(ScramError::Malformed(expected))?;
        if attribute.starts_with("m=") {
            return Err(ScramError::Extension);
        }
        let value = attribute
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('='));
        value.ok_or(ScramError::Malformed(expected))
    }

    /// Passes over the attributes that are left; each must be one (`attr-val` in the grammar).
    pub(super) fn skip_extensions(self) -> Result<(), ScramError> {
        for attribute in self.0 {
            if attribute.starts_with("m=") {
                return Err(ScramError::Extension);
            }
            let mut letters = attribute.chars();
            let name = letters.next().filter(char::is_ascii_alphabetic);
            if name.is_none() || letters.next() != Some('=') {
                return Err(ScramError::Malformed("name=value"));
            }
        }
        Ok(())
    }
}

/// A nonce: printable ASCII, at least one character; the comma is gone already.
pub(super) fn nonce(text: &str) -> Result<&str, ScramError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ScramError::Malformed("a nonce of printable characters"));
    }
    Ok(text)
}

/// A proof or signature: base64 of 32 bytes.
pub(super) fn key(text: &str) -> Result<Key, ScramError> {
    let bytes = BASE64
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(ScramError::Malformed("base64 of 32 bytes"))
}
