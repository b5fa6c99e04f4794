//! Every way in which a target can fail, and the class under which it is counted.

use std::net::{Ipv4Addr, TcpListener};

use super::{
    DriverKind, IMPATIENT, SCRIPTED, classes, closed, connections, errors,
    fake::{Door, Fake, Reply, Sends, Then, endpoint},
    run, scenario,
};

/// Four connections of four transactions, two at a time: the third of each gets `reply`.
/// `expected` is what came of them.
fn check(reply: &Reply, expected: &str) {
    for protocol in ["simple", "extended"] {
        for driver in SCRIPTED {
            let third = reply.clone();
            let fake = Fake::start(Door::Open, move |number| match number {
                2 => third.clone(),
                _ => Reply::right(),
            });
            let scenario = scenario(&connections(4, 2, 4), protocol);
            let window = run(&scenario, &fake.endpoint(), driver, IMPATIENT);
            let samples = &window.error_samples;
            assert_eq!(
                errors(&window),
                expected,
                "{driver} {protocol} {reply:?} {samples:?}"
            );
            assert_eq!(window.attempted, 16, "{driver} {protocol}");
        }
    }
}

#[test]
fn wrong_answers() {
    check(
        &Reply::sends(Sends::WrongNonce),
        "wrong answer 4, dropped 4",
    );
    check(&Reply::sends(Sends::TwoRows), "wrong answer 4, dropped 4");
}

#[test]
fn missing_ready_for_query_is_a_timeout() {
    check(&Reply::sends(Sends::NoReady), "timeout 4, dropped 4");
    check(&Reply::sends(Sends::Right).then(Then::Hang), "timeout 4");
}

#[test]
fn connections_cut_in_mid_answer() {
    for len in [0, 1, 5, 30, 60] {
        check(
            &Reply::sends(Sends::Part(len)).then(Then::Close),
            "disconnect 4, dropped 4",
        );
    }
}

#[test]
fn errors_that_the_session_survives() {
    check(&Reply::sends(Sends::Error("40001")), "sqlstate 40001 4");
}

#[test]
fn errors_that_end_the_session() {
    let fatal = Reply::sends(Sends::Fatal("57P01")).then(Then::Close);
    check(&fatal, "sqlstate 57P01 4, dropped 4");
}

#[test]
fn broken_protocol() {
    let broken = "protocol violation 4, dropped 4";
    check(&Reply::sends(Sends::Bytes(b"Z\0\0\0\0I")), broken);
    check(&Reply::sends(Sends::Bytes(b"Z\xff\xff\xff\xffI")), broken);
    check(&Reply::sends(Sends::Bytes(b"G\0\0\0\x07\0\0\0")), broken);
}

#[test]
fn a_second_ready_for_query_is_seen_by_our_own_driver() {
    let fake = Fake::start(Door::Open, |_| Reply::sends(Sends::TwoReady));
    let scenario = scenario(&connections(3, 3, 1), "extended");
    let window = run(&scenario, &fake.endpoint(), DriverKind::Wire, IMPATIENT);
    assert_eq!(errors(&window), "protocol violation 3");
}

#[test]
fn nobody_listens() {
    // A port that was free a moment ago and that nobody else is given.
    let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    drop(holder);
    for driver in SCRIPTED {
        let stress = scenario(&connections(20, 5, 10), "simple");
        let window = run(&stress, &endpoint(port), driver, IMPATIENT);
        assert_eq!(errors(&window), "connect 200", "{driver}: none is left out");
        let window = run(
            &scenario(&closed(3, 200), "simple"),
            &endpoint(port),
            driver,
            IMPATIENT,
        );
        assert_eq!(
            (classes(&window), window.succeeded),
            (vec!["connect".into()], 0)
        );
        assert!(
            (6..=30).contains(&window.attempted),
            "{driver}: {}",
            window.attempted
        );
    }
}

#[test]
fn nobody_is_let_in() {
    let check = |door, expected: &str| {
        for driver in SCRIPTED {
            let fake = Fake::start(door, |_| Reply::right());
            let scenario = scenario(&connections(4, 4, 5), "simple");
            let window = run(&scenario, &fake.endpoint(), driver, IMPATIENT);
            assert_eq!(errors(&window), expected, "{driver} {door:?}");
        }
    };
    check(Door::Refuses("28P01"), "auth 20");
    check(Door::Refuses("53300"), "sqlstate 53300 20");
    check(Door::Shut, "disconnect 20");
    check(Door::Silent, "timeout 20");
}

/// The prototype that this project grew from reported a total hang as «no errors», for it divided
/// by what was answered.
#[test]
fn a_total_hang_is_no_success() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |_| {
            Reply::sends(Sends::Part(0)).then(Then::Hang)
        });
        let window = run(
            &scenario(&closed(8, 200), "extended"),
            &fake.endpoint(),
            driver,
            IMPATIENT,
        );
        assert_eq!((window.succeeded, window.attempted), (0, 8), "{driver}");
        assert_eq!(errors(&window), "timeout 8", "{driver}");
        assert!(
            window.latency.is_empty() && window.failed_latency.len() == 8,
            "{driver}"
        );

        let stress = scenario(&connections(100, 4, 10), "extended");
        let window = run(&stress, &fake.endpoint(), driver, IMPATIENT);
        assert_eq!(
            (window.succeeded, window.attempted),
            (0, 1_000),
            "{driver}: all are counted"
        );
        assert!(window.duration_us < 5_500_000, "{driver}: it is given up");
    }
}

#[test]
fn a_hang_at_the_end_is_unfinished() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |number| match number {
            0..3 => Reply::right(),
            _ => Reply::sends(Sends::Part(0)).then(Then::Hang),
        });
        let patient = super::Limits {
            timeout: std::time::Duration::from_secs(30),
            ..IMPATIENT
        };
        let window = run(
            &scenario(&closed(4, 1_000), "simple"),
            &fake.endpoint(),
            driver,
            patient,
        );
        assert_eq!(
            (window.succeeded, errors(&window)),
            (12, "unfinished 4".into()),
            "{driver}"
        );
    }
}

#[test]
fn clients_of_a_closed_load_come_back() {
    for driver in SCRIPTED {
        let fake = Fake::start(Door::Open, |number| match number {
            0..2 => Reply::right(),
            _ => Reply::right().then(Then::Close),
        });
        let window = run(
            &scenario(&closed(2, 500), "simple"),
            &fake.endpoint(),
            driver,
            IMPATIENT,
        );
        assert_eq!(classes(&window), ["disconnect"], "{driver}");
        assert!(
            window.connect_latency.len() >= 6,
            "{driver}: {}",
            window.connect_latency.len()
        );
    }
}
