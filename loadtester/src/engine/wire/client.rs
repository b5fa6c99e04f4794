//! A client: connects, logs in, asks, verifies, rests, and counts what came of it.

use std::{
    mem,
    time::{Duration, Instant},
};

use mio::{Token, event::Event};
use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::{load::Connect, pgbench::Machine};

use super::{
    Arrival, Desk,
    cipher::Cipher,
    doing::{Ask, At, Doing},
    link::{Came, Link},
};
use crate::engine::{
    Failure,
    generator::{Over, dropped_with, machine_of},
    plan::{Stay, Visit},
    protocol::{Frame, Login, LoginStep, Progress, Status, error_response},
};

mod asking;

/// A visit that is taking place.
pub(super) struct Client {
    visit: Visit,
    token: Token,
    /// Transactions begun, and queries sent, so far.
    begun: u32,
    sequence: u64,
    link: Option<Link>,
    doing: Doing,
    /// Where the transaction is, and the variables of its script.
    machine: Machine,
    /// In open loop, when the transaction was to begin: whence its latency counts.
    intended: Option<Instant>,
}

/// What becomes of a client now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It waits for its socket.
    Stay,
    /// It is to be woken.
    Rest(Instant),
    /// It waits for a transaction of an open load to arrive.
    Free,
    /// It is done.
    Leave,
}

/// A turn that ended the connection, for this reason.
type Turn<T> = Result<T, Failure>;

impl Client {
    pub(super) fn new(visit: Visit, token: Token, desk: &Desk<'_>) -> Self {
        let doing = Doing::Resting {
            until: Instant::now(),
        };
        Self {
            visit,
            token,
            begun: 0,
            sequence: 0,
            link: None,
            doing,
            machine: machine_of(desk.job.plan.mix.key(), visit.id),
            intended: None,
        }
    }

