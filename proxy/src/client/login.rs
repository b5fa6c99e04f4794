//! From the first byte of a connection to a session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::acquaint::acquaint;
use super::auth::{Applicant, Identity, authenticate};
use super::hello::{Hello, NoHello, hello};
use super::origin::Origin;
use super::refusal::Refusal;
use super::session::{Beginning, Session};
use super::startup::StartupRequest;
use crate::cancel::cancel;
use crate::config::PoolMode;
use crate::deadline::Deadline;
use crate::io::{Outbox, Stream};
use crate::parameters::{TRACKED, Tracked};
use crate::pool::settings::PoolSettings;
use crate::pool::{Pool, PoolId, Welcome};
use crate::protocol::message::backend::{
    SqlState, TransactionStatus, authentication_ok, backend_key_data, parameter_status,
    ready_for_query,
};
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
}

/// Serves a connection from its first byte: a cancel request, or a login and then a session in a
/// task of its own, which is much smaller than this one. Cancelled, the connection is closed.
pub async fn serve(stream: Stream, peer: Option<SocketAddr>, shared: Arc<Shared>) {
    let began = Instant::now();
    let present = shared.arrives();
    let config = shared.config();
    let deadline = Deadline::after(config.settings.client_login_timeout);
    let (mut stream, request) = match hello(stream, &config.client_tls, deadline).await {
        Ok(Hello { stream, request }) => (stream, request),
        Err(NoHello { stream, error }) => {
            log_end(peer, began, &error);
            if let (Some(mut stream), Some(refusal)) = (stream, error.refusal()) {
                say_farewell(&mut stream, refusal).await;
            }
            return;
        }
    };
    match log_in(&mut stream, request, &shared, &present, deadline).await {
        Ok(None) => {}
        Ok(Some(admitted)) => {
            let session = admitted.into_session(stream, &shared);
            tokio::spawn(run(session, present, peer, began));
        }
        Err(Turned { reason, refusal }) => {
            tracing::info!(
                ?peer,
                "closing because: {reason} (age={}s)",
                began.elapsed().as_secs()
            );
            if let Some(refusal) = refusal {
                say_farewell(&mut stream, refusal).await;
            }
        }
    }
}

/// Serves a session to its end. Cancelled, what it holds of the pool is given back or closed.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn holds its arguments twice"
)]
fn run(
    mut session: Session,
    present: Present,
    peer: Option<SocketAddr>,
    began: Instant,
) -> impl Future<Output = ()> {
    async move {
        let end = std::future::poll_fn(|cx| session.poll_end(cx)).await;
        log_end(peer, began, &end);
        if let Some(refusal) = end.refusal()
            && let Some(client) = session.client_for_farewell()
        {
            // Boxed, as no session should be larger for the sake of how it may end.
            Box::pin(say_farewell(client, refusal)).await;
        }
        drop(present);
    }
}

fn log_end(peer: Option<SocketAddr>, began: Instant, reason: &dyn std::fmt::Display) {
    tracing::info!(
        ?peer,
        "closing because: {reason} (age={}s)",
        began.elapsed().as_secs()
    );
}

/// How much more of a client is read, and for how long, so that it gets the farewell: closing a
/// socket with unread bytes in it makes the system throw away what was sent.
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_MAX: crate::config::Timeout = crate::config::Timeout::from_secs(1);

async fn say_farewell(stream: &mut Stream, refusal: Refusal) {
    let linger = async {
        refusal.send(stream).await?;
        stream.shutdown().await?;
        let mut nothing = [0; 1024];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            let len = stream.read(&mut nothing).await?;
            left = if len == 0 {
                0
            } else {
                left.saturating_sub(len)
            };
        }
        std::io::Result::Ok(())
    };
    // A client that is gone or that does not listen misses it.
    let _ = Deadline::after(LINGER_MAX).bound(linger).await;
}

/// A client that is let in, and what it is to be told.
struct Admitted {
    pool: Arc<Pool>,
    welcome: Arc<Welcome>,
    startup: StartupParameters,
    message_len_max: u32,
    cancel: crate::cancel::Registered,
    key: CancelKey,
}

