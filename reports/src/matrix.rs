//! The matrix of a differential run: cases by targets, and why each cell is what it is.

mod draw;
mod page;

use serde::{Deserialize, Serialize};

pub use draw::{junit, markdown, table};
pub(crate) use draw::{name, sums};
pub use page::html;

/// What a differential run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matrix {
    /// What answered for PostgreSQL.
    pub oracle: String,
    /// `pool_mode` of the poolers.
    pub mode: String,
    /// Names of the targets, in the order of the columns.
    pub targets: Vec<String>,
    /// One for each case.
    pub rows: Vec<Row>,
    /// Entries of the ledger that no difference needed: each of them fails the run.
    pub unneeded: Vec<String>,
}

/// A case on every target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its area, such as `copy`; empty for a file of the user's.
    pub area: String,
    /// Its name.
    pub case: String,
    /// One sentence: what must hold.
    pub about: String,
    /// For a recorded session, what it relies on between transactions, a sentence each.
    #[serde(default)]
    pub relies_on: Vec<String>,
    /// One cell for each target.
    pub cells: Vec<Cell>,
}

/// A case on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// What it came to.
    pub outcome: Outcome,
    /// Why; empty where the answers are the same.
    pub why: String,
    /// Both traces side by side, where they differ.
    pub trace: String,
}

/// What a case on a target came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As PostgreSQL.
    Same,
    /// Otherwise, and the ledger says why.
    ByDesign,
    /// The target's mode does not promise what the case asks for.
    Unsupported,
    /// Otherwise.
    Differs,
    /// The target closed a connection that PostgreSQL keeps.
    Disconnects,
    /// An answer never came.
    Hangs,
}

impl Outcome {
    /// Every outcome, from the best to the worst.
    pub const ALL: [Self; 6] = [
        Self::Same,
        Self::ByDesign,
        Self::Unsupported,
        Self::Differs,
        Self::Disconnects,
        Self::Hangs,
    ];

    /// What a table shows.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::ByDesign => "by design",
            Self::Unsupported => "unsupported",
            Self::Differs => "differs",
            Self::Disconnects => "disconnects",
            Self::Hangs => "hangs",
        }
    }

    /// Whether it needs no explanation, or has one.
    #[must_use]
    pub fn is_explained(self) -> bool {
        matches!(self, Self::Same | Self::ByDesign | Self::Unsupported)
    }
}

impl Matrix {
    /// Whether every cell is explained and every explanation needed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let mut cells = self.rows.iter().flat_map(|row| &row.cells);
        self.unneeded.is_empty() && cells.all(|cell| cell.outcome.is_explained())
    }

    /// How many cells of a target's column have an outcome.
    #[must_use]
    pub fn count(&self, target: usize, outcome: Outcome) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(target));
        cells.filter(|cell| cell.outcome == outcome).count()
    }
}