    pub(super) fn rests_until(&self) -> Option<Instant> {
        match self.doing {
            Doing::Resting { until } | Doing::Sleeping { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Begins the next transaction, goes on with the one that slept, or leaves.
    pub(super) fn go_on(&mut self, now: Instant, desk: &mut Desk<'_>) -> After {
        if let Doing::Sleeping { at, status, .. } = self.doing {
            let turn = self.step(at, now, status, desk);
            return self.finish(turn, desk);
        }
        if self.visit.stays == Stay::Serves {
            return match desk.arrival(now) {
                Arrival::Due(intended) => {
                    desk.tally.arrived(now - intended, desk.idle.is_empty());
                    self.serve(intended, now, desk)
                }
                Arrival::Later => {
                    self.doing = Doing::Free;
                    After::Free
                }
                Arrival::Never => self.leave(desk),
            };
        }
        if !self.visit.goes_on(self.begun, desk.job.since(now)) {
            return self.leave(desk);
        }
        self.begin(now, desk)
    }

    /// Whether a transaction of an open load can be handed to it.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.doing, Doing::Free)
    }

    /// Begins a transaction that was to begin at `intended`.
    pub(super) fn serve(&mut self, intended: Instant, now: Instant, desk: &mut Desk<'_>) -> After {
        self.intended = Some(intended);
        self.begin(now, desk)
    }

    fn begin(&mut self, now: Instant, desk: &mut Desk<'_>) -> After {
        desk.tally.begin();
        self.begun += 1;
        let turn = if self.link.is_some() {
            self.run(now, now, desk)
        } else {
            self.connect(now, desk).map(|()| After::Stay)
        };
        self.finish(turn, desk)
    }

    /// The socket has something to say.
    pub(super) fn ready(&mut self, event: &Event, buffer: &mut [u8], desk: &mut Desk<'_>) -> After {
        let turn = self.turn(event, buffer, desk);
        self.finish(turn, desk)
    }

    /// Looks at the clock: a client that waits too long gives up, one that need not come back goes.
    pub(super) fn check(&mut self, now: Instant, desk: &mut Desk<'_>) -> After {
        if let Doing::Sleeping { .. } = self.doing {
            return After::Stay;
        }
        let Some(began) = self.doing.waits_since() else {
            let goes_on = self.visit.goes_on(self.begun, desk.job.since(now));
            return if goes_on {
                After::Stay
            } else {
                self.leave(desk)
            };
        };
        let limit = desk.job.limits.timeout;
        if now.saturating_duration_since(began) < limit {
            return After::Stay;
        }
        let failure = Failure::new(
            ErrorClass::Timeout,
            format!("{} for {limit:?}", self.doing.name()),
        );
        self.finish(Err(failure), desk)
    }

    /// Ends the visit where it is.
    pub(super) fn cut(&mut self, over: Over, desk: &mut Desk<'_>) {
        if let Some(began) = self.doing.in_flight() {
            let now = Instant::now();
            let latency = self.latency(began, now);
            desk.tally
                .fail(desk.job.since(now), latency, over.unfinished());
        }
        desk.job
            .forgo(&mut desk.tally, &self.visit, self.begun, over.dropped());
        self.leave(desk);
    }

    fn connect(&mut self, now: Instant, desk: &mut Desk<'_>) -> Turn<()> {
        self.doing = Doing::Connecting { began: now };
        let endpoint = desk.job.endpoint;
        let session = endpoint.tls.as_ref().map(|tls| tls.session(&endpoint.host));
        let session = session
            .transpose()
            .map_err(|error| Failure::new(ErrorClass::Connect, error.to_string()))?;
        let cipher = session.map(|session| Box::new(Cipher::new(session)));
        let link = Link::open(desk.job.address, cipher, desk.poll.registry(), self.token);
        self.link =
            Some(link.map_err(|error| Failure::new(ErrorClass::Connect, error.to_string()))?);
        Ok(())
    }

    fn turn(&mut self, event: &Event, buffer: &mut [u8], desk: &mut Desk<'_>) -> Turn<After> {
        let Some(link) = &mut self.link else {
            return Ok(After::Stay); // of a connection that is gone
        };
        if let Doing::Connecting { began } = self.doing {
            let made = link.is_made();
            if !made.map_err(|error| Failure::new(ErrorClass::Connect, error.to_string()))? {
                return Ok(After::Stay);
            }
            self.doing = Doing::LoggingIn {
                began,
                login: Login::default(),
                done: false,
            };
            link.send(desk.credentials.startup_of(self.visit.id.0))
                .map_err(|error| Failure::disconnect(&error))?;
        }
        if event.is_writable() {
            link.flush().map_err(|error| Failure::disconnect(&error))?;
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            return self.receive(event.is_read_closed() || event.is_error(), buffer, desk);
        }
        Ok(After::Stay)
    }

    /// Reads until the socket is empty. `closing` says that its end is among what is to be read.
    fn receive(&mut self, closing: bool, buffer: &mut [u8], desk: &mut Desk<'_>) -> Turn<After> {
        loop {
            let Some(link) = &mut self.link else {
                return Ok(After::Stay);
            };
            match link
                .read(buffer)
                .map_err(|error| self.ended(&error.to_string()))?
            {
                Came::Nothing => return Ok(After::Stay),
                Came::End => return Err(self.ended("the server closed the connection")),
                Came::Bytes { len, more } => {
                    let now = Instant::now();
                    desk.heard = now;
                    let after = self.take(&buffer[..len], now, desk)?;
                    if after != After::Stay || !(more || closing) {
                        return Ok(after);
                    }
                }
            }
        }
    }

    /// Takes bytes from the server, and goes on where they complete what was waited for.
    fn take(&mut self, bytes: &[u8], now: Instant, desk: &mut Desk<'_>) -> Turn<After> {
        let Some(link) = &mut self.link else {
            return Ok(After::Stay);
        };
        let mut frames = mem::take(&mut link.frames);
        let mut rest = bytes;
        while let Some(frame) = frames.next(&mut rest)? {
            self.frame(&frame, now, desk)?;
        }
        if let Some(link) = &mut self.link {
            link.frames = frames;
        }
        self.proceed(now, desk)
    }

    fn frame(&mut self, frame: &Frame<'_>, now: Instant, desk: &mut Desk<'_>) -> Turn<()> {
        match &mut self.doing {
            Doing::LoggingIn {
                began,
                login,
                done: false,
            } => match login.take(frame, &mut desk.credentials)? {
                LoginStep::Wait => Ok(()),
                LoginStep::Send(bytes) => self.send(&bytes),
                LoginStep::Done => {
                    desk.tally.connected(now.saturating_duration_since(*began));
                    if let Doing::LoggingIn { done, .. } = &mut self.doing {
                        *done = true;
                    }
                    Ok(())
                }
            },
            Doing::Asking(Ask {
                ended: None,
                answer,
                ..
            })
            | Doing::Mending {
                ended: false,
                answer,
                ..
            } => {
                let progress = answer.take(frame)?;
                match (&mut self.doing, progress) {
                    (Doing::Asking(_), Progress::CopyIn) => return self.copy_in(desk),
                    (Doing::Asking(ask), Progress::Ready(status)) => ask.ended = Some(status),
                    (Doing::Mending { ended, .. }, Progress::Ready(_)) => *ended = true,
                    _ => {}
                }
                Ok(())
            }
            // Nothing was asked, or all of it is answered: only news may come.
            _ => match frame.tag {
                b'N' | b'A' | b'S' => Ok(()),
                b'E' => Err(error_response(frame.body)),
                tag => Err(Failure::violation(format!(
                    "expected nothing after ReadyForQuery, got a message of type {}",
                    tag.escape_ascii()
                ))),
            },
        }
    }

    /// Goes on after a login or an answer that is complete.
    fn proceed(&mut self, now: Instant, desk: &mut Desk<'_>) -> Turn<After> {
        match &mut self.doing {
            Doing::LoggingIn {
                began, done: true, ..
            } => {
                let from = match desk.job.plan.connect {
                    Connect::Once => now,
                    Connect::PerTransaction => *began,
                };
                self.run(from, now, desk)
            }
            Doing::Asking(ask) => match ask.ended {
                Some(status) => self.answered(status, now, desk),
                None => Ok(After::Stay),
            },
            Doing::Mending {
                ended: true,
                answer,
                ..
            } => match answer.error() {
                None => Ok(self.rest(now, desk)),
                Some(error) => Err(error),
            },
            _ => Ok(After::Stay),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Turn<()> {
        match &mut self.link {
            Some(link) => link
                .send(bytes)
                .map_err(|error| Failure::disconnect(&error)),
            None => Ok(()),
        }
    }

    /// Between two transactions: thinks if the plan says so, or goes on.
    fn rest(&mut self, now: Instant, desk: &mut Desk<'_>) -> After {
        if desk.job.plan.connect == Connect::PerTransaction {
            self.hang_up(desk);
        }
        let since = desk.job.since(now);
        let ends = self.visit.pause.ends(since);
        if ends <= since {
            return self.go_on(now, desk);
        }
        let until = desk.job.began + ends;
        self.doing = Doing::Resting { until };
        After::Rest(until)
    }

    /// Takes a turn's result: a failure ends the connection and the transaction with it.
    fn finish(&mut self, turn: Turn<After>, desk: &mut Desk<'_>) -> After {
        let failure = match turn {
            Ok(after) => return after,
            Err(failure) => failure,
        };
        let now = Instant::now();
        let since = desk.job.since(now);
        let connecting = self.doing.is_connecting();
        match (self.doing.in_flight(), &self.doing) {
            (Some(began), _) => {
                let latency = self.latency(began, now);
                desk.tally.fail(since, latency, failure.clone());
            }
            // The transaction that is being rolled back has been counted.
            (None, Doing::Mending { .. }) => {}
            // It broke while nothing was asked: what would have come next has failed.
            (None, _) => {
                self.begun += 1;
                desk.tally.forgo(since, 1, failure.clone());
            }
        }
        self.link = None;
        match self.visit.stays {
            Stay::Transactions(_) => {
                let cause = if connecting {
                    failure
                } else {
                    dropped_with(&failure)
                };
                desk.job
                    .forgo(&mut desk.tally, &self.visit, self.begun, cause);
                After::Leave
            }
            Stay::Until(_) | Stay::Serves => {
                let until = now + desk.job.limits.comeback;
                self.doing = Doing::Resting { until };
                After::Rest(until)
            }
        }
    }

    fn leave(&mut self, desk: &mut Desk<'_>) -> After {
        self.hang_up(desk);
        After::Leave
    }

    /// Ends the session as the protocol wants it, as far as the socket takes that at once.
    fn hang_up(&mut self, desk: &Desk<'_>) {
        if let Some(mut link) = self.link.take() {
            let _ = link.send(&desk.script.terminate);
        }
    }

    /// The connection ended under the client. An ErrorResponse that came before says why.
    fn ended(&mut self, how: &str) -> Failure {
        if self.link.as_ref().is_some_and(Link::is_handshaking) {
            return Failure::new(ErrorClass::Connect, format!("TLS handshake: {how}"));
        }
        self.doing.error().unwrap_or_else(|| {
            let message = format!("{how} while the client was {}", self.doing.name());
            Failure::new(ErrorClass::Disconnect, message)
        })
    }

    /// How long a transaction took that was begun at `began` and is over `now`.
    fn latency(&self, began: Instant, now: Instant) -> Duration {
        now.saturating_duration_since(self.intended.unwrap_or(began))
    }

    fn pick(&self, desk: &Desk<'_>) -> usize {
        desk.job.plan.mix.pick(self.visit.id, self.begun - 1)
    }
}
