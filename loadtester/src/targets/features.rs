//! What a target of the local environment lacks. A scenario that needs it is reported as unsupported
//! there, never skipped in silence and never failed.

use poolproof_scenarios::scenario::Feature;

use super::{CatalogTarget, TargetSpec};

/// Why `spec` cannot run a scenario with these needs, if it cannot. Of a target that somebody else
/// runs nothing is known, so it is measured and judged by its answers.
#[must_use]
pub fn lacking(spec: &TargetSpec, needs: &[Feature]) -> Option<String> {
    let (TargetSpec::Catalog(target) | TargetSpec::Twin(target)) = spec else {
        return None;
    };
    needs.iter().find_map(|need| reason(*target, *need))
}

fn reason(target: CatalogTarget, need: Feature) -> Option<String> {
    let reason = match (need, target) {
        (Feature::Tls, _) => "TLS is off in the local environment",
        (Feature::Console, CatalogTarget::Direct) => "PostgreSQL has no pooler's console",
        (Feature::Console, CatalogTarget::Proxy) => "the proxy has no admin console yet",
        (Feature::PreparedStatements, CatalogTarget::Proxy) => {
            "the proxy does not carry named statements from server to server yet"
        }
        (Feature::PreparedStatements, CatalogTarget::PgBouncer) => {
            "max_prepared_statements is not set, as PgBouncer before 1.21 refuses the key"
        }
        (Feature::PreparedStatements, CatalogTarget::Direct)
        | (Feature::Scram | Feature::Copy, _)
        | (Feature::Console, CatalogTarget::PgBouncer) => return None,
    };
    Some(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_missing_feature_is_the_reason() {
        let pgbouncer = TargetSpec::Catalog(CatalogTarget::PgBouncer);
        assert_eq!(lacking(&pgbouncer, &[Feature::Scram, Feature::Copy]), None);
        let reason = lacking(&pgbouncer, &[Feature::Copy, Feature::PreparedStatements]);
        assert!(reason.is_some_and(|reason| reason.contains("max_prepared_statements")));
    }
}
