//! Reads a target's file, and says where it went wrong.

use std::ops::Range;

use super::{Piece, Role, TargetFile, Values};
use crate::error::Problem;

/// Longest name that keeps a table's column narrow.
const NAME_BYTES_MAX: usize = 32;

/// A target's file that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(pub Problem);

impl TargetFile {
    /// Reads a target. `file` is what the errors call the file; `beside` gives the text of a
    /// template that the file names.
    ///
    /// # Errors
    ///
    /// The first problem that was found, with its line and column.
    pub fn parse(
        text: &str,
        file: &str,
        beside: impl Fn(&str) -> Result<String, String>,
    ) -> Result<Self, TargetError> {
        let at = |span: Range<usize>, message: String| {
            TargetError(Problem::at(file, text, &span, message))
        };
        let mut target: Self = toml::from_str(text)
            .map_err(|error| at(error.span().unwrap_or(0..0), error.message().to_owned()))?;
        for piece in &mut target.pieces {
            fill(piece, &beside).map_err(|message| at(place(text, &piece.name), message))?;
        }
        target
            .check()
            .map_err(|(word, message)| at(place(text, &word), message))?;
        Ok(target)
    }

    /// What the shape of the file does not say by itself; a problem comes with a word of its line.
    fn check(&self) -> Result<(), (String, String)> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let wrong = |word: &str, message: String| Err((word.to_owned(), message));
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || !self.name.bytes().all(plain)
        {
            let got = &self.name;
            return wrong(
                "name",
                format!(
                    "name: expected at most {NAME_BYTES_MAX} lower-case letters, digits, - and _, \
                     got {got:?}"
                ),
            );
        }
        if self.role == Role::Pooler && self.program.is_empty() {
            return wrong("name", "expected a key \"program\", got none".to_owned());
        }
        if self.role == Role::Pooler && self.version.is_empty() {
            return wrong(
                "program",
                "expected a key \"version\" with the arguments that print it, got none".to_owned(),
            );
        }
        for order in [&self.reload, &self.pause, &self.resume]
            .into_iter()
            .flatten()
        {
            if let (super::Order::Console(command), None) = (order, &self.console) {
                return wrong(
                    command,
                    format!("expected a key \"console\" for the command {command:?}, got none"),
                );
            }
        }
        let texts = self
            .args
            .iter()
            .chain(self.pieces.iter().map(|piece| &piece.text));
        for text in texts {
            Values::check(text).map_err(|name| {
                let names = Values::NAMES.join(", ");
                let word = format!("${{{name}}}");
                (
                    word,
                    format!("expected one of {names} in ${{…}}, got {name:?}"),
                )
            })?;
        }
        Ok(())
    }
}

fn fill(piece: &mut Piece, beside: impl Fn(&str) -> Result<String, String>) -> Result<(), String> {
    match (&piece.template, piece.text.is_empty()) {
        (None, false) => Ok(()),
        (Some(template), true) => {
            piece.text = beside(template)?;
            Ok(())
        }
        (None, true) => Err(format!(
            "{}: expected text or template, got none",
            piece.name
        )),
        (Some(_), false) => Err(format!(
            "{}: expected text or template, got both",
            piece.name
        )),
    }
}

/// Where a word stands, for a problem that serde could not place.
fn place(text: &str, word: &str) -> Range<usize> {
    text.find(word)
        .map_or(0..0, |start| start..start + word.len())
}

#[cfg(test)]
mod tests {
    use super::TargetFile;

    fn check(text: &str) -> String {
        let beside = |name: &str| Err(format!("{name}: no such file"));
        match TargetFile::parse(text, "mine.toml", beside) {
            Ok(target) => target.name,
            Err(error) => error.to_string(),
        }
    }

    const MINE: &str = "name = \"mine\"\npurpose = \"Mine.\"\nprogram = \"/opt/mine\"\n";

    #[test]
    fn a_small_file_is_enough() {
        assert_eq!(check(&format!("{MINE}version = [\"-V\"]\n")), "mine");
        let direct = "name = \"mine\"\npurpose = \"Mine.\"\nrole = \"postgres\"\n";
        assert_eq!(check(direct), "mine");
    }

    #[test]
    fn problems_have_a_place() {
        for (more, expected) in [
            ("", "mine.toml:3:1: expected a key \"version\""),
            (
                "version = [\"-V\"]\nargz = []\n",
                "mine.toml:5:1: unknown field `argz`",
            ),
            (
                "version = [\"-V\"]\nargs = [\"${prot}\"]\n",
                "mine.toml:5:10: expected one of client_tls, cores,",
            ),
            (
                "version = [\"-V\"]\nreload = { console = \"RELOAD\" }\n",
                "mine.toml:5:23: expected a key \"console\"",
            ),
            (
                "version = [\"-V\"]\n[[file]]\nname = \"a.ini\"\n",
                "mine.toml:6:9: a.ini: expected text or template, got none",
            ),
            (
                "version = [\"-V\"]\n[[file]]\nname = \"a.ini\"\ntemplate = \"b.ini\"\n",
                "b.ini: no such file",
            ),
            (
                "version = [\"-V\"]\nstop = \"SIGFOO\"\n",
                "mine.toml:5:8: unknown variant",
            ),
        ] {
            let said = check(&format!("{MINE}{more}"));
            assert!(said.contains(expected), "{more}: {said}");
        }
        let said = check(&MINE.replace("\"mine\"", "\"My own\""));
        assert!(
            said.contains("mine.toml:1:1: name: expected at most 32"),
            "{said}"
        );
    }
}
