//! Answers of the console: tables in PostgreSQL's messages.

use std::borrow::Cow;

use bytes::BytesMut;

use crate::protocol::message::backend::{ColumnType, data_row, row_description};

/// A column: name and type.
pub type Column = (Cow<'static, str>, ColumnType);

/// A value; `None` is NULL.
pub type Cell = Option<String>;

/// A text column.
pub(super) fn text(name: &'static str) -> Column {
    (Cow::Borrowed(name), ColumnType::Text)
}

/// A column of 32-bit numbers.
pub(super) fn int(name: &'static str) -> Column {
    (Cow::Borrowed(name), ColumnType::Int4)
}

/// A column of numbers of any length.
pub(super) fn numeric(name: impl Into<Cow<'static, str>>) -> Column {
    (name.into(), ColumnType::Numeric)
}

/// A value from anything that can be printed.
#[expect(clippy::needless_pass_by_value, reason = "values are made for it")]
pub(super) fn cell(value: impl ToString) -> Cell {
    Some(value.to_string())
}

/// A value that may be absent.
pub(super) fn maybe<T: ToString>(value: Option<T>) -> Cell {
    value.map(|value| value.to_string())
}

/// An answer in rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, which has a value for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let row: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(row.len(), self.columns.len(), "a value for each column");
        self.rows.push(row);
    }

    /// Appends RowDescription and DataRows.
    pub fn write(&self, out: &mut BytesMut) {
        let columns = self.columns.iter();
        row_description(out, columns.map(|(name, kind)| (name.as_ref(), *kind)));
        for row in &self.rows {
            data_row(out, row.iter().map(Option::as_deref));
        }
    }
}
