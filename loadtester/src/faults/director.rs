//! Does what the faults of a scenario say while its window runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use poolproof_reports::record::Window;
use poolproof_scenarios::fault::{Fault, FaultKind, LinkPlace, Party};

use super::{
    course::{Course, State, Step},
    effect,
    link::Link,
    saboteur::Saboteurs,
};
use crate::{
    engine::{Endpoint, Live, LiveFigures},
    environment::{Blow, Environment, Struck, Target, wait},
};

/// Pause between two looks at what is due.
const STEP: Duration = Duration::from_millis(10);
/// Every backend of the load's role, and how many there were.
const END_BACKENDS: &str = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) AS ended \
     FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename = '";

/// Everybody whom a fault may hit.
#[derive(Debug)]
pub struct Cast<'a> {
    /// PostgreSQL and what starts it.
    pub environment: &'a mut Environment,
    /// The target.
    pub target: &'a mut Target,
    /// The link that the clients come through, if one stands there.
    pub client_link: Option<&'a Link>,
    /// The link before PostgreSQL, if one stands there.
    pub server_link: Option<&'a Link>,
    /// Where clients connect.
    pub endpoint: Endpoint,
}

/// What a fault left to be counted when the window is over.
enum Trace {
    /// Nothing: what it did was said when it was done.
    None,
    /// Connections that a link did something to.
    Link(Arc<AtomicU64>),
    /// Clients that came.
    Clients(Saboteurs),
}

impl Trace {
    fn count(&self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Link(struck) => Some(struck.load(Relaxed)),
            Self::Clients(saboteurs) => Some(saboteurs.acted.load(Relaxed)),
        }
    }
}

/// Runs `window` in a thread of its own and does meanwhile, on this thread, what `faults` say. The
/// window comes back with their marks; it is invalid if one of them did nothing.
///
/// The environment starts its processes on this thread, which outlives them.
pub fn attend<E>(
    faults: &[Fault],
    cast: &mut Cast<'_>,
    live: &Live,
    run_started: Instant,
    window: impl FnOnce() -> Result<Window, E> + Send,
    lost: impl FnOnce() -> E,
) -> Result<Window, E>
where
    E: Send,
{
    let mut director = Director {
        cast,
        began: Instant::now(),
        courses: faults
            .iter()
            .map(|fault| (Course::new(*fault), Trace::None))
            .collect(),
    };
    let outcome = thread::scope(|scope| {
        let window = scope.spawn(window);
        while !wait::until(STEP, || window.is_finished()) {
            // The window begins when its clients come, which on a busy machine takes a moment.
            if live.figures() == LiveFigures::default() {
                director.began = Instant::now();
            } else {
                director.look(live);
            }
        }
        window.join()
    });
    director.finish();
    let mut window = outcome.unwrap_or_else(|_| Err(lost()))?;
    let began = run_started + Duration::from_millis(window.started_ms);
    let early = director.began.saturating_duration_since(began);
    let courses = director.told();
    window.faults = effect::marks(&courses, &window, early);
    window.invalid = window.invalid.or_else(|| effect::missed(&courses));
    Ok(window)
}

struct Director<'a, 'cast> {
    cast: &'a mut Cast<'cast>,
    began: Instant,
    courses: Vec<(Course, Trace)>,
}

impl Director<'_, '_> {
    /// Does everything that is due.
    fn look(&mut self, live: &Live) {
        let succeeded = live.figures().succeeded;
        for index in 0..self.courses.len() {
            let (course, trace) = &self.courses[index];
            let struck = trace.count() != Some(0);
            match course.due(self.began.elapsed(), succeeded, struck) {
                Some(Step::Begin) => self.begin(index),
                Some(Step::End) => self.end(index),
                None => {}
            }
        }
    }

    /// Undoes everything that is still going on, whatever the time.
    fn finish(&mut self) {
        for index in 0..self.courses.len() {
            if matches!(self.courses[index].0.state, State::Going { .. }) {
                self.end(index);
            }
        }
    }

    fn begin(&mut self, index: usize) {
        let since = self.began.elapsed();
        let fault = self.courses[index].0.fault;
        let (outcome, trace) = match self.deal(&fault) {
            Ok((effect, trace)) => (Ok(effect), trace),
            Err(reason) => (Err(reason), Trace::None),
        };
        let (course, kept) = &mut self.courses[index];
        course.outcome = outcome;
        course.state = State::Going { since };
        *kept = trace;
    }

    fn end(&mut self, index: usize) {
        let fault = self.courses[index].0.fault;
        let undone = self.undo(&fault);
        let course = &mut self.courses[index].0;
        if let State::Going { since } = course.state {
            let until = self.began.elapsed();
            // One that was over at once was over before it was looked at again.
            let until = if fault.kind.lasts() { until } else { since };
            course.state = State::Over { since, until };
        }
        if let Err(reason) = undone {
            course.outcome = Err(format!("it could not be undone: {reason}"));
        }
    }

