//! Driver `wire`: one thread, one poll, any number of connections.
//!
//! A transaction costs one write, one read and its share of a poll. Readiness is edge-triggered: a
//! read that does not fill the buffer has emptied the socket, and no second one asks again.

mod cipher;
mod client;
mod doing;
mod link;
mod pacer;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use mio::{Events, Poll, Token};

use self::{
    client::{After, Client},
    pacer::Pacer,
};
use super::{
    EngineError,
    generator::{Job, Over, TICK, Teller, Yield, thread_cpu},
    plan::Visit,
    protocol::{Credentials, Script},
    tally::Tally,
};

/// Bytes that one read can take; all connections of a thread share the buffer.
const READ_BYTES: usize = 64 << 10;
/// Events that one poll can bring.
const EVENTS: usize = 1_024;

/// What clients use while it is their turn.
struct Desk<'a> {
    job: Job<'a>,
    script: Script,
    credentials: Credentials,
    tally: Tally,
    poll: Poll,
    /// Messages on their way out.
    out: BytesMut,
    /// When the target last sent anything.
    heard: Instant,
    /// Places of the clients that wait for a transaction of an open load; the last one goes first,
    /// so that no more connections are made than the load needs.
    idle: Vec<usize>,
}

/// Whether a transaction of an open load is there.
enum Arrival {
    /// One that was to begin at this moment.
    Due(Instant),
    /// One will come.
    Later,
    /// There are no more.
    Never,
}

impl Desk<'_> {
    /// Takes the next transaction of an open load if it is due.
    fn arrival(&mut self, now: Instant) -> Arrival {
        let (since, began) = (self.job.since(now), self.job.began);
        let Some(arrivals) = &mut self.job.plan.arrivals else {
            return Arrival::Never;
        };
        match (arrivals.take(since), arrivals.next()) {
            (Some(at), _) => Arrival::Due(began + at),
            (None, Some(_)) => Arrival::Later,
            (None, None) => Arrival::Never,
        }
    }

    /// When the next transaction of an open load is due.
    fn next_arrival(&self) -> Option<Instant> {
        let at = self.job.plan.arrivals.as_ref()?.next()?;
        Some(self.job.began + at)
    }
}

/// A generator thread.
struct Worker<'a> {
    desk: Desk<'a>,
    /// Connections by token; a free place is used again.
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    /// Clients that rest, by the end of their rest.
    alarms: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Next visit of the plan.
    next: usize,
    pacer: Option<Pacer>,
    teller: Teller,
}

/// Runs `job` in the calling thread until it has ended.
pub(super) fn run(job: Job<'_>) -> Result<Yield, EngineError> {
    let cpu_before = thread_cpu();
    let poll = Poll::new().map_err(EngineError::Generator)?;
    let pacer = job
        .plan
        .arrivals
        .as_ref()
        .map(|_| Pacer::new(poll.registry()));
    let mut worker = Worker {
        clients: Vec::new(),
        free: Vec::new(),
        alarms: BinaryHeap::new(),
        next: 0,
        pacer: pacer.transpose().map_err(EngineError::Generator)?,
        teller: Teller::default(),
        desk: Desk {
            script: Script::new(&job.scenario.transactions)?,
            credentials: Credentials::for_databases(job.endpoint, job.scenario.pool.databases)?,
            tally: Tally::default(),
            poll,
            idle: Vec::new(),
            out: BytesMut::new(),
            heard: job.began,
            job,
        },
    };
    worker.work().map_err(EngineError::Generator)?;
    let lasted = worker.desk.job.since(Instant::now());
    Ok(Yield {
        tally: worker.desk.tally,
        cpu: thread_cpu().saturating_sub(cpu_before),
        lasted,
    })
}

