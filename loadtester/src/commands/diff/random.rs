//! `poolproof diff --random`: sessions that are generated, not written.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use poolproof_scenarios::{
    pool::{ClientTls, PoolSettings},
    session::Transport,
};

use super::{CLIENTS_MAX, not_offered, place, pool, unperformed};
use crate::{
    cli::{DiffArgs, OutputFlags},
    commands::write,
    diff::{
        Beside, DiffError, Limits, Place, Stage, columns,
        generate::{self, Weights, promise::Promise},
        random::{self, Bag, Finding, Hunt, Pair, REPLAYS},
    },
    engine::{Endpoint, Stop},
    environment::{Demand, Environment, Target},
    exit::Exit,
    output,
    problem::Problem,
    targets::{CatalogTarget, TargetSpec},
};

/// Confirmed findings after which a target is left alone: by then it has work enough.
const FINDINGS_MAX: usize = 20;
/// Patience with a target that says nothing while PostgreSQL has nothing to do: many run side by side
/// here, and one that got no processor for a second is not yet one that hangs.
const LIMITS: Limits = Limits {
    hang: Duration::from_secs(5),
    slow: Duration::from_secs(30),
};
/// Sessions for which another PostgreSQL and another target are worth their start.
const SESSIONS_A_JOB: u64 = 100;
/// Most jobs that nobody has asked for.
const JOBS_MAX: u64 = 16;
/// Pause between two lines of progress.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// Runs `sessions` generated sessions against each target.
pub(super) fn run(
    args: &DiffArgs,
    flags: OutputFlags,
    sessions: u64,
    stop: &Stop,
) -> Result<Exit, Problem> {
    let seed = args.seed.unwrap_or_else(|| rand::random::<u32>().into());
    let weights = Weights::of_the_catalog()
        .map_err(|error| Problem::usage(error, "Mend scenarios/catalog/behaviour/weights.toml."))?;
    let hunt = |promise| Hunt {
        seed,
        sessions,
        way: args.way(),
        promise,
        weights: weights.clone(),
        findings_max: FINDINGS_MAX,
    };
    output::print(&format!("seed {seed}\n"))?;
    let mut exit = Exit::Ok;
    for target in &args.targets {
        let began = Instant::now();
        let hunt = hunt(Promise::of(args.mode.into(), carries(target, args)));
        let bag = against(target, args, flags, &hunt, stop)?;
        output::print(&summary(target, &bag, began.elapsed()))?;
        if bag.confirmed().next().is_some() {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// Whether the target promises that named statements follow a client: ours does, and a pooler that the
/// user says does.
fn carries(target: &TargetSpec, args: &DiffArgs) -> bool {
    args.carried_statements || *target == TargetSpec::Catalog(CatalogTarget::proxy())
}

/// A PostgreSQL and a target of its own for one thread, so that threads don't disturb each other.
///
/// The order of the fields is the order in which they are dropped.
struct Arena {
    target: Target,
    direct: Target,
    environment: Environment,
}

impl Arena {
    fn start(spec: &TargetSpec, args: &DiffArgs, stop: &Stop) -> Result<Self, Problem> {
        let client_tls_sslmode = match args.way().0 {
            Some(Transport::Tls) => ClientTls::Require,
            _ => ClientTls::Disable,
        };
        let direct = TargetSpec::Catalog(CatalogTarget::direct());
        let demand = Demand {
            targets: vec![direct.clone(), spec.clone()],
            clients_max: CLIENTS_MAX,
            tls: !client_tls_sslmode.is_disabled(),
            choices: args.environment.choices()?,
        };
        let pool = PoolSettings {
            pool_mode: args.mode.into(),
            ..pool(client_tls_sslmode)
        };
        let environment = Environment::start(&demand, stop)?;
        Ok(Self {
            direct: environment.target(&direct, &pool, stop)?,
            target: environment.target(spec, &pool, stop)?,
            environment,
        })
    }

    fn addresses(&self) -> Option<Addresses> {
        Some(Addresses {
            administrator: self.environment.administrator()?.clone(),
            direct: place(&self.direct),
            target: place(&self.target),
        })
    }
}

/// Where the parts of an arena are.
struct Addresses {
    administrator: Endpoint,
    direct: Place,
    target: Place,
}

impl Addresses {
    /// Not cancel safe: connections are lost.
    async fn pair(&self) -> Result<Pair, DiffError> {
        let beside = Beside::connect(&self.administrator, &self.direct.endpoint.user).await?;
        let beside = Arc::new(beside);
        let stage = |place: &Place| {
            Stage::new(place.clone(), Arc::clone(&beside), LIMITS)
                .map(|stage| stage.on(generate::GROUND))
        };
        Ok(Pair {
            oracle: stage(&self.direct)?.with_spares(),
            target: stage(&self.target)?,
            runs: 0,
        })
    }
}

fn against(
    target: &TargetSpec,
    args: &DiffArgs,
    flags: OutputFlags,
    hunt: &Hunt,
    stop: &Stop,
) -> Result<Bag, Problem> {
    let jobs = args.jobs.unwrap_or_else(|| usual_jobs(hunt.sessions));
    let arenas = (0..jobs).map(|_| Arena::start(target, args, stop));
    let arenas = arenas.collect::<Result<Vec<_>, _>>()?;
    let addresses: Option<Vec<_>> = arenas.iter().map(Arena::addresses).collect();
    let addresses = addresses.ok_or_else(|| {
        Problem::usage(
            "expected a target whose PostgreSQL is ours",
            "Name proxy or pgbouncer as the target.",
        )
    })?;
    let (transport, _) = hunt.way;
    let transport = transport.unwrap_or_default();
    let offers = |addresses: &Addresses| addresses.target.offers(transport);
    if !addresses.iter().all(offers) {
        return Err(not_offered(target, transport));
    }
    let open = async |job: u32| addresses[job as usize].pair().await;
    let done = AtomicU64::new(0);
    // A hunt may be ended at any moment: what was found by then is written down.
    let unsaved = Mutex::new(None);
    let tell = |finding: &Finding| {
        let saved = save(&args.out, target, hunt.seed, finding)
            .and_then(|()| output::print(&told(finding)));
        if let Err(problem) = saved {
            *unsaved.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
            stop.stop();
        }
    };
    let quiet = flags.quiet || flags.no_progress;
    let bag = thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        if !quiet {
            let done = &done;
            scope.spawn(move || tell_progress(done, hunt.sessions, &end));
        }
        let bag = random::run(hunt, jobs, open, &tell, &done, stop);
        drop(ended);
        bag.map_err(|error| unperformed(&error))
    })?;
    match unsaved.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(bag),
        Some(problem) => Err(problem),
    }
}

