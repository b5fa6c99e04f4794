//! Opens servers for a pool, in tasks of their own: the client on whose account a server is opened
//! may get another one first, or leave.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::account::Counted;
use super::roster::{Generation, ServerCard};
use super::state::Ticket;
use super::{Asked, Found, Pool, PoolId, Seat, Waiter, Welcome};
use crate::client::card::{Began, ConnectionId};
use crate::client::refusal::Refusal;
use crate::client::replication::Replication;
use crate::clock::LastTime;
use crate::config::LoadBalanceHosts;
use crate::cores::CoreId;
use crate::io::post;
use crate::protocol::message::backend::SqlState;
use crate::server::Server;
use crate::server::connect::{ConnectError, Connected, connect};
use crate::server::login::LoginError;

/// How opening went lately.
#[derive(Debug, Default)]
pub(super) struct Opening {
    welcome: Option<Arc<Welcome>>,
    /// Why the last server did not let us in; forgotten when one does.
    failure: Option<Failure>,
    /// Since when PostgreSQL says that it starts or stops; forgotten when it lets us in.
    not_yet_since: Option<Instant>,
}

#[derive(Debug)]
struct Failure {
    refusal: Refusal,
    /// Nobody tries again before.
    until: Instant,
    /// Nothing is hoped of the attempts that are still under way: the circuit is open.
    is_final: bool,
}

impl Pool {
    fn opening(&self) -> MutexGuard<'_, Opening> {
        // Each change is a single assignment.
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a server says at login, if any has been opened yet.
    #[must_use]
    pub fn welcome(&self) -> Option<Arc<Welcome>> {
        self.opening().welcome.clone()
    }

    /// The next login may go better: there is another server to log in to, or another password.
    pub(super) fn forget_failure(&self) {
        self.opening().failure = None;
    }

    pub(super) fn last_refusal(&self) -> Option<Refusal> {
        Some(self.opening().failure.as_ref()?.refusal.clone())
    }

    /// What to tell a client that would wait in vain: there is no server, the last one did not let
    /// us in, and it is too early to try again.
    pub(super) fn hopeless(&self) -> Option<Refusal> {
        let total = {
            let state = self.state();
            // Most who wait do so for one that others have.
            if state.total() > state.opening() {
                return None;
            }
            state.total()
        };
        let opening = self.opening();
        let failure = opening
            .failure
            .as_ref()
            .filter(|failure| Instant::now() < failure.until && self.dooms(failure, total))?;
        let words = format!(
            "server login has been failing, cached error: {} (server_login_retry)",
            failure.refusal.message
        );
        Some(Refusal::new(SqlState::PROTOCOL_VIOLATION, words))
    }

    /// Whether who waits for one of `total` servers, those being opened included, does so in vain.
    fn dooms(&self, failure: &Failure, total: usize) -> bool {
        total == 0 || (failure.is_final && !self.roster.has_shared())
    }

    /// Opens `count` servers, which the state has counted already.
    pub(super) fn open(self: &Arc<Self>, count: usize) {
        if count == 0 {
            return;
        }
        // Without a runtime the pooler is at its end, and nobody waits any more.
        let Some(runtime) = self.commons.runtime() else {
            return;
        };
        let limits = self.settings().budget;
        for _ in 0..count {
            match self.budget.room_for(self, limits) {
                Ok(counted) => {
                    runtime.spawn(post::after_flush(Box::pin(Self::open_one(
                        Arc::clone(self),
                        counted,
                    ))));
                }
                Err(full) => {
                    self.state().put_off();
                    self.budget.wait_for_room(full, self, limits);
                }
            }
        }
    }

    /// The same for servers that nobody waits for, for whose sake no other is closed.
    pub(super) fn open_where_there_is_room(self: &Arc<Self>, count: usize) {
        let limits = self.settings().budget;
        for _ in 0..count {
            match (self.budget.count(limits), self.commons.runtime()) {
                (Ok(counted), Some(runtime)) => {
                    runtime.spawn(post::after_flush(Box::pin(Self::open_one(
                        Arc::clone(self),
                        counted,
                    ))));
                }
                _ => self.state().forgo(),
            }
        }
    }

