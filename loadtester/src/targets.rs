//! What can be compared: the catalog of targets, and poolers that run already.

mod catalog;
pub mod features;
mod running;

use std::{path::Path, str::FromStr};

pub use catalog::CatalogTarget;
pub use running::RunningElsewhere;

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
///
/// # Errors
///
/// When two files that say different things give themselves one name.
pub fn with_twins(specs: Vec<TargetSpec>) -> Result<Vec<TargetSpec>, TargetError> {
    let mut seen: Vec<CatalogTarget> = Vec::new();
    let mut twin = |spec| {
        let TargetSpec::Catalog(target) = spec else {
            return Ok(spec);
        };
        let Some(first) = seen.iter().find(|first| **first == target) else {
            seen.push(target);
            return Ok(spec);
        };
        if first.file() != target.file() {
            return Err(TargetError::Taken {
                name: target.name().to_owned(),
                by: "another file",
            });
        }
        Ok(TargetSpec::Twin(target))
    };
    specs.into_iter().map(&mut twin).collect()
}

impl FromStr for TargetSpec {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        match text.split_once('=') {
            Some((name, url)) => RunningElsewhere::parse(name, url).map(Self::Running),
            None if is_path(text) => CatalogTarget::read(Path::new(text)).map(Self::Catalog),
            None => text.parse().map(Self::Catalog),
        }
    }
}

fn is_path(text: &str) -> bool {
    let toml = Path::new(text)
        .extension()
        .is_some_and(|extension| extension == "toml");
    toml || text.contains(std::path::MAIN_SEPARATOR)
}

/// A target that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not in the catalog.
    #[error(
        "expected a target ({known}, NAME=postgres://… or a file such as ./mine.toml), got {got:?}{}",
        .nearest.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default()
    )]
    Unknown {
        /// What came.
        got: String,
        /// The names of the catalog.
        known: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// A name that a table or a file could not carry, or that a threshold understands otherwise.
    #[error(
        "expected a name of lower-case letters, digits, - and _ (baseline stands for an earlier \
         run), got {0:?}"
    )]
    Name(String),
    /// A name under which something else would be measured.
    #[error("expected a name of its own for the target, got {name}, which {by} has taken")]
    Taken {
        /// The name.
        name: String,
        /// Whose it is.
        by: &'static str,
    },
    /// A file that is no target, with its place.
    #[error("{0}")]
    File(String),
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
        for target in CatalogTarget::all() {
            assert_eq!(target.to_string().parse(), Ok(TargetSpec::Catalog(target)));
        }
    }

    #[test]
    fn a_second_mention_is_a_twin() {
        let specs = ["proxy", "direct", "proxy"].map(|name| name.parse().expect("a target"));
        let twins = with_twins(specs.into()).expect("one of each name");
        let names: Vec<&str> = twins.iter().map(TargetSpec::name).collect();
        assert_eq!(names, ["proxy", "direct", "proxy-2"]);
    }

    #[test]
    fn two_files_of_one_name_are_not_twins() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = |name: &str, program: &str| {
            let path = folder.path().join(name);
            let text = format!(
                "name = \"mine\"\npurpose = \"Mine.\"\nprogram = \"{program}\"\n\
                 version = [\"-V\"]\n"
            );
            std::fs::write(&path, text).expect("a file");
            TargetSpec::Catalog(CatalogTarget::read(&path).expect("a target"))
        };
        let (one, same) = (target("a.toml", "/opt/a"), target("b.toml", "/opt/a"));
        let names = with_twins(vec![one.clone(), same]).expect("A against A");
        assert_eq!(names[1].name(), "mine-2");
        let error = with_twins(vec![one, target("c.toml", "/opt/c")]).expect_err("two programs");
        assert!(error.to_string().contains("mine"), "{error}");
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
