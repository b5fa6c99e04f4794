//! The behaviour cases: what poolers get wrong, one session script each.

/// A case of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct CaseEntry {
    /// Its area, which is its folder.
    pub area: &'static str,
    /// Its name, which is the file's without its ending.
    pub name: &'static str,
    /// Path below `scenarios/catalog`.
    pub path: &'static str,
    /// The script.
    pub text: &'static str,
}

impl CaseEntry {
    /// `area/name`, as the command line and the ledger call it.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.area, self.name)
    }
}

/// The case called `area/name`.
#[must_use]
pub fn case(id: &str) -> Option<&'static CaseEntry> {
    CASES.iter().find(|case| case.id() == id)
}

macro_rules! cases {
    ($($area:literal: $($name:literal)*;)*) => {
        /// Every case, in the order in which the matrix shows them.
        pub const CASES: &[CaseEntry] = &[$($(CaseEntry {
            area: $area,
            name: $name,
            path: concat!("behaviour/", $area, "/", $name, ".session"),
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/catalog/behaviour/", $area, "/", $name, ".session"
            )),
        },)*)*];
    };
}

include!("behaviour/list.rs");

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::CASES;
    use crate::Session;

    #[test]
    fn the_list_is_what_the_folders_hold() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog");
        let mut found = BTreeSet::new();
        for area in fs::read_dir(root.join("behaviour")).unwrap() {
            let area = area.unwrap().path();
            if !area.is_dir() {
                continue;
            }
            for file in fs::read_dir(area).unwrap() {
                let path = file.unwrap().path();
                let path = path.strip_prefix(&root).unwrap().to_str().unwrap();
                found.insert(path.to_owned());
            }
        }
        let listed: BTreeSet<_> = CASES.iter().map(|case| case.path.to_owned()).collect();
        assert_eq!(listed, found);
    }

    #[test]
    fn every_case_has_a_name_a_sentence_and_a_source() {
        for case in CASES {
            let session =
                Session::parse(case.text, case.path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(session.header.name, case.name, "{}", case.path);
            assert!(session.header.about.ends_with('.'), "{}", case.path);
            assert!(!session.header.source.is_empty(), "{}", case.path);
            assert!(!session.steps.is_empty(), "{}", case.path);
        }
    }
}
