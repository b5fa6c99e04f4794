//! Transactions: what a client asks, in which protocol, and what must come back.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One kind of transaction of a workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Name in reports.
    pub name: String,
    /// Share among the transactions of the scenario.
    #[serde(default = "one")]
    pub weight: u32,
    /// How the statements travel.
    pub protocol: Protocol,
    /// Statements in order. More than one are wrapped in BEGIN and COMMIT by the file itself, so
    /// that what travels is what is written.
    pub statements: Vec<Statement>,
}

/// One statement and what it must answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// SQL. `:nonce` stands for a number that no other query of the run carries; it travels as a
    /// literal in protocol `simple` and as parameter `$1` (int8) elsewhere.
    pub sql: String,
    /// What must come back.
    #[serde(default)]
    pub returns: Returns,
}

impl Statement {
    /// Where `:nonce` stands in the SQL, in bytes. `::nonce` is a cast, `:nonces` another name.
    #[must_use]
    pub fn nonces(&self) -> Vec<Range<usize>> {
        const MARK: &str = ":nonce";
        let sql = self.sql.as_bytes();
        let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        self.sql
            .match_indices(MARK)
            .map(|(start, _)| start..start + MARK.len())
            .filter(|place| place.start == 0 || sql[place.start - 1] != b':')
            .filter(|place| !sql.get(place.end).is_some_and(in_word))
            .collect()
    }
}

/// What a statement must answer for the transaction to count as succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Returns {
    /// Exactly one row whose first column is the nonce.
    Nonce,
    /// This many rows, each with the nonce as its first column.
    NonceRows(u64),
    /// Any answer that is no error.
    #[default]
    Anything,
}

/// How statements travel, in pgbench's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Query messages.
    Simple,
    /// Parse, Bind, Describe, Execute, Sync with the unnamed statement, each time.
    Extended,
    /// Named statements parsed once per connection; then Bind, Execute, Sync.
    Prepared,
    /// All statements of the transaction at once, as in `extended`, before the first answer is
    /// read; one Sync at the end.
    Pipeline,
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::{Returns, Statement};

    #[test]
    fn a_nonce_is_a_word_of_its_own() {
        let check = |sql: &str, starts: &[usize]| {
            let statement = Statement {
                sql: sql.to_owned(),
                returns: Returns::Anything,
            };
            let found: Vec<_> = statement.nonces().iter().map(|place| place.start).collect();
            assert_eq!(found, starts, "{sql}");
        };
        check("SELECT :nonce", &[7]);
        check("SELECT :nonce::int8 + :nonce", &[7, 22]);
        check("SELECT 1::nonce", &[]);
        check("SELECT :nonces, :nonce_2", &[]);
        check(":nonce", &[0]);
        check("SELECT 1", &[]);
    }
}
