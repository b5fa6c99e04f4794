//! What is known of a user's password, and what was derived from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::hash::KEY_BYTES;
use super::md5::Md5Secret;
use super::random::{NoRandomness, derived};
use super::scram::{ClientKey, SALT_BYTES, ScramKeys, ScramSecret};
use crate::config::Secret;

/// What is stored of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nothing: nobody logs in with it.
    Nothing,
    /// The password itself.
    Plain(Secret),
    /// PostgreSQL's `md5…`.
    Md5(Md5Secret),
    /// PostgreSQL's `SCRAM-SHA-256$…`.
    Scram(ScramSecret),
}

impl Stored {
    fn parse(text: &Secret) -> Self {
        let text = text.reveal();
        if text.is_empty() {
            Self::Nothing
        } else if let Some(secret) = ScramSecret::parse(text) {
            Self::Scram(secret)
        } else if let Some(secret) = Md5Secret::parse(text) {
            Self::Md5(secret)
        } else {
            Self::Plain(Secret::new(text))
        }
    }
}

/// Keys towards this many kinds of server, which differ in salt or iterations, are kept.
const SERVER_KEYS_MAX: usize = 8;

/// A user, what is stored of the password, and what was derived from it: the derivation costs a
/// millisecond, so it is done once and not with each login.
#[derive(Debug)]
pub struct Credential {
    /// Name; empty in a connect string that has a password and no user.
    pub user: String,
    /// What is stored of the password.
    pub stored: Stored,
    /// Secret of a plain password, towards clients.
    secret: OnceLock<ScramSecret>,
    /// Key with which a client proved that it knows the password of a stored SCRAM secret.
    client_key: OnceLock<ClientKey>,
    /// Keys of a plain password towards servers, the one used last at the end.
    server_keys: Mutex<Vec<(Vec<u8>, u32, ScramKeys)>>,
}

impl Credential {
    /// A user and the text that is stored of the password.
    #[must_use]
    pub fn new(user: String, stored: &Secret) -> Self {
        Self {
            user,
            stored: Stored::parse(stored),
            secret: OnceLock::new(),
            client_key: OnceLock::new(),
            server_keys: Mutex::default(),
        }
    }

    /// The secret against which a client's SCRAM proof is checked; `None` where none can be had
    /// from what is stored. `iterations` are those of a secret made from a plain password.
    ///
    /// # Errors
    /// When the system has no random bytes for the salt.
    pub fn scram_secret(&self, iterations: u32) -> Result<Option<ScramSecret>, NoRandomness> {
        match &self.stored {
            Stored::Nothing | Stored::Md5(_) => Ok(None),
            Stored::Scram(secret) => Ok(Some(secret.clone())),
            Stored::Plain(password) => {
                if let Some(secret) = self.secret.get() {
                    return Ok(Some(secret.clone()));
                }
                let salt = salt_of(&self.user)?;
                let secret = ScramSecret::derive(password.reveal(), &salt, iterations);
                Ok(Some(self.secret.get_or_init(|| secret).clone()))
            }
        }
    }

    /// Keeps the key that a client proved to have, so that the pooler can log in to servers that
    /// store the very same secret.
    pub(super) fn keep_client_key(&self, key: ClientKey) {
        // All clients that prove this secret have the same key: the first is as good as any.
        let _ = self.client_key.set(key);
    }

    /// The keys that prove this user to a server with such a salt and so many iterations; `None`
    /// where they cannot be had.
    #[must_use]
    pub fn scram_keys(&self, salt: &[u8], iterations: u32) -> Option<ScramKeys> {
        match &self.stored {
            Stored::Nothing | Stored::Md5(_) => None,
            Stored::Scram(secret) => {
                let same = secret.salt == salt && secret.iterations == iterations;
                let ClientKey(client_key) = *self.client_key.get()?;
                same.then_some(ScramKeys {
                    client_key,
                    server_key: secret.server_key,
                })
            }
            Stored::Plain(password) => Some(self.plain_keys(password, salt, iterations)),
        }
    }

    fn plain_keys(&self, password: &Secret, salt: &[u8], iterations: u32) -> ScramKeys {
        // What a panic elsewhere left behind is still a list of keys.
        let lock = || {
            self.server_keys
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let found = |(known, times, _): &(Vec<u8>, u32, _)| known == salt && *times == iterations;
        if let Some((_, _, keys)) = lock().iter().find(|entry| found(entry)) {
            return keys.clone();
        }
        let keys = ScramKeys::derive(password.reveal(), salt, iterations);
        let mut kept = lock();
        if kept.len() == SERVER_KEYS_MAX {
            kept.remove(0);
        }
        kept.push((salt.to_vec(), iterations, keys.clone()));
        keys
    }
}

/// The secret of a user who is not known, or whose password no SCRAM proof can be checked against.
/// The salt is the one that a plain password of that user would get, and no proof fits the keys.
///
/// # Errors
/// When the system has no random bytes.
pub(super) fn mock_secret(user: &str, iterations: u32) -> Result<ScramSecret, NoRandomness> {
    Ok(ScramSecret {
        iterations,
        salt: salt_of(user)?.to_vec(),
        stored_key: derived("mock stored key", user)?,
        server_key: derived("mock server key", user)?,
    })
}

fn salt_of(user: &str) -> Result<[u8; SALT_BYTES], NoRandomness> {
    let bytes: [u8; KEY_BYTES] = derived("salt", user)?;
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&bytes[..SALT_BYTES]);
    Ok(salt)
}

