//! Latency histograms: hdrhistogram with three significant digits from one microsecond up.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as HdrDeserializer, Serializer as _, V2DeflateSerializer},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

/// Longest latency kept apart, one hour in microseconds; longer ones count as this.
const LONGEST_US: u64 = 3_600_000_000;

/// Latencies in microseconds. In a record it stands as the base64 of HdrHistogram's compressed V2
/// encoding, which the tools of that project read.
///
/// The histogram grows with the longest latency that it has seen: 16 kB when empty, 190 kB for an
/// hour. A report of many windows holds many that are empty or short.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "three digits are within bounds")]
        let mut histogram = Histogram::new(3).expect("constant digits");
        histogram.auto(true);
        Self(histogram)
    }
}

impl Latency {
    /// Counts one latency, at least 1 µs.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        #[expect(clippy::expect_used, reason = "growing fails only beyond usize")]
        self.0
            .record(micros.clamp(1, LONGEST_US))
            .expect("190 kB at most");
    }

    /// Adds all samples of `other`. Merging loses nothing: percentiles of the sum are exact to the
    /// histogram's precision, which averages of percentiles would not be.
    pub fn merge(&mut self, other: &Self) {
        #[expect(clippy::expect_used, reason = "growing fails only beyond usize")]
        self.0.add(&other.0).expect("190 kB at most");
    }

    /// Samples counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The latency below which `percent` (0 to 100) of the samples lie; `None` without samples.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.0.value_at_percentile(percent)))
    }

    /// The longest latency; `None` without samples.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.0.max()))
    }

    /// The histogram itself, for charts that walk its buckets.
    #[must_use]
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.0, &mut bytes)
            .map_err(S::Error::custom)?;
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        let read: Histogram<u64> = HdrDeserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(D::Error::custom)?;
        let mut latency = Self::default();
        latency.0.add(&read).map_err(D::Error::custom)?;
        Ok(latency)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "HdrHistogram, compressed V2 encoding, microseconds",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn latency(micros: &[u64]) -> Latency {
        let mut latency = Latency::default();
        for &micros in micros {
            latency.record(Duration::from_micros(micros));
        }
        latency
    }

    #[test]
    fn extremes_are_kept_within_bounds() {
        let extremes = latency(&[0, u64::MAX]);
        assert_eq!(extremes.percentile(1.0), Some(Duration::from_micros(1)));
        let hour = Duration::from_secs(3_600);
        let max = extremes.max().unwrap();
        assert!(max >= hour && max < hour + hour / 1_000, "{max:?}");
        assert_eq!(Latency::default().percentile(50.0), None);
    }

    proptest! {
        #[test]
        fn merging_equals_recording_all(
            one in prop::collection::vec(1_u64..4_000_000_000, 0..40),
            other in prop::collection::vec(1_u64..100_000, 0..40),
        ) {
            let mut merged = latency(&one);
            merged.merge(&latency(&other));
            let all = latency(&[one, other].concat());
            prop_assert_eq!(&merged, &all);
            let json = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(serde_json::from_str::<Latency>(&json).unwrap(), merged);
        }

        #[test]
        fn percentiles_are_within_one_in_a_thousand(mut micros in prop::collection::vec(1_u64..10_000_000, 1..60)) {
            let median = latency(&micros).percentile(50.0).unwrap().as_micros() as f64;
            micros.sort_unstable();
            let exact = micros[(micros.len() - 1) / 2] as f64;
            prop_assert!((median - exact).abs() <= exact / 1_000.0 + 1.0, "{} {}", median, exact);
        }
    }
}
