//! What one client calls its statements.

use std::collections::HashMap;
use std::sync::Arc;

use super::Statement;

/// The named statements of one client.
#[derive(Debug, Default)]
pub struct Names(HashMap<Box<[u8]>, Arc<Statement>>);

/// What a name meant before a message that may not be run.
#[derive(Debug)]
pub struct NameChange {
    name: Box<[u8]>,
    before: Option<Arc<Statement>>,
}

impl Names {
    /// What `name` means.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Statement>> {
        self.0.get(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `name` means `statement` from now on.
    #[must_use]
    pub fn define(&mut self, name: &[u8], statement: Arc<Statement>) -> NameChange {
        let name: Box<[u8]> = name.into();
        let before = self.0.insert(name.clone(), statement);
        NameChange { name, before }
    }

    /// `name` means nothing from now on.
    #[must_use]
    pub fn remove(&mut self, name: &[u8]) -> Option<NameChange> {
        let (name, before) = self.0.remove_entry(name)?;
        Some(NameChange {
            name,
            before: Some(before),
        })
    }

    /// Takes changes back, the latest first.
    pub fn undo(&mut self, changes: Vec<NameChange>) {
        for NameChange { name, before } in changes.into_iter().rev() {
            match before {
                Some(statement) => self.0.insert(name, statement),
                None => self.0.remove(&name),
            };
        }
    }

    /// All are gone.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The statements.
    pub fn statements(&self) -> impl Iterator<Item = &Arc<Statement>> {
        self.0.values()
    }
}
