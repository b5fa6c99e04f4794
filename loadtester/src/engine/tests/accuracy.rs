//! What the engine measures against what the server knows that it took.

use std::time::{Duration, Instant};

use poolproof_reports::record::Window;

use super::{
    DriverKind, IMPATIENT, Limits, SCRIPTED, closed, connections,
    fake::{Door, Fake, Reply},
    run, run_and_stop, scenario,
};

const MS: Duration = Duration::from_millis(1);

/// What a machine that runs other tests at the same time may add to a latency, at percentiles that
/// a single hiccup does not reach.
const ALLOWANCE: Duration = Duration::from_millis(8);

/// Delay of the n-th query of a connection: of each 20, 15 take 2 ms, 4 take 20 ms, 1 takes 60 ms.
fn delay(number: u64) -> Duration {
    match number % 20 {
        0..15 => 2 * MS,
        15..19 => 20 * MS,
        _ => 60 * MS,
    }
}

/// What of a window's percentiles is later than the server's own by more than a machine may add; empty when
/// nothing is. What is sooner than the server answered is wrong on any machine.
fn later_than_the_server(window: &Window, fake: &Fake, driver: DriverKind) -> String {
    let served = fake.served();
    // 75 % of the queries take 2 ms, 95 % at most 20 ms; each percentile lies within a level.
    let levels = [(50.0, 2 * MS), (90.0, 20 * MS), (99.0, 60 * MS)];
    let late = levels.into_iter().filter_map(|(percent, known)| {
        let seen = window.latency.percentile(percent).unwrap();
        let told = served.percentile(percent).unwrap();
        assert!(seen >= known, "{driver} p{percent}: {seen:?} of {known:?}");
        // Three digits of precision, on both sides.
        assert!(
            seen + told / 500 >= told,
            "{driver} p{percent}: {seen:?}, server {told:?}"
        );
        (seen > told + ALLOWANCE).then(|| format!("p{percent}: {seen:?}, server {told:?}; "))
    });
    late.collect()
}

#[test]
fn percentiles_are_the_servers_own() {
    for driver in SCRIPTED {
        let scenario = scenario(&connections(10, 10, 60), "extended");
        // Clients go in step, so a hiccup at the wrong time hits all ten; an engine that counts wrongly is
        // never right.
        let mut attempts = (0..10).map(|_| {
            let fake = Fake::start(Door::Open, |number| Reply::after(delay(number)));
            let window = run(&scenario, &fake.endpoint(), driver, Limits::default());
            assert_eq!((window.attempted, window.succeeded), (600, 600), "{driver}");
            assert!(window.latency.max() >= Some(60 * MS));
            later_than_the_server(&window, &fake, driver)
        });
        let least = attempts.find(String::is_empty);
        assert!(least.is_some(), "{driver}: ten times later than the server");
    }
}

#[test]
fn a_closed_window_drains_and_counts_what_it_drained() {
    for driver in SCRIPTED {
        // The second query of each client outlasts the window, however late its login was.
        let fake = Fake::start(Door::Open, |_| Reply::after(700 * MS));
        let scenario = scenario(&closed(5, 1_200), "simple");
        let window = run(&scenario, &fake.endpoint(), driver, Limits::default());
        assert_eq!((window.attempted, window.succeeded), (10, 10), "{driver}");
        let lasted = Duration::from_micros(window.duration_us);
        assert!(
            lasted >= 1_400 * MS && lasted < 2_400 * MS,
            "{driver}: {lasted:?}"
        );
    }
}

#[test]
fn ramps_bring_clients_one_by_one() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::after(5 * MS));
        let load = "shape = \"closed\"\nstages = [{ clients = 10, for = \"3s\" }]";
        let window = run(
            &scenario(load, "simple"),
            &fake.endpoint(),
            driver,
            Limits::default(),
        );
        let clients: Vec<_> = window.series.iter().map(|step| step.clients).collect();
        assert!(
            clients
                .iter()
                .max()
                .is_some_and(|most| (8..=10).contains(most)),
            "{clients:?}"
        );
        assert!(clients[1] <= 3, "{clients:?}");
        assert_eq!(window.attempted, window.succeeded, "{driver}");
        assert_eq!(window.connect_latency.len(), 10, "{driver}");
    }
}

#[test]
fn thinking_is_no_latency() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::right());
        let load = format!("{}\nthink_time = \"40ms\"", closed(4, 400));
        let window = run(
            &scenario(&load, "simple"),
            &fake.endpoint(),
            driver,
            Limits::default(),
        );
        // At most one every 40 ms and client, and at least half of that on a busy machine.
        assert!(
            (20..=44).contains(&window.succeeded),
            "{driver}: {}",
            window.succeeded
        );
        assert!(
            window.latency.percentile(50.0).unwrap() < 10 * MS,
            "{driver}"
        );
    }
}

#[test]
fn connecting_for_each_transaction_counts_as_part_of_it() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::after(10 * MS));
        let load = format!("{}\nconnect = \"per-transaction\"", closed(3, 300));
        let window = run(
            &scenario(&load, "simple"),
            &fake.endpoint(),
            driver,
            Limits::default(),
        );
        assert_eq!(window.attempted, window.succeeded, "{driver}");
        assert_eq!(window.connect_latency.len(), window.succeeded, "{driver}");
        let (whole, connect) = (
            window.latency.percentile(50.0),
            window.connect_latency.percentile(50.0),
        );
        assert!(
            whole.unwrap() >= connect.unwrap() + 9 * MS,
            "{driver}: {whole:?} {connect:?}"
        );
    }
}

#[test]
fn stopping_ends_a_window_at_once() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::after(200 * MS));
        let scenario = scenario(&connections(50, 10, 10), "simple");
        let (window, took) = run_and_stop(&scenario, &fake.endpoint(), driver, 300 * MS);
        assert!(took < 500 * MS, "{driver}: {took:?}");
        assert_eq!(window.attempted, 500, "{driver}: all that was scheduled");
        assert_eq!(
            super::classes(&window),
            ["dropped", "unfinished"],
            "{driver}"
        );
        assert_eq!(window.succeeded + window.errors.values().sum::<u64>(), 500);
    }
}

#[test]
fn a_window_knows_its_place_in_the_run() {
    let fake = Fake::start(Door::Open, |_| Reply::right());
    let (scenario, endpoint) = (scenario(&closed(1, 50), "simple"), fake.endpoint());
    let mut plan = super::plan(&scenario, &endpoint, DriverKind::Wire);
    plan.block = 3;
    plan.run_started = Instant::now().checked_sub(Duration::from_secs(7)).unwrap();
    let live = super::Live::default();
    let window = super::window::run(&plan, &live, &super::Stop::default(), IMPATIENT).unwrap();
    assert_eq!(window.block, 3);
    assert!(
        (7_000..8_000).contains(&window.started_ms),
        "{}",
        window.started_ms
    );
}
