//! From the first byte of a connection to a session.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use super::acquaint::acquaint;
use super::admitted::Admitted;
use super::auth::{Applicant, AuthError, Identity, authenticate, authenticate_operator};
use super::card::{Began, ClientAddress, ClientCard, ConnectionId};
use super::end::End;
use super::farewell::say_farewell;
use super::hello::{Hello, NoHello, hello};
use super::origin::Origin;
use super::refusal::Refusal;
use super::replication::{self, Replication};
use super::session::Session;
use super::startup::StartupRequest;
use crate::cancel::{Registered, cancel};
use crate::config::{CONSOLE, Config, Limit};
use crate::console::{self, Operator};
use crate::deadline::Deadline;
use crate::io::Stream;
use crate::pool::account::Stay;
use crate::pool::settings::PoolSettings;
use crate::pool::{Pool, PoolId};
use crate::protocol::message::backend::SqlState;
use crate::protocol::startup::{CancelKey, StartupParameters};
use crate::shared::{Present, Shared};

/// Why a connection comes to nothing, and what the client is told, if anything.
struct Turned {
    reason: String,
    refusal: Option<Refusal>,
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
struct Visitor {
    id: ConnectionId,
    address: ClientAddress,
    began: Began,
    present: Present,
}

impl Visitor {
    /// It is `user`, a client of `pool`.
    fn card(&self, user: &str, pool: Arc<Pool>, stream: &Stream) -> ClientCard {
        let mut card = ClientCard::new(self.id, user, pool, self.address, self.began);
        card.tls = stream.tls_words().map(Into::into);
        card
    }

    fn log_end(&self, shared: &Shared, reason: &dyn std::fmt::Display) {
        if shared.config().settings.log_disconnections {
            tracing::info!(
                conn = %format_args!("C-{}", self.id),
                database = "(nodb)",
                user = "(nouser)",
                address = %self.address,
                "closing because: {reason} (age={}s)",
                self.began.age_s()
            );
        }
    }
}

/// Serves a connection from its first byte to its last. Cancelled, the connection is closed, and
/// what it holds of the pool is given back or closed.
pub fn serve(
    stream: Stream,
    address: ClientAddress,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> {
    Connection::Login(Box::pin(welcome(stream, address, shared)))
}

/// Deals with a connection as long as it is none of a session: a cancel request, the console, or
/// a login, which comes to a session if all is well.
async fn welcome(stream: Stream, address: ClientAddress, shared: Arc<Shared>) -> Option<Client> {
    let visitor = Visitor {
        id: ConnectionId::next(),
        address,
        began: Began::now(),
        present: shared.arrives(),
    };
    let config = shared.config();
    if is_beyond(&visitor, config.settings.max_client_conn) {
        visitor.log_end(&shared, &"too many connections");
        return None;
    }
    let deadline = Deadline::after(config.settings.client_login_timeout);
    let (mut stream, request) = match hello(stream, &config.client_tls, deadline).await {
        Ok(Hello { stream, request }) => (stream, request),
        Err(NoHello { stream, error }) => {
            visitor.log_end(&shared, &error);
            if let (Some(stream), Some(refusal)) = (stream, error.refusal()) {
                turn_away(&config, &visitor, stream, refusal).await;
            }
            return None;
        }
    };
    match log_in(&mut stream, request, &shared, &visitor, deadline).await {
        Ok(Entry::Nothing) => {}
        Ok(Entry::Session(admitted)) => {
            shared.logins.succeeded();
            let session = admitted.begin(stream, &shared).await;
            let present = visitor.present;
            return Some(Client { session, present });
        }
        Ok(Entry::Replication(line)) => {
            shared.logins.succeeded();
            tokio::spawn(replication::run(stream, *line, visitor.present));
        }
        Ok(Entry::Console(operator)) => {
            Box::pin(console::serve(stream, *operator, Arc::clone(&shared))).await;
            drop(visitor.present);
        }
        Err(Turned { reason, refusal }) => {
            shared.logins.failed();
            visitor.log_end(&shared, &reason);
            if let Some(refusal) = refusal {
                turn_away(&config, &visitor, stream, refusal).await;
            }
        }
    }
    None
}

/// Tells a visitor why it is none of the clients.
async fn turn_away(config: &Config, visitor: &Visitor, mut stream: Stream, refusal: Refusal) {
    log_refusal(config, &visitor.id, &refusal);
    // Boxed, as no login should be larger for the sake of those that fail.
    Box::pin(say_farewell(&mut stream, refusal)).await;
}

/// Connections beyond `max_client_conn` that are told so, or that may be an operator's. More are
/// closed without a word: whoever opens them could open as many as the system has descriptors.
const BEYOND_MAX: usize = 1_000;

/// Whether there is not even room to tell a connection that there is none. The Unix socket is for
/// the machine's own operators and has no such bound.
fn is_beyond(visitor: &Visitor, max_client_conn: u32) -> bool {
    let max = (max_client_conn as usize).saturating_add(BEYOND_MAX);
    matches!(visitor.address, ClientAddress::Tcp { .. }) && visitor.present.number() > max
}

/// Logs what a client is told, as `log_pooler_errors` has it.
fn log_refusal(config: &Config, id: &ConnectionId, refusal: &Refusal) {
    if config.settings.log_pooler_errors {
        tracing::warn!(conn = %format_args!("C-{id}"), "pooler error: {}", refusal.message);
    }
}

/// A client that is logged in, and its place among those that are there.
struct Client {
    session: Session,
    present: Present,
}

/// How far a connection is. Boxed is what is large and soon over, as a session is small and may be
/// long.
#[expect(
    clippy::large_enum_variant,
    reason = "the session is what most connections are, most of the time"
)]
enum Connection<L> {
    Login(Pin<Box<L>>),
    Session(Client),
    Farewell(Pin<Box<dyn Future<Output = ()> + Send>>),
    Over,
}

