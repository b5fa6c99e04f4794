//! Drivers `tokio-postgres` and `sqlx`: the same load through the crates that applications use.
//!
//! Each generator thread has a runtime of its own. What is counted is what driver `wire` counts, so
//! that they can be held against each other.

mod column;
mod session;
mod sqlx;
mod statement;
mod tokio_postgres;
mod trouble;
mod turnstile;

use std::{
    cell::{Cell, RefCell},
    future::pending,
    io,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::{load::Connect, pgbench::Machine};
use tokio::{
    sync::{Semaphore, watch},
    time::{interval, sleep, sleep_until, timeout},
};

use self::{
    session::{Connector, Session},
    statement::Statements,
    trouble::Trouble,
    turnstile::{Turn, Turnstile},
};
use super::{
    DriverKind, EngineError, Failure,
    generator::{
        Job, Over, TICK, Teller, Yield, dropped_with, identity_of, machine_of, thread_cpu,
    },
    plan::{Nonce, Stay, Visit},
    protocol::database_of,
    tally::Tally,
};

/// What the clients of a thread share.
struct Desk<'a> {
    job: Job<'a>,
    connector: Connector,
    statements: Statements,
    tally: RefCell<Tally>,
    clients: Cell<u32>,
    /// When the target last answered anything.
    heard: Cell<Instant>,
    /// Places for visits.
    room: Semaphore,
    /// In open loop, what hands out the transactions.
    turnstile: Option<Turnstile>,
}

impl Desk<'_> {
    /// Counts a transaction that failed.
    fn went_wrong(&self, trouble: &Trouble, since: Duration, latency: Duration) {
        let mut tally = self.tally.borrow_mut();
        let failure = trouble.failure().clone();
        match trouble {
            Trouble::Script(_) => tally.fault(since, latency, failure),
            Trouble::Failed(_) | Trouble::Broken(_) => tally.fail(since, latency, failure),
        }
    }
}

/// How far a visit has come.
struct Course {
    begun: Cell<u32>,
    sequence: Cell<u64>,
    /// When the transaction in flight began, or in open loop was to begin.
    in_flight: Cell<Option<Instant>>,
}

/// Runs `job` in the calling thread until it has ended.
pub(super) fn run(driver: DriverKind, job: Job<'_>) -> Result<Yield, EngineError> {
    let cpu_before = thread_cpu();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(EngineError::Generator)?;
    let turnstile = {
        let _within = runtime.enter();
        let arrivals = job.plan.arrivals.clone();
        arrivals.map(|arrivals| Turnstile::new(job.began, arrivals))
    };
    let desk = Desk {
        turnstile: turnstile.transpose().map_err(EngineError::Generator)?,
        connector: Connector::new(driver, job.endpoint, job.address)?,
        statements: Statements::new(&job.scenario.transactions)?,
        tally: RefCell::default(),
        clients: Cell::new(0),
        heard: Cell::new(job.began),
        room: Semaphore::new(job.plan.max_concurrent),
        job,
    };
    runtime
        .block_on(work(&desk))
        .map_err(EngineError::Generator)?;
    let lasted = desk.job.since(Instant::now());
    // Connections that are still saying goodbye get a moment for it.
    runtime.shutdown_timeout(Duration::from_millis(50));
    let tally = desk.tally.into_inner();
    Ok(Yield {
        tally,
        cpu: thread_cpu().saturating_sub(cpu_before),
        lasted,
    })
}

