//! `script` and `variables` of a transaction.

use std::{collections::BTreeMap, ops::Range};

use toml::de::DeValue;

use super::super::{
    Problems, Scripts,
    section::{Read, Section},
    value::{describe, text},
};
use crate::{
    nearest::suggestion,
    pgbench::{BUILTINS, builtin},
    workload::{Protocol, Script, Transaction, Variable},
};

const NAME_BYTES_MAX: usize = 4_096;
/// Largest script, in bytes.
const BYTES_MAX: usize = 256 << 10;
const VARIABLES_MAX: usize = 100;

type Variables = BTreeMap<String, Variable>;

/// Reads both keys; `None` only when a problem was added.
pub(super) fn read(
    section: &mut Section<'_>,
    scripts: Scripts<'_>,
    problems: &mut Problems<'_>,
) -> (Option<Script>, Option<Variables>) {
    let script = section.optional("script", problems, |value| script(value, scripts));
    if !section.has("variables") {
        return (script, Some(Variables::new()));
    }
    (script, section.optional("variables", problems, variables))
}

/// A built-in script, a file, or a script that stands here.
fn script<'t>(value: &'t DeValue<'t>, scripts: Scripts<'_>) -> Read<Script> {
    match value {
        DeValue::String(_) => {
            let name = text(NAME_BYTES_MAX)(value)?;
            let text = match builtin(&name) {
                Some(text) => text.to_owned(),
                None => scripts(&name).map_err(|why| {
                    let names = BUILTINS.map(|(name, _)| name);
                    let near = suggestion(&name, names);
                    let names = names.join(", ");
                    format!("expected {names} or the path of a script, got {name:?}: {why}{near}")
                })?,
            };
            Ok(Script { name, text })
        }
        DeValue::Table(table) if table.len() == 2 => {
            let part = |key: &str, bytes_max| match table.get(key) {
                Some(value) => text(bytes_max)(value.get_ref()),
                None => Err(format!("expected a key {key:?} of the script, got none")),
            };
            Ok(Script {
                name: part("name", NAME_BYTES_MAX)?,
                text: part("text", BYTES_MAX)?,
            })
        }
        other => Err(format!(
            "expected a script's name or {{ name = …, text = … }}, got {}",
            describe(other)
        )),
    }
}

fn variables<'t>(value: &'t DeValue<'t>) -> Read<Variables> {
    let DeValue::Table(table) = value else {
        return Err(format!("expected a table, got {}", describe(value)));
    };
    if table.len() > VARIABLES_MAX {
        return Err(format!(
            "expected at most {VARIABLES_MAX}, got {}",
            table.len()
        ));
    }
    let each = table.iter().map(|(name, value)| {
        let name = name.get_ref().to_string();
        let value = match value.get_ref() {
            DeValue::Boolean(truth) => Some(Variable::Boolean(*truth)),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(Variable::Int),
            DeValue::Float(number) => number.as_str().parse().ok().map(Variable::Double),
            DeValue::String(text) => Some(Variable::Text(text.to_string())),
            _ => None,
        };
        let expected = || format!("expected a number, a text or a truth for {name:?}");
        value.ok_or_else(expected).map(|value| (name, value))
    });
    each.collect()
}

/// Reads the script as one; its problems stand in the script, with its own lines.
pub(super) fn check(
    transaction: &Transaction,
    place: &Range<usize>,
    problems: &mut Problems<'_>,
) -> Option<()> {
    if transaction.protocol == Protocol::Pipeline {
        let message = "protocol: expected simple, extended or prepared with a script, which says \
                       itself what it pipelines; got pipeline";
        problems.add(place, message.to_owned());
    }
    transaction
        .program()
        .map(drop)
        .map_err(|found| problems.foreign(place, found))
        .ok()
}
