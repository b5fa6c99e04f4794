//! The lines of an ini file in PgBouncer's dialect.
//!
//! A line is empty, a comment that begins with `;` or `#`, `%include FILE`, `[section]` or
//! `key = value`. A value reaches to the end of its line and has no comments and no quotes of its
//! own. A key that is more than letters, digits and `_.-*` stands in double quotes, a double
//! quote in it written twice.

use std::path::Path;
use std::sync::Arc;

use super::error::{Note, Position};

/// Text and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spanned {
    pub(super) text: String,
    pub(super) position: Position,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Section(Spanned),
    Include(Spanned),
    Setting { key: Spanned, value: Spanned },
}

/// Reads every line of `text`; what is wrong goes to `errors` and does not stop the reading.
pub(super) fn lex(file: &Arc<Path>, text: &str, errors: &mut Vec<Note>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut cursor = Cursor {
            file,
            line: number,
            column: 1,
            rest: line,
        };
        if line.contains('\0') {
            errors.push(cursor.note("expected text, got a zero byte in this line"));
        } else if let Err(note) = cursor.line(&mut lines) {
            errors.push(note);
        }
    }
    lines
}

/// A place in a line, and what comes after it.
struct Cursor<'a> {
    file: &'a Arc<Path>,
    line: u32,
    column: u32,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn line(&mut self, lines: &mut Vec<Line>) -> Result<(), Note> {
        self.skip_space();
        if self.rest.starts_with('[') {
            lines.push(Line::Section(self.section()?));
            // PgBouncer lets a setting follow on the line of its section.
            self.skip_space();
        }
        if self.rest.is_empty() || self.rest.starts_with([';', '#']) {
            return Ok(());
        }
        if let Some(after) = self.rest.strip_prefix("%include")
            && after.starts_with([' ', '\t'])
        {
            self.advance("%include".len());
            self.skip_space();
            lines.push(Line::Include(self.take(self.rest.trim_end().len())));
            return Ok(());
        }
        lines.push(self.setting()?);
        Ok(())
    }

    fn section(&mut self) -> Result<Spanned, Note> {
        let Some(end) = self.rest.find(']') else {
            return Err(self.note(format!("expected [section], got {} without ]", self.rest)));
        };
        self.advance(1);
        let name = self.take(end - 1);
        self.advance(1);
        Ok(name)
    }

    fn setting(&mut self) -> Result<Line, Note> {
        let key = self.key()?;
        self.skip_space();
        if !self.rest.starts_with('=') {
            let got = match self.rest.trim_end() {
                "" => "the end of the line",
                rest => rest,
            };
            return Err(self.note(format!("expected = after {}, got {got}", key.text)));
        }
        self.advance(1);
        self.skip_space();
        let value = self.take(self.rest.trim_end().len());
        Ok(Line::Setting { key, value })
    }

    fn key(&mut self) -> Result<Spanned, Note> {
        if self.rest.starts_with('"') {
            return self.quoted_key();
        }
        let ends = |c: char| !(c.is_ascii_alphanumeric() || "_.-*".contains(c));
        match self.rest.find(ends).unwrap_or(self.rest.len()) {
            0 => Err(self.note(format!(
                "expected [section], key = value or a comment, got {}",
                self.rest.trim_end()
            ))),
            length => Ok(self.take(length)),
        }
    }

    fn quoted_key(&mut self) -> Result<Spanned, Note> {
        let position = self.position();
        let opened = self.rest;
        self.advance(1);
        let mut text = String::new();
        loop {
            let Some(end) = self.rest.find('"') else {
                let message = format!("expected a second \" to close {}", opened.trim_end());
                return Err(Note { position, message });
            };
            text.push_str(&self.rest[..end]);
            self.advance(end + 1);
            if !self.rest.starts_with('"') {
                return Ok(Spanned { text, position });
            }
            text.push('"');
            self.advance(1);
        }
    }

    fn position(&self) -> Position {
        Position {
            file: Arc::clone(self.file),
            line: self.line,
            column: self.column,
        }
    }

    fn note(&self, message: impl Into<String>) -> Note {
        Note {
            position: self.position(),
            message: message.into(),
        }
    }

    fn skip_space(&mut self) {
        self.advance(self.rest.len() - self.rest.trim_start().len());
    }

    /// Takes the next `bytes` bytes, which must end between two characters.
    fn take(&mut self, bytes: usize) -> Spanned {
        let position = self.position();
        let text = self.rest[..bytes].to_owned();
        self.advance(bytes);
        Spanned { text, position }
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest): (&'a str, &'a str) = self.rest.split_at(bytes);
        self.column = self.column.saturating_add(count(passed));
        self.rest = rest;
    }
}

/// How many columns `text` takes.
pub(super) fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let mut errors = Vec::new();
        let lines = lex(&Arc::from(Path::new("f")), text, &mut errors);
        let at = |spanned: &Spanned| format!("{} {:?}", spanned.position, spanned.text);
        let mut shown: Vec<String> = lines
            .iter()
            .map(|line| match line {
                Line::Section(name) => format!("section {}", at(name)),
                Line::Include(path) => format!("include {}", at(path)),
                Line::Setting { key, value } => format!("{} = {}", at(key), at(value)),
            })
            .collect();
        shown.extend(errors.iter().map(|error| format!("error {error}")));
        expected.assert_eq(&shown.join("\n"));
    }

    #[test]
    fn lines() {
        check(
            "; c\n  # c\n\n[databases]\n  a = host=x ; y  \r\n*=\n\"a \"\"b\"\"\" = x\n%include  o.ini \n",
            &expect![[r#"
                section f:4:2 "databases"
                f:5:3 "a" = f:5:7 "host=x ; y"
                f:6:1 "*" = f:6:3 ""
                f:7:1 "a \"b\"" = f:7:13 "x"
                include f:8:11 "o.ini""#]],
        );
        check(
            "[pgbouncer] pool_mode=session",
            &expect![[r#"
                section f:1:2 "pgbouncer"
                f:1:13 "pool_mode" = f:1:23 "session""#]],
        );
    }

    #[test]
    fn every_error_is_reported_with_its_place() {
        check(
            "[databases\na b = x\na\n= x\n\"a = x\nñ = x\nb = \0\n%includefoo\n",
            &expect![[r#"
                error f:1:1: expected [section], got [databases without ]
                error f:2:3: expected = after a, got b = x
                error f:3:2: expected = after a, got the end of the line
                error f:4:1: expected [section], key = value or a comment, got = x
                error f:5:1: expected a second " to close "a = x
                error f:6:1: expected [section], key = value or a comment, got ñ = x
                error f:7:1: expected text, got a zero byte in this line
                error f:8:1: expected [section], key = value or a comment, got %includefoo"#]],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(?s).{0,200}") {
            lex(&Arc::from(Path::new("f")), &text, &mut Vec::new());
        }
    }
}
