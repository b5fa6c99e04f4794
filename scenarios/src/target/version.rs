//! Versions, as far as they can be put in order: the numbers between the dots.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Error};

/// A version such as 1.24.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl Version {
    /// The first version in what a program says of itself: `PgBouncer 1.24.1` is 1.24.1.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')'))
            .find_map(Self::read)
    }

    fn read(word: &str) -> Option<Self> {
        let word = word.strip_prefix('v').unwrap_or(word);
        let end = word
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(word.len());
        let numbers: Option<Vec<u32>> = word[..end]
            .trim_end_matches('.')
            .split('.')
            .map(|number| number.parse().ok())
            .collect();
        numbers.filter(|numbers| numbers.len() > 1).map(Self)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        out.write_str(&numbers.join("."))
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::read(&text)
            .filter(|version| version.to_string() == text)
            .ok_or_else(|| D::Error::custom(format!("expected a version like 1.24, got {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn a_version_is_found_in_what_programs_say() {
        for (said, expected) in [
            ("PgBouncer 1.18.0", "1.18.0"),
            ("pgpool-II version 4.3.5 (tamahomeboshi)", "4.3.5"),
            ("PgDog v0.1.9 [main@5a5f0f2]", "0.1.9"),
            ("odyssey (git: 1.4rc, 2024)", "1.4"),
        ] {
            let found = Version::of(said).map(|version| version.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{said}");
        }
        assert_eq!(Version::of("built in 2024 by hand"), None);
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let version = |text| Version::of(text).unwrap();
        assert!(version("1.9") < version("1.18.0"));
        assert!(version("1.18") < version("1.18.1"));
        assert!(version("2.0") > version("1.99"));
    }
}
