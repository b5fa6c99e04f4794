//! Load shapes: who asks how often. The names are k6's and wrk2's.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most clients that one run can hold at a time.
pub const CLIENTS_MAX: u32 = 10_000;

/// The shape of a load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Load {
    /// A number of clients, each of which asks again when it has its answer and has thought.
    Closed {
        /// The first stage begins at no client; each stage goes linearly to its own number.
        stages: Vec<ClientStage>,
        /// Pause of a client between an answer and its next transaction.
        #[serde(default, with = "crate::load::span")]
        #[schemars(with = "String")]
        think_time: Duration,
        /// When a client connects.
        #[serde(default)]
        connect: Connect,
    },
    /// `total` connections, at most `max_concurrent` at a time, `transactions` on each: the
    /// classic stress test.
    Connections {
        /// Connections in all.
        total: u32,
        /// Connections open at one moment.
        max_concurrent: u32,
        /// Transactions on each connection.
        transactions: u32,
        /// Pause of a client between an answer and its next transaction.
        #[serde(default, with = "crate::load::span")]
        #[schemars(with = "String")]
        think_time: Duration,
    },
    /// A rate that does not wait for the target: transactions begin when the plan says so, and
    /// their latency counts from there.
    Open {
        /// The first stage begins at no transaction a second; each stage goes linearly to its own
        /// rate.
        stages: Vec<RateStage>,
        /// How the moments lie.
        #[serde(default)]
        arrivals: Arrivals,
        /// Clients that carry the rate. When all of them are busy the next transaction waits, and
        /// the wait is part of its latency.
        clients: u32,
        /// When a client connects.
        #[serde(default)]
        connect: Connect,
    },
    /// More and more clients until a bound breaks: finds the most that a target carries.
    Knee {
        /// Clients of the first step; each further step has half as many again.
        from: u32,
        /// Clients that no step exceeds.
        to: u32,
        /// How long a step takes.
        #[serde(with = "crate::load::span")]
        #[schemars(with = "String")]
        step: Duration,
        /// A step whose 99th percentile is above this is broken.
        #[serde(with = "crate::load::span")]
        #[schemars(with = "String")]
        max_p99: Duration,
        /// A step of which a smaller part than this succeeded is broken; in percent.
        #[serde(default = "all")]
        min_success: f64,
        /// Pause of a client between an answer and its next transaction.
        #[serde(default, with = "crate::load::span")]
        #[schemars(with = "String")]
        think_time: Duration,
        /// When a client connects.
        #[serde(default)]
        connect: Connect,
    },
    /// Clients that come, ask once, stay without a word and ask once more before they leave; beside
    /// them a few that go on asking.
    Hold {
        /// Clients that stay without a word.
        clients: u32,
        /// Time over which they come, evenly.
        #[serde(with = "crate::load::span")]
        #[schemars(with = "String")]
        arrive: Duration,
        /// Clients that go on asking.
        probes: u32,
        /// Pause of a probe between an answer and its next transaction.
        #[serde(default, with = "crate::load::span")]
        #[schemars(with = "String")]
        think_time: Duration,
        /// From the begin to the moment when the silent ones ask again.
        #[serde(rename = "for", with = "crate::load::span")]
        #[schemars(with = "String")]
        lasts: Duration,
    },
}

impl Load {
    /// How long a window of it lasts, where that does not depend on the target.
    #[must_use]
    pub fn lasts(&self) -> Option<Duration> {
        match self {
            Self::Closed { stages, .. } => Some(stages.iter().map(|stage| stage.lasts).sum()),
            Self::Open { stages, .. } => Some(stages.iter().map(|stage| stage.lasts).sum()),
            Self::Connections { .. } | Self::Knee { .. } | Self::Hold { .. } => None,
        }
    }

    /// Most clients that there are at one moment.
    #[must_use]
    pub fn clients_max(&self) -> u32 {
        match self {
            Self::Closed { stages, .. } => {
                stages.iter().map(|stage| stage.clients).max().unwrap_or(0)
            }
            Self::Connections { max_concurrent, .. } => *max_concurrent,
            Self::Open { clients, .. } => *clients,
            Self::Knee { to, .. } => *to,
            Self::Hold {
                clients, probes, ..
            } => clients.saturating_add(*probes),
        }
    }
}

/// Clients of the steps of a knee: each has half as many again as the one before, and the last has
/// the most that there may be.
pub fn knee_steps(from: u32, to: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(from.min(to)), move |&clients| {
        (clients < to).then(|| clients.saturating_add(clients.div_ceil(2)).min(to))
    })
}

/// A rate, gone to linearly from the stage before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateStage {
    /// Transactions a second at the end of the stage.
    pub rate: u32,
    /// How long the stage takes.
    #[serde(rename = "for", with = "crate::load::span")]
    #[schemars(with = "String")]
    pub lasts: Duration,
}

/// How the moments of an open load lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// As those of many users who know nothing of each other: exponential gaps.
    #[default]
    Poisson,
    /// With equal gaps.
    Even,
}

fn all() -> f64 {
    100.0
}

/// A number of clients, gone to linearly from the stage before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientStage {
    /// Clients at the end of the stage.
    pub clients: u32,
    /// How long the stage takes, as in `"5s"` or `"500ms"`.
    #[serde(rename = "for", with = "crate::load::span")]
    #[schemars(with = "String")]
    pub lasts: Duration,
}

/// When a client connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Connect {
    /// Once, and it keeps its connection.
    #[default]
    Once,
    /// Anew for each transaction; the connecting counts.
    PerTransaction,
}

/// Durations as people write them: `"250us"`, `"20ms"`, `"5s"`, `"2m"`, `"1h"`.
pub mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const UNITS: [(&str, u64); 5] = [
        ("us", 1),
        ("ms", 1_000),
        ("s", 1_000_000),
        ("m", 60_000_000),
        ("h", 3_600_000_000),
    ];

    /// Reads `"20ms"`; the error says what was expected and what came.
    pub fn parse(text: &str) -> Result<Duration, String> {
        let expected =
            || format!("expected a time like \"250us\", \"20ms\", \"5s\" or \"2m\", got {text:?}");
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(expected)?;
        let (number, unit) = text.split_at(digits_end);
        let number: f64 = number.parse().map_err(|_| expected())?;
        let micros = UNITS
            .iter()
            .find(|(name, _)| *name == unit.trim())
            .ok_or_else(expected)?
            .1;
        // Microseconds are the finest unit, so that what is written can be read back.
        let micros = (number * micros as f64).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number has no sign, and the cast saturates beyond 584,000 years"
        )]
        Ok(Duration::from_micros(micros as u64))
    }

    /// Writes the largest unit that needs no fraction.
    #[must_use]
    pub fn format(span: Duration) -> String {
        let micros = span.as_micros();
        UNITS
            .iter()
            .rev()
            .find(|(_, size)| micros > 0 && micros.is_multiple_of(u128::from(*size)))
            .map_or_else(
                || "0s".to_owned(),
                |(unit, size)| format!("{}{unit}", micros / u128::from(*size)),
            )
    }

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format(*span))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
