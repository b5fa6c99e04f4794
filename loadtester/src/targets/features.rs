//! What a target of the local environment lacks. A scenario that needs it is reported as unsupported
//! there, never skipped in silence and never failed.

use poolproof_scenarios::{Scenario, scenario::Feature};

use super::{CatalogTarget, TargetSpec};

/// Why `spec` cannot run `scenario`, if it cannot. Of a target that somebody else runs nothing is
/// known, so it is measured and judged by its answers; only its tables are left alone.
#[must_use]
pub fn lacking(spec: &TargetSpec, scenario: &Scenario) -> Option<String> {
    match spec {
        TargetSpec::Catalog(target) | TargetSpec::Twin(target) => lacks(*target, &scenario.needs),
        TargetSpec::Running(_) => (!scenario.setup.is_empty()).then(|| {
            "the scenario makes tables, which is done on servers of our own only".to_owned()
        }),
    }
}

fn lacks(target: CatalogTarget, needs: &[Feature]) -> Option<String> {
    needs.iter().find_map(|need| reason(target, *need))
}

fn reason(target: CatalogTarget, need: Feature) -> Option<String> {
    let reason = match (need, target) {
        (Feature::Tls, _) => "TLS is off in the local environment",
        (Feature::Console, CatalogTarget::Direct) => "PostgreSQL has no pooler's console",
        (Feature::PreparedStatements, CatalogTarget::PgBouncer) => {
            "max_prepared_statements is not set, as PgBouncer before 1.21 refuses the key"
        }
        (Feature::ManyClients, CatalogTarget::Direct) => {
            "PostgreSQL has a process for each client, and these are too many for a machine"
        }
        (Feature::PreparedStatements, CatalogTarget::Direct | CatalogTarget::Proxy)
        | (
            Feature::ManyClients | Feature::Console,
            CatalogTarget::Proxy | CatalogTarget::PgBouncer,
        )
        | (Feature::Scram | Feature::Copy, _) => return None,
    };
    Some(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_feature_is_the_reason() {
        let pgbouncer = CatalogTarget::PgBouncer;
        assert_eq!(lacks(pgbouncer, &[Feature::Scram, Feature::Copy]), None);
        let reason = lacks(pgbouncer, &[Feature::Copy, Feature::PreparedStatements]);
        assert!(reason.is_some_and(|reason| reason.contains("max_prepared_statements")));
    }

    #[test]
    fn tables_are_made_on_servers_of_our_own_only() {
        let tpcb = poolproof_scenarios::catalog::find("tpcb").expect("in the catalog");
        let theirs: TargetSpec = "mine=postgres://me@db/shop".parse().expect("an address");
        assert!(lacking(&theirs, &tpcb).is_some_and(|reason| reason.contains("tables")));
        assert_eq!(
            lacking(&TargetSpec::Catalog(CatalogTarget::Proxy), &tpcb),
            None
        );
    }
}
