//! Whether the gate sees what it is there for: the same pooler behind two equal links passes, behind a
//! link that holds each answer 20 % longer it fails, and both again and again.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use poolproof::{
    engine::{Endpoint, Stop},
    environment::{Choices, Demand, Environment},
    targets::{CatalogTarget, TargetSpec},
};
use poolproof_scenarios::pool::PoolSettings;

use crate::bench::Bench;

/// How long a link holds each answer: far longer than the pooler takes on a busy machine, so that 20 %
/// of it are 20 % of the whole.
const HELD: Duration = Duration::from_millis(50);
const HELD_LONGER: Duration = Duration::from_millis(60);
/// Runs that must all tell the same.
const RUNS: usize = 2;

/// Clients that wait for their links most of the time.
const WAITING: &str = r#"
name = "waiting"
purpose = "Waits for links, so that a busy machine hardly matters."

[load]
shape = "closed"
stages = [{ clients = 4, for = "1s" }]

[[transaction]]
name = "query"
protocol = "extended"
statements = [{ sql = "SELECT :nonce", returns = "nonce" }]
"#;

/// Relays connections to `port` and holds what comes back; returns its own port. It ends with the
/// test's process.
fn link(port: u16, held: Duration) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let own = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the pooler");
            let (asks, answers) = (both(&client, &server), both(&server, &client));
            thread::spawn(move || relay(asks, Duration::ZERO));
            thread::spawn(move || relay(answers, held));
        }
    });
    own
}

fn both(from: &TcpStream, to: &TcpStream) -> (TcpStream, TcpStream) {
    to.set_nodelay(true).expect("an option");
    let other = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    (other(from), other(to))
}

/// Passes bytes on until either side ends.
fn relay((mut from, mut to): (TcpStream, TcpStream), held: Duration) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let due = Instant::now() + held;
        while let Some(left) = due.checked_duration_since(Instant::now()) {
            thread::park_timeout(left);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Whichever side is gone already cannot be shut down again.
    let _ = to.shutdown(Shutdown::Write);
}

fn address(name: &str, pooler: &Endpoint, port: u16) -> String {
    let password = pooler.password.as_deref().expect("a password");
    format!(
        "{name}=postgres://{}:{password}@127.0.0.1:{port}/{}",
        pooler.user, pooler.dbname
    )
}

#[test]
fn equal_poolers_pass_and_one_slowed_by_a_fifth_fails_every_time() {
    let bench = Bench::alone();
    let pooler = TargetSpec::Catalog(CatalogTarget::pgbouncer());
    let demand = Demand {
        targets: vec![pooler.clone()],
        clients_max: 20,
        tls: false,
        choices: Choices::default(),
    };
    let stop = Stop::default();
    let environment = Environment::start(&demand, &stop).expect("PostgreSQL");
    let target = environment
        .target(&pooler, &PoolSettings::default(), &stop)
        .expect("the pooler");
    let behind = |name: &str, held| {
        let port = link(target.endpoint.port, held);
        address(name, &target.endpoint, port)
    };
    let targets = [
        behind("mine", HELD),
        behind("mine-2", HELD),
        behind("slowed", HELD_LONGER),
    ];
    let targets = targets.join(",");
    bench.write("waiting.toml", WAITING);
    for run in 0..RUNS {
        let line = ["compare", "waiting.toml", "--targets", &targets];
        bench.run(&line).check(0, &["mine against itself"]);
        let gate = |judged: &str, code, words: &[&str]| {
            let latency = format!("{judged}: p50 <= 1.1 * mine");
            let line = ["gate", "poolproof-out", "--threshold", &latency];
            let outcome = bench.run(&line);
            assert_eq!(outcome.code, code, "run {run}: {outcome:#?}");
            outcome.check(code, words);
        };
        gate("mine-2", 0, &["pass"]);
        gate("slowed", 1, &["FAIL", "p50"]);
    }
}
