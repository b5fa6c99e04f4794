//! From what a client asks for to what it gets: who it is, whether there is room, which pool.

use std::sync::{Arc, OnceLock};

use super::acquaint::acquaint;
use super::admitted::Admitted;
use super::auth::{Applicant, AuthError, Identity, authenticate, authenticate_operator, identify};
use super::card::{Began, ClientAddress, ClientCard, ConnectionId};
use super::mention::{Asked, Mention};
use super::origin::Origin;
use super::refusal::Refusal;
use super::replication::{self, Replication};
use crate::auth::credential::Credential;
use crate::cancel::Registered;
use crate::config::{CONSOLE, Limit};
use crate::console::Operator;
use crate::deadline::Deadline;
use crate::io::Stream;
use crate::pool::account::Stay;
use crate::pool::settings::PoolSettings;
use crate::pool::{Pool, PoolId};
use crate::protocol::message::backend::SqlState;
use crate::protocol::startup::{CancelKey, StartupParameters};
use crate::shared::{Present, Shared};

/// Why a connection comes to nothing, and what the client is told, if anything.
pub(super) struct Turned {
    pub(super) reason: String,
    pub(super) refusal: Option<Refusal>,
}

impl Turned {
    fn refused(refusal: Refusal) -> Self {
        Self {
            reason: refusal.message.clone().into_owned(),
            refusal: Some(refusal),
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
    fn unproved(error: AuthError) -> Self {
        Self {
            reason: error.to_string(),
            refusal: error.refusal(),
        }
    }
}

/// A connection that is not a client yet.
pub(super) struct Visitor {
    pub(super) id: ConnectionId,
    pub(super) address: ClientAddress,
    pub(super) began: Began,
    pub(super) present: Present,
}

impl Visitor {
    /// It is `user`, a client of `pool`.
    fn card(&self, user: &str, pool: Arc<Pool>, stream: &Stream) -> ClientCard {
        let mut card = ClientCard::new(self.id, user, pool, self.address, self.began);
        card.tls = stream.tls_words().map(Into::into);
        card
    }

    /// As the log calls it, once it has said what it asks for or before.
    pub(super) fn mention<'a>(&self, startup: Option<&'a StartupParameters>) -> Mention<'a> {
        Mention {
            id: self.id,
            asked: startup.map(|startup| Asked {
                database: &startup.database,
                user: &startup.user,
            }),
            address: self.address,
            began: self.began,
        }
    }
}

/// What a login comes to, if not to a session of a pool.
pub(super) enum Otherwise {
    /// A client with a server of its own.
    Replication(Box<replication::Line>),
    /// Somebody at the console.
    Console(Box<Operator>),
    /// Nothing.
    Turned(Turned),
}

impl From<Turned> for Otherwise {
    fn from(turned: Turned) -> Self {
        Self::Turned(turned)
    }
}

pub(super) async fn log_in(
    stream: &mut Stream,
    startup: &StartupParameters,
    shared: &Arc<Shared>,
    visitor: &Visitor,
    deadline: Deadline,
) -> Result<Box<Admitted>, Otherwise> {
    let config = shared.config();
    if config.settings.log_connections {
        tracing::info!(
            conn = %format_args!("C-{}", visitor.id),
            database = %startup.database,
            user = %startup.user,
            address = %visitor.address,
            "login attempt: db={} user={} tls={}",
            startup.database,
            startup.user,
            stream.tls_words().unwrap_or_else(|| "no".to_owned())
        );
    }
    if startup.database == CONSOLE {
        // Whoever is to mend what is overloaded or ending must get in.
        let operator = open_console(stream, startup, shared, visitor, deadline);
        return Err(Otherwise::Console(Box::new(Box::pin(operator).await?)));
    }
    check_room(shared, visitor)?;
    let guest = prove(stream, startup, shared, visitor, deadline).await?;
    let replication = guest.replication;
    if replication != Replication::None {
        let line = open_line(stream, startup, shared, visitor, guest);
        return Err(Otherwise::Replication(Box::new(Box::pin(line).await?)));
    }
    let timeout = |_| Refusal::new(SqlState::PROTOCOL_VIOLATION, "client_login_timeout");
    let welcome = deadline.bound(guest.pool.welcomed()).await.map_err(timeout);
    let welcome = welcome
        .and_then(|welcome| welcome)
        .map_err(Turned::refused)?;
    let Guest { pool, stays, .. } = guest;
    let mut card = visitor.card(&startup.user, Arc::clone(&pool), stream);
    card.stays = stays;
    let (cancel, key) = register(shared, card, startup.negotiated_version())?;
    Ok(Box::new(Admitted {
        pool,
        welcome,
        message_len_max: config.settings.max_packet_size,
        cancel,
        key,
    }))
}

/// A client that has proved who it is.
struct Guest {
    pool: Arc<Pool>,
    /// Where it is counted.
    stays: [Option<Stay>; 3],
    /// What it is there for.
    replication: Replication,
}

/// Opens a server for a client that is there for replication.
async fn open_line(
    stream: &Stream,
    startup: &StartupParameters,
    shared: &Shared,
    visitor: &Visitor,
    guest: Guest,
) -> Result<replication::Line, Turned> {
    let Guest {
        pool,
        stays,
        replication,
    } = guest;
    let mut card = visitor.card(&startup.user, Arc::clone(&pool), stream);
    card.replication = replication;
    card.stays = stays;
    let (cancel, key) = register(shared, card, startup.negotiated_version())?;
    let config = shared.config();
    let line = replication::open(&pool, replication, startup, &config, cancel, &key).await;
    line.map_err(Turned::refused)
}

