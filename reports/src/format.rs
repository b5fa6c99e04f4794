//! Figures as people read them, the same in every report.

use std::time::Duration;

use poolproof_scenarios::threshold::{Metric, Quantity};

use crate::statistics::{Interval, Ratio};

/// A figure with its unit.
#[must_use]
pub fn quantity(quantity: Quantity) -> String {
    match quantity {
        Quantity::Percent(percent) => self::percent(percent),
        Quantity::Time(time) => duration(time),
        Quantity::PerSecond(rate) => format!("{}/s", significant(rate)),
        Quantity::Bytes(count) => bytes(count),
    }
}

/// A figure, or a dash where there is none.
#[must_use]
pub fn optional(figure: Option<Quantity>) -> String {
    figure.map_or_else(|| "–".to_owned(), quantity)
}

/// Two decimals, rounded down: 100.00 % means that everything succeeded.
#[must_use]
pub fn percent(percent: f64) -> String {
    // The small constant keeps 99.9, which no binary fraction hits, from becoming 99.89.
    format!("{:.2} %", (percent * 100.0 + 1e-6).floor() / 100.0)
}

/// Three significant digits, which is what the histograms keep.
#[must_use]
pub fn duration(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    // Each limit is where three digits round up to the next unit.
    if micros < 999.5 {
        format!("{} µs", significant(micros))
    } else if micros < 999_500.0 {
        format!("{} ms", significant(micros / 1e3))
    } else {
        format!("{} s", significant(micros / 1e6))
    }
}

/// Decimal units, as thresholds have them.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.into_iter().find(|(size, _)| bytes >= size * 0.9995);
    let (size, name) = unit.unwrap_or((1.0, "B"));
    format!("{} {name}", significant(bytes / size))
}

/// A count with its thousands apart.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.34 ×`
#[must_use]
pub fn factor(factor: f64) -> String {
    format!("{} ×", plain_factor(factor))
}

/// `1.30–1.37`
#[must_use]
pub fn interval(interval: Interval) -> String {
    let Interval { low, high } = interval;
    format!("{}–{}", plain_factor(low), plain_factor(high))
}

/// `1.34 × (1.30–1.37)`, or only the median where there is no interval.
#[must_use]
pub fn ratio(ratio: &Ratio) -> String {
    let median = factor(ratio.median);
    match ratio.interval {
        Some(range) => format!("{median} ({})", interval(range)),
        None => median,
    }
}

/// A metric as a heading.
#[must_use]
pub fn metric(metric: Metric) -> String {
    match metric {
        Metric::SuccessRate => "success rate".to_owned(),
        Metric::Throughput => "throughput".to_owned(),
        Metric::Latency(percentile) => format!("p{}", percentile.percent()),
        Metric::LatencyMax => "max".to_owned(),
        Metric::Service(percentile) => format!("service p{}", percentile.percent()),
        Metric::Recovery => "recovery".to_owned(),
        Metric::Cpu => "CPU a transaction".to_owned(),
        Metric::Memory => "peak memory".to_owned(),
    }
}

/// A target as a reader calls it.
#[must_use]
pub fn target(name: &str) -> &str {
    match name {
        "pgbouncer" => "PgBouncer",
        "direct" => "PostgreSQL",
        other => other,
    }
}

/// The server's version with its name, which `server_version` leaves out.
#[must_use]
pub fn postgres(version: &str) -> String {
    if version.starts_with(|c: char| c.is_ascii_digit()) {
        format!("PostgreSQL {version}")
    } else {
        version.to_owned()
    }
}

/// `one` with the number 1, `many` with any other.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", count(number))
}

/// Text from outside on one line of at most `longest` characters: control characters, with which
/// a server could drive the reader's terminal, become spaces.
#[must_use]
pub fn one_line(text: &str, longest: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = clean.clone().take(longest).collect();
    if clean.count() > longest {
        line.pop();
        line.push('…');
    }
    line.trim_end().to_owned()
}

fn plain_factor(factor: f64) -> String {
    if factor.is_infinite() {
        // The other side stood still.
        "∞".to_owned()
    } else if factor < 0.0995 {
        format!("{factor:.3}")
    } else if factor < 9.995 {
        format!("{factor:.2}")
    } else {
        significant(factor)
    }
}

/// Three significant digits, all digits before the point from 1,000 on.
fn significant(value: f64) -> String {
    let decimals = match value {
        _ if value == 0.0 || value >= 99.95 => 0,
        _ if value >= 9.995 => 1,
        _ => 2,
    };
    if decimals > 0 {
        return format!("{value:.decimals$}");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casting a float saturates, and no figure is negative"
    )]
    count(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_never_round_up() {
        let table = [
            (100.0, "100.00 %"),
            (99.999, "99.99 %"),
            (99.9, "99.90 %"),
            (0.0, "0.00 %"),
        ];
        for (value, text) in table {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn durations_keep_three_digits() {
        let table = [
            (1, "1.00 µs"),
            (999, "999 µs"),
            (1_234, "1.23 ms"),
            (20_000, "20.0 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (61_000_000, "61.0 s"),
        ];
        for (micros, text) in table {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
        assert_eq!(duration(Duration::from_nanos(23_456)), "23.5 µs");
        assert_eq!(duration(Duration::from_nanos(999_700)), "1.00 ms");
    }

    #[test]
    fn sizes_rates_and_counts() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999_600), "1.00 MB");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(quantity(Quantity::PerSecond(30_120.4)), "30,120/s");
        assert_eq!(quantity(Quantity::PerSecond(4.5)), "4.50/s");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(counted(1, "block", "blocks"), "1 block");
    }

    #[test]
    fn text_from_outside_is_tamed() {
        assert_eq!(one_line("a\u{1b}[31mb\nc", 20), "a [31mb c");
        assert_eq!(one_line("too long", 5), "too …");
    }

    #[test]
    fn ratios_show_their_interval() {
        let six = Ratio::new(vec![1.30, 1.31, 1.34, 1.34, 1.36, 1.37]).unwrap();
        assert_eq!(ratio(&six), "1.34 × (1.30–1.37)");
        assert_eq!(ratio(&Ratio::new(vec![12.34]).unwrap()), "12.3 ×");
    }
}
