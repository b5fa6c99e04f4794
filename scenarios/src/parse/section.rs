//! One table of the file, read key by key.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Problems, value::describe};
use crate::nearest::suggestion;

/// What reading a single value gives: the value, or what was expected and what came.
pub(super) type Read<T> = Result<T, String>;

/// A table that is being read. It remembers which keys were asked for, so that [`Section::end`]
/// can name those that nobody knows.
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    span: Range<usize>,
    name: String,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn new(table: &'t DeTable<'t>, span: Range<usize>, name: String) -> Self {
        Self {
            table,
            span,
            name,
            known: Vec::new(),
        }
    }

    /// Reads a key that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
        read: impl FnOnce(&'t DeValue<'t>) -> Read<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        read(value.get_ref())
            .map_err(|message| problems.add(&value.span(), format!("{key}: {message}")))
            .ok()
    }

    /// Reads a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
        read: impl FnOnce(&'t DeValue<'t>) -> Read<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing(key, problems);
        }
        self.optional(key, problems, read)
    }

    /// Reads an array of at most `len_max` elements, which may be absent. Every element that is wrong
    /// is a problem of its own.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
        len_max: usize,
        read: impl Fn(&'t DeValue<'t>) -> Read<T>,
    ) -> Option<Vec<T>> {
        let value = self.value(key)?;
        let elements = match value.get_ref() {
            DeValue::Array(elements) if elements.len() <= len_max => elements,
            other => {
                let got = match other {
                    DeValue::Array(elements) => format!("an array of {}", elements.len()),
                    other => describe(other),
                };
                let message = format!("{key}: expected an array of at most {len_max}, got {got}");
                problems.add(&value.span(), message);
                return None;
            }
        };
        let read: Vec<Option<T>> = elements
            .iter()
            .enumerate()
            .map(|(index, element)| {
                let wrong = |why| format!("{key}: element {}: {why}", index + 1);
                read(element.get_ref())
                    .map_err(|why| problems.add(&element.span(), wrong(why)))
                    .ok()
            })
            .collect();
        read.into_iter().collect()
    }

    /// The table under `key`; absent without a problem.
    pub(super) fn table(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Section<'t>> {
        let value = self.value(key)?;
        as_table(value, key.to_owned(), problems)
    }

    /// The tables of the array under `key`, with a problem for each element that is none.
    pub(super) fn tables(
        &mut self,
        key: &'static str,
        problems: &mut Problems<'_>,
    ) -> Option<Vec<Section<'t>>> {
        let value = self.value(key)?;
        let DeValue::Array(elements) = value.get_ref() else {
            let message = format!("{key}: expected tables, got {}", describe(value.get_ref()));
            problems.add(&value.span(), message);
            return None;
        };
        elements
            .iter()
            .enumerate()
            .map(|(index, element)| as_table(element, format!("{key} {}", index + 1), problems))
            .collect()
    }

    /// Where the value of `key` stands, or the section itself without it.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table
            .get(key)
            .map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Says that `key` is missing.
    pub(super) fn missing(&self, key: &str, problems: &mut Problems<'_>) {
        problems.add(
            &self.span,
            format!("{}: expected a key {key:?}, got none", self.name),
        );
    }

    /// Names the keys that nobody asked for.
    pub(super) fn end(self, problems: &mut Problems<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let near = suggestion(name, self.known.iter().copied());
                let message = format!(
                    "{}: expected one of {}, got the key {name:?}{near}",
                    self.name,
                    self.known.join(", "),
                );
                problems.add(&key.span(), message);
            }
        }
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.get(key)
    }
}

fn as_table<'t>(
    value: &'t Spanned<DeValue<'t>>,
    name: String,
    problems: &mut Problems<'_>,
) -> Option<Section<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(Section::new(table, value.span(), name)),
        other => {
            let message = format!("{name}: expected a table, got {}", describe(other));
            problems.add(&value.span(), message);
            None
        }
    }
}
