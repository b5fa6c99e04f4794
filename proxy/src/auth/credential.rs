//! What is known of a user's password.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Secret;

/// A user of `auth_file`.
#[derive(Debug)]
pub struct Credential {
    /// Name.
    pub user: String,
    /// Password as stored: plain, `md5…` or `SCRAM-SHA-256$…`; empty is none.
    pub stored: Secret,
}

/// All users of `auth_file`.
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
