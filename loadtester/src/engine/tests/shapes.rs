//! The shapes `open`, `hold` and `knee` against a server that knows what it did.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use poolproof_reports::record::Window;

use super::{
    Limits, SCRIPTED, closed, errors,
    fake::{Door, Fake, Reply, Then},
    run, scenario,
};

const MS: Duration = Duration::from_millis(1);
/// What a machine that runs other tests at the same time may add.
const ALLOWANCE: Duration = Duration::from_millis(30);

fn open(rate: u32, millis: u32, clients: u32, arrivals: &str) -> String {
    format!(
        "shape = \"open\"\nclients = {clients}\narrivals = \"{arrivals}\"\n\
         stages = [{{ rate = {rate}, for = \"0s\" }}, {{ rate = {rate}, for = \"{millis}ms\" }}]"
    )
}

/// The 60th query of a connection stalls, all others take a millisecond.
fn stall(number: u64) -> Duration {
    if number == 60 { 300 * MS } else { MS }
}

/// Response times of a rate of one every 10 ms that one client carries, from the intended start:
/// each begins when it is due and the one before it is done (Lindley's recursion).
fn expected_responses(count: u64) -> Vec<Duration> {
    let mut free_at = Duration::ZERO;
    let mut responses: Vec<_> = (0..count)
        .map(|number| {
            let due = MS * u32::try_from(10 * number).unwrap();
            free_at = due.max(free_at) + stall(number);
            free_at - due
        })
        .collect();
    responses.sort();
    responses
}

/// How far the percentiles of a window are from those that were calculated; empty when near enough.
fn far_from(expected: &[Duration], window: &Window) -> String {
    let far = [50_u64, 75, 90, 99].into_iter().filter_map(|percent| {
        let known = expected[usize::try_from(percent * 2 - 1).unwrap()];
        let seen = window.latency.percentile(percent as f64).unwrap();
        let near = seen + MS >= known && seen <= known + ALLOWANCE;
        (!near).then(|| format!("p{percent}: {seen:?}, by calculation {known:?}; "))
    });
    far.collect()
}

#[test]
fn coordinated_omission_is_shown_and_avoided() {
    let expected = expected_responses(200);
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |number| Reply::after(stall(number)));
        let asked = scenario(&open(100, 2_000, 1, "even"), "simple");
        // A busy machine may stall the server as well; an engine that counts wrongly is never right.
        let mut windows = (0..20).map(|_| run(&asked, &fake.endpoint(), driver, Limits::default()));
        let window = windows.find(|window| far_from(&expected, window).is_empty());
        let window = window.unwrap_or_else(|| {
            let again = run(&asked, &fake.endpoint(), driver, Limits::default());
            panic!("{driver}: {}", far_from(&expected, &again))
        });
        let parts = window.open_loop.as_ref().unwrap();
        assert_eq!((parts.scheduled, window.succeeded), (200, 200), "{driver}");
        // The same server, asked by a client that waits for its answer, or judged by the time from
        // the send: one of 200 was slow, and the 90th percentile knows nothing of it.
        let service = parts.service.percentile(90.0).unwrap();
        assert!(service < ALLOWANCE, "{driver}: {service:?}");
        let closed_load = scenario(&closed(1, 1_000), "simple");
        let waiting = run(&closed_load, &fake.endpoint(), driver, Limits::default());
        let p90 = waiting.latency.percentile(90.0).unwrap();
        assert!(p90 < ALLOWANCE, "{driver}: {p90:?}");
        assert!(window.latency.percentile(90.0).unwrap() > 100 * MS);
    }
}

#[test]
fn a_rate_is_kept_whatever_the_answers_take() {
    for driver in SCRIPTED {
        for arrivals in ["even", "poisson"] {
            let fake = Fake::start(Door::Open, |_| Reply::after(20 * MS));
            let asked = scenario(&open(500, 800, 50, arrivals), "extended");
            let mut paces = (0..10).map(|_| {
                let window = run(&asked, &fake.endpoint(), driver, Limits::default());
                let parts = window.open_loop.as_ref().unwrap();
                assert_eq!(window.attempted, parts.scheduled, "{driver} {arrivals}");
                assert_eq!(errors(&window), "", "{driver} {arrivals}");
                // 400 expected; five standard deviations of a Poisson count are 100.
                assert!(
                    (300..=500).contains(&parts.scheduled),
                    "{}",
                    parts.scheduled
                );
                let lag = parts.lag.percentile(50.0).unwrap();
                (parts.queue.percentile(95.0).unwrap(), lag)
            });
            // Ten are under way at a time, so that nothing waits for a client, and the pace is finer than a
            // millisecond. A busy machine may stop the generator itself; one that is slow is never in time.
            let in_time = |(queue, lag): &(Duration, Duration)| *queue == MS / 1_000 && *lag < MS;
            assert!(
                paces.any(|pace| in_time(&pace)),
                "{driver} {arrivals}: ten times late"
            );
        }
    }
}

