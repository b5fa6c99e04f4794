//! The known differences: which target, in which mode, in which case, and why.

use poolproof_scenarios::pool::PoolMode;
use serde::Deserialize;

/// A ledger.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// What is known.
    #[serde(default, rename = "known")]
    entries: Vec<Entry>,
}

/// One known difference.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    target: String,
    /// Modes in which it shows.
    modes: Vec<PoolMode>,
    /// `area/name` of each case.
    cases: Vec<String>,
    reason: String,
}

/// What was asked of a ledger.
#[derive(Debug, Default)]
pub struct Needed(Vec<(String, String)>);

impl Ledger {
    /// The one that comes with the program.
    pub const OWN: &'static str = include_str!("../../../scenarios/catalog/behaviour/ledger.toml");

    /// Reads a ledger.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Why `target` may differ in a case; noted as needed.
    pub fn reason(
        &self,
        target: &str,
        mode: PoolMode,
        case: &str,
        needed: &mut Needed,
    ) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| {
            entry.target == target
                && entry.modes.contains(&mode)
                && entry.cases.iter().any(|known| known == case)
        })?;
        needed.0.push((target.to_owned(), case.to_owned()));
        Some(&entry.reason)
    }

    /// Entries for these targets, this mode and these cases that nothing needed.
    #[must_use]
    pub fn unneeded(
        &self,
        targets: &[String],
        mode: PoolMode,
        cases: &[String],
        needed: &Needed,
    ) -> Vec<String> {
        let mut unneeded = Vec::new();
        for entry in &self.entries {
            if !targets.contains(&entry.target) || !entry.modes.contains(&mode) {
                continue;
            }
            for case in entry.cases.iter().filter(|case| cases.contains(case)) {
                let known = (entry.target.clone(), case.clone());
                if !needed.0.contains(&known) {
                    unneeded.push(format!("{} {case}", entry.target));
                }
            }
        }
        unneeded
    }

    /// Cases that it names.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        let cases = self.entries.iter().flat_map(|entry| &entry.cases);
        cases.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_applies_where_it_says_and_is_missed_where_it_does_not() {
        let ledger = Ledger::parse(
            "[[known]]\ntarget = 'p'\nmodes = ['transaction']\ncases = ['a/x', 'a/y']\nreason = 'so'\n",
        )
        .expect("a ledger");
        let mut needed = Needed::default();
        let mode = PoolMode::Transaction;
        assert_eq!(ledger.reason("p", mode, "a/x", &mut needed), Some("so"));
        assert_eq!(ledger.reason("q", mode, "a/x", &mut needed), None);
        assert_eq!(
            ledger.reason("p", PoolMode::Session, "a/x", &mut needed),
            None
        );
        let cases = ["a/x".to_owned(), "a/y".to_owned()];
        let unneeded = ledger.unneeded(&["p".to_owned()], mode, &cases, &needed);
        assert_eq!(unneeded, ["p a/y"]);
        assert!(ledger.unneeded(&[], mode, &cases, &needed).is_empty());
    }

    #[test]
    fn the_own_ledger_names_cases_of_the_catalog() {
        let ledger = Ledger::parse(Ledger::OWN).unwrap_or_else(|error| panic!("{error}"));
        for case in ledger.cases() {
            assert!(poolproof_scenarios::catalog::case(case).is_some(), "{case}");
        }
    }
}
