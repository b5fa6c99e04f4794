//! Lines of words, as in `pg_hba.conf` and `pg_ident.conf`: fields apart by white space, each a
//! list of words apart by commas, a word in double quotes taken as it is, and comments from `#` on.

use std::path::Path;
use std::sync::Arc;

use super::error::{Note, Position};
use super::ini::count;

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) quoted: bool,
    pub(super) position: Position,
}

impl Word {
    /// Something else was due in this word's place.
    pub(super) fn expected(&self, what: &str) -> Note {
        Note {
            position: self.position.clone(),
            message: format!("expected {what}, got {:?}", self.text),
        }
    }

    /// Something was due after this word.
    pub(super) fn after(&self, what: &str) -> Note {
        Note {
            position: self.position.clone(),
            message: format!(
                "expected {what} after {:?}, got the end of the line",
                self.text
            ),
        }
    }
}

/// The lines that hold a word at least; what is wrong goes to `errors`.
pub(super) fn lines(file: &Arc<Path>, text: &str, errors: &mut Vec<Note>) -> Vec<Vec<Vec<Word>>> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut cursor = Cursor {
            file,
            number,
            line,
            at: 0,
        };
        match cursor.fields() {
            Ok(fields) if fields.is_empty() => {}
            Ok(fields) => found.push(fields),
            Err(note) => errors.push(note),
        }
    }
    found
}

struct Cursor<'a> {
    file: &'a Arc<Path>,
    number: u32,
    line: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn position(&self) -> Position {
        Position {
            file: Arc::clone(self.file),
            line: self.number,
            column: count(&self.line[..self.at]) + 1,
        }
    }

    fn fields(&mut self) -> Result<Vec<Vec<Word>>, Note> {
        let mut fields = Vec::new();
        loop {
            self.skip_space();
            if self.rest().is_empty() || self.rest().starts_with('#') {
                return Ok(fields);
            }
            let mut field = vec![self.word()?];
            // White space may follow a comma, but not go before it.
            while self.rest().starts_with(',') {
                self.at += 1;
                self.skip_space();
                field.push(self.word()?);
            }
            fields.push(field);
        }
    }

    fn word(&mut self) -> Result<Word, Note> {
        let position = self.position();
        let quoted = self.rest().starts_with('"');
        let text = if quoted {
            let inside = &self.rest()[1..];
            let Some(end) = inside.find('"') else {
                let message = "expected a second \" on this line".to_owned();
                return Err(Note { position, message });
            };
            let text = inside[..end].to_owned();
            self.at += end + 2;
            text
        } else {
            let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '#' | '"');
            let rest = self.rest();
            let text = rest[..rest.find(ends).unwrap_or(rest.len())].to_owned();
            self.at += text.len();
            text
        };
        if text.is_empty() || text.contains('\0') {
            let message = "expected a word".to_owned();
            return Err(Note { position, message });
        }
        Ok(Word {
            text,
            quoted,
            position,
        })
    }
}
