//! `[[transaction]]` and its statements.

use std::time::Duration;

use toml::de::DeValue;

use super::{
    Problems, Scripts, scenario,
    section::{Read, Section},
    value::{count, describe, one_of, text, time},
};
use crate::{
    nearest::suggestion,
    workload::{Copies, CopyIn, Protocol, Returns, Statement, Transaction, nonces},
};

mod script;
#[cfg(test)]
mod tests;

const TRANSACTIONS_MAX: usize = 100;
const STATEMENTS_MAX: usize = 1_000;
/// Longest statement, in bytes.
const SQL_BYTES_MAX: usize = 256 << 10;
const WEIGHT_MAX: u32 = 1_000_000;
const ROWS_MAX: u64 = 100_000_000;
/// Longest pause within a transaction.
const THINK_MAX: Duration = Duration::from_secs(3600);
const COPY_ROWS_MAX: u32 = 1_000_000;
/// Longest row that a COPY sends, in bytes.
const COPY_ROW_BYTES_MAX: usize = 1 << 20;
/// Most that one COPY sends, in bytes; each generator thread holds it ready.
const COPY_BYTES_MAX: usize = 64 << 20;

const PROTOCOLS: [(&str, Protocol); 4] = [
    ("simple", Protocol::Simple),
    ("extended", Protocol::Extended),
    ("prepared", Protocol::Prepared),
    ("pipeline", Protocol::Pipeline),
];

/// Reads all transactions of the file; `None` only when a problem was added.
pub(super) fn read(
    top: &mut Section<'_>,
    scripts: Scripts<'_>,
    problems: &mut Problems<'_>,
) -> Option<Vec<Transaction>> {
    if !top.has("transaction") {
        top.missing("transaction", problems);
    }
    let sections = top.tables("transaction", problems)?;
    if !(1..=TRANSACTIONS_MAX).contains(&sections.len()) {
        let message = format!(
            "transaction: expected 1 to {TRANSACTIONS_MAX}, got {}",
            sections.len()
        );
        problems.add(&top.span_of("transaction"), message);
        return None;
    }
    // Every transaction is read before the first failed one ends the file.
    let read: Vec<_> = sections
        .into_iter()
        .map(|each| transaction(each, scripts, problems))
        .collect();
    let transactions: Vec<Transaction> = read.into_iter().collect::<Option<_>>()?;
    for (index, one) in transactions.iter().enumerate() {
        if transactions[..index]
            .iter()
            .any(|other| other.name == one.name)
        {
            let message = format!("expected names that differ, got {:?} twice", one.name);
            problems.add(&top.span_of("transaction"), message);
        }
    }
    Some(transactions)
}

fn transaction(
    mut section: Section<'_>,
    scripts: Scripts<'_>,
    problems: &mut Problems<'_>,
) -> Option<Transaction> {
    let name = section.required("name", problems, scenario::name);
    let weight = section.optional("weight", problems, count(1..=WEIGHT_MAX));
    let protocol = section.required("protocol", problems, one_of(&PROTOCOLS));
    if section.has("script") {
        let (script, variables) = script::read(&mut section, scripts, problems);
        let place = section.span_of("script");
        section.end(problems);
        let transaction = Transaction {
            name: name?,
            weight: weight.unwrap_or(1),
            protocol: protocol?,
            statements: Vec::new(),
            script: Some(script?),
            variables: variables?,
        };
        script::check(&transaction, &place, problems)?;
        return Some(transaction);
    }
    let statements = statements(&mut section, protocol, problems);
    section.end(problems);
    Some(Transaction {
        name: name?,
        weight: weight.unwrap_or(1),
        protocol: protocol?,
        statements: statements?,
        script: None,
        variables: std::collections::BTreeMap::new(),
    })
}

fn statements(
    section: &mut Section<'_>,
    protocol: Option<Protocol>,
    problems: &mut Problems<'_>,
) -> Option<Vec<Statement>> {
    if !section.has("statements") {
        section.missing("statements", problems);
    }
    let sections = section.tables("statements", problems)?;
    if !(1..=STATEMENTS_MAX).contains(&sections.len()) {
        let message = format!(
            "statements: expected 1 to {STATEMENTS_MAX}, got {}",
            sections.len()
        );
        problems.add(&section.span_of("statements"), message);
        return None;
    }
    let read: Vec<_> = sections
        .into_iter()
        .map(|each| statement(each, protocol, problems))
        .collect();
    read.into_iter().collect()
}

fn statement(
    mut section: Section<'_>,
    protocol: Option<Protocol>,
    problems: &mut Problems<'_>,
) -> Option<Statement> {
    let sql = section.required("sql", problems, sql);
    let returns = section.optional("returns", problems, returns);
    let think = section.optional("think", problems, time(THINK_MAX));
    let copy = section
        .table("copy", problems)
        .and_then(|table| copy(table, problems));
    let place = section.span_of("sql");
    let has_copy = section.has("copy");
    section.end(problems);
    let statement = Statement {
        sql: sql?,
        returns: returns.unwrap_or_default(),
        think: think.unwrap_or_default(),
        copy,
    };
    if let Some(fault) = fault_of(&statement, has_copy, protocol) {
        problems.add(&place, fault.to_owned());
    }
    Some(statement)
}

