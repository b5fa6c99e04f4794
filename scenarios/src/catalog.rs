//! The scenarios that come with the program, carried inside it.

mod behaviour;
pub mod targets;

pub use behaviour::{CASES, CaseEntry, case};

use crate::{Scenario, ScenarioError, nearest::nearest};

/// A file of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name on the command line, which is the file's without its ending.
    pub name: &'static str,
    /// Path below `scenarios/catalog`.
    pub path: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! entries {
    ($($folder:literal / $name:literal),* $(,)?) => {
        /// Every file of the catalog, in the order in which lists show them.
        pub const ENTRIES: &[Entry] = &[$(Entry {
            name: $name,
            path: concat!($folder, "/", $name, ".toml"),
            text: include_str!(concat!("../catalog/", $folder, "/", $name, ".toml")),
        }),*];
    };
}

entries![
    "load" / "ramp",
    "load" / "stress-1000",
    "load" / "dynamic-stress",
    "load" / "spike",
    "load" / "soak",
    "load" / "churn",
    "load" / "churn-tls",
    "load" / "hold-10k",
    "load" / "long-among-short",
    "load" / "starvation",
    "load" / "databases",
    "load" / "prepared-unnamed",
    "load" / "prepared-named",
    "load" / "prepared-over-limit",
    "load" / "pipelines",
    "load" / "copy-in",
    "load" / "copy-out",
    "load" / "large-rows",
    "load" / "big-binds",
    "load" / "tpcb",
    "load" / "simple-update",
    "load" / "read-only",
    "load" / "cpu-a-transaction",
    "load" / "orm-like",
    "load" / "think-in-transaction",
    "load" / "pattern-rapid",
    "load" / "pattern-idle",
    "load" / "pattern-mixed",
    "load" / "pattern-burst",
    "load" / "pattern-transaction",
    "faults" / "backends-killed",
    "faults" / "postgres-restarted",
    "faults" / "postgres-stopped",
    "faults" / "postgres-frozen",
    "faults" / "link-cut",
    "faults" / "link-reset-mid-batch",
    "faults" / "link-delayed",
    "faults" / "link-stalled",
    "faults" / "pooler-reloaded",
    "faults" / "pooler-restarted",
    "faults" / "pooler-killed",
    "faults" / "pooler-frozen",
    "faults" / "pooler-paused",
    "faults" / "clients-vanish",
    "faults" / "slow-readers",
    "faults" / "half-sent",
    "faults" / "invariants",
    "faults" / "state-leaks",
];

/// A name that is not in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a scenario of the catalog, got {name:?}{}", .near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default())]
pub struct UnknownScenario {
    /// What was asked for.
    pub name: String,
    /// The name that it may have meant.
    pub near: Option<&'static str>,
}

impl Entry {
    /// Its folder in the catalog.
    #[must_use]
    pub fn folder(&self) -> &'static str {
        self.path.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Never for the catalog as it is committed: a test reads every file.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Scenario::parse(self.text, self.path)
    }
}

/// Names that stand for several scenarios: the whole catalog, and its folders.
pub const GROUPS: [&str; 3] = ["all", "load", "faults"];

/// The files that a name of [`GROUPS`] stands for, in their order; `None` for any other.
pub fn group(name: &str) -> Option<impl Iterator<Item = &'static Entry>> {
    let folder = GROUPS.into_iter().find(|group| *group == name)?;
    let within = move |entry: &&Entry| folder == "all" || entry.folder() == folder;
    Some(ENTRIES.iter().filter(within))
}

/// The file called `name`.
///
/// # Errors
///
/// When there is none; the error holds the name nearest to it.
pub fn entry(name: &str) -> Result<&'static Entry, UnknownScenario> {
    ENTRIES
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| UnknownScenario {
            name: name.to_owned(),
            near: nearest(name, ENTRIES.iter().map(|entry| entry.name)),
        })
}

/// The scenario called `name`, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<Scenario> {
    entry(name).ok()?.scenario().ok()
}

/// Every scenario of the catalog.
pub fn all() -> impl Iterator<Item = Result<Scenario, ScenarioError>> {
    ENTRIES.iter().map(Entry::scenario)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::{ENTRIES, GROUPS, entry, find, group};

    #[test]
    fn every_scenario_is_in_a_folder_that_can_be_named() {
        let count = |name| group(name).map(Iterator::count);
        assert_eq!(count("all"), Some(ENTRIES.len()));
        let folders: usize = GROUPS[1..].iter().filter_map(|name| count(name)).sum();
        assert_eq!(folders, ENTRIES.len());
        assert_eq!(count("ramp"), None);
        assert!(ENTRIES.iter().all(|entry| !GROUPS.contains(&entry.name)));
    }

    #[test]
    fn the_list_is_what_the_folder_holds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
        let listed: BTreeSet<_> = ENTRIES.iter().map(|entry| entry.path.to_owned()).collect();
        let mut found = BTreeSet::new();
        for folder in fs::read_dir(&root).unwrap() {
            let folder = folder.unwrap().path();
            if folder.ends_with("behaviour") || folder.ends_with("targets") {
                continue; // they have lists of their own
            }
            for file in fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                found.insert(
                    path.strip_prefix(&root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
        assert_eq!(listed, found);
    }

    #[test]
    fn every_file_is_a_scenario_of_its_own_name_with_thresholds() {
        for entry in ENTRIES {
            let scenario = entry.scenario().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.name, entry.name);
            assert!(!scenario.thresholds.is_empty(), "{}", entry.path);
            assert!(scenario.purpose.ends_with('.'), "{}", entry.path);
            let tried = scenario.quick().load;
            assert!(
                tried.clients_max() <= scenario.pool.max_client_conn,
                "{}",
                entry.path
            );
        }
    }

    #[test]
    fn a_slip_is_understood() {
        assert!(find("ramp").is_some());
        assert_eq!(
            entry("rmap").unwrap_err().to_string(),
            "expected a scenario of the catalog, got \"rmap\"; did you mean \"ramp\"?"
        );
        assert_eq!(
            entry("nonsense").unwrap_err().to_string(),
            "expected a scenario of the catalog, got \"nonsense\""
        );
    }
}