/// Runs all visits. Not cancel safe: what was not counted yet is lost.
async fn work(desk: &Desk<'_>) -> io::Result<()> {
    let (end, over) = watch::channel(None);
    let mut visits: FuturesUnordered<_> = desk
        .job
        .plan
        .visits
        .iter()
        .map(|visit| attend(desk, visit, over.clone()))
        .collect();
    let mut ticks = interval(TICK);
    let mut teller = Teller::default();
    let mut why_over = None;
    let pace = async {
        if let Some(turnstile) = &desk.turnstile {
            turnstile.attend().await?;
        }
        pending().await
    };
    tokio::pin!(pace);
    loop {
        tokio::select! {
            failed = &mut pace => return failed,
            visit = visits.next() => if visit.is_none() { break },
            _ = ticks.tick() => {
                let now = Instant::now();
                tell(desk, &mut teller, now);
                if let Some(why) = desk.job.over(now, desk.heard.get()) {
                    end.send_replace(Some(why));
                    why_over = Some(why);
                }
            }
        }
    }
    let now = Instant::now();
    if let (Some(turnstile), Some(why)) = (&desk.turnstile, why_over) {
        let mut tally = desk.tally.borrow_mut();
        tally.missed(desk.job.since(now), turnstile.missed(now), why.dropped());
    }
    tell(desk, &mut teller, now);
    Ok(())
}

fn tell(desk: &Desk<'_>, teller: &mut Teller, now: Instant) {
    let clients = desk.clients.get();
    let mut tally = desk.tally.borrow_mut();
    tally.timeline.clients(desk.job.since(now), clients);
    teller.tell(desk.job.live, tally.figures(u64::from(clients)));
}

/// Carries a visit out to its end or the window's.
async fn attend(desk: &Desk<'_>, visit: &Visit, mut over: watch::Receiver<Option<Over>>) {
    let course = Course {
        begun: Cell::default(),
        sequence: Cell::default(),
        in_flight: Cell::default(),
    };
    let ended = async {
        match over
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|why| *why)
        {
            Some(why) => why,
            None => pending().await, // the sender outlives every visit
        }
    };
    let why = tokio::select! {
        biased;
        () = come(desk, visit, &course) => return,
        why = ended => why,
    };
    let now = Instant::now();
    let mut tally = desk.tally.borrow_mut();
    if let Some(began) = course.in_flight.get() {
        let latency = now.saturating_duration_since(began);
        tally.fail(desk.job.since(now), latency, why.unfinished());
    }
    desk.job
        .forgo(&mut tally, visit, course.begun.get(), why.dropped());
}

/// Waits for time and room, then stays.
async fn come(desk: &Desk<'_>, visit: &Visit, course: &Course) {
    sleep_until((desk.job.began + visit.starts).into()).await;
    let Ok(_place) = desk.room.acquire().await else {
        return;
    };
    let _present = Present::new(&desk.clients);
    stay(desk, visit, course).await;
}

/// Counts a client while it is there.
struct Present<'a>(&'a Cell<u32>);

