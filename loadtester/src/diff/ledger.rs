//! The known differences: which target, in which mode, in which case, in what way, and why.

use poolproof_reports::matrix::Outcome;
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
    /// What each of them comes to.
    #[serde(default = "differs")]
    outcome: Outcome,
    /// How the first thing that the target sends otherwise may begin; whatever it is where there is
    /// nothing.
    #[serde(default)]
    got: Vec<String>,
    reason: String,
}

fn differs() -> Outcome {
    Outcome::Differs
}

/// A difference that has shown.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Whose.
    pub target: &'a str,
    /// In which mode.
    pub mode: PoolMode,
    /// `area/name`.
    pub case: &'a str,
    /// What it came to.
    pub outcome: Outcome,
    /// The first thing that the target sent otherwise.
    pub got: &'a str,
}

/// What the ledger says of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// It is known, and this is why.
    As(&'a str),
    /// The case is known to differ, but in this way.
    Otherwise(String),
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

    /// What is known of a difference; noted as needed, also when the case is known to differ otherwise.
    pub fn known(&self, seen: &Seen<'_>, needed: &mut Needed) -> Option<Known<'_>> {
        let about: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.is_about(seen))
            .collect();
        if about.is_empty() {
            return None;
        }
        let noted = (seen.target.to_owned(), seen.case.to_owned());
        needed.0.push(noted);
        let meant = about.iter().find(|entry| entry.is_met(seen));
        Some(meant.map_or_else(
            || {
                let ways: Vec<String> = about.iter().map(|entry| entry.way()).collect();
                Known::Otherwise(ways.join(", or "))
            },
            |entry| Known::As(&entry.reason),
        ))
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

impl Entry {
    fn is_about(&self, seen: &Seen<'_>) -> bool {
        self.target == seen.target
            && self.modes.contains(&seen.mode)
            && self.cases.iter().any(|known| known == seen.case)
    }

    fn is_met(&self, seen: &Seen<'_>) -> bool {
        let began = self.got.iter().any(|got| seen.got.starts_with(got));
        self.outcome == seen.outcome && (self.got.is_empty() || began)
    }

    /// In which way its cases differ.
    fn way(&self) -> String {
        let outcome = self.outcome.word();
        match self.got.is_empty() {
            true => outcome.to_owned(),
            false => format!("{outcome}, got {}", self.got.join(" or ")),
        }
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
        let seen = Seen {
            target: "p",
            mode,
            case: "a/x",
            outcome: Outcome::Differs,
            got: "(closed)",
        };
        assert_eq!(ledger.known(&seen, &mut needed), Some(Known::As("so")));
        let other = Seen {
            target: "q",
            ..seen
        };
        assert_eq!(ledger.known(&other, &mut needed), None);
        let session = Seen {
            mode: PoolMode::Session,
            ..seen
        };
        assert_eq!(ledger.known(&session, &mut needed), None);
        let cases = ["a/x".to_owned(), "a/y".to_owned()];
        let unneeded = ledger.unneeded(&["p".to_owned()], mode, &cases, &needed);
        assert_eq!(unneeded, ["p a/y"]);
        assert!(ledger.unneeded(&[], mode, &cases, &needed).is_empty());
    }

    #[test]
    fn a_known_case_that_differs_otherwise_is_not_excused() {
        let ledger = Ledger::parse(
            "[[known]]\ntarget = 'p'\nmodes = ['transaction']\ncases = ['a/x']\n\
             got = ['ErrorResponse FATAL 08P01', '(closed)']\nreason = 'so'\n",
        )
        .expect("a ledger");
        let known = |outcome, got| {
            let seen = Seen {
                target: "p",
                mode: PoolMode::Transaction,
                case: "a/x",
                outcome,
                got,
            };
            let mut needed = Needed::default();
            let known = ledger.known(&seen, &mut needed);
            let cases = ["a/x".to_owned()];
            let unneeded = ledger.unneeded(&["p".to_owned()], seen.mode, &cases, &needed);
            assert!(unneeded.is_empty(), "it differs, so the entry stays");
            known
        };
        let otherwise = Some(Known::Otherwise(
            "differs, got ErrorResponse FATAL 08P01 or (closed)".to_owned(),
        ));
        let refusal = "ErrorResponse FATAL 08P01 \"no\"";
        assert_eq!(known(Outcome::Differs, refusal), Some(Known::As("so")));
        assert_eq!(known(Outcome::Differs, "nothing"), otherwise);
        assert_eq!(known(Outcome::Hangs, refusal), otherwise);
        assert_eq!(known(Outcome::Disconnects, "(closed)"), otherwise);
    }

    #[test]
    fn the_own_ledger_says_how_each_case_differs() {
        let ledger = Ledger::parse(Ledger::OWN).unwrap_or_else(|error| panic!("{error}"));
        for entry in &ledger.entries {
            assert!(!entry.got.is_empty(), "{entry:?}");
            assert!(!entry.outcome.is_explained(), "{entry:?}");
        }
    }

    #[test]
    fn the_own_ledger_names_cases_of_the_catalog() {
        let ledger = Ledger::parse(Ledger::OWN).unwrap_or_else(|error| panic!("{error}"));
        for case in ledger.cases() {
            assert!(poolproof_scenarios::catalog::case(case).is_some(), "{case}");
        }
    }
}