    /// Another server of its database or user was closed, or could be.
    pub(super) fn there_is_room(self: &Arc<Self>) {
        let open = self.state().room();
        self.open(open);
    }

    /// Closes an idle server for the sake of another pool. Says whether there was one.
    pub(super) fn evict(&self) -> bool {
        let server = self.state().evict();
        let Some(mut server) = server else {
            return false;
        };
        server.seat.blame("evicted");
        server.close();
        true
    }

    async fn open_one(self: Arc<Self>, counted: Counted) {
        // Before the settings are looked at: a server that opens while they change is outdated.
        let generation = self.roster.generation();
        let settings = self.settings();
        let turn = match settings.load_balance_hosts {
            LoadBalanceHosts::RoundRobin => self.turn.fetch_add(1, Ordering::Relaxed),
            LoadBalanceHosts::Disable => self.turn.load(Ordering::Relaxed),
        };
        match Box::pin(connect(&settings, turn, &self.commons)).await {
            Ok(connected) => {
                if settings.load_balance_hosts == LoadBalanceHosts::Disable {
                    // The one that answered is kept to until it fails.
                    self.turn.store(connected.host, Ordering::Relaxed);
                }
                let seat = self.seat(&connected, generation, counted);
                self.admit(connected, seat, settings.server_lifetime);
            }
            Err(error) => {
                drop(counted);
                self.fail(&error, settings.server_login_retry);
            }
        }
    }

    fn admit(self: &Arc<Self>, mut connected: Connected, seat: Seat, lifetime: Duration) {
        let reported = std::mem::take(&mut connected.reported);
        let welcome = Arc::new(Welcome::new(&reported, &self.commons.interner));
        *self.opening() = Opening {
            welcome: Some(welcome),
            ..Opening::default()
        };
        let server = Server::new(connected, seat, jittered(lifetime));
        let (outcome, more) = self.state().opened(CoreId::current(), Box::new(server));
        self.open(more);
        self.finish(outcome);
    }

    /// A place for a server that was opened just now.
    fn seat(
        self: &Arc<Self>,
        connected: &Connected,
        generation: Generation,
        counted: Counted,
    ) -> Seat {
        let card = Arc::new(ServerCard {
            id: ConnectionId::next(),
            target: Arc::clone(&connected.cancel),
            local: connected.stream.local_addr(),
            began: Began::now(),
            generation,
            tls: connected.stream.tls_words().map(Into::into),
            replication: Replication::None,
            taken: LastTime::now(),
            prepared: AtomicU32::new(0),
        });
        self.roster.enter(&card);
        if self.commons.config.load().settings.log_connections {
            let PoolId { database, user } = &self.id;
            tracing::info!(
                conn = %format_args!("S-{}", card.id),
                %database,
                %user,
                address = %card.target.address,
                "new connection to server"
            );
        }
        Seat {
            pool: Arc::clone(self),
            card,
            counted: Some(counted),
            reason: None,
        }
    }

    /// Clients go on waiting after a failed connection, as it may succeed before their time is
    /// over; a server that refuses the login will refuse it again, so they are told at once. One that
    /// starts or stops is like a failed connection, unless the attempts of `server_login_retry` later
    /// find it so still.
    fn fail(self: &Arc<Self>, error: &ConnectError, retry: Duration) {
        tracing::warn!(pool = %self.id, %error, "server login failed");
        let refusal = match error {
            ConnectError::Login(LoginError::Refused(error)) => {
                Some(Refusal::new(error.code, error.message.clone()))
            }
            ConnectError::Login(LoginError::Prover(error)) => Some(Refusal::new(
                SqlState::PROTOCOL_VIOLATION,
                error.to_string(),
            )),
            ConnectError::CircuitOpen { .. } => {
                Some(Refusal::new(SqlState::CANNOT_CONNECT, error.to_string()))
            }
            _ => None,
        };
        let retry = match error {
            ConnectError::CircuitOpen { retry_in, .. } => *retry_in,
            _ => retry,
        };
        let refusal = refusal.filter(|_| !(error.is_not_yet() && self.is_patient(retry)));
        let failure = refusal.map(|refusal| Failure {
            refusal,
            until: Instant::now() + retry,
            is_final: matches!(error, ConnectError::CircuitOpen { .. }),
        });
        let sent_away = self.count_failed(failure);
        for waiter in sent_away {
            waiter.waker.wake();
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(retry).await;
            let open = pool.state().retry();
            pool.open(open);
        });
    }
}

