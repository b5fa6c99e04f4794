//! What must hold while a scenario runs and afterwards, whatever is done to the parties.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that must hold. `docs/faults.md` says how each is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// Money that is moved between accounts neither appears nor vanishes.
    Bank,
    /// A commit that was acknowledged is there afterwards, and none is there twice.
    Acknowledged,
    /// All statements of a transaction run on one backend.
    OneBackend,
    /// No setting, temporary table, lock or prepared statement of one client is seen by another.
    NoLeaks,
    /// The target never has more server connections than its pool may have.
    PoolLimit,
    /// Every Sync is answered by one ReadyForQuery.
    OneReady,
}

/// Every invariant and its name.
pub const INVARIANTS: [(&str, Invariant); 6] = [
    ("bank", Invariant::Bank),
    ("acknowledged", Invariant::Acknowledged),
    ("one-backend", Invariant::OneBackend),
    ("no-leaks", Invariant::NoLeaks),
    ("pool-limit", Invariant::PoolLimit),
    ("one-ready", Invariant::OneReady),
];

impl fmt::Display for Invariant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = INVARIANTS.iter().find(|(_, invariant)| invariant == self);
        out.write_str(found.map_or("", |(name, _)| name))
    }
}
