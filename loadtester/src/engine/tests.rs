//! The engine against servers: a scripted one that knows what it did, and real ones.

mod accuracy;
mod cost_of_wire;
mod encrypted;
mod failures;
mod fake;
mod pgbench;
mod real_servers;
mod scripts;
mod shapes;

use std::{
    thread,
    time::{Duration, Instant},
};

use poolproof_reports::record::{ErrorClass, Window};
use poolproof_scenarios::Scenario;

use super::{
    DriverKind, Endpoint, Live, LiveFigures, Stop, Watch, WindowPlan, limits::Limits, window,
};

/// Drivers that the scripted server understands. `sqlx` describes each statement in a round trip of its own,
/// and panics in its decoder at messages that are too short; it stands before real servers.
const SCRIPTED: [DriverKind; 2] = [DriverKind::Wire, DriverKind::TokioPostgres];

/// Limits that let a test see a time-out.
const IMPATIENT: Limits = Limits {
    timeout: Duration::from_secs(1),
    drain: Duration::from_secs(2),
    comeback: Duration::from_millis(50),
    longest: Duration::from_secs(5),
};

/// A scenario of one statement that answers its nonce.
fn scenario(load: &str, protocol: &str) -> Scenario {
    statements(
        load,
        protocol,
        r#"{ sql = "SELECT :nonce", returns = "nonce" }"#,
    )
}

fn statements(load: &str, protocol: &str, statements: &str) -> Scenario {
    let text = format!(
        "name = \"test\"\npurpose = \"A test.\"\n[load]\n{load}\n\
         [[transaction]]\nname = \"ask\"\nprotocol = \"{protocol}\"\nstatements = [{statements}]\n"
    );
    Scenario::parse(&text, "test").unwrap_or_else(|error| panic!("{error}"))
}

/// `clients` at once for `millis`.
fn closed(clients: u32, millis: u32) -> String {
    format!(
        "shape = \"closed\"\nstages = [{{ clients = {clients}, for = \"0s\" }}, \
         {{ clients = {clients}, for = \"{millis}ms\" }}]"
    )
}

fn connections(total: u32, max_concurrent: u32, transactions: u32) -> String {
    format!(
        "shape = \"connections\"\ntotal = {total}\nmax_concurrent = {max_concurrent}\n\
         transactions = {transactions}"
    )
}

fn plan<'a>(scenario: &'a Scenario, endpoint: &'a Endpoint, driver: DriverKind) -> WindowPlan<'a> {
    WindowPlan {
        scenario,
        target: "target",
        endpoint,
        driver,
        seed: 42,
        block: 0,
        run_started: Instant::now(),
        watch: Watch::default(),
    }
}

/// Runs a window, checks what holds for every window, and returns it.
fn run(scenario: &Scenario, endpoint: &Endpoint, driver: DriverKind, limits: Limits) -> Window {
    let live = Live::default();
    let plan = plan(scenario, endpoint, driver);
    let window = window::run(&plan, &live, &Stop::default(), limits).unwrap();
    check_sums(&window, live.figures());
    window
}

fn check_sums(window: &Window, live: LiveFigures) {
    let failed: u64 = window.errors.values().sum();
    assert_eq!(
        window.attempted,
        window.succeeded + failed,
        "{:?}",
        window.errors
    );
    assert_eq!(window.latency.len(), window.succeeded);
    let sum = |count: fn(&poolproof_reports::record::Step) -> u64| {
        window.series.iter().map(count).sum::<u64>()
    };
    assert_eq!(sum(|step| step.succeeded), window.succeeded);
    assert_eq!(sum(|step| step.failed), failed);
    assert!(window.errors.keys().eq(window.error_samples.keys()));
    let LiveFigures {
        attempted,
        succeeded,
        failed: live_failed,
        clients,
        p50_us: _,
        p99_us: _,
    } = live;
    assert_eq!(
        (attempted, succeeded, live_failed, clients),
        (window.attempted, window.succeeded, failed, 0),
        "the display ends with what the record says"
    );
}

/// Errors as text: `timeout 3, disconnect 1`.
fn errors(window: &Window) -> String {
    let each = window
        .errors
        .iter()
        .map(|(class, count)| format!("{class} {count}"));
    each.collect::<Vec<_>>().join(", ")
}

fn classes(window: &Window) -> Vec<String> {
    window.errors.keys().map(ErrorClass::to_string).collect()
}

/// Runs `scenario` and asks it to stop after `delay`.
fn run_and_stop(
    scenario: &Scenario,
    endpoint: &Endpoint,
    driver: DriverKind,
    delay: Duration,
) -> (Window, Duration) {
    let (live, stop) = (Live::default(), Stop::default());
    thread::scope(|scope| {
        let window = scope.spawn(|| {
            window::run(
                &plan(scenario, endpoint, driver),
                &live,
                &stop,
                Limits::default(),
            )
        });
        thread::park_timeout(delay);
        stop.stop();
        let asked = Instant::now();
        let window = window.join().unwrap().unwrap();
        (window, asked.elapsed())
    })
}
