//! How often a generated session does what.

use std::collections::BTreeMap;

use rand::{RngExt, distr::weighted::WeightedIndex};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

/// One thing that a client does. `weights.toml` says of each what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the file of weights, which names the same, says what each is"
)]
pub enum Phrase {
    Select,
    Null,
    Large,
    Empty,
    Insert,
    Update,
    Notice,
    Error,
    Several,
    Together,
    Extended,
    Described,
    Named,
    Reparsed,
    Limited,
    Portals,
    Keep,
    Reuse,
    Forget,
    Skipped,
    Pipeline,
    Flushed,
    Unknown,
    CopyIn,
    CopyFail,
    CopyOut,
    Begin,
    End,
    Savepoint,
    SetLocal,
    Set,
    Prepare,
    Temporary,
    Listen,
    Lock,
    Handover,
    Probe,
    Fragments,
    Cancel,
    Leave,
}

impl Phrase {
    /// Whether it counts on named statements in a later transaction.
    #[must_use]
    pub fn takes_statements_along(self) -> bool {
        matches!(self, Self::Keep | Self::Reuse | Self::Forget)
    }

    /// Whether it takes a transaction of several statements, which no pool in statement mode has.
    #[must_use]
    pub fn takes_a_transaction(self) -> bool {
        matches!(
            self,
            Self::Named
                | Self::Begin
                | Self::Savepoint
                | Self::SetLocal
                | Self::Set
                | Self::Prepare
                | Self::Temporary
                | Self::Listen
                | Self::Lock
                | Self::Handover
        )
    }
}

/// Relative frequencies of the phrases.
#[derive(Clone, Debug)]
pub struct Weights {
    phrases: Vec<Phrase>,
    index: WeightedIndex<u32>,
}

/// Why a file of weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// It is no table of known phrases and numbers.
    #[error("expected a table of phrases and their weights: {0}")]
    Table(#[from] toml::de::Error),
    /// No phrase is left.
    #[error("expected a weight above nought: {0}")]
    Nothing(#[from] rand::distr::weighted::Error),
}

impl Weights {
    /// Reads weights.
    ///
    /// # Errors
    ///
    /// When a phrase is unknown, a weight is no number, or nothing has a weight.
    pub fn parse(text: &str) -> Result<Self, WeightsError> {
        let table: BTreeMap<Phrase, u32> = toml::from_str(text)?;
        let index = WeightedIndex::new(table.values())?;
        Ok(Self {
            phrases: table.into_keys().collect(),
            index,
        })
    }

    /// The weights of the catalog.
    ///
    /// # Errors
    ///
    /// Never for the file as it is committed: a test reads it.
    pub fn of_the_catalog() -> Result<Self, WeightsError> {
        Self::parse(include_str!(
            "../../../../scenarios/catalog/behaviour/weights.toml"
        ))
    }

    /// Chooses a phrase.
    pub(super) fn choose(&self, random: &mut ChaCha8Rng) -> Phrase {
        self.phrases[random.sample(&self.index)]
    }
}
