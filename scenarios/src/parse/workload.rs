//! `[[transaction]]` and its statements.

use toml::de::DeValue;

use super::{
    Problems, scenario,
    section::{Read, Section},
    value::{count, describe, one_of, text},
};
use crate::{
    nearest::suggestion,
    workload::{Protocol, Returns, Statement, Transaction},
};

const TRANSACTIONS_MAX: usize = 100;
const STATEMENTS_MAX: usize = 1_000;
/// Longest statement, in bytes.
const SQL_BYTES_MAX: usize = 256 << 10;
const WEIGHT_MAX: u32 = 1_000_000;
const ROWS_MAX: u64 = 100_000_000;

const PROTOCOLS: [(&str, Protocol); 4] = [
    ("simple", Protocol::Simple),
    ("extended", Protocol::Extended),
    ("prepared", Protocol::Prepared),
    ("pipeline", Protocol::Pipeline),
];

/// Reads all transactions of the file; `None` only when a problem was added.
pub(super) fn read(top: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Vec<Transaction>> {
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
        .map(|each| transaction(each, problems))
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

fn transaction(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<Transaction> {
    let name = section.required("name", problems, scenario::name);
    let weight = section.optional("weight", problems, count(1..=WEIGHT_MAX));
    let protocol = section.required("protocol", problems, one_of(&PROTOCOLS));
    let statements = statements(&mut section, problems);
    section.end(problems);
    Some(Transaction {
        name: name?,
        weight: weight.unwrap_or(1),
        protocol: protocol?,
        statements: statements?,
    })
}

fn statements(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Vec<Statement>> {
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
        .map(|each| statement(each, problems))
        .collect();
    read.into_iter().collect()
}

fn statement(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<Statement> {
    let sql = section.required("sql", problems, sql);
    let returns = section.optional("returns", problems, returns);
    let place = section.span_of("returns");
    section.end(problems);
    let statement = Statement {
        sql: sql?,
        returns: returns.unwrap_or_default(),
    };
    if statement.returns != Returns::Anything && statement.nonces().is_empty() {
        let message =
            "returns: expected \":nonce\" in the SQL of a statement that returns it, got none";
        problems.add(&place, message.to_owned());
    }
    Some(statement)
}

fn sql<'t>(value: &'t DeValue<'t>) -> Read<String> {
    let sql = text(SQL_BYTES_MAX)(value)?;
    if sql.contains('\0') {
        return Err("expected SQL without a zero byte, which ends a string in the protocol".into());
    }
    let word = sql.split_whitespace().next().unwrap_or_default();
    if word.eq_ignore_ascii_case("copy") {
        return Err("expected a statement that answers with rows or a tag, got COPY".into());
    }
    Ok(sql)
}

fn returns<'t>(value: &'t DeValue<'t>) -> Read<Returns> {
    const WORDS: [(&str, Returns); 2] =
        [("nonce", Returns::Nonce), ("anything", Returns::Anything)];
    let expected = "\"nonce\", \"anything\" or { nonce-rows = 100 }";
    match value {
        DeValue::String(word) => WORDS
            .into_iter()
            .find(|(name, _)| name == word)
            .map(|(_, returns)| returns)
            .ok_or_else(|| {
                let near = suggestion(word, WORDS.iter().map(|(name, _)| *name));
                format!("expected {expected}, got {word:?}{near}")
            }),
        DeValue::Table(table) if table.len() == 1 => match table.get("nonce-rows") {
            Some(rows) => count(0..=ROWS_MAX)(rows.get_ref()).map(Returns::NonceRows),
            None => Err(format!(
                "expected {expected}, got a table without nonce-rows"
            )),
        },
        other => Err(format!("expected {expected}, got {}", describe(other))),
    }
}
