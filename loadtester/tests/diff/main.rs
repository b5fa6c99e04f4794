//! The behaviour cases on a real PostgreSQL: a pooler that changes nothing must differ in nothing.

#![expect(clippy::expect_used, reason = "a helper of a test fails the test")]

mod pump;

use std::sync::{Arc, atomic::AtomicU64};

use poolproof::{
    diff::{
        Beside, Ending, Limits, Stage, columns, compare,
        generate::{self, Weights, promise::Promise},
        random::{self, Hunt, Pair},
    },
    engine::Stop,
    environment::{Choices, Demand, Environment, Target},
    targets::{CatalogTarget, TargetSpec},
};
use poolproof_scenarios::{
    Session, catalog,
    pool::{ClientTls, PoolSettings},
};
use tokio::runtime::Runtime;

/// Sessions that find the connections of others, which must not be seen.
const SESSIONS: u64 = 60;

/// An environment of PostgreSQL alone, which speaks TLS or does not.
fn postgres(client_tls_sslmode: ClientTls, stop: &Stop) -> (Environment, Target) {
    let direct = TargetSpec::Catalog(CatalogTarget::direct());
    let demand = Demand {
        targets: vec![direct.clone()],
        clients_max: 50,
        tls: !client_tls_sslmode.is_disabled(),
        choices: Choices::default(),
    };
    let environment = Environment::start(&demand, stop).expect("PostgreSQL");
    let pool = PoolSettings {
        client_tls_sslmode,
        ..PoolSettings::default()
    };
    let target = environment.target(&direct, &pool, stop);
    (environment, target.expect("PostgreSQL"))
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// In session mode a session leaves whatever it likes, and the next one counts on being new.
#[test]
fn a_connection_that_is_kept_is_like_a_new_one() {
    let stop = Stop::default();
    let (environment, target) = postgres(ClientTls::Disable, &stop);
    let administrator = environment.administrator().expect("a superuser");
    let open = async |_| {
        let beside = Beside::connect(administrator, &target.endpoint.user).await?;
        let beside = Arc::new(beside);
        let stage = || {
            Stage::new(
                target.endpoint.clone(),
                Arc::clone(&beside),
                Limits::default(),
            )
        };
        Ok(Pair {
            oracle: stage()?.on(generate::GROUND),
            target: stage()?.on(generate::GROUND).with_spares(),
            runs: 0,
        })
    };
    let hunt = Hunt {
        seed: 1,
        sessions: SESSIONS,
        way: (None, None),
        promise: Promise::Session,
        weights: Weights::of_the_catalog().expect("the weights of the catalog"),
        findings_max: 1,
    };
    let bag = random::run(&hunt, 1, open, &|_| {}, &AtomicU64::new(0), &stop);
    let bag = bag.expect("sessions can be performed");
    let found: Vec<String> = bag
        .confirmed()
        .map(|each| each.shrunk.to_string())
        .collect();
    assert_eq!((bag.sessions, found), (SESSIONS, Vec::new()));
}

/// What a session says it goes over is what PostgreSQL sees.
#[test]
fn sessions_over_tls_are_encrypted_and_others_are_not() {
    const ASKS: &str =
        "A: Query \"SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()\"\nA: wait\n";
    let stop = Stop::default();
    let (environment, target) = postgres(ClientTls::Require, &stop);
    let administrator = environment.administrator().expect("a superuser").clone();
    runtime().block_on(async {
        let beside = Beside::connect(&administrator, &target.endpoint.user).await;
        let beside = Arc::new(beside.expect("a connection beside"));
        let stage = Stage::new(target.endpoint.clone(), beside, Limits::default());
        let mut stage = stage.expect("a stage");
        for (transport, encrypted) in [("tls", "t"), ("tcp", "f")] {
            let script = format!(
                "transport: {transport}\n\n{ASKS}A: expect \"RowDescription\" \"DataRow (\\\"{encrypted}\\\")\" \"CommandComplete\" \"ReadyForQuery\"\n"
            );
            let session = Session::parse(&script, transport).unwrap_or_else(|error| panic!("{error}"));
            let trace = stage.perform(&session).await.expect("a trace");
            assert_eq!(trace.ending, Ending::Complete, "{transport}");
            assert_eq!(trace.unmet, Vec::<String>::new(), "{transport}");
        }
    });
}

/// Every case over TCP on PostgreSQL and through a byte pump: each comes to its end, and both are the same.
#[test]
fn nothing_differs_between_postgresql_and_a_byte_pump() {
    let stop = Stop::default();
    let (environment, target) = postgres(ClientTls::Disable, &stop);
    let endpoint = target.endpoint;
    let administrator = environment.administrator().expect("a superuser").clone();
    runtime().block_on(async {
        let beside = Beside::connect(&administrator, &endpoint.user).await;
        let beside = Arc::new(beside.expect("a connection beside"));
        let stage = |endpoint| {
            Stage::new(endpoint, Arc::clone(&beside), Limits::default()).expect("a stage")
        };
        let pumped = pump::start(&endpoint).await;
        let (mut oracle, mut pump) = (stage(endpoint), stage(pumped));
        let mut different = Vec::new();
        for case in catalog::CASES {
            let session = Session::parse(case.text, case.path);
            let session = session.unwrap_or_else(|error| panic!("{error}"));
            // The pump knows TCP alone.
            if session.header.transport.is_some() {
                continue;
            }
            let expected = oracle.perform(&session).await.expect("a trace");
            assert_eq!(expected.ending, Ending::Complete, "{}", case.path);
            assert!(expected.unmet.is_empty(), "{}", case.path);
            let got = pump.perform(&session).await.expect("a trace");
            if let Some(found) = compare(&expected, &got, &session.header) {
                let shown = columns(("PostgreSQL", "pump"), &expected, &got, Some(&found));
                different.push(format!("{}\n{shown}", case.path));
            }
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
    });
}