impl<'a> Present<'a> {
    fn new(clients: &'a Cell<u32>) -> Self {
        clients.set(clients.get() + 1);
        Self(clients)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Runs transactions until the visit is over.
async fn stay(desk: &Desk<'_>, visit: &Visit, course: &Course) {
    let mut session = None;
    let mut machine = machine_of(desk.job.plan.mix.key(), visit.id);
    while visit.goes_on(course.begun.get(), desk.job.since(Instant::now())) {
        let began = match turn(desk, visit).await {
            Some(Turn { intended, .. }) => intended,
            None if visit.stays == Stay::Serves => return,
            None => Instant::now(),
        };
        desk.tally.borrow_mut().begin();
        course.begun.set(course.begun.get() + 1);
        course.in_flight.set(Some(began));
        let had_session = session.is_some();
        let result = transact(desk, visit, course, &mut session, &mut machine).await;
        course.in_flight.set(None);
        let now = Instant::now();
        let since = desk.job.since(now);
        match result {
            Ok(service) if visit.stays == Stay::Serves => {
                let mut tally = desk.tally.borrow_mut();
                tally.open.service.record(service);
                tally.succeed(since, now.saturating_duration_since(began));
            }
            Ok(latency) => desk.tally.borrow_mut().succeed(since, latency),
            Err(trouble) => {
                let failure = trouble.failure().clone();
                let latency = now.saturating_duration_since(began);
                desk.went_wrong(&trouble, since, latency);
                if let Trouble::Broken(_) = trouble {
                    let connecting = !had_session && session.is_none();
                    session = None;
                    let cause = if connecting {
                        failure
                    } else {
                        dropped_with(&failure)
                    };
                    if give_up(desk, visit, course, cause) {
                        return;
                    }
                    sleep(desk.job.limits.comeback).await;
                    continue;
                }
            }
        }
        if desk.job.plan.connect == Connect::PerTransaction {
            session = None;
        }
        think(desk, visit).await;
    }
}

/// Waits for the next transaction of an open load. Cancel safe.
async fn turn(desk: &Desk<'_>, visit: &Visit) -> Option<Turn> {
    let turnstile = desk.turnstile.as_ref()?;
    if visit.stays != Stay::Serves {
        return None;
    }
    let turn = turnstile.pass().await?;
    desk.tally.borrow_mut().arrived(turn.late, turn.waited);
    Some(turn)
}

/// After a lost connection: whether the visit ends there, its other transactions failed.
fn give_up(desk: &Desk<'_>, visit: &Visit, course: &Course, cause: Failure) -> bool {
    desk.job.forgo(
        &mut desk.tally.borrow_mut(),
        visit,
        course.begun.get(),
        cause,
    );
    matches!(visit.stays, Stay::Transactions(_))
}

/// Thinks, but not beyond the end of the visit.
async fn think(desk: &Desk<'_>, visit: &Visit) {
    let now = desk.job.since(Instant::now());
    let ends = visit.pause.ends(now);
    let until = match visit.stays {
        Stay::Until(end) => ends.min(end),
        Stay::Transactions(_) | Stay::Serves => ends,
    };
    if until > now {
        sleep_until((desk.job.began + until).into()).await;
    }
}

/// Connects if need be, and runs the next transaction; returns its latency. Not cancel safe: the
/// session is of no use when this is dropped in the middle.
async fn transact(
    desk: &Desk<'_>,
    visit: &Visit,
    course: &Course,
    session: &mut Option<Session>,
    machine: &mut Machine,
) -> Result<Duration, Trouble> {
    let limit = desk.job.limits.timeout;
    let arrived = Instant::now();
    let session = match session {
        Some(session) => session,
        none => {
            let databases = desk.job.scenario.pool.databases;
            let dbname = database_of(desk.job.endpoint, databases, visit.id.0);
            // Rare and large, so that it is not part of what every transaction carries along.
            let opening = Box::pin(Session::open(&desk.connector, &dbname));
            let opened = timeout(limit, opening)
                .await
                .unwrap_or_else(|_| Err(too_late("connecting", limit)))?;
            let now = Instant::now();
            desk.heard.set(now);
            desk.tally
                .borrow_mut()
                .connected(now.saturating_duration_since(arrived));
            none.insert(opened)
        }
    };
    let began = match desk.job.plan.connect {
        Connect::PerTransaction => arrived,
        Connect::Once => Instant::now(),
    };
    let key = desk.job.plan.mix.key();
    let nonces = || {
        let sequence = course.sequence.get();
        course.sequence.set(sequence + 1);
        Nonce::new(desk.job.plan.nonces, visit.id, sequence)
    };
    let pick = desk.job.plan.mix.pick(visit.id, course.begun.get() - 1);
    let work = desk.statements.work(pick);
    machine.begin(&work.program, identity_of(key, visit.id));
    let result = timeout(limit, session.run(work, machine, nonces))
        .await
        .unwrap_or_else(|_| Err(too_late("waiting for an answer", limit)));
    let now = Instant::now();
    if matches!(
        result,
        Ok(()) | Err(Trouble::Failed(_) | Trouble::Script(_))
    ) {
        desk.heard.set(now);
    }
    result.map(|()| now.saturating_duration_since(began))
}

fn too_late(doing: &str, limit: Duration) -> Trouble {
    Trouble::Broken(Failure::new(
        ErrorClass::Timeout,
        format!("{doing} for {limit:?}"),
    ))
}
