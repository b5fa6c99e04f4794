//! Thresholds: what must hold for a run to pass, as text like `p99 <= 20ms`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One threshold, kept as it was written. `proxy: p99 <= 1.1 * pgbouncer` judges one target only;
/// without a name every measured target is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Threshold(pub String);
