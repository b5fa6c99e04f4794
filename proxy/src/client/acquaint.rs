//! What is known of the user that a client says it is: from `auth_file`, or by `auth_query`.

use std::sync::Arc;

use super::auth::Identity;
use super::refusal::Refusal;
use crate::auth::credential::Credential;
use crate::config::{AuthType, Config};
use crate::deadline::Deadline;
use crate::pool::settings::PoolSettings;
use crate::protocol::message::backend::SqlState;
use crate::protocol::startup::StartupParameters;
use crate::server::lookup::Question;
use crate::shared::Shared;

/// Where a user can be looked up.
struct Place<'a> {
    database: &'a str,
    auth_user: &'a str,
    query: &'a str,
    settings: PoolSettings,
}

impl<'a> Place<'a> {
    /// The place for the users of the database that the client asks for. A database that does not
    /// exist has none of its own; its clients are asked for a password all the same.
    fn of(config: &'a Config, startup: &'a StartupParameters) -> Option<Self> {
        let settings = &config.settings;
        let asked = config.databases.lookup(&startup.database);
        let connect = asked.map(|database| &database.connect);
        let auth_user = connect
            .and_then(|connect| connect.auth_user.as_deref())
            .or(settings.auth_user.as_deref())?;
        let query = connect
            .and_then(|connect| connect.auth_query.as_deref())
            .unwrap_or(&settings.auth_query);
        let database = connect
            .and_then(|connect| connect.auth_dbname.as_deref())
            .or(settings.auth_dbname.as_deref())
            .or_else(|| asked.map(|_| startup.database.as_str()))?;
        let identity = Identity {
            user: auth_user.to_owned(),
            database: database.to_owned(),
            target: Arc::clone(config.databases.lookup(database)?),
        };
        let mut settings = PoolSettings::new(config, &identity);
        // Whom the database's clients become on the server is another matter.
        if settings.user != auth_user {
            auth_user.clone_into(&mut settings.user);
            settings.credential = config.credentials.lookup(auth_user).cloned();
        }
        Some(Self {
            database,
            auth_user,
            query,
            settings,
        })
    }
}

/// What is known of the user that a client says it is; `None` is a stranger.
///
/// Cancelled, the look-up is given up.
///
/// # Errors
///
/// What the client is told if its user cannot be looked up.
pub(super) async fn acquaint(
    shared: &Shared,
    config: &Arc<Config>,
    startup: &StartupParameters,
    deadline: Deadline,
) -> Result<Option<Arc<Credential>>, Refusal> {
    if let Some(listed) = config.credentials.lookup(&startup.user) {
        return Ok(Some(Arc::clone(listed)));
    }
    // Nobody need be known there.
    if matches!(config.settings.auth_type, AuthType::Any | AuthType::Pam) {
        return Ok(None);
    }
    // Boxed, as most users are listed, and no login should be larger for the sake of the others.
    Box::pin(look_up(shared, config, startup, deadline)).await
}

async fn look_up(
    shared: &Shared,
    config: &Arc<Config>,
    startup: &StartupParameters,
    deadline: Deadline,
) -> Result<Option<Arc<Credential>>, Refusal> {
    let Some(place) = Place::of(config, startup) else {
        return Ok(None);
    };
    let desk = shared.lookups.desk(place.database, place.auth_user);
    let question = Question {
        config,
        settings: &place.settings,
        query: place.query,
        user: &startup.user,
    };
    let timeout = |words: &'static str| move |_| Refusal::new(SqlState::PROTOCOL_VIOLATION, words);
    let asked = desk.ask(&question, shared.pools.commons());
    let patience = Deadline::after(config.settings.query_wait_timeout).bound(asked);
    let answer = deadline
        .bound(patience)
        .await
        .map_err(timeout("client_login_timeout"))?
        .map_err(timeout("query_wait_timeout"))?;
    answer.map_err(|error| {
        // Why is for the log: a stranger must not learn of the servers behind.
        tracing::warn!(database = place.database, user = place.auth_user, "{error}");
        Refusal::new(SqlState::INTERNAL_ERROR, "auth_query failed")
    })
}
