//! The exchange as the pooler leads it with its servers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

use super::message::{Attributes, ScramError, bounded, key, nonce};
use super::{ITERATIONS_MAX, NONCE_BYTES, ScramKeys};
use crate::auth::hash::{Key, hmac, sha256, xor};
use crate::auth::random::{NoRandomness, random_bytes};

/// How far an exchange is bound to the connection that carries it (RFC 5802, chapter 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Not: there is no TLS, or its certificate has no hash.
    Impossible,
    /// Not, though we could: the server offers none. A server that did offer it notices that
    /// somebody between has taken the offer away.
    NotOffered,
    /// To the server's certificate, by this hash of it (`tls-server-end-point`, RFC 5929).
    EndPoint(Vec<u8>),
}

impl Binding {
    /// The GS2 header; no authorization identity.
    const fn header(&self) -> &'static str {
        match self {
            Self::Impossible => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }

    /// The header and what it announces.
    fn input(&self) -> Vec<u8> {
        let mut input = self.header().as_bytes().to_vec();
        if let Self::EndPoint(hash) = self {
            input.extend_from_slice(hash);
        }
        input
    }
}

/// Waits for the server's first message.
#[derive(Debug)]
pub struct AwaitServerFirst {
    binding: Binding,
    nonce: String,
}

/// Knows what the server asks, and has yet to answer with keys made for it.
#[derive(Debug)]
pub struct Challenge {
    /// Salt of the keys.
    pub salt: Vec<u8>,
    /// Iterations of the keys.
    pub iterations: u32,
    /// The client's nonce and the server's.
    nonce: String,
    /// `client-first-message-bare , server-first-message ,` of the AuthMessage.
    transcript: String,
    binding: Binding,
}

/// Waits for the server's proof that it knows the password too.
#[derive(Debug)]
pub struct AwaitServerFinal {
    signature: Key,
}

impl AwaitServerFirst {
    /// Begins an exchange.
    ///
    /// # Errors
    /// When the system has no random bytes for the nonce.
    pub fn new(binding: Binding) -> Result<Self, NoRandomness> {
        Ok(Self {
            binding,
            nonce: BASE64.encode(random_bytes::<NONCE_BYTES>()?),
        })
    }

    #[cfg(test)]
    pub(super) fn with_nonce(nonce: &str) -> Self {
        Self {
            binding: Binding::Impossible,
            nonce: nonce.to_owned(),
        }
    }

    /// The client's first message. The user is left empty, as libpq does: the one of the startup
    /// message counts.
    #[must_use]
    pub fn client_first(&self) -> String {
        format!("{}{}", self.binding.header(), self.bare())
    }

    fn bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Reads the server's first message.
    ///
    /// # Errors
    /// When it breaks the rules, or asks for more than [`ITERATIONS_MAX`] iterations.
    pub fn server_first(self, data: &[u8]) -> Result<Challenge, ScramError> {
        let text = bounded(data)?;
        let mut attributes = Attributes::of(text);
        let nonce = nonce(attributes.take('r', "r=nonce")?)?.to_owned();
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err(ScramError::Nonce);
        }
        let salt = BASE64.decode(attributes.take('s', "s=salt")?).ok();
        let salt = salt.filter(|salt| !salt.is_empty());
        let salt = salt.ok_or(ScramError::Malformed("a salt in base64"))?;
        let iterations = attributes.take('i', "i=iterations")?.parse::<u64>().ok();
        let iterations = iterations.filter(|number| *number > 0);
        let iterations = iterations.ok_or(ScramError::Malformed("a number of iterations"))?;
        let iterations = u32::try_from(iterations)
            .ok()
            .filter(|number| *number <= ITERATIONS_MAX)
            .ok_or(ScramError::Iterations(iterations))?;
        attributes.skip_extensions()?;
        let transcript = format!("{},{text},", self.bare());
        Ok(Challenge {
            salt,
            iterations,
            nonce,
            transcript,
            binding: self.binding,
        })
    }
}

impl Challenge {
    /// The client's final message, made with the keys for this salt and these iterations.
    #[must_use]
    pub fn answer(self, keys: &ScramKeys) -> (AwaitServerFinal, String) {
        let without_proof = format!("c={},r={}", BASE64.encode(self.binding.input()), self.nonce);
        let auth_message = format!("{}{without_proof}", self.transcript);
        let stored_key = sha256(&keys.client_key);
        let client_signature = hmac(&stored_key, &[auth_message.as_bytes()]);
        let proof = BASE64.encode(xor(keys.client_key, &client_signature));
        let signature = hmac(&keys.server_key, &[auth_message.as_bytes()]);
        (
            AwaitServerFinal { signature },
            format!("{without_proof},p={proof}"),
        )
    }
}

impl AwaitServerFinal {
    /// Checks that the server knows the password too.
    ///
    /// # Errors
    /// When it does not, or says that ours is wrong.
    pub fn server_final(self, data: &[u8]) -> Result<(), ScramError> {
        let text = bounded(data)?;
        if let Some(error) = text.strip_prefix("e=") {
            return Err(ScramError::Server(error.to_owned()));
        }
        let mut attributes = Attributes::of(text);
        let signature = key(attributes.take('v', "v=signature")?)?;
        attributes.skip_extensions()?;
        if bool::from(signature.ct_eq(&self.signature)) {
            Ok(())
        } else {
            Err(ScramError::Signature)
        }
    }
}