impl Pool {
    /// One attempt less; `failure` is what to tell of it to those who wait, if they are to be told.
    /// They come back if nothing is hoped of the others.
    fn count_failed(&self, failure: Option<Failure>) -> Vec<Waiter> {
        let mut opening = self.opening();
        let mut state = self.state();
        state.failed();
        let Some(failure) = failure else {
            return Vec::new();
        };
        let failure = opening.failure.insert(failure);
        if self.dooms(failure, state.total()) {
            state.refuse_all()
        } else {
            Vec::new()
        }
    }

    /// Whether PostgreSQL has said for less than `retry` that it starts or stops, this time included.
    fn is_patient(&self, retry: Duration) -> bool {
        let now = Instant::now();
        let since = *self.opening().not_yet_since.get_or_insert(now);
        now < since + retry
    }
}

/// Lifetimes are cut by up to a tenth, so that servers opened together do not all end together.
fn jittered(lifetime: Duration) -> Duration {
    let mut random = [0; 1];
    // Without randomness they end together, which is only slower.
    let _ = getrandom::fill(&mut random);
    lifetime.saturating_sub(lifetime / 10 * u32::from(random[0]) / 255)
}

/// A server for the time of one question: what a client's login waits for when no server of the
/// pool has been opened yet. Dropped, its place in the queue is given up.
struct Place<'a> {
    pool: &'a Arc<Pool>,
    ticket: Option<Ticket>,
    since: std::time::Instant,
}

impl Place<'_> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Box<Server>, Refusal>> {
        let Some(ticket) = self.ticket else {
            return match self.pool.ask(cx) {
                Asked::Server(server) => Poll::Ready(Ok(server)),
                Asked::Refused(refusal) => Poll::Ready(Err(refusal)),
                Asked::Wait(ticket) => {
                    self.ticket = Some(ticket);
                    Poll::Pending
                }
            };
        };
        let outcome = match self.pool.look(cx, ticket, self.since) {
            Found::Nothing => return Poll::Pending,
            Found::Server(server) => Ok(server),
            Found::Refused(refusal) => Err(refusal),
        };
        self.ticket = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.pool.abandon(ticket);
        }
    }
}

impl Pool {
    /// What a server says at login, and the parameters that it has then. The first who asks waits
    /// in the queue until a server has been opened. Cancel safe.
    ///
    /// # Errors
    ///
    /// What to tell the client if no server can be had.
    pub async fn welcomed(self: &Arc<Self>) -> Result<Arc<Welcome>, Refusal> {
        if let Some(welcome) = self.welcome() {
            return Ok(welcome);
        }
        let mut place = Place {
            pool: self,
            ticket: None,
            since: std::time::Instant::now(),
        };
        let server = poll_fn(|cx| place.poll(cx)).await?;
        self.give_back(server);
        let gone = || Refusal::new(SqlState::INTERNAL_ERROR, "a server came without a greeting");
        self.welcome().ok_or_else(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_27_servers_that_came_together_do_not_leave_together() {
        let lifetime = Duration::from_secs(3600);
        let mut ends: Vec<_> = (0..1000).map(|_| jittered(lifetime)).collect();
        ends.sort_unstable();
        assert!(ends[0] >= lifetime / 10 * 9 && ends[999] <= lifetime);
        // The chance that so many of a thousand fall together is nil.
        let most = ends.chunk_by(|a, b| a == b).map(<[_]>::len).max();
        assert!(most < Some(30), "{most:?} end at one moment");
        assert!(ends[999] - ends[0] > lifetime / 20);
        assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
    }
}
