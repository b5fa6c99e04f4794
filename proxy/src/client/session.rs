//! A client that is logged in, from one transaction to the next.
//!
//! A session is a small state machine that the runtime polls. Between transactions it holds a
//! socket and nothing else; what it reads goes to a server straight from the core's scratch
//! buffer, and only what has to wait is kept.

mod limits;
mod queue;
mod relay;

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use self::limits::Alarm;
use super::end::End;
use super::intake::{Intake, Queries, Rule};
use crate::cancel::{Holder, Registered};
use crate::config::PoolMode;
use crate::io::post::Whom;
use crate::io::{Outbox, Stream, scratch};
use crate::parameters::Tracked;
use crate::pool::state::Ticket;
use crate::pool::{Asked, Pool};
use crate::prepared::Names;
use crate::server::dialogue::{Dialogue, hand_on};
use crate::server::{Server, ServerFault};

/// A client between its login and its end.
#[derive(Debug)]
pub struct Session {
    client: Stream,
    pool: Arc<Pool>,
    cancel: Registered,
    /// The session parameters that the client is to find at every server.
    wishes: Arc<Tracked>,
    intake: Intake,
    /// What the client has not taken yet.
    outbox: Outbox,
    phase: Phase,
    /// What the client calls its prepared statements; nothing until there is one.
    names: Option<Box<Names>>,
    /// Nothing goes to the server until it has answered everything or asks for the data of a COPY:
    /// what the client said last changes what its names mean.
    holds: bool,
    /// The client has said goodbye behind requests whose answers it still gets.
    leaves: bool,
    tenure: Tenure,
    /// Set while there is a limit to how long something lasts.
    alarm: Option<Box<Alarm>>,
}

/// How long a session keeps a server: the pool's mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// Until the client leaves.
    Session,
    /// Until the transaction ends.
    Transaction,
    /// The same, and a transaction must end with the request that began it.
    Statement,
}

impl From<PoolMode> for Tenure {
    fn from(mode: PoolMode) -> Self {
        match mode {
            PoolMode::Session => Self::Session,
            PoolMode::Transaction => Self::Transaction,
            PoolMode::Statement => Self::Statement,
        }
    }
}

/// What a session is about.
#[derive(Debug)]
enum Phase {
    /// Between transactions, without a server.
    Idle,
    /// In the queue for a server.
    Waiting {
        ticket: Ticket,
        since: Instant,
        /// The client knows that it waits.
        told: bool,
    },
    /// The server is being given the client's session parameters.
    Aligning {
        server: Box<Server>,
        dialogue: Box<Dialogue>,
    },
    /// Messages pass between the client and its server.
    Relaying { server: Box<Server>, outbox: Outbox },
}

/// With what a session begins.
#[derive(Debug)]
pub struct Beginning {
    /// The connection, with nothing of the login left in it.
    pub client: Stream,
    /// Where its servers come from.
    pub pool: Arc<Pool>,
    /// By what it is cancelled.
    pub cancel: Registered,
    /// Its session parameters.
    pub wishes: Arc<Tracked>,
    /// Longest length that a message may say.
    pub message_len_max: u32,
    /// Whether the client may use the simple query protocol.
    pub queries: Queries,
    /// How long it keeps a server.
    pub tenure: Tenure,
}

impl Session {
    /// A session that begins between transactions.
    #[must_use]
    pub fn new(beginning: Beginning) -> Self {
        let Beginning {
            client,
            pool,
            cancel,
            wishes,
            message_len_max,
            queries,
            tenure,
        } = beginning;
        cancel.holder.has_parameters(&wishes);
        Self {
            client,
            pool,
            cancel,
            wishes,
            intake: Intake::new(message_len_max).with(queries),
            outbox: Outbox::default(),
            phase: Phase::Idle,
            names: None,
            holds: false,
            leaves: false,
            tenure,
            alarm: None,
        }
    }

    /// Sends the client its greeting. To be called once, before the first poll and in the task that
    /// will poll it.
    pub fn greet(&mut self, cx: &mut Context<'_>, greeting: &[u8]) {
        // A task has one waker as long as it lives.
        self.cancel.holder.begins(cx.waker());
        let sent = self
            .outbox
            .send(cx, Whom::Client, &mut self.client, greeting);
        if sent.is_err() {
            // The end of its stream will tell.
            self.outbox.clear();
        }
    }

