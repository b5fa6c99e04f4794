//! The exchange as the pooler leads it with its clients.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

use super::message::{Attributes, ScramError, bounded, key, nonce};
use super::{ClientKey, NONCE_BYTES, ScramSecret};
use crate::auth::hash::hmac;
use crate::auth::random::{NoRandomness, random_bytes};

/// Waits for the client's first message.
#[derive(Debug)]
pub struct AwaitFirst {
    secret: ScramSecret,
    nonce: String,
}

/// Waits for the client's final message.
#[derive(Debug)]
pub struct AwaitFinal {
    secret: ScramSecret,
    /// The header that the client's final message must repeat in base64.
    gs2_header: String,
    /// The client's nonce and ours.
    nonce: String,
    /// `client-first-message-bare , server-first-message ,` of the AuthMessage.
    transcript: String,
}

/// How the exchange ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client knows the password.
    Proved {
        /// The server's final message, by which the client knows the server.
        server_final: String,
        /// The client's key: with it one can log in where the same secret is stored.
        client_key: ClientKey,
    },
    /// It does not.
    Wrong,
}

impl AwaitFirst {
    /// Begins an exchange about `secret`.
    ///
    /// # Errors
    /// When the system has no random bytes for the nonce.
    pub fn new(secret: ScramSecret) -> Result<Self, NoRandomness> {
        let nonce = BASE64.encode(random_bytes::<NONCE_BYTES>()?);
        Ok(Self::with_nonce(secret, nonce))
    }

    pub(super) fn with_nonce(secret: ScramSecret, nonce: String) -> Self {
        Self { secret, nonce }
    }

    /// Reads the client's first message; gives the server's first.
    ///
    /// # Errors
    /// When the message breaks the rules.
    pub fn client_first(self, data: &[u8]) -> Result<(AwaitFinal, String), ScramError> {
        let text = bounded(data)?;
        let (gs2_header, bare) = split_gs2_header(text)?;
        let mut attributes = Attributes::of(bare);
        // The name is that of the startup message; PostgreSQL ignores this one too.
        attributes.take('n', "n=user")?;
        let client_nonce = nonce(attributes.take('r', "r=nonce")?)?;
        attributes.skip_extensions()?;

        let nonce = format!("{client_nonce}{}", self.nonce);
        let salt = BASE64.encode(&self.secret.salt);
        let server_first = format!("r={nonce},s={salt},i={}", self.secret.iterations);
        let transcript = format!("{bare},{server_first},");
        let gs2_header = gs2_header.to_owned();
        let next = AwaitFinal {
            secret: self.secret,
            gs2_header,
            nonce,
            transcript,
        };
        Ok((next, server_first))
    }
}

/// Splits `gs2-cbind-flag , [authzid] ,` off the front.
fn split_gs2_header(text: &str) -> Result<(&str, &str), ScramError> {
    let mut parts = text.splitn(3, ',');
    let flag = parts.next().unwrap_or_default();
    let authzid = parts.next().ok_or(ScramError::Malformed("a GS2 header"))?;
    let bare = parts.next().ok_or(ScramError::Malformed("a GS2 header"))?;
    match flag {
        // «y» means that the client could bind and believes that we cannot, which is so.
        "n" | "y" => {}
        _ if flag.starts_with("p=") => return Err(ScramError::ChannelBinding),
        _ => return Err(ScramError::Malformed("n, y or p= as channel binding flag")),
    }
    if !authzid.is_empty() {
        return Err(ScramError::AuthorizationIdentity);
    }
    Ok((&text[..text.len() - bare.len()], bare))
}

impl AwaitFinal {
    /// Reads the client's final message and judges its proof.
    ///
    /// # Errors
    /// When the message breaks the rules; a wrong proof is no error but an [`Outcome`].
    pub fn client_final(self, data: &[u8]) -> Result<Outcome, ScramError> {
        let text = bounded(data)?;
        // The proof comes last, whatever extensions stand before it.
        let (without_proof, proof) = text
            .rsplit_once(",p=")
            .ok_or(ScramError::Malformed("p=proof at the end"))?;
        let proof = key(proof)?;
        let mut attributes = Attributes::of(without_proof);
        let binding = attributes.take('c', "c=channel binding")?;
        if binding != BASE64.encode(&self.gs2_header) {
            return Err(ScramError::ChannelBindingMismatch);
        }
        let nonce = attributes.take('r', "r=nonce")?;
        if !bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes())) {
            return Err(ScramError::Nonce);
        }
        attributes.skip_extensions()?;

        let auth_message = format!("{}{without_proof}", self.transcript);
        let Some(client_key) = self.secret.client_key(auth_message.as_bytes(), &proof) else {
            return Ok(Outcome::Wrong);
        };
        let signature = hmac(&self.secret.server_key, &[auth_message.as_bytes()]);
        let server_final = format!("v={}", BASE64.encode(signature));
        Ok(Outcome::Proved {
            server_final,
            client_key,
        })
    }
}
