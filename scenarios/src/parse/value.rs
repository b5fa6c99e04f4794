//! Single values: each reader says what it expected and what came.

use std::{ops::RangeInclusive, time::Duration};

use toml::de::DeValue;

use super::section::Read;
use crate::{load::span, nearest::suggestion};

/// A value as an error message shows it.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let short: String = text.chars().take(40).collect();
            format!("the string {short:?}")
        }
        DeValue::Integer(number) => format!("the integer {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Reads a string of 1 to `bytes_max` bytes.
pub(super) fn text<'t>(bytes_max: usize) -> impl Fn(&'t DeValue<'t>) -> Read<String> {
    move |value| match value {
        DeValue::String(text) if text.trim().is_empty() => {
            Err("expected a text, got an empty one".to_owned())
        }
        DeValue::String(text) if text.len() > bytes_max => Err(format!(
            "expected at most {bytes_max} bytes, got {}",
            text.len()
        )),
        DeValue::String(text) => Ok(text.to_string()),
        other => Err(format!("expected a text, got {}", describe(other))),
    }
}

/// Reads a whole number within `bounds`.
pub(super) fn count<'t, N>(bounds: RangeInclusive<N>) -> impl Fn(&'t DeValue<'t>) -> Read<N>
where
    N: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    move |value| {
        let number = match value {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .and_then(|number| N::try_from(number).ok())
                .filter(|number| bounds.contains(number)),
            _ => None,
        };
        number.ok_or_else(|| {
            format!(
                "expected a whole number from {} to {}, got {}",
                bounds.start(),
                bounds.end(),
                describe(value)
            )
        })
    }
}

/// Reads a number, whole or not, within `bounds`.
pub(super) fn number<'t>(bounds: RangeInclusive<f64>) -> impl Fn(&'t DeValue<'t>) -> Read<f64> {
    move |value| {
        let number = match value {
            DeValue::Integer(number) => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| {
                format!(
                    "expected a number from {} to {}, got {}",
                    bounds.start(),
                    bounds.end(),
                    describe(value)
                )
            })
    }
}

/// Reads a time such as `"20ms"`.
pub(super) fn time<'t>(longest: Duration) -> impl Fn(&'t DeValue<'t>) -> Read<Duration> {
    move |value| match value {
        DeValue::String(text) => match span::parse(text)? {
            time if time > longest => Err(format!(
                "expected at most {}, got {text:?}",
                span::format(longest)
            )),
            time => Ok(time),
        },
        other => Err(format!(
            "expected a time like \"20ms\", got {}",
            describe(other)
        )),
    }
}

/// Reads one of a few words.
pub(super) fn one_of<'t, T: Copy>(words: &[(&str, T)]) -> impl Fn(&'t DeValue<'t>) -> Read<T> {
    move |value| {
        let names = || words.iter().map(|(name, _)| *name);
        let expected = || names().collect::<Vec<_>>().join(", ");
        match value {
            DeValue::String(text) => words
                .iter()
                .find(|(name, _)| name == text)
                .map(|(_, meaning)| *meaning)
                .ok_or_else(|| {
                    let near = suggestion(text, names());
                    format!("expected one of {}, got {text:?}{near}", expected())
                }),
            other => Err(format!(
                "expected one of {}, got {}",
                expected(),
                describe(other)
            )),
        }
    }
}
