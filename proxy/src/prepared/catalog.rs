//! All statements of a pool, each once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::protocol::sql::{Traces, traces};

/// What every name of the pooler's own begins with.
pub(super) const NAME_PREFIX: &str = "poolproof_";

/// A statement that some client has prepared.
#[derive(Debug)]
pub struct Statement {
    /// Number; none is used twice.
    pub id: u64,
    /// Name on servers, without its zero byte.
    pub name: Box<[u8]>,
    /// The body of Parse after the name: the text with its zero byte, and the parameter types.
    pub definition: Box<[u8]>,
    /// What running it does beside answering.
    pub traces: Traces,
}

/// The number of the next statement, of whatever pool.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Statement {
    /// A statement of its own, shared with nobody.
    #[must_use]
    pub fn new(definition: &[u8]) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let text = definition.split(|byte| *byte == 0).next().unwrap_or(&[]);
        Self {
            id,
            name: format!("{NAME_PREFIX}{id}").into_bytes().into(),
            definition: definition.into(),
            traces: traces(text),
        }
    }
}

/// Statements that nobody holds are forgotten when there are this many, and again at each doubling.
const SWEEP_MIN: usize = 256;

/// The statements that clients share. Asked at Parse only.
#[derive(Debug, Default)]
pub struct Catalog {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_definition: HashMap<Box<[u8]>, Arc<Statement>>,
    sweep_at: usize,
}

impl Catalog {
    /// The one statement that is so defined.
    #[must_use]
    pub fn share(&self, definition: &[u8]) -> Arc<Statement> {
        // A map that panicked half-way would still hold valid entries.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = known.by_definition.get(definition) {
            return Arc::clone(statement);
        }
        if known.by_definition.len() >= known.sweep_at.max(SWEEP_MIN) {
            known
                .by_definition
                .retain(|_, statement| Arc::strong_count(statement) > 1);
            known.sweep_at = known.by_definition.len() * 2;
        }
        let statement = Arc::new(Statement::new(definition));
        known
            .by_definition
            .insert(definition.into(), Arc::clone(&statement));
        statement
    }

    /// From now on whoever prepares the same gets another statement. PostgreSQL refuses to run a
    /// statement whose result has other columns than before; preparing it again has to help.
    pub fn retire(&self, statement: &Statement) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let current = known.by_definition.get(&statement.definition);
        if current.is_some_and(|current| current.id == statement.id) {
            known.by_definition.remove(&statement.definition);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_definitions_are_one_statement() {
        let catalog = Catalog::default();
        let a = catalog.share(b"SELECT 1\0\0\0");
        assert_eq!(a.id, catalog.share(b"SELECT 1\0\0\0").id);
        assert_ne!(a.id, catalog.share(b"SELECT 2\0\0\0").id);
        assert_ne!(a.id, catalog.share(b"SELECT 1\0\0\x01\0\0\0\x17").id);
        assert_eq!(a.name, format!("poolproof_{}", a.id).into_bytes().into());
    }

    #[test]
    fn a_retired_statement_is_shared_no_more() {
        let catalog = Catalog::default();
        let old = catalog.share(b"TABLE t\0\0\0");
        catalog.retire(&old);
        let new = catalog.share(b"TABLE t\0\0\0");
        assert_ne!(old.id, new.id);
        catalog.retire(&old);
        assert_eq!(catalog.share(b"TABLE t\0\0\0").id, new.id);
    }

    #[test]
    fn statements_that_nobody_holds_are_forgotten() {
        let catalog = Catalog::default();
        for number in 0..10 * SWEEP_MIN {
            let _ = catalog.share(format!("SELECT {number}\0\0\0").as_bytes());
        }
        assert!(catalog.known.lock().unwrap().by_definition.len() <= SWEEP_MIN + 1);
    }
}
