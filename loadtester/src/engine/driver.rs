//! Who speaks PostgreSQL's protocol towards the target.

use std::{fmt, str::FromStr};

/// A driver of load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriverKind {
    /// Our own: lean enough to load a pooler to its limit from one core.
    #[default]
    Wire,
    /// The `tokio-postgres` crate, as applications use it.
    TokioPostgres,
    /// The `sqlx` crate.
    Sqlx,
}

impl DriverKind {
    /// Every driver, in the order in which help lists them.
    pub const ALL: [Self; 3] = [Self::Wire, Self::TokioPostgres, Self::Sqlx];

    /// The name on the command line and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wire => "wire",
            Self::TokioPostgres => "tokio-postgres",
            Self::Sqlx => "sqlx",
        }
    }
}

impl fmt::Display for DriverKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for DriverKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("expected a driver, wire, tokio-postgres or sqlx, got {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::DriverKind;

    #[test]
    fn names_are_read_back() {
        for kind in DriverKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert!("libpq".parse::<DriverKind>().is_err());
    }
}
