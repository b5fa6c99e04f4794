//! One scenario as a file holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault, invariant::Invariant, load::Load, pool::PoolSettings, threshold::Threshold,
    workload::Transaction,
};

/// Something to put a target under, and what must come of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name in the catalog and in every report: lower case, digits and dashes.
    pub name: String,
    /// One sentence: what this shows.
    pub purpose: String,
    /// Features that a target must have; one without them is reported `unsupported`.
    #[serde(default)]
    pub needs: Vec<Feature>,
    /// SQL that makes what the transactions need, run once on PostgreSQL itself before the targets are
    /// started.
    #[serde(default)]
    pub setup: Vec<String>,
    /// Pool settings, given to every pooler alike.
    #[serde(default)]
    pub pool: PoolSettings,
    /// Who asks how often.
    pub load: Load,
    /// The weighted transactions that the clients run.
    #[serde(rename = "transaction")]
    pub transactions: Vec<Transaction>,
    /// What is done to the parties meanwhile.
    #[serde(default, rename = "fault", skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// What must hold meanwhile and afterwards, beside the answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invariants: Vec<Invariant>,
    /// What must hold for the run to pass.
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
}

/// A feature that a target may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Named prepared statements in transaction pooling.
    PreparedStatements,
    /// TLS towards clients.
    Tls,
    /// SCRAM-SHA-256 towards clients.
    Scram,
    /// COPY in both directions.
    Copy,
    /// The pooler's own admin console.
    Console,
    /// More clients than PostgreSQL has processes for.
    ManyClients,
    /// Pools for databases of any name. A scenario with several databases needs it without saying so.
    Databases,
}
