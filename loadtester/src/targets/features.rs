//! What a target of the local environment lacks. A scenario that needs it is reported as unsupported
//! there, never skipped in silence and never failed.

use poolproof_scenarios::{
    Fault, Scenario, TargetFile,
    fault::{FaultKind, LinkPlace, Party},
    scenario::Feature,
    target::Role,
};

use super::TargetSpec;

/// Why `spec`, which says that it is `version`, cannot run `scenario`, if it cannot. Of a target that
/// somebody else runs nothing is known, so it is measured and judged by its answers; only its tables
/// are left alone.
#[must_use]
pub fn lacking(spec: &TargetSpec, version: &str, scenario: &Scenario) -> Option<String> {
    match spec {
        TargetSpec::Catalog(target) | TargetSpec::Twin(target) => {
            lacks(target.file(), version, scenario)
        }
        TargetSpec::Running(_) => elsewhere(scenario).map(str::to_owned),
    }
}

/// What cannot be done to a target that somebody else runs.
fn elsewhere(scenario: &Scenario) -> Option<&'static str> {
    let ours = |fault: &Fault| match fault.kind.party() {
        Party::Postgres | Party::Pooler => true,
        Party::Link => fault.link == LinkPlace::Server,
        Party::Clients => false,
    };
    if !scenario.setup.is_empty() {
        Some("the scenario makes tables, which is done on servers of our own only")
    } else if scenario.faults.iter().any(ours) {
        Some("the scenario does harm, which is done to servers of our own only")
    } else if !scenario.pool.client_tls_sslmode.is_disabled() {
        Some(
            "clients verify the certificate, and who vouches for one of somebody else's is not known",
        )
    } else if !scenario.invariants.is_empty() {
        Some("invariants are looked at on PostgreSQL itself, which is not ours")
    } else {
        None
    }
}

/// Why a fault of the scenario cannot be done to the target.
fn unharmed(target: &TargetFile, scenario: &Scenario) -> Option<String> {
    scenario.faults.iter().find_map(|fault| {
        let missing = match fault.kind {
            FaultKind::PoolerReloaded => target.reload.is_none(),
            FaultKind::PoolerPaused => target.pause.is_none() || target.resume.is_none(),
            _ => false,
        };
        let pooler = fault.kind.party() == Party::Pooler;
        match target.role {
            Role::Postgres if pooler => Some("no pooler stands there".to_owned()),
            _ if missing => Some(format!("its file does not say how {} is done", fault.kind)),
            _ => None,
        }
    })
}

fn lacks(target: &TargetFile, version: &str, scenario: &Scenario) -> Option<String> {
    let mode = scenario.pool.pool_mode;
    if !target.pool_modes.contains(&mode) {
        return Some(format!("it does not pool by {mode}"));
    }
    let lacking = |feature| target.lacking(feature, version);
    let encrypted = !scenario.pool.client_tls_sslmode.is_disabled();
    let needs = scenario.needs.iter().copied();
    needs
        .chain(encrypted.then_some(Feature::Tls))
        .chain((scenario.pool.databases > 1).then_some(Feature::Databases))
        .find_map(lacking)
        .map(str::to_owned)
        .or_else(|| unharmed(target, scenario))
}

#[cfg(test)]
mod tests {
    use poolproof_scenarios::{
        catalog,
        pool::{ClientTls, PoolMode},
    };

    use super::*;
    use crate::targets::CatalogTarget;

    #[test]
    fn the_first_missing_feature_is_the_reason() {
        let pgbouncer = CatalogTarget::pgbouncer().file();
        let mut scenario = catalog::find("ramp").expect("in the catalog");
        scenario.needs = vec![Feature::Scram, Feature::Copy];
        assert_eq!(lacks(pgbouncer, "PgBouncer 1.18.0", &scenario), None);
        scenario.needs.push(Feature::PreparedStatements);
        let reason = lacks(pgbouncer, "PgBouncer 1.18.0", &scenario);
        assert!(reason.is_some_and(|reason| reason.contains("max_prepared_statements")));
        assert_eq!(lacks(pgbouncer, "PgBouncer 1.24.1", &scenario), None);
    }

    #[test]
    fn a_mode_that_a_pooler_has_not_is_a_reason() {
        let pgpool: CatalogTarget = "pgpool".parse().expect("in the catalog");
        let mut scenario = catalog::find("ramp").expect("in the catalog");
        let reason = lacks(pgpool.file(), "", &scenario);
        assert_eq!(reason.as_deref(), Some("it does not pool by transaction"));
        scenario.pool.pool_mode = PoolMode::Session;
        assert_eq!(lacks(pgpool.file(), "", &scenario), None);
    }

    #[test]
    fn several_databases_need_a_target_that_takes_any() {
        let mut scenario = catalog::find("ramp").expect("in the catalog");
        scenario.pool.databases = 2;
        let odyssey: CatalogTarget = "odyssey".parse().expect("in the catalog");
        let reason = lacks(odyssey.file(), "", &scenario);
        assert!(reason.is_some_and(|reason| reason.contains("names the database")));
        assert_eq!(
            lacks(CatalogTarget::pgbouncer().file(), "", &scenario),
            None
        );
    }

    #[test]
    fn clients_that_speak_tls_need_a_target_that_does() {
        let mut scenario = catalog::find("ramp").expect("in the catalog");
        scenario.pool.client_tls_sslmode = ClientTls::Require;
        let pgcat: CatalogTarget = "pgcat".parse().expect("in the catalog");
        let reason = lacks(pgcat.file(), "", &scenario);
        assert_eq!(reason.as_deref(), Some("its file gives it no certificate"));
        assert_eq!(lacks(CatalogTarget::proxy().file(), "", &scenario), None);
        let theirs: TargetSpec = "mine=postgres://me@db/shop".parse().expect("an address");
        assert!(lacking(&theirs, "", &scenario).is_some_and(|reason| reason.contains("vouches")));
    }

    #[test]
    fn tables_are_made_on_servers_of_our_own_only() {
        let tpcb = catalog::find("tpcb").expect("in the catalog");
        let theirs: TargetSpec = "mine=postgres://me@db/shop".parse().expect("an address");
        assert!(lacking(&theirs, "", &tpcb).is_some_and(|reason| reason.contains("tables")));
        assert_eq!(
            lacking(&TargetSpec::Catalog(CatalogTarget::proxy()), "", &tpcb),
            None
        );
    }
}
