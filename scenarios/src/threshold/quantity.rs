//! Figures with their unit, as thresholds write them.

use std::{fmt, time::Duration};

use crate::load::span;

/// What a metric is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Parts of a hundred.
    Percent,
    /// Seconds and their parts.
    Time,
    /// Events a second.
    PerSecond,
    /// Bytes of memory.
    Bytes,
}

/// A figure with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// 0 to 100, written `99.9%`.
    Percent(f64),
    /// Written `20ms`.
    Time(Duration),
    /// Written `1000/s`.
    PerSecond(f64),
    /// Written `200MB`; also read with binary prefixes, as in `64MiB`.
    Bytes(u64),
}

/// Sizes from the largest that [`Quantity`] writes to the smallest.
const DECIMAL_SIZES: [(&str, u64); 4] = [
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];
/// Sizes that are read as well.
const BINARY_SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl Unit {
    /// How a figure of this unit is written.
    pub(super) fn example(self) -> &'static str {
        match self {
            Self::Percent => "a percentage from 0% to 100% like \"99.9%\"",
            Self::Time => "a time like \"250us\", \"20ms\" or \"1.5s\"",
            Self::PerSecond => "a rate like \"1000/s\"",
            Self::Bytes => "a size like \"200MB\" or \"64MiB\"",
        }
    }

    /// Reads a figure of this unit; `None` when the text is none.
    pub(super) fn read(self, text: &str) -> Option<Quantity> {
        match self {
            Self::Percent => number(text.strip_suffix('%')?)
                .filter(|percent| *percent <= 100.0)
                .map(Quantity::Percent),
            Self::Time => span::parse(text).ok().map(Quantity::Time),
            Self::PerSecond => number(text.strip_suffix("/s")?).map(Quantity::PerSecond),
            Self::Bytes => size(text).map(Quantity::Bytes),
        }
    }
}

impl Quantity {
    /// The bare figure: percent, seconds, events a second or bytes.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Percent(figure) | Self::PerSecond(figure) => figure,
            Self::Time(time) => time.as_secs_f64(),
            Self::Bytes(bytes) => bytes as f64,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(out, "{percent}%"),
            Self::Time(time) => out.write_str(&span::format(*time)),
            Self::PerSecond(rate) => write!(out, "{rate}/s"),
            Self::Bytes(bytes) => {
                let (unit, size) = DECIMAL_SIZES
                    .into_iter()
                    .find(|(_, size)| *bytes > 0 && bytes.is_multiple_of(*size))
                    .unwrap_or(("B", 1));
                write!(out, "{}{unit}", bytes / size)
            }
        }
    }
}

/// A plain decimal number: no sign, exponent, infinity or NaN, all of which `f64` would read.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim_end();
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

fn size(text: &str) -> Option<u64> {
    let (unit, size) = BINARY_SIZES
        .into_iter()
        .chain(DECIMAL_SIZES)
        .find(|(unit, _)| text.ends_with(unit))?;
    let bytes = number(text.strip_suffix(unit)?)? * size as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative and below 2^53, where floats hold integers exactly"
    )]
    (bytes < (1_u64 << 53) as f64).then_some(bytes.round() as u64)
}
