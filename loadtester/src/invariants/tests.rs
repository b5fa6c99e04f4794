//! Checkers against a real PostgreSQL, and violations that they must catch.

use std::time::Duration;

use poolproof_scenarios::pool::PoolSettings;

use super::*;
use crate::{
    engine::Stop,
    environment::{Choices, Demand, Environment, wait},
    targets::{CatalogTarget, TargetSpec},
};

/// What `invariants` say of `target` when `meanwhile` has happened, by name.
fn check(
    target: CatalogTarget,
    invariants: &[Invariant],
    servers_max: Option<u32>,
    meanwhile: &str,
) -> Vec<InvariantCheck> {
    let (stop, spec) = (Stop::default(), TargetSpec::Catalog(target));
    let demand = Demand {
        targets: vec![spec.clone()],
        clients_max: 50,
        tls: false,
        choices: Choices::default(),
    };
    let environment = Environment::start(&demand, &stop).expect("an environment");
    let pool = PoolSettings {
        default_pool_size: 2,
        ..PoolSettings::default()
    };
    let target = environment.target(&spec, &pool, &stop).expect("a target");
    let places = Places {
        target: target.endpoint,
        direct: environment.administrator().expect("ours").clone(),
        servers_max,
    };
    let checkers = Checkers::start(invariants, &places).expect("checkers");
    wait::until(Duration::from_millis(1_500), || false);
    environment.ask(meanwhile).expect("an answer");
    wait::until(Duration::from_millis(500), || false);
    checkers.finish()
}

#[test]
fn postgresql_violates_nothing() {
    let all = poolproof_scenarios::invariant::INVARIANTS.map(|(_, invariant)| invariant);
    for check in check(CatalogTarget::direct(), &all, Some(100), "SELECT 1") {
        assert!(check.looks > 0, "{check:?}");
        assert_eq!((check.violations, &check.first), (0, &None), "{check:?}");
    }
}

#[test]
fn what_a_checker_that_panicked_should_have_seen_stays_unseen() {
    let runtime = runtime::Builder::new_current_thread().build();
    let checks = runtime.expect("a runtime").block_on(async {
        let mut checkers = JoinSet::new();
        checkers.spawn(async { panic!("a planted panic") });
        checkers.spawn(async {
            let mut seen = Seen::default();
            seen.look(Ok(()));
            (1, seen)
        });
        gather(&[Invariant::Bank, Invariant::OneReady], checkers).await
    });
    let looks: Vec<_> = checks.iter().map(|one| (&*one.name, one.looks)).collect();
    assert_eq!(looks, [("bank", 0), ("one-ready", 1)]);
}

#[test]
fn nobody_asks_for_the_limit_of_a_target_that_has_none() {
    let asked = [Invariant::PoolLimit, Invariant::OneReady];
    let checks = check(CatalogTarget::direct(), &asked, None, "SELECT 1");
    let names: Vec<_> = checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(names, ["one-ready"]);
}

#[test]
fn money_that_appears_and_commits_that_vanish_are_seen() {
    let harm = "WITH forged AS (UPDATE poolproof_bank SET balance = balance + 1 WHERE id = 1 RETURNING 1), \
                lost AS (DELETE FROM poolproof_ledger WHERE n % 1000000 = 2 RETURNING 1) \
                SELECT (SELECT count(*) FROM forged) + (SELECT count(*) FROM lost)";
    let invariants = [Invariant::Bank, Invariant::Acknowledged];
    let checks = check(CatalogTarget::direct(), &invariants, None, harm);
    let said: Vec<_> = checks
        .iter()
        .map(|check| check.first.clone().unwrap_or_default())
        .collect();
    assert!(said[0].contains("1001"), "{said:?}");
    assert!(said[1].contains("acknowledged and is lost"), "{said:?}");
    assert!(violation(&checks).is_some_and(|reason| reason.contains("invariant bank")));
}

#[test]
fn what_pgbouncer_leaves_on_a_server_in_transaction_mode_is_seen() {
    let leaks = [Invariant::NoLeaks, Invariant::PoolLimit];
    let checks = check(CatalogTarget::pgbouncer(), &leaks, Some(2), "SELECT 1");
    assert!(checks[0].violations > 0, "{checks:?}");
    assert_eq!(checks[1].violations, 0, "{checks:?}");
    assert!(checks[1].looks > 0, "{checks:?}");
}

#[test]
fn more_connections_than_the_pool_may_have_are_seen() {
    let both = [Invariant::OneBackend, Invariant::PoolLimit];
    let checks = check(CatalogTarget::direct(), &both, Some(2), "SELECT 1");
    assert!(checks[1].violations > 0, "{checks:?}");
}
