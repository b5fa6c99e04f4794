//! What is wrong in a configuration, and where.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file as it was named.
    pub file: Arc<Path>,
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}:{}",
            self.file.display(),
            self.line,
            self.column
        )
    }
}

/// A sentence about a place in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {message}")]
pub struct Note {
    /// Where.
    pub position: Position,
    /// What: expected and got.
    pub message: String,
}

/// Everything that is wrong in a configuration, in the order of the files; one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub(super) Vec<Note>);

impl ConfigErrors {
    /// The errors; never empty.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.0
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for note in &self.0 {
            write!(formatter, "{separator}{note}")?;
            separator = "\n";
        }
        Ok(())
    }
}