impl Worker<'_> {
    fn work(&mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; READ_BYTES];
        let mut next_tick = self.desk.job.began;
        loop {
            let now = Instant::now();
            self.admit(now);
            self.wake(now);
            self.hand_out(now);
            if now >= next_tick {
                next_tick = now + TICK;
                if let Some(over) = self.tick(now) {
                    self.close(over);
                }
            }
            if self.present() == 0 && self.next == self.desk.job.plan.visits.len() {
                break;
            }
            if let Some((pacer, next)) = self.pacer.as_mut().zip(self.desk.next_arrival())
                && !self.desk.idle.is_empty()
            {
                pacer.wake_at(next)?;
            }
            self.desk
                .poll
                .poll(&mut events, Some(self.patience(now, next_tick)))
                .or_else(|error| match error.kind() {
                    std::io::ErrorKind::Interrupted => Ok(()),
                    _ => Err(error),
                })?;
            for event in &events {
                let Token(place) = event.token();
                if let Some(Some(client)) = self.clients.get_mut(place) {
                    let after = client.ready(event, &mut buffer, &mut self.desk);
                    self.settle(place, after);
                }
            }
        }
        self.tell(Instant::now());
        Ok(())
    }

    /// Lets in the visits that are due, as far as there is room.
    fn admit(&mut self, now: Instant) {
        while let Some(visit) = self.due(now) {
            self.next += 1;
            let place = self.free.pop().unwrap_or_else(|| {
                self.clients.push(None);
                self.clients.len() - 1
            });
            let mut client = Client::new(visit, Token(place), &self.desk);
            let after = client.go_on(now, &mut self.desk);
            self.clients[place] = Some(client);
            self.settle(place, after);
        }
    }

    fn due(&self, now: Instant) -> Option<Visit> {
        let plan = &self.desk.job.plan;
        let visit = plan.visits.get(self.next)?;
        let room = self.present() < plan.max_concurrent;
        (room && visit.starts <= self.desk.job.since(now)).then_some(*visit)
    }

    /// Wakes the clients whose rest is over.
    fn wake(&mut self, now: Instant) {
        while let Some(Reverse((until, place))) = self.alarms.peek().copied() {
            if until > now {
                break;
            }
            self.alarms.pop();
            // Who rests no longer, or has rested again since, has no use for this alarm.
            if let Some(Some(client)) = self.clients.get_mut(place)
                && client.rests_until() == Some(until)
            {
                let after = client.go_on(now, &mut self.desk);
                self.settle(place, after);
            }
        }
    }

    /// Hands the transactions that are due to the clients that are free, and lets these go when no
    /// more will come.
    fn hand_out(&mut self, now: Instant) {
        while let Some(&place) = self.desk.idle.last() {
            let Some(client) = self.clients[place].as_mut().filter(|each| each.is_free()) else {
                self.desk.idle.pop();
                continue;
            };
            let after = match self.desk.arrival(now) {
                Arrival::Later => break,
                Arrival::Due(intended) => {
                    self.desk.idle.pop();
                    self.desk.tally.arrived(now - intended, false);
                    client.serve(intended, now, &mut self.desk)
                }
                Arrival::Never => {
                    self.desk.idle.pop();
                    client.go_on(now, &mut self.desk)
                }
            };
            self.settle(place, after);
        }
    }

    /// Looks at every deadline, and says whether the window is over.
    fn tick(&mut self, now: Instant) -> Option<Over> {
        for place in 0..self.clients.len() {
            if let Some(client) = &mut self.clients[place] {
                let after = client.check(now, &mut self.desk);
                self.settle(place, after);
            }
        }
        self.tell(now);
        self.desk.job.over(now, self.desk.heard)
    }

    /// Ends everything at once.
    fn close(&mut self, over: Over) {
        for place in 0..self.clients.len() {
            if let Some(mut client) = self.clients[place].take() {
                client.cut(over, &mut self.desk);
                self.free.push(place);
            }
        }
        let Desk { job, tally, .. } = &mut self.desk;
        job.miss(tally, Instant::now(), over.dropped());
        let rest = self.desk.job.plan.visits.split_off(self.next);
        for visit in &rest {
            self.desk
                .job
                .forgo(&mut self.desk.tally, visit, 0, over.dropped());
        }
    }

    fn settle(&mut self, place: usize, after: After) {
        match after {
            After::Stay => {}
            After::Free => self.desk.idle.push(place),
            After::Rest(until) => {
                self.desk.idle.retain(|idle| *idle != place);
                self.alarms.push(Reverse((until, place)));
            }
            After::Leave => {
                self.desk.idle.retain(|idle| *idle != place);
                self.clients[place] = None;
                self.free.push(place);
            }
        }
    }

    /// Visits that are in.
    fn present(&self) -> usize {
        self.clients.len() - self.free.len()
    }

    /// How long to wait for the sockets at most.
    fn patience(&self, now: Instant, next_tick: Instant) -> Duration {
        let plan = &self.desk.job.plan;
        let arrival = plan
            .visits
            .get(self.next)
            .filter(|_| self.present() < plan.max_concurrent)
            .map(|visit| self.desk.job.began + visit.starts);
        let alarm = self.alarms.peek().map(|Reverse((until, _))| *until);
        [arrival, alarm]
            .into_iter()
            .flatten()
            .fold(next_tick, Instant::min)
            .saturating_duration_since(now)
    }

    fn tell(&mut self, now: Instant) {
        let present = self.present();
        let since = self.desk.job.since(now);
        let clients = u32::try_from(present).unwrap_or(u32::MAX);
        self.desk.tally.timeline.clients(since, clients);
        let figures = self.desk.tally.figures(u64::from(clients));
        self.teller.tell(self.desk.job.live, figures);
    }
}
