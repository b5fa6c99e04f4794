//! What is known of a user's password.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Secret;

/// A user and what is stored of the password.
#[derive(Debug)]
pub struct Credential {
    /// Name.
    pub user: String,
    /// As stored: plain, `md5…` or `SCRAM-SHA-256$…`; empty is none.
    pub stored: Secret,
}

impl Credential {
    /// A user and what is stored of the password.
    #[must_use]
    pub fn new(user: String, stored: Secret) -> Self {
        Self { user, stored }
    }
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
}

impl FromIterator<Credential> for Credentials {
    fn from_iter<I: IntoIterator<Item = Credential>>(credentials: I) -> Self {
        let named = |credential: Credential| (credential.user.clone(), Arc::new(credential));
        Self {
            by_user: credentials.into_iter().map(named).collect(),
        }
    }
}
