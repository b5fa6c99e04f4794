//! Runs the threads of a window and puts together what they bring.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use poolproof_reports::record::{Cost, Window};

use super::{
    DriverKind, Endpoint, EngineError, Live, Stop, WindowPlan,
    bound::Busy,
    cost::{Bill, Meter},
    generator::{Job, Yield},
    knee,
    limits::Limits,
    plan::{Plan, Shard},
    real,
    verdict::SelfCheck,
    wire,
};
use poolproof_scenarios::load::Load;

/// Processors for each generator thread: a quarter of the machine makes the load, the rest is left
/// to what is measured.
const CORES_FOR_A_THREAD: u32 = 4;
const THREADS_MAX: u32 = 8;
/// Patience with each address of a host that has several.
const PROBE: Duration = Duration::from_secs(1);

/// Runs one window under `limits`.
pub(super) fn run(
    plan: &WindowPlan<'_>,
    live: &Live,
    stop: &Stop,
    limits: Limits,
) -> Result<Window, EngineError> {
    match &plan.scenario.load {
        Load::Knee { .. } => knee::run(plan, stop, |step| run_load(step, live, stop, limits)),
        _ => run_load(plan, live, stop, limits),
    }
}

/// Runs a load that is one piece.
fn run_load(
    plan: &WindowPlan<'_>,
    live: &Live,
    stop: &Stop,
    limits: Limits,
) -> Result<Window, EngineError> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let cores = u32::try_from(cores).unwrap_or(u32::MAX);
    let shards = (cores / CORES_FOR_A_THREAD).clamp(1, THREADS_MAX);
    let address = address(plan.endpoint)?;
    let meter = Meter::start(&plan.watch);
    let began = Instant::now();
    let jobs = (0..shards).map(|index| Job {
        plan: Plan::new(
            plan.scenario,
            plan.seed,
            plan.block,
            Shard { index, of: shards },
        )
        .with_nonces_of(plan.target),
        scenario: plan.scenario,
        endpoint: plan.endpoint,
        address,
        limits,
        began,
        live,
        stop,
    });
    let yields = run_all(plan.driver, jobs.collect(), &meter)?;
    let bill = meter.finish();
    let started = began.saturating_duration_since(plan.run_started);
    let is_open = matches!(plan.scenario.load, Load::Open { .. });
    let window = assemble(plan.block, started, yields, &bill, cores, is_open);
    Ok(window)
}

/// Runs each job in a thread of its own, and looks at the memory meanwhile.
fn run_all(
    driver: DriverKind,
    jobs: Vec<Job<'_>>,
    meter: &Meter,
) -> Result<Vec<Yield>, EngineError> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sampler = meter.sample(scope, &done);
        let threads: Vec<_> = jobs
            .into_iter()
            .map(|job| {
                scope.spawn(move || match driver {
                    DriverKind::Wire => wire::run(job),
                    DriverKind::TokioPostgres | DriverKind::Sqlx => real::run(driver, job),
                })
            })
            .collect();
        let yields = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(Err(EngineError::Panicked)))
            .collect();
        done.store(true, Relaxed);
        sampler.thread().unpark();
        yields
    })
}

/// One address of the endpoint. Of several, the first that takes a connection, as `localhost` is
/// often two of which a server listens on one.
fn address(endpoint: &Endpoint) -> Result<SocketAddr, EngineError> {
    let unresolved = |source| EngineError::Address {
        host: endpoint.host.clone(),
        source,
    };
    let addresses: Vec<_> = (endpoint.host.as_str(), endpoint.port)
        .to_socket_addrs()
        .map_err(unresolved)?
        .collect();
    let first = *addresses
        .first()
        .ok_or_else(|| unresolved(io::Error::from(io::ErrorKind::NotFound)))?;
    if addresses.len() == 1 {
        return Ok(first);
    }
    let answers = |address: &&SocketAddr| TcpStream::connect_timeout(address, PROBE).is_ok();
    Ok(addresses.iter().find(answers).copied().unwrap_or(first))
}

fn assemble(
    block: u32,
    started: Duration,
    yields: Vec<Yield>,
    bill: &Bill,
    cores: u32,
    is_open: bool,
) -> Window {
    let lasted = yields
        .iter()
        .map(|each| each.lasted)
        .max()
        .unwrap_or_default();
    let cpu: Duration = yields.iter().map(|each| each.cpu).sum();
    let busy = Busy {
        wall: lasted,
        cores,
        threads: u32::try_from(yields.len()).unwrap_or(u32::MAX),
        generator_thread: yields.iter().map(|each| each.cpu).max().unwrap_or_default(),
        target_thread: bill
            .target
            .map(|used| used.busiest_thread)
            .unwrap_or_default(),
        measured: [bill.target, bill.postgres]
            .into_iter()
            .flatten()
            .map(|used| Duration::from_micros(used.cost.cpu_us))
            .sum(),
    };
    let mut yields = yields.into_iter().map(|each| each.tally);
    let mut tally = yields.next().unwrap_or_default();
    yields.for_each(|other| tally.merge(other));
    let script_fault = tally.script_fault.take().map(|fault| {
        format!("a script could not go on: {fault}; mend the script or its variables")
    });
    let check = SelfCheck {
        wall: busy.wall,
        busiest_thread: busy.generator_thread,
        open: &tally.open,
    };
    Window {
        invalid: script_fault.or_else(|| check.fault().filter(|_| is_open)),
        faults: Vec::new(),
        invariants: Vec::new(),
        open_loop: is_open.then_some(tally.open),
        knee: None,
        block,
        started_ms: u64::try_from(started.as_millis()).unwrap_or(u64::MAX),
        duration_us: micros(lasted),
        attempted: tally.attempted,
        succeeded: tally.succeeded,
        errors: tally.errors,
        error_samples: tally.samples,
        latency: tally.latency,
        failed_latency: tally.failed_latency,
        connect_latency: tally.connect_latency,
        series: tally.timeline.steps(),
        target_cost: bill.target.map(|used| used.cost),
        postgres_cost: bill.postgres.map(|used| used.cost),
        generator_cost: Some(Cost {
            cpu_us: micros(cpu),
            peak_rss_bytes: bill.generator_memory.unwrap_or(0),
        }),
        generator_bound: busy.generator_bound(),
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
