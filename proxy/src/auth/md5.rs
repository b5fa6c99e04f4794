//! PostgreSQL's `md5` method: `md5(md5(password + user) + salt)`, in hexadecimal after `md5`.

use subtle::ConstantTimeEq;

use super::hash::md5_hex;

/// Letters of an MD5 digest in hexadecimal.
const HEX_LETTERS: usize = 32;

/// `md5(password + user)`: what PostgreSQL stores after the letters `md5`.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Secret(String);

impl std::fmt::Debug for Md5Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The digest alone is enough to log in.
        formatter.write_str("Md5Secret(…)")
    }
}

impl Md5Secret {
    /// Reads `md5` and 32 hexadecimal digits; anything else is a plain password.
    #[must_use]
    pub fn parse(stored: &str) -> Option<Self> {
        let digest = stored.strip_prefix("md5")?;
        let is_digest =
            digest.len() == HEX_LETTERS && digest.bytes().all(|b| b.is_ascii_hexdigit());
        is_digest.then(|| Self(digest.to_ascii_lowercase()))
    }

    /// What PostgreSQL would store for `user` and `password`.
    #[must_use]
    pub fn derive(user: &str, password: &str) -> Self {
        Self(md5_hex(&[password.as_bytes(), user.as_bytes()]))
    }

    /// The text of the PasswordMessage that answers `salt`.
    #[must_use]
    pub fn response(&self, salt: [u8; 4]) -> String {
        format!("md5{}", md5_hex(&[self.0.as_bytes(), &salt]))
    }

    /// Whether `response` answers `salt`.
    #[must_use]
    pub fn verify(&self, salt: [u8; 4], response: &[u8]) -> bool {
        self.response(salt).as_bytes().ct_eq(response).into()
    }

    /// Whether it was made from `user` and `password`.
    #[must_use]
    pub fn verify_plain(&self, user: &str, password: &str) -> bool {
        self.0
            .as_bytes()
            .ct_eq(Self::derive(user, password).0.as_bytes())
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_in_the_manual_of_pgbouncer() {
        let manual = "md545f2603610af569b6155c45067268c6b";
        let derived = Md5Secret::derive("admin", "1234");
        assert_eq!(Md5Secret::parse(manual), Some(derived.clone()));
        assert!(derived.verify_plain("admin", "1234"));
        assert!(!derived.verify_plain("admin", "1235"));
        assert!(!derived.verify_plain("root", "1234"));
    }

    #[test]
    fn responses() {
        let secret = Md5Secret::derive("admin", "1234");
        let salt = [1, 2, 3, 4];
        let response = secret.response(salt);
        // printf '45f2603610af569b6155c45067268c6b\x01\x02\x03\x04' | md5sum
        assert_eq!(response, "md53db460fcab3fd3a6df7db145a8d8253b");
        assert!(secret.verify(salt, response.as_bytes()));
        assert!(!secret.verify([1, 2, 3, 5], response.as_bytes()));
        assert!(!secret.verify(salt, &response.as_bytes()[..34]));
        assert!(!secret.verify(salt, b""));
    }

    #[test]
    fn what_is_no_digest_is_a_password() {
        for stored in [
            "",
            "md5",
            "md5x",
            "md545f2603610af569b6155c45067268c6",
            "1234",
        ] {
            assert_eq!(Md5Secret::parse(stored), None, "{stored}");
        }
    }
}
