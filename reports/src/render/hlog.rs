//! HdrHistogram's interval log, version 1.3: what `HistogramLogProcessor`, `HistogramLogAnalyzer`
//! and the plotters of that project read.

use std::{
    io,
    time::{Duration, SystemTime},
};

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag},
};

use crate::{RunRecord, record::Window};

/// The log's values are microseconds and its column of maxima is in milliseconds.
const MICROS_IN_MILLI: f64 = 1_000.0;

/// One line for each window in order of time, tagged `scenario/target`: latencies of successes in
/// microseconds. Begins count from the begin of the run.
///
/// # Errors
///
/// When `started_at` of the record is no time, or a histogram cannot be encoded.
pub fn hlog(record: &RunRecord) -> io::Result<String> {
    let mut windows: Vec<(String, &Window)> = record
        .scenarios
        .iter()
        .flat_map(|run| run.cells.iter().map(move |cell| (run, cell)))
        .flat_map(|(run, cell)| {
            let tag = tag(&run.scenario.name, &cell.target);
            cell.windows.iter().map(move |window| (tag.clone(), window))
        })
        .collect();
    windows.sort_by_key(|(_, window)| window.started_ms);

    let start: jiff::Timestamp = record.started_at.parse().map_err(io::Error::other)?;
    let mut log = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .with_base_time(SystemTime::from(start))
        .with_start_time(SystemTime::from(start))
        .with_max_value_divisor(MICROS_IN_MILLI)
        .begin_log_with(&mut log, &mut serializer)?;
    for (tag, window) in windows {
        let begin = Duration::from_millis(window.started_ms);
        let length = Duration::from_micros(window.duration_us);
        writer
            .write_histogram(window.latency.histogram(), begin, length, Tag::new(&tag))
            .map_err(encoding)?;
    }
    String::from_utf8(log).map_err(io::Error::other)
}

fn encoding(
    error: IntervalLogWriterError<hdrhistogram::serialization::V2DeflateSerializeError>,
) -> io::Error {
    match error {
        IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
        IntervalLogWriterError::IoError(error) => error,
    }
}

/// A tag holds neither commas nor spaces.
fn tag(scenario: &str, target: &str) -> String {
    let text = format!("{scenario}/{target}");
    text.replace(|c: char| c == ',' || c.is_whitespace(), "_")
}
