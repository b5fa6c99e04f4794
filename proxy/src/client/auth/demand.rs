//! What a client must show: from the configuration and the place that it comes from.

use super::{Applicant, AuthError, CertificateError};
use crate::client::origin::Origin;
use crate::config::ident::UserMap;
use crate::config::{AuthType, Config, Method, Request};

/// What a client must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing.
    Nothing,
    /// Nothing, but the user must be known.
    Known,
    /// A password, in the way of this `auth_type`: plain, md5 or scram-sha-256.
    Password(AuthType),
    /// A password that the system's PAM knows.
    Pam,
    /// Something that others vouch for.
    Outside(Outside),
}

/// Others who vouch for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    /// The system, for the process at the other end of a Unix socket.
    Peer(UserMap),
    /// The authorities of `client_tls_ca_file`.
    Certificate(UserMap),
}

impl Demand {
    pub(super) fn of(config: &Config, applicant: &Applicant<'_>) -> Result<Self, AuthError> {
        let request = Request {
            database: &applicant.startup.database,
            user: &applicant.startup.user,
            replication: applicant.replication,
        };
        Ok(match config.settings.auth_type {
            AuthType::Any => Self::Nothing,
            AuthType::Trust => Self::Known,
            password @ (AuthType::Plain | AuthType::Md5 | AuthType::ScramSha256) => {
                Self::Password(password)
            }
            AuthType::Cert => Self::Outside(Outside::Certificate(UserMap::default())),
            AuthType::Hba => match config.hba.method(&applicant.origin, request) {
                Method::Reject => return Err(AuthError::Rejected),
                Method::Trust => Self::Known,
                Method::Password => Self::Password(AuthType::Plain),
                Method::Md5 => Self::Password(AuthType::Md5),
                Method::ScramSha256 => Self::Password(AuthType::ScramSha256),
                Method::Peer(map) => Self::Outside(Outside::Peer(map.clone())),
                Method::Pam => Self::Pam,
                Method::Cert(map) => Self::Outside(Outside::Certificate(map.clone())),
            },
            AuthType::Pam => Self::Pam,
            other @ AuthType::Ldap => return Err(AuthError::Unsupported(other)),
        })
    }
}

impl Outside {
    /// Whether whoever vouches lets the client be `user`. One who is not `known` is refused in the
    /// same words as one for whom nobody vouches.
    pub(super) fn check(self, origin: &Origin, user: &str, known: bool) -> Result<(), AuthError> {
        match self {
            Self::Peer(map) => {
                let name = origin.system_user();
                let lets = known && name.is_some_and(|name| map.lets(&name, user));
                lets.then_some(()).ok_or(AuthError::Peer)
            }
            Self::Certificate(map) => {
                let Origin::Tcp {
                    encrypted: true,
                    certificate,
                    ..
                } = origin
                else {
                    return Err(CertificateError::Plain.into());
                };
                let name = certificate.as_ref().ok_or(CertificateError::Missing)?;
                let lets = known && name.as_ref().is_some_and(|name| map.lets(name, user));
                lets.then_some(()).ok_or(CertificateError::Mismatch.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use nix::unistd::Uid;

    use super::*;

    fn over_tls(certificate: Option<Option<&str>>) -> Origin {
        Origin::Tcp {
            address: Ipv4Addr::LOCALHOST.into(),
            encrypted: true,
            certificate: certificate.map(|name| name.map(str::to_owned)),
        }
    }

    #[test]
    fn certificates() {
        let check = |origin: &Origin, known| {
            let outcome = Outside::Certificate(UserMap::default()).check(origin, "bob", known);
            outcome.map_err(|error| error.to_string())
        };
        let words = |words: &str| Err(words.to_owned());
        assert_eq!(check(&over_tls(Some(Some("bob"))), true), Ok(()));
        let mismatch = words("TLS certificate name mismatch");
        assert_eq!(check(&over_tls(Some(Some("bob"))), false), mismatch);
        assert_eq!(check(&over_tls(Some(Some("eve"))), true), mismatch);
        assert_eq!(check(&over_tls(Some(None)), true), mismatch);
        let missing = words("TLS client certificate required");
        assert_eq!(check(&over_tls(None), true), missing);
        let plain = words("TLS connection required");
        assert_eq!(check(&Origin::Unix { user: None }, true), plain);
    }

    #[test]
    fn peers() {
        let check = |user, name: &str, known| {
            let origin = Origin::Unix { user };
            Outside::Peer(UserMap::default())
                .check(&origin, name, known)
                .is_ok()
        };
        let root = Some(Uid::from_raw(0));
        assert!(check(root, "root", true));
        assert!(!check(root, "root", false));
        assert!(!check(root, "bob", true));
        assert!(!check(None, "root", true));
        // No such user on any machine of ours.
        assert!(!check(Some(Uid::from_raw(4_000_000_000)), "root", true));
    }
}