    /// Serves the client until one of the two sides ends it. To be polled until it is ready;
    /// dropped before, the client's place or server is given back or closed.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut worked = false;
        loop {
            if let Some(reason) = self.cancel.holder.sentence() {
                return Poll::Ready(End::Killed(reason));
            }
            let step = match self.phase {
                Phase::Idle => self.poll_idle(cx),
                Phase::Waiting { ticket, since, .. } => self.poll_queue(cx, ticket, since),
                Phase::Aligning { .. } => self.poll_aligning(cx),
                Phase::Relaying { .. } => self.poll_relay(cx),
            };
            let end = match step {
                Poll::Ready(Ok(())) => {
                    worked = true;
                    continue;
                }
                Poll::Ready(Err(end)) => end,
                Poll::Pending => ready!(self.poll_limits(cx, worked)),
            };
            self.blame_server(&end);
            return Poll::Ready(end);
        }
    }

    /// What others may know of it.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.cancel.holder
    }

    /// Sees to it that the log says why the server is closed that the session takes with it.
    fn blame_server(&mut self, end: &End) {
        if let Phase::Relaying { server, .. } | Phase::Aligning { server, .. } = &mut self.phase
            && !server.is_free()
        {
            if matches!(end, End::Server(ServerFault::Gone(_))) {
                let circuits = &self.pool.commons().circuits;
                circuits.lost(&server.cancel.address);
            }
            server.seat.blame(match end {
                End::Server(fault) => fault.to_string().into(),
                End::ServerFarewell => "server closed the connection".into(),
                End::Overdue(reason) => (*reason).into(),
                _ => std::borrow::Cow::Borrowed("client disconnect while server was not ready"),
            });
        }
    }

    /// Takes the session apart, once it has ended, for a last word to the client. There is no
    /// connection to speak on if the client is in the middle of something else.
    #[must_use]
    pub fn client_for_farewell(&mut self) -> Option<&mut Stream> {
        let in_message = match &self.phase {
            Phase::Relaying { server, .. } => !server.is_at_boundary(),
            Phase::Idle | Phase::Waiting { .. } | Phase::Aligning { .. } => false,
        };
        (!in_message && self.outbox.is_taken(&self.client)).then_some(&mut self.client)
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        ready!(self.outbox.poll_flush(cx, &mut self.client)).map_err(End::Client)?;
        if self.leaves {
            return Poll::Ready(Err(End::Terminated));
        }
        while matches!(self.phase, Phase::Idle) {
            ready!(self.read_client(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once from the client and passes on what can go on.
    fn read_client(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        scratch::with(|buffer| {
            let len = ready!(self.client.poll_read_some(cx, buffer)).map_err(End::Client)?;
            if len == 0 {
                return Poll::Ready(Err(End::Eof));
            }
            self.pool.stats.here().received.add(len as u64);
            Poll::Ready(self.take_in(cx, &buffer[..len]))
        })
    }

    fn take_in(&mut self, cx: &mut Context<'_>, fresh: &[u8]) -> Result<(), End> {
        if self.intake.is_empty() {
            let used = self.route(cx, fresh)?;
            self.intake.keep(&fresh[used..]);
            return Ok(());
        }
        self.intake.keep(fresh);
        self.go_on(cx)
    }

    /// Passes on what can go on of the bytes that had to wait.
    fn go_on(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let held = self.intake.take();
        let used = self.route(cx, &held)?;
        self.intake.put_back(held, used);
        Ok(())
    }

    /// Passes on what can go on of `bytes`, everything that the client has sent and no server has.
    /// Says how many bytes are done with.
    fn route(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<usize, End> {
        match self.phase {
            Phase::Waiting { .. } | Phase::Aligning { .. } => return Ok(0),
            Phase::Relaying { .. } => return self.forward(cx, bytes),
            Phase::Idle => {}
        }
        let dropped = self.intake.discard(bytes)?;
        let bytes = &bytes[dropped..];
        let cut = self.intake.cut(bytes, Rule::Gather)?;
        if cut.forward == 0 {
            return if cut.terminate {
                Err(End::Terminated)
            } else {
                Ok(dropped)
            };
        }
        match self.pool.ask(cx) {
            Asked::Server(server) => self.adopt(server),
            Asked::Wait(ticket) => {
                self.cancel.holder.waits(cx.waker());
                self.phase = Phase::Waiting {
                    ticket,
                    since: Instant::now(),
                    told: false,
                };
            }
            Asked::Refused(refusal) => return Err(End::Refused(refusal)),
        }
        Ok(dropped + self.forward(cx, bytes)?)
    }

    /// Takes a server. If its session parameters are not the client's, they are made so first.
    fn adopt(&mut self, mut server: Box<Server>) {
        self.pool.stats.here().assignments.add(1);
        if !Arc::ptr_eq(&server.parameters, &self.wishes)
            && let Some(sql) = self.wishes.difference(&server.parameters)
        {
            let dialogue = Box::new(Dialogue::new(&mut server, &sql));
            self.phase = Phase::Aligning { server, dialogue };
            return;
        }
        self.begin(server);
    }

    fn begin(&mut self, server: Box<Server>) {
        self.cancel.holder.takes(&server.cancel);
        server.seat.card().taken.again();
        self.phase = Phase::Relaying {
            server,
            outbox: Outbox::default(),
        };
    }

    fn poll_aligning(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let Phase::Aligning { server, dialogue } = &mut self.phase else {
            return Poll::Ready(Ok(()));
        };
        ready!(dialogue.poll(cx, server, &self.pool.commons().interner))
            .map_err(|error| End::from_alignment(&error))?;
        // The server's spelling of the values is the one that will compare equal from now on.
        self.wishes = Arc::clone(&server.parameters);
        self.cancel.holder.has_parameters(&self.wishes);
        if let Phase::Aligning { server, .. } = std::mem::replace(&mut self.phase, Phase::Idle) {
            self.begin(server);
        }
        Poll::Ready(self.go_on(cx))
    }

    /// Lets go of whatever the session has of the pool.
    fn leave_pool(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => {}
            Phase::Waiting { ticket, .. } => self.pool.abandon(ticket),
            Phase::Aligning { server, .. } => self.pool.give_back(server),
            Phase::Relaying { server, mut outbox } => {
                // A server that awaits the rest of a message would take the next client's for it.
                if !self.intake.at_boundary() || !outbox.is_taken(&server.stream) {
                    return;
                }
                // A server that is not free here never will be: it is closed.
                if let Some(server) = self.cancel.holder.lets_go(server, self.tenure) {
                    hand_on(&self.pool, server, self.tenure);
                }
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave_pool();
    }
}
