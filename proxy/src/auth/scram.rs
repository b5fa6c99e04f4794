//! SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it: the keys and what is stored of
//! them. The exchange from the server's side is in [`server`], from the client's in [`client`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use subtle::ConstantTimeEq;

use super::hash::{Key, hmac, pbkdf2, sha256, xor};

pub mod client;
mod message;
pub mod server;

pub use message::ScramError;

/// The mechanism that clients are offered.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// The same, bound to the certificate of a TLS connection; towards servers only.
pub const MECHANISM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Longest message of the exchange in bytes: PostgreSQL's PG_MAX_SASL_MESSAGE_LENGTH.
pub const MESSAGE_BYTES_MAX: usize = 1024;
/// Most iterations asked of us: at a million the derivation takes a third of a second.
pub const ITERATIONS_MAX: u32 = 1_000_000;
/// Bytes of the salts that the pooler makes: PostgreSQL's SCRAM_DEFAULT_SALT_LEN.
pub const SALT_BYTES: usize = 16;
/// Random bytes of a nonce: PostgreSQL's SCRAM_RAW_NONCE_LEN.
const NONCE_BYTES: usize = 18;

/// The key by which a client proves itself, as a server sees it in a proof. Whoever has it can log
/// in wherever the same secret is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientKey(pub(super) Key);

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClientKey(…)")
    }
}

/// Both keys of a password with a salt and a number of iterations. Whoever has the first can log
/// in.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// `HMAC(SaltedPassword, "Client Key")`.
    pub client_key: Key,
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: Key,
}

impl ScramKeys {
    /// Derives both keys; costs a millisecond for 4,096 iterations.
    #[must_use]
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        // PostgreSQL takes a password that SASLprep refuses (RFC 4013) as it is.
        let prepared = stringprep::saslprep(password);
        let prepared = prepared.as_deref().unwrap_or(password);
        let salted = pbkdf2(prepared.as_bytes(), salt, iterations);
        Self {
            client_key: hmac(&salted, &[b"Client Key"]),
            server_key: hmac(&salted, &[b"Server Key"]),
        }
    }
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ScramKeys(…)")
    }
}

/// What a server keeps of a password: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`
/// (RFC 5803).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramSecret {
    /// Iterations.
    pub iterations: u32,
    /// Salt.
    pub salt: Vec<u8>,
    /// `H(ClientKey)`.
    pub stored_key: Key,
    /// `HMAC(SaltedPassword, "Server Key")`.
    pub server_key: Key,
}

impl std::fmt::Debug for ScramSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "ScramSecret({} iterations, …)", self.iterations)
    }
}

impl ScramSecret {
    /// Reads PostgreSQL's text of it; anything else is a plain password.
    #[must_use]
    pub fn parse(stored: &str) -> Option<Self> {
        let rest = stored.strip_prefix(MECHANISM)?.strip_prefix('$')?;
        let (parameters, keys) = rest.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let iterations = iterations.parse().ok().filter(|number| *number > 0)?;
        let salt = BASE64.decode(salt).ok().filter(|salt| !salt.is_empty())?;
        Some(Self {
            iterations,
            salt,
            stored_key: BASE64.decode(stored_key).ok()?.try_into().ok()?,
            server_key: BASE64.decode(server_key).ok()?.try_into().ok()?,
        })
    }

    /// What PostgreSQL would store; costs a millisecond for 4,096 iterations.
    #[must_use]
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let keys = ScramKeys::derive(password, salt, iterations);
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: sha256(&keys.client_key),
            server_key: keys.server_key,
        }
    }

    /// Whether it was made from `password`; costs as much as [`Self::derive`].
    #[must_use]
    pub fn verify_plain(&self, password: &str) -> bool {
        let derived = Self::derive(password, &self.salt, self.iterations);
        self.server_key.ct_eq(&derived.server_key).into()
    }

    /// The client's key, if `proof` for `auth_message` was made with it.
    fn client_key(&self, auth_message: &[u8], proof: &Key) -> Option<ClientKey> {
        let signature = hmac(&self.stored_key, &[auth_message]);
        let client_key = xor(*proof, &signature);
        let proved: bool = sha256(&client_key).ct_eq(&self.stored_key).into();
        proved.then_some(ClientKey(client_key))
    }
}

#[cfg(test)]
mod tests;
