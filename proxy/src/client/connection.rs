//! A connection from its first byte to its last.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::card::{Began, ClientAddress, ClientCard, ConnectionId};
use super::end::End;
use super::farewell::say_farewell;
use super::hello::{Hello, NoHello, hello};
use super::login::{Otherwise, Turned, Visitor, log_in};
use super::mention::Mention;
use super::refusal::Refusal;
use super::replication;
use super::session::Session;
use super::startup::StartupRequest;
use crate::cancel::cancel;
use crate::config::Config;
use crate::console;
use crate::deadline::Deadline;
use crate::io::Stream;
use crate::protocol::startup::StartupParameters;
use crate::shared::{Present, Shared};

/// Serves a connection from its first byte to its last. Cancelled, the connection is closed, and
/// what it holds of the pool is given back or closed.
pub fn serve(
    stream: Stream,
    address: ClientAddress,
    present: Present,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> {
    let visitor = Visitor {
        id: ConnectionId::next(),
        address,
        began: Began::now(),
        present,
    };
    Connection::Login(Box::pin(welcome(stream, visitor, shared)))
}

/// Deals with a connection until it is a session's, if it comes to that. Boxed within is what most
/// connections do without: no login should be larger for its sake.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn holds its arguments twice"
)]
fn welcome(
    stream: Stream,
    visitor: Visitor,
    shared: Arc<Shared>,
) -> impl Future<Output = Option<Client>> {
    async move {
        let config = shared.config();
        if is_beyond(&visitor, config.settings.max_client_conn) {
            let mention = visitor.mention(None);
            mention.log_end(&config.settings, &"too many connections");
            return None;
        }
        let deadline = Deadline::after(config.settings.client_login_timeout);
        let (mut stream, startup) = match hello(stream, &config.client_tls, deadline).await {
            Ok(Hello {
                stream,
                request: StartupRequest::Session(startup),
            }) => (stream, startup),
            other => {
                Box::pin(see_off(other, &visitor, &shared)).await;
                return None;
            }
        };
        let admitted = match log_in(&mut stream, &startup, &shared, &visitor, deadline).await {
            Ok(admitted) => admitted,
            Err(otherwise) => {
                let served = serve_otherwise(otherwise, stream, visitor, &startup, &shared);
                Box::pin(served).await;
                return None;
            }
        };
        shared.logins.succeeded();
        let session = admitted.begin(stream, &startup, &shared).await;
        let present = visitor.present;
        Some(Client { session, present })
    }
}

/// Deals with a connection that does not ask for a session.
async fn see_off(hello: Result<Hello, NoHello>, visitor: &Visitor, shared: &Shared) {
    let config = shared.config();
    match hello {
        Ok(Hello { stream, request }) => {
            if let StartupRequest::Cancel(key) = request {
                cancel(&shared.cancels, &key, &config).await;
            }
            drop(stream);
        }
        Err(NoHello { stream, error }) => {
            let mention = visitor.mention(None);
            mention.log_end(&config.settings, &error);
            if let (Some(stream), Some(refusal)) = (stream, error.refusal()) {
                turn_away(&config, mention, stream, refusal).await;
            }
        }
    }
}

/// Serves whoever does not come to a session, or says why nobody is served.
async fn serve_otherwise(
    otherwise: Otherwise,
    stream: Stream,
    visitor: Visitor,
    startup: &StartupParameters,
    shared: &Arc<Shared>,
) {
    match otherwise {
        Otherwise::Replication(line) => {
            shared.logins.succeeded();
            tokio::spawn(replication::run(stream, *line, visitor.present));
        }
        Otherwise::Console(operator) => {
            console::serve(stream, *operator, Arc::clone(shared)).await;
            drop(visitor.present);
        }
        Otherwise::Turned(Turned { reason, refusal }) => {
            shared.logins.failed();
            let (mention, config) = (visitor.mention(Some(startup)), shared.config());
            mention.log_end(&config.settings, &reason);
            if let Some(refusal) = refusal {
                turn_away(&config, mention, stream, refusal).await;
            }
        }
    }
}

/// Tells a visitor why it is none of the clients.
async fn turn_away(config: &Config, mention: Mention<'_>, mut stream: Stream, refusal: Refusal) {
    mention.log_refusal(&config.settings, &refusal);
    say_farewell(&mut stream, refusal).await;
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
    let config = card.pool.commons().config.load();
    Mention::of(card).log_refusal(&config.settings, &refusal);
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
    let config = card.pool.commons().config.load();
    Mention::of(card).log_end(&config.settings, reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a future takes, without making one.
    fn size_of_future<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// A login fits into what glibc keeps at hand for each thread, up to 1,032 bytes (malloc(3),
    /// `glibc.malloc.tcache_max`): otherwise each costs a search of the heap. Without the
    /// optimizer it keeps some more.
    #[test]
    fn a_login_is_not_large() {
        let size = size_of_future(welcome);
        let most = if cfg!(debug_assertions) { 1_152 } else { 1_032 };
        assert!(size <= most, "{size} bytes");
    }

    /// A client that does nothing costs this much, besides its socket and its entry among those
    /// that can be cancelled.
    #[test]
    fn an_idle_client_is_small() {
        let size = size_of::<Connection<()>>();
        assert!(size <= 304, "{size} bytes");
    }
}
