//! Logging in to a server.

use tokio::io::{AsyncRead, AsyncWrite};

use crate::auth::credential::Credential;
use crate::deadline::Deadline;
use crate::protocol::startup::CancelKey;

/// As whom to log in, and where.
#[derive(Clone, Copy, Debug)]
pub struct ServerLogin<'a> {
    /// User.
    pub user: &'a str,
    /// Database, by its name on the server.
    pub database: &'a str,
    /// What is known of the user's password: `Config::server_credential`.
    pub credential: Option<&'a Credential>,
    /// Further startup parameters.
    pub parameters: &'a [(&'a str, &'a str)],
}

/// What a server says of itself when it lets us in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerGreeting {
    /// Its ParameterStatus messages in order.
    pub parameters: Vec<(String, String)>,
    /// The key with which its queries are cancelled.
    pub key: Option<CancelKey>,
}

/// Why a server did not let us in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {}

/// Logs in, up to and including ReadyForQuery. Not one byte beyond it is left unread or lost.
///
/// # Errors
/// Why the server did not let us in.
pub async fn login<S>(
    _stream: &mut S,
    _login: &ServerLogin<'_>,
    _deadline: Deadline,
) -> Result<ServerGreeting, LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    todo!()
}