/// Has a client prove who it is. It gets a pool, and counts where it is to be counted.
async fn prove(
    stream: &mut Stream,
    startup: &StartupParameters,
    shared: &Shared,
    visitor: &Visitor,
    deadline: Deadline,
) -> Result<Guest, Turned> {
    let config = shared.config();
    let applicant = introduce(stream, startup, shared, visitor, deadline).await?;
    authenticate(stream, &applicant, &config, deadline)
        .await
        .map_err(Turned::unproved)?;
    // Not by the configuration that the login began with: it may have been replaced since.
    let config = shared.config();
    let identity = identify(startup, &config).map_err(Turned::unproved)?;
    let pool = enter_pool(shared, &identity)?;
    let stays = find_room(shared, &identity, &pool)?;
    let replication = applicant.replication;
    let known = applicant.shown.into_inner().or(applicant.known);
    // Nor by a password that has changed meanwhile.
    let listed = config.credentials.lookup(&identity.user);
    let is_old = |known: &Arc<Credential>| listed.is_some_and(|new| new.stored != known.stored);
    pool.learn(&identity, known.filter(|known| !is_old(known)));
    Ok(Guest {
        pool,
        stays,
        replication,
    })
}

/// Refuses a client for which there is no room, or no time.
fn check_room(shared: &Shared, visitor: &Visitor) -> Result<(), Turned> {
    if visitor.present.number() > shared.config().settings.max_client_conn as usize {
        let words = "no more connections allowed (max_client_conn)";
        return Err(Turned::refused(Refusal::new(
            SqlState::TOO_MANY_CONNECTIONS,
            words,
        )));
    }
    if shared.is_closed() {
        let words = "the database system is shutting down";
        return Err(Turned::refused(Refusal::new(
            SqlState::CANNOT_CONNECT_NOW,
            words,
        )));
    }
    Ok(())
}

/// Counts a client with those of its database, of its user and of its pool.
fn find_room(
    shared: &Shared,
    identity: &Identity,
    pool: &Arc<Pool>,
) -> Result<[Option<Stay>; 3], Turned> {
    let (config, commons) = (shared.config(), shared.pools.commons());
    let full = |limit: &str| {
        let words = format!("client connections exceeded ({limit})");
        Turned::refused(Refusal::new(SqlState::PROTOCOL_VIOLATION, words))
    };
    let connect = &identity.target.connect;
    let of_database = connect
        .max_db_client_connections
        .unwrap_or(config.settings.max_db_client_connections);
    let of_user = config.user_limits(&identity.user).clients;
    let database = Stay::begin(commons.databases.of(&identity.database), of_database)
        .ok_or_else(|| full("max_db_client_connections"))?;
    let user = Stay::begin(commons.users.of(&identity.user), of_user)
        .ok_or_else(|| full("max_user_client_connections"))?;
    let guest = Stay::begin(Arc::clone(&pool.guests), Limit::default());
    Ok([Some(database), Some(user), guest])
}

/// The pool of a client that has proved who it is: that of the user as whom its servers are
/// opened, so that all clients of a database with `user=` share one.
fn enter_pool(shared: &Shared, identity: &Identity) -> Result<Arc<Pool>, Turned> {
    let database = &identity.database;
    if shared.pools.gates().of(database).disabled {
        let words = format!("database \"{database}\" is disabled");
        return Err(Turned::refused(Refusal::new(
            SqlState::CANNOT_CONNECT_NOW,
            words,
        )));
    }
    let id = PoolId {
        database: database.clone(),
        user: identity.server_user().to_owned(),
    };
    // By the configuration of the moment in which it is made: it would miss a change before.
    let pool = shared
        .pools
        .get_if(id, |id| PoolSettings::anew(&shared.config(), id));
    pool.ok_or_else(|| Turned::unproved(AuthError::NoDatabase(database.clone())))
}

/// What there is to know of a client before it has proved anything.
async fn introduce<'a>(
    stream: &Stream,
    startup: &'a StartupParameters,
    shared: &Shared,
    visitor: &Visitor,
    deadline: Deadline,
) -> Result<Applicant<'a>, Turned> {
    let config = shared.config();
    let replication = Replication::of(startup).map_err(Turned::refused)?;
    let known = acquaint(shared, &config, startup, deadline);
    Ok(Applicant {
        startup,
        replication,
        origin: Origin::of(stream, visitor.address),
        known: known.await.map_err(Turned::refused)?,
        shown: OnceLock::new(),
    })
}

/// Lets a user of the admin console in.
async fn open_console(
    stream: &mut Stream,
    startup: &StartupParameters,
    shared: &Arc<Shared>,
    visitor: &Visitor,
    deadline: Deadline,
) -> Result<Operator, Turned> {
    let config = shared.config();
    let applicant = introduce(stream, startup, shared, visitor, deadline).await?;
    let role = authenticate_operator(stream, &applicant, &config, deadline)
        .await
        .map_err(Turned::unproved)?;
    let id = PoolId {
        database: CONSOLE.to_owned(),
        user: CONSOLE.to_owned(),
    };
    let pool = shared.pools.get(id, || PoolSettings::console(&config));
    let version = startup.negotiated_version();
    let card = visitor.card(&startup.user, pool, stream);
    let (registered, key) = register(shared, card, version)?;
    Ok(Operator {
        role,
        user: startup.user.clone(),
        registered,
        key,
    })
}

/// Enters a client among those that can be cancelled, looked at and ended.
fn register(
    shared: &Shared,
    card: ClientCard,
    version: u32,
) -> Result<(Registered, CancelKey), Turned> {
    shared.cancels.enter(card, version).map_err(|error| {
        let words = format!("no random cancel key: {error}");
        Turned::refused(Refusal::new(SqlState::INTERNAL_ERROR, words))
    })
}
