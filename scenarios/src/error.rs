//! What is wrong with a scenario file, and where.

use std::{fmt, ops::Range};

/// Everything that is wrong with one scenario file, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            problem.fmt(out)?;
        }
        Ok(())
    }
}

/// One thing that is wrong; shown as `file:line:column: message`, which editors follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the reader was told of it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected and what came.
    pub message: String,
}

impl Problem {
    /// Places `message` at the begin of `span`, a range of bytes of `text`.
    pub(crate) fn at(file: &str, text: &str, span: &Range<usize>, message: String) -> Self {
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
        } = self;
        write!(out, "{file}:{line}:{column}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "a\nλλ x\n";
        let check = |span, line, column| {
            let problem = Problem::at("f", text, &span, String::new());
            assert_eq!((problem.line, problem.column), (line, column), "{span:?}");
        };
        check(0..1, 1, 1);
        check(2..4, 2, 1);
        check(7..8, 2, 4);
        check(3..3, 2, 1); // inside a character: the character's begin
        check(99..99, 3, 1); // past the end: the end
    }
}