/// What keeps the parts of a statement, each of which is right, from going together.
fn fault_of(
    statement: &Statement,
    has_copy: bool,
    protocol: Option<Protocol>,
) -> Option<&'static str> {
    let word = statement.sql.split_whitespace().next().unwrap_or_default();
    let wants_nonce = matches!(
        statement.returns,
        Returns::Nonce | Returns::NonceRows(_) | Returns::EachNonce
    );
    let pipelined = protocol == Some(Protocol::Pipeline);
    match statement.copies() {
        None if word.eq_ignore_ascii_case("copy") => {
            Some("sql: expected a COPY from STDIN or to STDOUT, got one of a file")
        }
        Some(Copies::In) if !has_copy => {
            Some("copy: expected the rows that the COPY sends, as { rows = 100, row = \":nonce\" }")
        }
        None | Some(Copies::Out) if has_copy => {
            Some("copy: expected a COPY FROM STDIN in the statement that sends rows, got none")
        }
        Some(_) if !matches!(protocol, None | Some(Protocol::Simple | Protocol::Extended)) => {
            Some("sql: expected protocol simple or extended for a COPY")
        }
        Some(Copies::In) if wants_nonce => {
            Some("returns: expected a tag like { tag = \"COPY 100\" } of a COPY FROM STDIN")
        }
        _ if wants_nonce && statement.nonces().is_empty() => {
            Some("returns: expected \":nonce\" in the SQL of a statement that returns it, got none")
        }
        _ if pipelined && matches!(statement.returns, Returns::SqlState(_)) => {
            Some("returns: expected another protocol than pipeline for an error that is wanted")
        }
        _ if pipelined && !statement.think.is_zero() => {
            Some("think: expected another protocol than pipeline for a pause within a transaction")
        }
        _ => None,
    }
}

fn copy(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<CopyIn> {
    let rows = section.required("rows", problems, count(0..=COPY_ROWS_MAX));
    let row = section.required("row", problems, text(COPY_ROW_BYTES_MAX));
    let place = section.span_of("row");
    section.end(problems);
    let copy = CopyIn {
        rows: rows?,
        row: row?,
    };
    // A nonce is three times as long as its name.
    let width = copy.row.len() + 12 * nonces(&copy.row).len() + 1;
    let bytes = width.saturating_mul(copy.rows as usize);
    if bytes > COPY_BYTES_MAX {
        let message = format!("rows: expected at most {COPY_BYTES_MAX} bytes in all, got {bytes}");
        problems.add(&place, message);
    }
    Some(copy)
}

fn sql<'t>(value: &'t DeValue<'t>) -> Read<String> {
    let sql = text(SQL_BYTES_MAX)(value)?;
    if sql.contains('\0') {
        return Err("expected SQL without a zero byte, which ends a string in the protocol".into());
    }
    Ok(sql)
}

fn returns<'t>(value: &'t DeValue<'t>) -> Read<Returns> {
    const WORDS: [(&str, Returns); 3] = [
        ("nonce", Returns::Nonce),
        ("each-nonce", Returns::EachNonce),
        ("anything", Returns::Anything),
    ];
    let expected = "\"nonce\", \"each-nonce\", \"anything\", or one of { nonce-rows = 100 }, \
                    { rows = 100 }, { tag = \"INSERT 0 1\" } and { sqlstate = \"22012\" }";
    match value {
        DeValue::String(word) => WORDS
            .into_iter()
            .find(|(name, _)| name == word)
            .map(|(_, returns)| returns)
            .ok_or_else(|| {
                let near = suggestion(word, WORDS.iter().map(|(name, _)| *name));
                format!("expected {expected}, got {word:?}{near}")
            }),
        DeValue::Table(table) if table.len() == 1 => {
            let key = |name| table.get(name).map(toml::Spanned::get_ref);
            let rows = || count(0..=ROWS_MAX);
            if let Some(value) = key("nonce-rows") {
                rows()(value).map(Returns::NonceRows)
            } else if let Some(value) = key("rows") {
                rows()(value).map(Returns::Rows)
            } else if let Some(value) = key("tag") {
                text(64)(value).map(Returns::Tag)
            } else if let Some(value) = key("sqlstate") {
                sqlstate(value).map(Returns::SqlState)
            } else {
                Err(format!("expected {expected}, got another key"))
            }
        }
        other => Err(format!("expected {expected}, got {}", describe(other))),
    }
}

fn sqlstate<'t>(value: &'t DeValue<'t>) -> Read<String> {
    let code = text(5)(value)?;
    let fits = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if code.len() == 5 && code.bytes().all(fits) {
        return Ok(code);
    }
    Err(format!(
        "expected an SQLSTATE of five digits or capitals, got {code:?}"
    ))
}
