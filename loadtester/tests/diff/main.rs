//! The behaviour cases on a real PostgreSQL: a pooler that changes nothing must differ in nothing.

#![expect(clippy::expect_used, reason = "a helper of a test fails the test")]

mod pump;

use std::sync::Arc;

use poolproof::{
    diff::{Beside, Ending, Limits, Stage, columns, compare},
    engine::Stop,
    environment::{Choices, Demand, Environment},
    targets::{CatalogTarget, TargetSpec},
};
use poolproof_scenarios::{Session, catalog, pool::PoolSettings};

/// Every case on PostgreSQL and through a byte pump: each comes to its end, and both are the same.
#[test]
fn nothing_differs_between_postgresql_and_a_byte_pump() {
    let stop = Stop::default();
    let direct = TargetSpec::Catalog(CatalogTarget::direct());
    let demand = Demand {
        targets: vec![direct.clone()],
        clients_max: 50,
        choices: Choices::default(),
    };
    let environment = Environment::start(&demand, &stop).expect("PostgreSQL");
    let target = environment.target(&direct, &PoolSettings::default(), &stop);
    let endpoint = target.expect("PostgreSQL").endpoint;
    let administrator = environment.administrator().expect("a superuser").clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
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
