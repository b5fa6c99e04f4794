//! The configuration: `pgbouncer.ini` and the files that it names, read once into typed values.
//!
//! A [`Config`] never changes. A reload reads a new one and leaves the old to whoever still holds
//! it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::auth::credential::{Credential, Credentials};
use crate::tls::{ClientTls, ServerTls};

mod change;
mod check;
mod connect_string;
mod files;
mod ini;
mod limits;
mod load;
mod nearest;
mod userlist;
mod words;

pub mod choice;
pub mod database;
pub mod error;
pub mod hba;
pub mod ident;
pub mod listen;
pub mod peer;
pub mod secret;
pub mod section;
pub mod settings;
pub mod user;
pub mod value;

pub use change::SetError;
pub use choice::{
    AuthType, Facility, LoadBalanceHosts, LogFormat, PoolMode, ProtocolVersion, SslMode,
};
pub use database::{ConnectString, Database, Databases, ServerHost};
pub use error::{ConfigErrors, Note, Position};
pub use hba::{Hba, Method, Request};
pub use limits::UserLimits;
pub use listen::{ListenHost, SocketDir};
pub use peer::Peer;
pub use secret::Secret;
pub use settings::Settings;
pub use user::UserSettings;
pub use value::{Limit, NameList, Timeout};

/// The name of the admin console, which no database can have.
pub const CONSOLE: &str = "pgbouncer";

/// Everything that the files say.
#[derive(Debug)]
pub struct Config {
    /// The file that was read first.
    pub path: PathBuf,
    /// Section `[pgbouncer]`.
    pub settings: Settings,
    /// Section `[databases]`.
    pub databases: Databases,
    /// Section `[users]`.
    pub users: HashMap<String, UserSettings>,
    /// Section `[peers]`, by `peer_id`.
    pub peers: BTreeMap<u32, Peer>,
    /// The users of `auth_file`.
    pub credentials: Credentials,
    /// The rules of `auth_hba_file`.
    pub hba: Hba,
    /// TLS with clients, its files read.
    pub client_tls: ClientTls,
    /// TLS with servers, its files read.
    pub server_tls: ServerTls,
    /// What was read and will not be acted on.
    pub warnings: Vec<Note>,
}

impl Config {
    /// Reads the file at `path` and all that it names.
    ///
    /// # Errors
    /// Everything that is wrong in them, not just the first.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        load::load(path)
    }

    /// Reads `text` as if it stood in the file at `path`; the files that it names are read too.
    ///
    /// # Errors
    /// Everything that is wrong in them, not just the first.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigErrors> {
        load::parse(path, text)
    }

    /// What is known of the password of `user` on the servers of `database`.
    #[must_use]
    pub fn server_credential<'a>(
        &'a self,
        database: &'a Database,
        user: &str,
    ) -> Option<&'a Arc<Credential>> {
        database
            .credential
            .as_ref()
            .or_else(|| self.credentials.lookup(user))
    }
}

#[cfg(test)]
mod tests;
