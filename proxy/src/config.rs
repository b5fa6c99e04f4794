//! The configuration: `pgbouncer.ini` and the files that it names, read once into typed values.
//!
//! A [`Config`] never changes. A reload reads a new one and leaves the old to whoever still holds
//! it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::auth::credential::Credentials;

pub mod choice;
pub mod database;
pub mod error;
pub mod listen;
pub mod peer;
pub mod secret;
pub mod section;
pub mod settings;
pub mod user;
pub mod value;

pub use choice::{AuthType, LoadBalanceHosts, PoolMode, SslMode};
pub use database::{ConnectString, Database, Databases, ServerHost};
pub use error::{ConfigErrors, Note, Position};
pub use listen::{ListenHost, SocketDir};
pub use peer::Peer;
pub use secret::Secret;
pub use settings::Settings;
pub use user::UserSettings;
pub use value::{Limit, NameList, Timeout};

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
    /// What was read and will not be acted on.
    pub warnings: Vec<Note>,
}