async fn log_in(
    stream: &mut Stream,
    request: StartupRequest,
    shared: &Arc<Shared>,
    present: &Present,
    deadline: Deadline,
) -> Result<Option<Admitted>, Turned> {
    let config = shared.config();
    let startup = match request {
        // Asked for and begun already.
        StartupRequest::Tls => return Ok(None),
        StartupRequest::Cancel(key) => {
            cancel(&shared.cancels, &key).await;
            return Ok(None);
        }
        StartupRequest::Session(startup) => startup,
    };
    if present.number() > config.settings.max_client_conn as usize {
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
    let applicant = Applicant {
        startup: &startup,
        origin: Origin::of(stream),
        known: acquaint(shared, &config, &startup, deadline)
            .await
            .map_err(Turned::refused)?,
    };
    let identity = authenticate(stream, &applicant, &config, deadline)
        .await
        .map_err(|error| Turned {
            reason: error.to_string(),
            refusal: error.refusal(),
        })?;
    let Identity { user, database, .. } = &identity;
    tracing::info!(
        "login attempt: db={database} user={user} tls={}",
        tls_words(stream)
    );
    let id = PoolId {
        database: database.clone(),
        user: user.clone(),
    };
    let pool = shared
        .pools
        .get(id, || PoolSettings::new(&config, &identity));
    pool.learn(&identity, applicant.known);
    let timeout = |_| Refusal::new(SqlState::PROTOCOL_VIOLATION, "client_login_timeout");
    let welcome = deadline.bound(pool.welcomed()).await.map_err(timeout);
    let welcome = welcome
        .and_then(|welcome| welcome)
        .map_err(Turned::refused)?;
    let (cancel, key) = shared.cancels.enter().map_err(|error| {
        let words = format!("no random cancel key: {error}");
        Turned::refused(Refusal::new(SqlState::INTERNAL_ERROR, words))
    })?;
    let message_len_max = config.settings.max_packet_size;
    Ok(Some(Admitted {
        pool,
        welcome,
        startup,
        message_len_max,
        cancel,
        key,
    }))
}

/// `no`, or version and cipher as PgBouncer shows them.
fn tls_words(stream: &Stream) -> String {
    let session = stream.tls();
    let words = session.and_then(|session| {
        let (version, suite) = (
            session.protocol_version()?,
            session.negotiated_cipher_suite()?,
        );
        Some(format!("{version:?}/{:?}", suite.suite()))
    });
    words.unwrap_or_else(|| "no".to_owned())
}

impl Admitted {
    fn into_session(self, client: Stream, shared: &Shared) -> Session {
        let Self {
            pool,
            welcome,
            startup,
            message_len_max,
            cancel,
            key,
        } = self;
        let mut wishes = Tracked::default();
        for (name, value) in welcome.reported.iter().chain(&startup.parameters) {
            wishes.set(name, value);
        }
        let mut greeting = Outbox::default();
        greeting.push(&greet(&welcome, &wishes, &key));
        let keeps_server = pool.settings().mode == PoolMode::Session;
        let wishes = shared.pools.commons().interner.intern(wishes);
        Session::new(Beginning {
            client,
            pool,
            cancel,
            wishes,
            greeting,
            message_len_max,
            keeps_server,
        })
    }
}

/// AuthenticationOk and everything that follows up to the first ReadyForQuery. What a server said
/// goes on as it was, but for the parameters that are the client's own.
fn greet(welcome: &Welcome, wishes: &Tracked, key: &CancelKey) -> BytesMut {
    let mut out = BytesMut::new();
    authentication_ok(&mut out);
    for (name, value) in &welcome.reported {
        let own = TRACKED
            .contains(&name.as_str())
            .then(|| wishes.get(name))
            .flatten();
        parameter_status(&mut out, name, own.unwrap_or(value));
    }
    backend_key_data(&mut out, key.process, &key.key);
    ready_for_query(&mut out, TransactionStatus::Idle);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a future takes, without making one.
    fn size_of_future<A, B, C, D, F>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// A client that does nothing costs this much, besides its socket and its entry among those
    /// that can be cancelled.
    #[test]
    fn an_idle_client_is_small() {
        let size = size_of_future(run);
        assert!(size <= 480, "{size} bytes");
    }
}