/// The users of a file; of two lines for one user the last counts.
#[derive(Debug, Default)]
pub struct Credentials {
    by_user: HashMap<String, Arc<Credential>>,
}

impl Credentials {
    /// The user called `name`.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<&Arc<Credential>> {
        self.by_user.get(name)
    }

    /// The names of all users, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_user.keys().map(String::as_str)
    }

    /// Keeps of `earlier` what was derived and proved, for each user of whom the same is stored.
    pub fn keep_known(&mut self, earlier: &Self) {
        for (name, credential) in &mut self.by_user {
            if let Some(known) = earlier.by_user.get(name)
                && known.stored == credential.stored
            {
                credential.clone_from(known);
            }
        }
    }
}

impl FromIterator<Credential> for Credentials {
    fn from_iter<I: IntoIterator<Item = Credential>>(credentials: I) -> Self {
        let named = |credential: Credential| (credential.user.clone(), Arc::new(credential));
        Self {
            by_user: credentials.into_iter().map(named).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(stored: &str) -> Credential {
        Credential::new("bob".to_owned(), &Secret::new(stored))
    }

    #[test]
    fn kinds_of_stored_text() {
        let kind = |stored: &str| match credential(stored).stored {
            Stored::Nothing => "nothing",
            Stored::Plain(_) => "plain",
            Stored::Md5(_) => "md5",
            Stored::Scram(_) => "scram",
        };
        assert_eq!(kind(""), "nothing");
        assert_eq!(kind("geheim"), "plain");
        assert_eq!(kind("md5"), "plain");
        assert_eq!(kind("md545f2603610af569b6155c45067268c6b"), "md5");
        assert_eq!(kind("SCRAM-SHA-256$x"), "plain");
        let keys = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
                    wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(
            kind(&format!(
                "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${keys}"
            )),
            "scram"
        );
    }

    #[test]
    fn a_plain_password_keeps_its_salt_and_so_does_a_stranger() {
        let salt = |stored| credential(stored).scram_secret(1).unwrap().unwrap().salt;
        assert_eq!(
            salt("one"),
            salt("two"),
            "a reload with a new password keeps the salt"
        );
        assert_eq!(salt("one"), mock_secret("bob", 1).unwrap().salt);
        assert_ne!(salt("one"), mock_secret("eve", 1).unwrap().salt);
        assert_eq!(
            mock_secret("eve", 1).unwrap(),
            mock_secret("eve", 1).unwrap()
        );
    }

    #[test]
    fn keys_towards_servers_are_derived_and_bounded() {
        let credential = credential("geheim");
        for salt in 0..20_u8 {
            let keys = credential.scram_keys(&[salt], 1);
            assert_eq!(keys, Some(ScramKeys::derive("geheim", &[salt], 1)));
            assert_eq!(
                keys,
                credential.scram_keys(&[salt], 1),
                "the kept ones are the same"
            );
        }
        assert_eq!(
            credential.server_keys.lock().unwrap().len(),
            SERVER_KEYS_MAX
        );
    }

    #[test]
    fn a_stored_secret_passes_through_only_to_its_like() {
        let keys = ScramKeys::derive("geheim", b"salt", 2);
        let mut credential = credential("");
        credential.stored = Stored::Scram(ScramSecret::derive("geheim", b"salt", 2));
        assert_eq!(
            credential.scram_keys(b"salt", 2),
            None,
            "no client has proved it yet"
        );
        credential.keep_client_key(ClientKey(keys.client_key));
        assert_eq!(credential.scram_keys(b"salt", 2), Some(keys));
        assert_eq!(credential.scram_keys(b"tlas", 2), None);
        assert_eq!(credential.scram_keys(b"salt", 3), None);
    }

    #[test]
    fn debug_shows_no_secret() {
        let credential = credential("geheim");
        credential.keep_client_key(ClientKey([0xA5; KEY_BYTES]));
        assert!(credential.scram_keys(b"salt", 1).is_some());
        assert!(credential.scram_secret(1).is_ok());
        let shown = format!("{credential:?}");
        assert!(
            !shown.contains("geheim") && !shown.contains("165"),
            "{shown}"
        );
        assert!(!shown.contains("key: ["), "{shown}");
    }
}
