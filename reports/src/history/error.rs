//! What can go wrong with a history.

/// Why a history cannot be used. What stands in its place is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The folder or the file cannot be had.
    #[error("cannot use the history {place}: {source}")]
    Place {
        /// The file or the address, its password masked.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database does not open.
    #[error("cannot open the history {place}: {source}")]
    Open {
        /// The file or the address, its password masked.
        place: String,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The file is not whole, or never was a database.
    #[error("the history {place} is damaged or no SQLite database ({found}): it is left as it is")]
    Damaged {
        /// The file.
        place: String,
        /// What was found.
        found: String,
    },
    /// The database belongs to something else.
    #[error("{place} holds tables of another program and no history: it is left as it is")]
    Foreign {
        /// The file.
        place: String,
    },
    /// A newer poolproof made it.
    #[error(
        "the history {place} was made by a newer poolproof (migration {version}), and this one \
         does not know its shape: it is left as it is"
    )]
    Newer {
        /// The file or the address, its password masked.
        place: String,
        /// The first migration that is not known here.
        version: i64,
    },
    /// Its tables could not be made.
    #[error("cannot prepare the history {place}: {source}")]
    Migrate {
        /// The file or the address, its password masked.
        place: String,
        /// What the database said.
        source: sqlx::migrate::MigrateError,
    },
    /// A question was not answered.
    #[error("the history did not answer: {0}")]
    Store(#[from] sqlx::Error),
    /// A record is not one that this version knows.
    #[error("a record of the history cannot be read: {0}")]
    Record(serde_json::Error),
}
