//! What an operator has paused or disabled, by database. Pools come and go; this stays.

use std::collections::HashMap;

/// Whether the pooler as a whole hands out servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whole {
    /// It does.
    #[default]
    Active,
    /// PAUSE: it does not, and closes those that come back.
    Paused,
    /// SUSPEND: it does not, and keeps those that come back.
    Suspended,
}

/// One database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// PAUSE or KILL: its clients wait.
    pub paused: bool,
    /// DISABLE: it takes no new clients.
    pub disabled: bool,
}

/// All gates.
#[derive(Debug, Default)]
pub struct Gates {
    /// The pooler as a whole.
    pub whole: Whole,
    databases: HashMap<String, Gate>,
}

impl Gates {
    /// The gate of `database`.
    #[must_use]
    pub fn of(&self, database: &str) -> Gate {
        self.databases.get(database).copied().unwrap_or_default()
    }

    /// Changes the gate of `database`.
    pub fn change(&mut self, database: &str, change: impl FnOnce(&mut Gate)) {
        let mut gate = self.of(database);
        change(&mut gate);
        if gate == Gate::default() {
            self.databases.remove(database);
        } else {
            self.databases.insert(database.to_owned(), gate);
        }
    }

    /// Whether clients of `database` are to wait.
    #[must_use]
    pub fn is_closed(&self, database: &str) -> bool {
        self.whole != Whole::Active || self.of(database).paused
    }
}
