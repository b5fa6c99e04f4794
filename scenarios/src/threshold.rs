//! Thresholds: what must hold for a run to pass, as text like `p99 <= 20ms`.
//!
//! ```text
//! threshold  = [ TARGET ":" ] metric comparison bound
//! metric     = "success_rate" | "throughput" | "p" PERCENT | "max"
//!            | "service_p" PERCENT | "recovery" | "cpu" | "memory"
//! comparison = "<=" | "<" | ">=" | ">"
//! bound      = quantity | FACTOR "*" TARGET
//! ```

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod parse;
mod quantity;

pub use parse::ParseError;
pub use quantity::{Quantity, Unit};

/// One threshold. `proxy: p99 <= 1.1 * pgbouncer` judges one target only; without a name every
/// measured target is judged. In files it stands as its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
pub struct Threshold {
    /// The only target that is judged; without one, all are.
    pub on: Option<String>,
    /// What is looked at.
    pub metric: Metric,
    /// On which side of the bound the figure must lie.
    pub comparison: Comparison,
    /// Where the line is.
    pub bound: Bound,
}

/// A figure of a target under a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Succeeded ÷ attempted transactions.
    SuccessRate,
    /// Succeeded transactions a second.
    Throughput,
    /// Latency of successful transactions at a percentile.
    Latency(Percentile),
    /// The longest latency of a successful transaction.
    LatencyMax,
    /// Time from the actual send to the answer at a percentile, in open loop: what the target took, without
    /// the wait for a client that was free.
    Service(Percentile),
    /// The longest time from the begin of a fault to the moment from which the target served as before.
    Recovery,
    /// Processor time of the target's processes for each successful transaction.
    Cpu,
    /// Peak resident memory of the target's processes.
    Memory,
}

/// A percentile above 0 and below 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile(f64);

/// On which side of the bound a figure must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// Where the line is.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// At a fixed value.
    Absolute(Quantity),
    /// At a multiple of what another target of the same run showed.
    Relative {
        /// The multiple, above 0.
        factor: f64,
        /// The other target's name.
        target: String,
    },
}

impl Threshold {
    /// The target whose figures say where the line is.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match &self.bound {
            Bound::Relative { target, .. } => Some(target),
            Bound::Absolute(_) => None,
        }
    }
}

/// Which way a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

impl Metric {
    /// The median latency.
    pub const P50: Self = Self::Latency(Percentile(50.0));
    /// The latency that nine in ten stay under.
    pub const P90: Self = Self::Latency(Percentile(90.0));
    /// The latency that 99 in 100 stay under.
    pub const P99: Self = Self::Latency(Percentile(99.0));
    /// The latency that 999 in 1,000 stay under.
    pub const P999: Self = Self::Latency(Percentile(99.9));

    /// Which way the metric improves.
    #[must_use]
    pub fn better(self) -> Better {
        match self {
            Self::SuccessRate | Self::Throughput => Better::Higher,
            Self::Latency(_)
            | Self::LatencyMax
            | Self::Service(_)
            | Self::Recovery
            | Self::Cpu
            | Self::Memory => Better::Lower,
        }
    }

    /// What the metric is counted in.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::SuccessRate => Unit::Percent,
            Self::Throughput => Unit::PerSecond,
            Self::Latency(_) | Self::LatencyMax | Self::Service(_) | Self::Recovery | Self::Cpu => {
                Unit::Time
            }
            Self::Memory => Unit::Bytes,
        }
    }
}

impl Percentile {
    /// `None` unless 0 < `percent` < 100.
    #[must_use]
    pub fn new(percent: f64) -> Option<Self> {
        (percent > 0.0 && percent < 100.0).then_some(Self(percent))
    }

    /// The percentile as a number between 0 and 100.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.0
    }

    /// Samples below which the percentile is no more than the longest latency seen: 1,000 for
    /// p99.9.
    #[must_use]
    pub fn samples_needed(self) -> u64 {
        // The division is exact to a few ulps (99.9 % gives 1000.0000000000568), hence the rounding.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "casting a float saturates, and the quotient is positive"
        )]
        let samples = (100.0 / (100.0 - self.0)).round() as u64;
        samples
    }
}

impl Comparison {
    /// Whether `figure` lies on the right side of `bound`.
    #[must_use]
    pub fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Self::AtMost => figure <= bound,
            Self::Below => figure < bound,
            Self::AtLeast => figure >= bound,
            Self::Above => figure > bound,
        }
    }

    /// Whether the bound is a ceiling or a floor.
    #[must_use]
    pub fn wants(self) -> Better {
        match self {
            Self::AtMost | Self::Below => Better::Lower,
            Self::AtLeast | Self::Above => Better::Higher,
        }
    }
}

impl FromStr for Threshold {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse::threshold(text)
    }
}

impl TryFrom<String> for Threshold {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> Self {
        threshold.to_string()
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            on,
            metric,
            comparison,
            bound,
        } = self;
        if let Some(target) = on {
            write!(out, "{target}: ")?;
        }
        write!(out, "{metric} {comparison} {bound}")
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SuccessRate => out.write_str("success_rate"),
            Self::Throughput => out.write_str("throughput"),
            Self::Latency(Percentile(percent)) => write!(out, "p{percent}"),
            Self::LatencyMax => out.write_str("max"),
            Self::Service(Percentile(percent)) => write!(out, "service_p{percent}"),
            Self::Recovery => out.write_str("recovery"),
            Self::Cpu => out.write_str("cpu"),
            Self::Memory => out.write_str("memory"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::AtLeast => ">=",
            Self::Above => ">",
        })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absolute(quantity) => quantity.fmt(out),
            Self::Relative { factor, target } => write!(out, "{factor} * {target}"),
        }
    }
}

#[cfg(test)]
mod tests;
