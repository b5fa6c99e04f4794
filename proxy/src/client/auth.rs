//! Who a client is: from its startup parameters to an [`Identity`].

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::refusal::Refusal;
use crate::config::{Config, Database};
use crate::deadline::Deadline;
use crate::protocol::startup::StartupParameters;

/// A client that has proved who it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The user that it logged in as.
    pub user: String,
    /// The database that it asked for.
    pub database: String,
    /// What the configuration says of that database.
    pub target: Arc<Database>,
}

/// Why a client was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {}

impl AuthError {
    /// What to tell the client, if it still listens.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        None
    }
}

/// Asks the client for its proof and checks it. Everything is sent up to, and not including,
/// AuthenticationOk.
///
/// # Errors
/// Why the client is not let in; [`AuthError::refusal`] is what it should be told.
pub async fn authenticate<S>(
    _stream: &mut S,
    _startup: &StartupParameters,
    _config: &Config,
    _deadline: Deadline,
) -> Result<Identity, AuthError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    todo!()
}
