//! The engine against a PostgreSQL and a PgBouncer of its own.

use poolproof_scenarios::{Scenario, catalog, pool::PoolSettings};

use super::{
    DriverKind, Limits, Live, Stop, WindowPlan, check_sums, classes, closed, connections, errors,
    plan, run, scenario, statements, window,
};
use crate::{
    environment::{Choices, Demand, Environment},
    targets::{CatalogTarget, TargetSpec},
};

pub(super) fn with_target(
    target: CatalogTarget,
    test: impl FnOnce(&super::super::Endpoint, &super::Watch),
) {
    let (stop, pool) = (Stop::default(), PoolSettings::default());
    let demand = Demand {
        targets: vec![TargetSpec::Catalog(target)],
        clients_max: 100,
        tls: false,
        choices: Choices::default(),
    };
    let environment = Environment::start(&demand, &stop).unwrap();
    let target = environment
        .target(&TargetSpec::Catalog(target), &pool, &stop)
        .unwrap();
    test(&target.endpoint, &target.watch);
}

#[test]
fn postgresql_answers_everything() {
    with_target(CatalogTarget::direct(), |endpoint, watch| {
        for driver in DriverKind::ALL {
            for protocol in ["simple", "extended", "prepared"] {
                let window = run(
                    &scenario(&closed(8, 200), protocol),
                    endpoint,
                    driver,
                    Limits::default(),
                );
                assert_eq!(
                    errors(&window),
                    "",
                    "{driver} {protocol} {:?}",
                    window.error_samples
                );
                // How many fit into the window is the machine's affair; each client has its turn.
                assert!(
                    window.succeeded >= 8,
                    "{driver} {protocol}: {}",
                    window.succeeded
                );
            }
            let stress = scenario(&connections(60, 10, 5), "extended");
            let window = run(&stress, endpoint, driver, Limits::default());
            assert_eq!(
                (window.succeeded, errors(&window)),
                (300, String::new()),
                "{driver}"
            );
        }
        costs_are_measured(endpoint, watch);
        wrong_credentials_are_auth(endpoint);
        sessions_survive_errors(endpoint);
        many_rows_are_verified(endpoint);
    });
}

fn costs_are_measured(endpoint: &super::super::Endpoint, watch: &super::Watch) {
    let scenario = scenario(&closed(4, 500), "simple");
    let live = Live::default();
    let plan = WindowPlan {
        watch: watch.clone(),
        ..plan(&scenario, endpoint, DriverKind::Wire)
    };
    let window = window::run(&plan, &live, &Stop::default(), Limits::default()).unwrap();
    check_sums(&window, live.figures());
    let postgres = window.postgres_cost.unwrap();
    let generator = window.generator_cost.unwrap();
    // PostgreSQL does more for a query than we do, and neither more than the machine has.
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    assert!(
        postgres.cpu_us > generator.cpu_us,
        "{postgres:?} {generator:?}"
    );
    assert!(
        postgres.cpu_us <= window.duration_us * cores * 11 / 10,
        "{postgres:?}"
    );
    assert!(
        generator.cpu_us <= window.duration_us * 11 / 10,
        "{generator:?}"
    );
    assert!(postgres.peak_rss_bytes > 5_000_000 && generator.peak_rss_bytes > 1_000_000);
    assert_eq!(window.target_cost, None, "nothing stands before PostgreSQL");
}

fn wrong_credentials_are_auth(endpoint: &super::super::Endpoint) {
    let mut stranger = endpoint.clone();
    stranger.password = Some("wrong".into());
    for driver in DriverKind::ALL {
        let stress = scenario(&connections(3, 3, 2), "simple");
        let window = run(&stress, &stranger, driver, Limits::default());
        assert_eq!(
            errors(&window),
            "auth 6",
            "{driver} {:?}",
            window.error_samples
        );
    }
}

