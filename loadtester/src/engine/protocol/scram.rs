//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the client's side, without channel binding.
//!
//! `postgres-protocol` has one as well, but it derives the salted password anew for every login,
//! which is 4,096 rounds of HMAC. Servers keep their salt, so a generator that logs in a thousand
//! times would spend most of its processor time on that. This one remembers what it derived.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

type Hash = [u8; 32];

/// Most rounds that a server may ask for; 4,096 is PostgreSQL's default. A hostile one could
/// otherwise hold the generator for minutes.
const ITERATIONS_MAX: u32 = 100_000;
/// Salts that are remembered. A server that changes its salt each time gains nothing from more.
const REMEMBERED_MAX: usize = 64;
/// `n,,` in base64: no channel binding.
const BINDING: &str = "biws";

/// What is derived from a password and a salt, and kept.
#[derive(Clone, Copy)]
struct Keys {
    client: Hash,
    stored: Hash,
    server: Hash,
}

/// A password, and the keys derived from it so far.
pub(crate) struct Password {
    prepared: Vec<u8>,
    keys: HashMap<(Vec<u8>, u32), Keys>,
}

impl Password {
    pub(super) fn new(password: &str) -> Self {
        // PostgreSQL takes a password as it is where SASLprep refuses it, and so do we.
        let prepared = stringprep::saslprep(password)
            .map_or_else(|_| password.to_owned(), |prepared| prepared.into_owned());
        Self {
            prepared: prepared.into_bytes(),
            keys: HashMap::new(),
        }
    }

    fn keys(&mut self, salt: &[u8], iterations: u32) -> Keys {
        if let Some(keys) = self.keys.get(&(salt.to_vec(), iterations)) {
            return *keys;
        }
        let salted = salted_password(&self.prepared, salt, iterations);
        let client = hmac(&salted, b"Client Key");
        let keys = Keys {
            client,
            stored: Sha256::digest(client).into(),
            server: hmac(&salted, b"Server Key"),
        };
        if self.keys.len() >= REMEMBERED_MAX {
            self.keys.clear();
        }
        self.keys.insert((salt.to_vec(), iterations), keys);
        keys
    }
}

/// An exchange that waits for the server's first message.
#[derive(Debug)]
pub(crate) struct First {
    nonce: String,
}

/// An exchange that waits for the server's proof.
#[derive(Debug)]
pub(crate) struct Last {
    expected: Hash,
}

impl First {
    /// Begins an exchange with a nonce that nobody used before.
    pub(super) fn new() -> Self {
        Self::with_nonce(STANDARD.encode(rand::random::<[u8; 18]>()))
    }

    fn with_nonce(nonce: String) -> Self {
        Self { nonce }
    }

    fn bare(&self) -> String {
        // PostgreSQL takes the user from the startup packet and wants an empty name here.
        format!("n=,r={}", self.nonce)
    }

    /// The client's first message.
    pub(super) fn message(&self) -> String {
        format!("n,,{}", self.bare())
    }

    /// Answers the server's first message: the client's final message and what to wait for then.
    pub(super) fn answer(
        self,
        server_first: &[u8],
        password: &mut Password,
    ) -> Result<(String, Last), String> {
        let text = std::str::from_utf8(server_first)
            .map_err(|_| "expected the server's SCRAM message in UTF-8".to_owned())?;
        let (nonce, salt, iterations) = parse_first(text)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err("expected a SCRAM nonce that continues ours, got another".to_owned());
        }
        let keys = password.keys(&salt, iterations);
        let without_proof = format!("c={BINDING},r={nonce}");
        let signed = format!("{},{text},{without_proof}", self.bare());
        let mut proof = hmac(&keys.stored, signed.as_bytes());
        proof
            .iter_mut()
            .zip(keys.client)
            .for_each(|(byte, key)| *byte ^= key);
        let message = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((
            message,
            Last {
                expected: hmac(&keys.server, signed.as_bytes()),
            },
        ))
    }
}

impl Last {
    /// Checks that the server, too, knows the password.
    pub(super) fn check(&self, server_final: &[u8]) -> Result<(), String> {
        let proved = server_final
            .strip_prefix(b"v=")
            .and_then(|proof| STANDARD.decode(proof).ok())
            .is_some_and(|proof| proof == self.expected);
        if proved {
            Ok(())
        } else {
            Err("expected the server's SCRAM proof, got another answer".to_owned())
        }
    }
}

/// Nonce, salt and iterations of `r=…,s=…,i=…`.
fn parse_first(text: &str) -> Result<(&str, Vec<u8>, u32), String> {
    let malformed = || format!("expected the SCRAM message r=…,s=…,i=…, got {text:?}");
    let mut fields = text.splitn(4, ',');
    let mut field = |name| fields.next().and_then(|field| field.strip_prefix(name));
    let nonce = field("r=").ok_or_else(malformed)?;
    let salt = field("s=").ok_or_else(malformed)?;
    let iterations = field("i=")
        .and_then(|count| count.parse().ok())
        .ok_or_else(malformed)?;
    let salt = STANDARD.decode(salt).map_err(|_| malformed())?;
    if (1..=ITERATIONS_MAX).contains(&iterations) {
        Ok((nonce, salt, iterations))
    } else {
        Err(format!(
            "expected 1 to {ITERATIONS_MAX} SCRAM iterations, got {iterations}"
        ))
    }
}

/// `Hi` of RFC 5802, which is PBKDF2 with one block.
fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> Hash {
    let keyed = keyed(password);
    let mut mac = keyed.clone();
    mac.update(salt);
    mac.update(&1_u32.to_be_bytes());
    let mut last: Hash = mac.finalize().into_bytes().into();
    let mut sum = last;
    for _ in 1..iterations {
        let mut mac = keyed.clone();
        mac.update(&last);
        last = mac.finalize().into_bytes().into();
        sum.iter_mut()
            .zip(last)
            .for_each(|(byte, more)| *byte ^= more);
    }
    sum
}

fn hmac(key: &[u8], message: &[u8]) -> Hash {
    let mut mac = keyed(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of any length (RFC 2104)"
    )]
    Hmac::new_from_slice(key).expect("any length")
}

#[cfg(test)]
mod tests {
    use super::{First, Password};

    // The exchange of RFC 7677, chapter 3, but for the user name, which PostgreSQL leaves empty.
    // The proofs below were therefore derived anew, with Python's hashlib and hmac.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &[u8] =
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_exchange_of_the_rfc() {
        let mut password = Password::new("pencil");
        let first = First::with_nonce(NONCE.to_owned());
        assert_eq!(first.message(), format!("n,,n=,r={NONCE}"));
        let (message, last) = first.answer(SERVER_FIRST, &mut password).unwrap();
        assert_eq!(
            message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k="
        );
        assert!(
            last.check(b"v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg=")
                .is_ok()
        );
        assert!(
            last.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
                .is_err()
        );
        assert!(last.check(b"e=other-error").is_err());
    }

    #[test]
    fn keys_are_derived_once_for_each_salt() {
        let mut password = Password::new("pencil");
        for _ in 0..3 {
            let first = First::with_nonce(NONCE.to_owned());
            first.answer(SERVER_FIRST, &mut password).unwrap();
        }
        assert_eq!(password.keys.len(), 1);
    }

    #[test]
    fn hostile_servers_are_refused() {
        for message in [
            &b""[..],
            b"\xff",
            b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
        ] {
            let first = First::with_nonce(NONCE.to_owned());
            assert!(
                first.answer(message, &mut Password::new("pencil")).is_err(),
                "{message:?}"
            );
        }
    }
}
