//! The pairs in a line of `[databases]`, `[users]` or `[peers]`.
//!
//! `key=value` pairs apart by white space, white space allowed around the `=`. A value that begins
//! with `'` reaches to the closing one, a quote in it written twice.

use std::sync::Arc;

use super::error::{Note, Position};
use super::ini::{Spanned, count};

/// Splits a connect string into its pairs.
pub(super) fn pairs(line: &Spanned) -> Result<Vec<(Spanned, Spanned)>, Note> {
    let mut cursor = Cursor { line, at: 0 };
    let mut pairs = Vec::new();
    loop {
        cursor.skip_space();
        if cursor.rest().is_empty() {
            return Ok(pairs);
        }
        pairs.push(cursor.pair()?);
    }
}

struct Cursor<'a> {
    line: &'a Spanned,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn pair(&mut self) -> Result<(Spanned, Spanned), Note> {
        let key = self.take_until(|c| c == '=' || c.is_whitespace());
        self.skip_space();
        if key.text.is_empty() || !self.rest().starts_with('=') {
            let got = if key.text.is_empty() {
                "="
            } else {
                key.text.as_str()
            };
            let message = format!("expected key=value, got {got}");
            return Err(Note {
                position: key.position,
                message,
            });
        }
        self.at += 1;
        self.skip_space();
        let value = if self.rest().starts_with('\'') {
            self.quoted()?
        } else {
            self.take_until(char::is_whitespace)
        };
        Ok((key, value))
    }

    fn quoted(&mut self) -> Result<Spanned, Note> {
        let position = self.position();
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(end) = self.rest().find('\'') else {
                let message = "expected a second ' to close this value".to_owned();
                return Err(Note { position, message });
            };
            text.push_str(&self.rest()[..end]);
            self.at += end + 1;
            if !self.rest().starts_with('\'') {
                return Ok(Spanned { text, position });
            }
            text.push('\'');
            self.at += 1;
        }
    }

    fn rest(&self) -> &'a str {
        &self.line.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> Spanned {
        let position = self.position();
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        let text = self.rest()[..length].to_owned();
        self.at += length;
        Spanned { text, position }
    }

    fn position(&self) -> Position {
        let start = &self.line.position;
        let column = start
            .column
            .saturating_add(count(&self.line.text[..self.at]));
        Position {
            file: Arc::clone(&start.file),
            line: start.line,
            column,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let position = Position {
            file: Arc::from(Path::new("f")),
            line: 3,
            column: 10,
        };
        let shown = match pairs(&Spanned {
            text: text.to_owned(),
            position,
        }) {
            Ok(pairs) => {
                let shown = pairs.iter().map(|(key, value)| {
                    let (at, of) = (key.position.column, value.position.column);
                    format!("{at} {} = {of} {:?}", key.text, value.text)
                });
                shown.collect::<Vec<_>>().join("\n")
            }
            Err(note) => note.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn values_plain_and_quoted() {
        check("", &expect![""]);
        check(
            " host=x  port = 5 password='it''s a' dbname='' user=a'b ",
            &expect![[r#"
                11 host = 16 "x"
                19 port = 26 "5"
                28 password = 37 "it's a"
                47 dbname = 54 ""
                57 user = 62 "a'b""#]],
        );
        check("host=\nport=1", &expect![[r#"10 host = 16 "port=1""#]]);
    }

    #[test]
    fn errors_have_their_column() {
        check(
            "host=x junk",
            &expect!["f:3:17: expected key=value, got junk"],
        );
        check("host=x =y", &expect!["f:3:17: expected key=value, got ="]);
        check(
            "password='it",
            &expect!["f:3:19: expected a second ' to close this value"],
        );
    }
}