    /// Begins a fault; what it did, in words.
    fn deal(&mut self, fault: &Fault) -> Result<(String, Trace), String> {
        let said = |text: &str| Ok((text.to_owned(), Trace::None));
        match fault.kind {
            FaultKind::BackendsKilled => {
                let ended = self.end_backends()?;
                said(&format!("{ended} backends ended"))
            }
            FaultKind::PostgresStopped => {
                self.strike(Struck::Postgres, &[Blow::Stop])?;
                said("PostgreSQL was down")
            }
            FaultKind::PostgresRestarted => {
                self.strike(Struck::Postgres, &[Blow::Stop, Blow::Start])?;
                said("PostgreSQL was started anew")
            }
            FaultKind::PostgresFrozen => {
                self.strike(Struck::Postgres, &[Blow::Freeze])?;
                said("PostgreSQL stood still")
            }
            FaultKind::PoolerReloaded => {
                self.strike(Struck::Pooler, &[Blow::Reload])?;
                said("it was told to read its configuration again")
            }
            FaultKind::PoolerRestarted => {
                self.strike(Struck::Pooler, &[Blow::Stop, Blow::Start])?;
                said("the pooler was started anew")
            }
            FaultKind::PoolerPaused => {
                self.strike(Struck::Pooler, &[Blow::Pause])?;
                said("the pooler kept its clients waiting")
            }
            FaultKind::PoolerFrozen => {
                self.strike(Struck::Pooler, &[Blow::Freeze])?;
                said("the pooler stood still")
            }
            FaultKind::PoolerKilled => {
                self.strike(Struck::Pooler, &[Blow::Kill])?;
                said("the pooler was gone")
            }
            FaultKind::LinkDelayed
            | FaultKind::LinkStalled
            | FaultKind::LinkCut
            | FaultKind::LinkReset => {
                let struck = self.link(fault)?.strike(fault);
                Ok((String::new(), Trace::Link(struck)))
            }
            FaultKind::ClientsVanish
            | FaultKind::ClientsStopReading
            | FaultKind::ClientsHalfSay => {
                let clients = Saboteurs::send(fault, &self.cast.endpoint);
                let clients = clients.map_err(|error| error.to_string())?;
                Ok((String::new(), Trace::Clients(clients)))
            }
        }
    }

    /// Ends a fault.
    fn undo(&mut self, fault: &Fault) -> Result<(), String> {
        match fault.kind {
            FaultKind::PostgresStopped => self.strike(Struck::Postgres, &[Blow::Start]),
            FaultKind::PostgresFrozen => self.strike(Struck::Postgres, &[Blow::Thaw]),
            FaultKind::PoolerPaused => self.strike(Struck::Pooler, &[Blow::Resume]),
            FaultKind::PoolerFrozen => self.strike(Struck::Pooler, &[Blow::Thaw]),
            FaultKind::PoolerKilled => self.strike(Struck::Pooler, &[Blow::Start]),
            FaultKind::LinkDelayed
            | FaultKind::LinkStalled
            | FaultKind::LinkCut
            | FaultKind::LinkReset => {
                self.link(fault)?.mend();
                Ok(())
            }
            FaultKind::BackendsKilled
            | FaultKind::PostgresRestarted
            | FaultKind::PoolerReloaded
            | FaultKind::PoolerRestarted
            | FaultKind::ClientsVanish
            | FaultKind::ClientsStopReading
            | FaultKind::ClientsHalfSay => Ok(()),
        }
    }

    fn strike(&mut self, whom: Struck, blows: &[Blow]) -> Result<(), String> {
        let Cast {
            environment,
            target,
            ..
        } = &mut *self.cast;
        blows
            .iter()
            .try_for_each(|blow| environment.strike(whom, *blow, target))
            .map_err(|error| error.to_string())
    }

    fn end_backends(&self) -> Result<u64, String> {
        let Cast {
            environment,
            endpoint,
            ..
        } = &*self.cast;
        let statement = format!(
            "{END_BACKENDS}{}') AS all_of_them WHERE ended",
            endpoint.user
        );
        let answer = environment
            .ask(&statement)
            .map_err(|error| error.to_string())?;
        match answer.parse() {
            Ok(0) | Err(_) => Err("no backend was there".to_owned()),
            Ok(ended) => Ok(ended),
        }
    }

    fn link(&self, fault: &Fault) -> Result<&Link, String> {
        let link = match fault.link {
            LinkPlace::Client => self.cast.client_link,
            LinkPlace::Server => self.cast.server_link.or(self.cast.client_link),
        };
        link.ok_or_else(|| "no link stands there".to_owned())
    }

    /// The courses with what could only be counted at the end.
    fn told(self) -> Vec<Course> {
        let told = |(mut course, trace): (Course, Trace)| {
            if course.outcome.is_ok()
                && let Some(count) = trace.count()
            {
                course.outcome = counted(&course.fault, count);
            }
            course
        };
        self.courses.into_iter().map(told).collect()
    }
}

fn counted(fault: &Fault, count: u64) -> Result<String, String> {
    let party = match fault.kind.party() {
        Party::Clients => "clients",
        Party::Postgres | Party::Pooler | Party::Link => "connections",
    };
    let done = match fault.kind {
        FaultKind::LinkDelayed => "delayed",
        FaultKind::LinkStalled => "stalled",
        FaultKind::LinkCut => "cut",
        FaultKind::LinkReset => "reset",
        FaultKind::ClientsVanish => "vanished",
        FaultKind::ClientsStopReading => "did not read",
        _ => "said half of a message",
    };
    if count == 0 {
        return Err(format!("no {party} {done}"));
    }
    Ok(format!("{count} {party} {done}"))
}