#[test]
fn what_a_hanging_server_kept_from_being_sent_is_attempted_and_dropped() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::right().then(Then::Hang));
        let asked = scenario(&open(100, 300, 2, "even"), "simple");
        let limits = Limits {
            timeout: 5_000 * MS,
            drain: 200 * MS,
            ..Limits::default()
        };
        let window = run(&asked, &fake.endpoint(), driver, limits);
        assert_eq!(window.attempted, 30, "{driver}");
        assert_eq!(errors(&window), "dropped 26, unfinished 2", "{driver}");
    }
}

#[test]
fn an_open_load_may_connect_for_each_transaction() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::after(5 * MS));
        let load = format!(
            "{}\nconnect = \"per-transaction\"",
            open(100, 300, 10, "even")
        );
        let window = run(
            &scenario(&load, "simple"),
            &fake.endpoint(),
            driver,
            Limits::default(),
        );
        assert_eq!((window.succeeded, errors(&window)), (30, String::new()));
        assert_eq!(window.connect_latency.len(), 30, "{driver}");
    }
}

const HOLD: &str = "shape = \"hold\"\nclients = 200\narrive = \"200ms\"\nprobes = 2\n\
                    think_time = \"10ms\"\nfor = \"400ms\"";

#[test]
fn held_clients_speak_when_they_come_and_before_they_leave() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::right());
        let window = run(
            &scenario(HOLD, "simple"),
            &fake.endpoint(),
            driver,
            Limits::default(),
        );
        assert_eq!(errors(&window), "", "{driver}");
        assert_eq!(window.connect_latency.len(), 202, "{driver}");
        // Two words of each silent client; of a probe at least one, and at most one every 10 ms.
        assert!(
            (402..=482).contains(&window.succeeded),
            "{driver}: {}",
            window.succeeded
        );
        let most = window.series.iter().map(|step| step.clients).max();
        assert!(most >= Some(195), "{driver}: {most:?}");
    }
}

#[test]
fn a_connection_lost_in_silence_is_a_failure() {
    let load = HOLD.replace("probes = 2", "probes = 0");
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| Reply::right().then(Then::Close));
        let window = run(
            &scenario(&load, "simple"),
            &fake.endpoint(),
            driver,
            Limits::default(),
        );
        assert_eq!((window.attempted, window.succeeded), (400, 200), "{driver}");
        assert_eq!(errors(&window), "disconnect 200", "{driver}");
    }
}

#[test]
fn a_knee_is_the_last_step_that_held() {
    let load = "shape = \"knee\"\nfrom = 10\nto = 100\nstep = \"1s\"\nmax_p99 = \"300ms\"";
    for driver in SCRIPTED {
        // Steps of 10, 15 and 23 clients: the third brings the 26th connection.
        let connections = AtomicU32::new(0);
        let fake = Fake::start(Door::Open, move |number| {
            let first = u32::from(number == 0);
            let slow = connections.fetch_add(first, Relaxed) + first > 25;
            Reply::after(if slow { 600 * MS } else { 5 * MS })
        });
        let window = run(
            &scenario(load, "simple"),
            &fake.endpoint(),
            driver,
            Limits::default(),
        );
        let knee = window.knee.unwrap();
        assert_eq!(knee.clients, 15, "{driver}: {knee:?}");
        // 15 clients of 5 ms: 3,000 on a machine that does nothing else.
        assert!(knee.throughput > 300, "{driver}: {knee:?}");
        let broke = knee.broke.unwrap();
        assert!(broke.contains("23 clients"), "{driver}: {broke}");
        assert!(window.series.is_sorted_by_key(|step| step.at_ms));
    }
}