/// While one session waits for something to happen, or not to happen, another has the processor.
fn usual_jobs(sessions: u64) -> u32 {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let jobs = (2 * cores).min(sessions.div_ceil(SESSIONS_A_JOB));
    u32::try_from(jobs.clamp(1, JOBS_MAX)).unwrap_or(1)
}

/// Says now and then how far it is, until the other end of `end` is dropped.
fn tell_progress(done: &AtomicU64, sessions: u64, end: &mpsc::Receiver<()>) {
    let began = Instant::now();
    while end.recv_timeout(BETWEEN_LINES) == Err(RecvTimeoutError::Timeout) {
        let done = done.load(Ordering::Relaxed);
        let rate = per_minute(done, began.elapsed());
        output::tell(&format!("{done} of {sessions} sessions, {rate} a minute"));
    }
}

fn per_minute(sessions: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    sessions.saturating_mul(60_000) / millis
}

fn summary(target: &TargetSpec, bag: &Bag, time: Duration) -> String {
    let confirmed = bag.confirmed().count();
    let once = bag.findings.len() - confirmed;
    format!(
        "{}: {} sessions in {:.1} s ({} a minute), {confirmed} differ, {once} did so once and never \
         again\n",
        target.name(),
        bag.sessions,
        time.as_secs_f64(),
        per_minute(bag.sessions, time)
    )
}

/// What is told of a finding.
fn told(finding: &Finding) -> String {
    let kind = match finding.is_deterministic() {
        true => "deterministic",
        false => "flaky",
    };
    let Finding {
        number,
        shrunk,
        differs,
        shown,
        generated: _,
    } = finding;
    format!(
        "\nsession {number}, {kind} ({differs} of {REPLAYS} replays), {} at {}:\n{shrunk}\n{}",
        shown.difference.tier,
        shown.difference.client,
        columns(
            ("PostgreSQL", "target"),
            &shown.oracle,
            &shown.target,
            Some(&shown.difference)
        )
    )
}

/// Writes down the script, as `--replay` takes it, the session that it was shrunk from, and the traces.
fn save(out: &Path, target: &TargetSpec, seed: u64, finding: &Finding) -> Result<(), Problem> {
    let stem = format!("random-{}-{seed}-{}", target.name(), finding.number);
    let file = |ending: &str| out.join(format!("{stem}.{ending}"));
    write(&file("session"), &finding.shrunk.to_string())?;
    write(&file("generated.session"), &finding.generated.to_string())?;
    write(&file("traces"), &told(finding))
}
