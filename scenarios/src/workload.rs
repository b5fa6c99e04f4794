//! Transactions: what a client asks, in which protocol, and what must come back.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    error::Problem,
    pgbench::{Program, Setting, Value},
};

mod program;

/// One kind of transaction of a workload: either statements or a script.
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<Statement>,
    /// A pgbench script in place of statements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// Variables that the script begins with, as those of pgbench's `--define`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
}

impl Transaction {
    /// The transaction as steps.
    ///
    /// # Errors
    ///
    /// What is wrong with its script. A transaction that was read from a file has none of it.
    pub fn program(&self) -> Result<Program, Vec<Problem>> {
        let Some(script) = &self.script else {
            return Ok(program::of_statements(self));
        };
        let setting = Setting {
            protocol: self.protocol,
            variables: &self.variables,
        };
        Program::read(&script.text, &script.name, setting)
    }
}

/// A pgbench script, with its text, so that a record needs no other file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Its name or its file, for messages.
    pub name: String,
    /// The script.
    pub text: String,
}

/// The value of a script's variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Variable {
    /// A truth.
    Boolean(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// A text.
    Text(String),
}

impl Variable {
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Boolean(truth) => Value::Boolean(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Double(number) => Value::Double(*number),
            Self::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// One statement and what it must answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// SQL. `:nonce` stands for a number that no other query of the run carries; it travels as a
    /// literal in protocol `simple` and in a COPY, and as parameter `$1` (int8) elsewhere.
    pub sql: String,
    /// What must come back.
    #[serde(default)]
    pub returns: Returns,
    /// Pause of the client before it sends the statement.
    #[serde(
        default,
        skip_serializing_if = "Duration::is_zero",
        with = "crate::load::span"
    )]
    #[schemars(with = "String")]
    pub think: Duration,
    /// What the client sends when the statement is a COPY FROM STDIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<CopyIn>,
}

/// Rows that a COPY sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyIn {
    /// How many.
    pub rows: u32,
    /// Each of them, without its end of line; `:nonce` stands for the statement's nonce.
    pub row: String,
}

/// Which way a COPY goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// From the client.
    In,
    /// To the client.
    Out,
}

impl Statement {
    /// Where `:nonce` stands in the SQL, in bytes. `::nonce` is a cast, `:nonces` another name.
    #[must_use]
    pub fn nonces(&self) -> Vec<Range<usize>> {
        nonces(&self.sql)
    }

    /// Which way it copies, if it is a COPY through the connection.
    #[must_use]
    pub fn copies(&self) -> Option<Copies> {
        let mut words = self.sql.split_whitespace();
        let is_copy = words
            .next()
            .is_some_and(|it| it.eq_ignore_ascii_case("copy"));
        let word = |name: &str| {
            let same = |it: &str| it.trim_matches(';').eq_ignore_ascii_case(name);
            is_copy && self.sql.split_whitespace().any(same)
        };
        if word("stdin") {
            Some(Copies::In)
        } else if word("stdout") {
            Some(Copies::Out)
        } else {
            None
        }
    }
}

/// Where `:nonce` stands in a text.
#[must_use]
pub fn nonces(text: &str) -> Vec<Range<usize>> {
    const MARK: &str = ":nonce";
    let bytes = text.as_bytes();
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    text.match_indices(MARK)
        .map(|(start, _)| start..start + MARK.len())
        .filter(|place| place.start == 0 || bytes[place.start - 1] != b':')
        .filter(|place| !bytes.get(place.end).is_some_and(in_word))
        .collect()
}

/// What a statement must answer for the transaction to count as succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Returns {
    /// Exactly one row whose first column is the nonce.
    Nonce,
    /// This many rows, each with the nonce as its first column.
    NonceRows(u64),
    /// Any number of rows, each with the nonce as its first column.
    EachNonce,
    /// This many rows.
    Rows(u64),
    /// A CommandComplete with this tag.
    Tag(String),
    /// An error with this SQLSTATE. The transaction goes on.
    #[serde(rename = "sqlstate")]
    SqlState(String),
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
    use super::{Copies, Statement};

    #[test]
    fn a_nonce_is_a_word_of_its_own() {
        let check = |sql: &str, starts: &[usize]| {
            let statement = Statement {
                sql: sql.to_owned(),
                ..Statement::default()
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

    #[test]
    fn a_copy_through_the_connection_says_which_way() {
        let check = |sql: &str, copies| {
            let statement = Statement {
                sql: sql.to_owned(),
                ..Statement::default()
            };
            assert_eq!(statement.copies(), copies, "{sql}");
        };
        check("COPY t FROM STDIN", Some(Copies::In));
        check("copy (select 1) to stdout;", Some(Copies::Out));
        check("COPY t FROM '/tmp/x'", None);
        check("SELECT 'COPY FROM STDIN'", None);
    }
}
