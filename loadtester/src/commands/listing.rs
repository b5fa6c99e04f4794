//! Small tables of words, in every form that a result may have.

use std::iter::once;

use crate::cli::Format;

/// Rows of cells below their titles.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Listing {
    /// An empty table.
    pub(super) fn new(titles: &[&str]) -> Self {
        Self {
            titles: owned(titles),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each title.
    pub(super) fn row(&mut self, cells: &[&str]) {
        debug_assert_eq!(cells.len(), self.titles.len(), "a cell for each title");
        self.rows.push(owned(cells));
    }

    /// The table as text.
    pub(super) fn render(&self, format: Format) -> String {
        match format {
            Format::Table => self.aligned(),
            Format::Markdown => self.markdown(),
            Format::Json => self.json(),
        }
    }

    /// Columns as wide as their widest cell; the last one as it comes.
    fn aligned(&self) -> String {
        let widths: Vec<usize> = (0..self.titles.len())
            .map(|column| {
                self.lines()
                    .map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let lines = self.lines().map(|row| {
            let cells = row.iter().zip(&widths);
            let line: String = cells
                .map(|(cell, width)| format!("{cell:width$}  "))
                .collect();
            line.trim_end().to_owned() + "\n"
        });
        lines.collect()
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells
                .iter()
                .map(|cell| cell.replace('|', "\\|").replace('\n', "<br>"))
                .collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule = format!("|{}\n", "---|".repeat(self.titles.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.titles) + &rule + &rows
    }

    /// A list of objects, one for each row, whose keys are the titles.
    fn json(&self) -> String {
        let objects = self.rows.iter().map(|row| {
            let pairs = self.titles.iter().cloned();
            let values = row.iter().cloned().map(serde_json::Value::String);
            pairs.zip(values).collect::<serde_json::Map<_, _>>()
        });
        let list: Vec<serde_json::Value> = objects.map(serde_json::Value::Object).collect();
        format!("{:#}", serde_json::Value::Array(list))
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        once(&self.titles).chain(&self.rows)
    }
}

fn owned(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|&cell| cell.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(format: Format, expected: &Expect) {
        let mut listing = Listing::new(&["name", "what"]);
        listing.row(&["ramp", "up | down"]);
        listing.row(&["stress-1000", "much"]);
        expected.assert_eq(&listing.render(format));
    }

    #[test]
    fn each_form_says_the_same() {
        check(
            Format::Table,
            &expect![[r"
                name         what
                ramp         up | down
                stress-1000  much
            "]],
        );
        check(
            Format::Markdown,
            &expect![[r"
                | name | what |
                |---|---|
                | ramp | up \| down |
                | stress-1000 | much |
            "]],
        );
        check(
            Format::Json,
            &expect![[r#"
                [
                  {
                    "name": "ramp",
                    "what": "up | down"
                  },
                  {
                    "name": "stress-1000",
                    "what": "much"
                  }
                ]"#]],
        );
    }
}