impl<L: Future<Output = Option<Client>>> Future for Connection<L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            *self = match &mut *self {
                Self::Login(login) => {
                    let client = ready!(login.as_mut().poll(cx));
                    client.map_or(Self::Over, Self::Session)
                }
                Self::Session(Client { session, .. }) => {
                    let end = ready!(session.poll_end(cx));
                    match last_word(&session.holder().card, &end) {
                        None => Self::Over,
                        Some(refusal) => self.take_leave(refusal),
                    }
                }
                Self::Farewell(farewell) => {
                    ready!(farewell.as_mut().poll(cx));
                    Self::Over
                }
                Self::Over => return Poll::Ready(()),
            };
        }
    }
}

impl<L> Connection<L> {
    /// A session that has ended tells its client why.
    fn take_leave(&mut self, refusal: Refusal) -> Self {
        match std::mem::replace(self, Self::Over) {
            Self::Session(client) => Self::Farewell(Box::pin(take_leave(client, refusal))),
            other => other,
        }
    }
}

/// Logs how a session has ended. Says what its client is to be told, if anything.
fn last_word(card: &ClientCard, end: &End) -> Option<Refusal> {
    log_end(card, end);
    let refusal = end.refusal()?;
    log_refusal(&card.pool.commons().config.load(), &card.id, &refusal);
    Some(refusal)
}

/// Tells a client why its session is over, where it can still be told.
async fn take_leave(client: Client, refusal: Refusal) {
    let Client {
        mut session,
        present,
    } = client;
    if let Some(client) = session.client_for_farewell() {
        say_farewell(client, refusal).await;
    }
    drop(present);
}

/// Logs why a client that was logged in leaves.
pub(crate) fn log_end(card: &ClientCard, reason: &dyn std::fmt::Display) {
    let settings = &card.pool.commons().config.load().settings;
    if settings.log_disconnections {
        tracing::info!(
            conn = %format_args!("C-{}", card.id),
            database = %card.pool.id.database,
            user = %card.user(),
            address = %card.address,
            "closing because: {reason} (age={}s)",
            card.began.age_s()
        );
    }
}

/// What a connection turns out to be.
enum Entry {
    /// Done already.
    Nothing,
    /// A client.
    Session(Box<Admitted>),
    /// A client with a server of its own.
    Replication(Box<replication::Line>),
    /// Somebody at the console.
    Console(Box<Operator>),
}

async fn log_in(
    stream: &mut Stream,
    request: StartupRequest,
    shared: &Arc<Shared>,
    visitor: &Visitor,
    deadline: Deadline,
) -> Result<Entry, Turned> {
    let startup = match request {
        // Asked for and begun already.
        StartupRequest::Tls => return Ok(Entry::Nothing),
        StartupRequest::Cancel(key) => {
            // Boxed, as is the console: no login should be larger for their sake.
            Box::pin(cancel(&shared.cancels, &key, &shared.config())).await;
            return Ok(Entry::Nothing);
        }
        StartupRequest::Session(startup) => startup,
    };
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
        let operator = open_console(stream, &startup, shared, visitor, deadline);
        return Ok(Entry::Console(Box::new(Box::pin(operator).await?)));
    }
    check_room(shared, visitor)?;
    let applicant = introduce(stream, &startup, shared, visitor, deadline).await?;
    let identity = authenticate(stream, &applicant, &config, deadline)
        .await
        .map_err(Turned::unproved)?;
    let pool = enter_pool(shared, &identity)?;
    let stays = find_room(shared, &identity, &pool)?;
    pool.learn(&identity, applicant.shown.into_inner().or(applicant.known));
    let version = startup.negotiated_version();
    let replication = Replication::of(&startup).map_err(Turned::refused)?;
    if replication != Replication::None {
        let mut card = visitor.card(&startup.user, Arc::clone(&pool), stream);
        card.replication = replication;
        card.stays = stays;
        let (cancel, key) = register(shared, card, version)?;
        let line = replication::open(&pool, replication, &startup, &config, cancel, &key).await;
        return Ok(Entry::Replication(Box::new(line.map_err(Turned::refused)?)));
    }
    let timeout = |_| Refusal::new(SqlState::PROTOCOL_VIOLATION, "client_login_timeout");
    let welcome = deadline.bound(pool.welcomed()).await.map_err(timeout);
    let welcome = welcome
        .and_then(|welcome| welcome)
        .map_err(Turned::refused)?;
    let mut card = visitor.card(&startup.user, Arc::clone(&pool), stream);
    card.stays = stays;
    let (cancel, key) = register(shared, card, version)?;
    let message_len_max = config.settings.max_packet_size;
    Ok(Entry::Session(Box::new(Admitted {
        pool,
        welcome,
        startup,
        message_len_max,
        cancel,
        key,
    })))
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
    if shared.is_stopping() {
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
    let settings = || {
        let identity = Identity {
            user: identity.server_user().to_owned(),
            ..identity.clone()
        };
        // Not the configuration that the login began with: it may have been replaced since, and the
        // pool would miss the change.
        PoolSettings::new(&shared.config(), &identity)
    };
    Ok(shared.pools.get(id, settings))
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
    let known = acquaint(shared, &config, startup, deadline);
    Ok(Applicant {
        startup,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that does nothing costs this much, besides its socket and its entry among those
    /// that can be cancelled.
    #[test]
    fn an_idle_client_is_small() {
        let size = size_of::<Connection<()>>();
        assert!(size <= 304, "{size} bytes");
    }
}
