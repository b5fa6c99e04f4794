//! What can be compared: the catalog of targets, and poolers that run already.

pub mod features;
mod running;

use std::{fmt, str::FromStr};

pub use running::RunningElsewhere;

use poolproof_scenarios::nearest;

/// A target that the environment starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CatalogTarget {
    /// PostgreSQL itself: what there is to lose.
    Direct,
    /// Our own pooler.
    Proxy,
    /// Stock PgBouncer.
    PgBouncer,
}

impl CatalogTarget {
    /// Every target, in the order of the default columns.
    pub const ALL: [Self; 3] = [Self::Direct, Self::Proxy, Self::PgBouncer];

    /// Name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Proxy => "proxy",
            Self::PgBouncer => "pgbouncer",
        }
    }

    /// Name of its second instance. The reports know by it that both are the same.
    #[must_use]
    pub fn twin_name(self) -> &'static str {
        match self {
            Self::Direct => "direct-2",
            Self::Proxy => "proxy-2",
            Self::PgBouncer => "pgbouncer-2",
        }
    }
}

impl fmt::Display for CatalogTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for CatalogTarget {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::ALL
            .into_iter()
            .find(|target| target.name() == text)
            .ok_or_else(|| TargetError::Unknown {
                got: text.to_owned(),
                nearest: nearest(text, Self::ALL.map(Self::name)).map(str::to_owned),
            })
    }
}

/// A target as the command line names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSpec {
    /// One that we start and stop.
    Catalog(CatalogTarget),
    /// A second instance of one that we start: A against A shows the machine's own noise.
    Twin(CatalogTarget),
    /// One that runs already, which is measured and never stopped.
    Running(RunningElsewhere),
}

impl TargetSpec {
    /// Name of its column.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Catalog(target) => target.name(),
            Self::Twin(target) => target.twin_name(),
            Self::Running(target) => &target.name,
        }
    }
}

/// The same targets, where the second mention of one that we start is its twin.
#[must_use]
pub fn with_twins(specs: Vec<TargetSpec>) -> Vec<TargetSpec> {
    let mut seen = std::collections::BTreeSet::new();
    let twin = |spec| match spec {
        TargetSpec::Catalog(target) if !seen.insert(target) => TargetSpec::Twin(target),
        other => other,
    };
    specs.into_iter().map(twin).collect()
}

impl FromStr for TargetSpec {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text.split_once('=') {
            Some((name, url)) => RunningElsewhere::parse(name, url).map(Self::Running),
            None => text.parse().map(Self::Catalog),
        }
    }
}

/// A target that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not in the catalog.
    #[error(
        "expected a target (direct, proxy, pgbouncer or NAME=postgres://…), got {got:?}{}",
        .nearest.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default()
    )]
    Unknown {
        /// What came.
        got: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// A name that a table or a file could not carry, or that a threshold understands otherwise.
    #[error(
        "expected a name of lower-case letters, digits, - and _ (baseline stands for an earlier \
         run), got {0:?}"
    )]
    Name(String),
    /// An address that names no server.
    #[error(
        "expected NAME=postgres://USER:PASSWORD@HOST:PORT/DATABASE for target {name}: {reason}"
    )]
    Address {
        /// Name of the target.
        name: String,
        /// What is wrong with it; the address may hold a password and is not shown.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalog_names_are_read_back() {
        for target in CatalogTarget::ALL {
            assert_eq!(target.to_string().parse(), Ok(TargetSpec::Catalog(target)));
        }
    }

    #[test]
    fn a_second_mention_is_a_twin() {
        let specs = ["proxy", "direct", "proxy"].map(|name| name.parse().expect("a target"));
        let twins = with_twins(specs.into());
        let names: Vec<&str> = twins.iter().map(TargetSpec::name).collect();
        assert_eq!(names, ["proxy", "direct", "proxy-2"]);
    }

    #[test]
    fn a_slip_gets_the_name_that_was_meant() {
        let error = "pgbuoncer"
            .parse::<TargetSpec>()
            .expect_err("no such target");
        assert!(
            error.to_string().ends_with("did you mean pgbouncer?"),
            "{error}"
        );
    }
}