/// A transaction that fails in the middle is rolled back, and the next one starts clean.
fn sessions_survive_errors(endpoint: &super::super::Endpoint) {
    let text = r#"{ sql = "BEGIN" }, { sql = "SELECT 1 / (:nonce % 2)" }, { sql = "COMMIT" }"#;
    for driver in DriverKind::ALL {
        for protocol in ["simple", "extended", "prepared"] {
            let load = connections(2, 2, 20);
            let window = run(
                &statements(&load, protocol, text),
                endpoint,
                driver,
                Limits::default(),
            );
            let samples = &window.error_samples;
            assert_eq!(
                classes(&window),
                ["sqlstate 22012"],
                "{driver} {protocol} {samples:?}"
            );
            assert_eq!(window.attempted, 40);
            assert!(
                window.succeeded > 0,
                "{driver} {protocol}: odd nonces divide"
            );
        }
    }
}

fn many_rows_are_verified(endpoint: &super::super::Endpoint) {
    let rows = |count: u32| {
        format!(
            "{{ sql = \"SELECT :nonce, repeat('x', 1000) FROM generate_series(1, 500)\", \
             returns = {{ nonce-rows = {count} }} }}"
        )
    };
    for driver in DriverKind::ALL {
        let load = connections(4, 2, 3);
        let right = statements(&load, "extended", &rows(500));
        let window = run(&right, endpoint, driver, Limits::default());
        assert_eq!(
            (window.succeeded, errors(&window)),
            (12, String::new()),
            "{driver}"
        );
        let wrong = statements(&load, "simple", &rows(501));
        let window = run(&wrong, endpoint, driver, Limits::default());
        assert_eq!(errors(&window), "wrong answer 4, dropped 8", "{driver}");
    }
}

#[test]
fn the_default_scenarios_run_through_pgbouncer() {
    with_target(CatalogTarget::pgbouncer(), |endpoint, _| {
        for scenario in ["ramp", "stress-1000"].map(|name| catalog::find(name).unwrap()) {
            let scenario = Scenario::quick(&scenario);
            let window = run(&scenario, endpoint, DriverKind::Wire, Limits::default());
            assert_eq!(
                errors(&window),
                "",
                "{} {:?}",
                scenario.name,
                window.error_samples
            );
            assert!(
                window.succeeded >= 20,
                "{}: {}",
                scenario.name,
                window.succeeded
            );
        }
    });
}

/// Five statements at once, of which the third fails where the nonce is even.
#[test]
fn pipelines_are_verified_statement_by_statement() {
    let right = r#"{ sql = "BEGIN" }, { sql = "SELECT :nonce", returns = "nonce" },
        { sql = "SELECT :nonce FROM generate_series(1, 3)", returns = { nonce-rows = 3 } },
        { sql = "COMMIT" }"#;
    let short = r#"{ sql = "SELECT :nonce FROM generate_series(1, 3)", returns = { nonce-rows = 2 } },
        { sql = "SELECT :nonce", returns = "nonce" }"#;
    let failing = r#"{ sql = "BEGIN" }, { sql = "SELECT 1 / (:nonce % 3)" }, { sql = "SELECT 1" },
        { sql = "COMMIT" }"#;
    with_target(CatalogTarget::direct(), |endpoint, _| {
        for driver in DriverKind::ALL {
            let load = connections(3, 3, 20);
            let window = |text| {
                let asked = statements(&load, "pipeline", text);
                run(&asked, endpoint, driver, Limits::default())
            };
            let all = window(right);
            assert_eq!(
                (all.succeeded, errors(&all)),
                (60, String::new()),
                "{driver}"
            );
            assert_eq!(
                errors(&window(short)),
                "wrong answer 3, dropped 57",
                "{driver}"
            );
            let some = window(failing);
            assert_eq!(classes(&some), ["sqlstate 22012"], "{driver}");
            assert_eq!(some.attempted, 60, "{driver}");
            assert!(
                some.succeeded > 0,
                "{driver}: what follows an error is clean"
            );
        }
    });
}
