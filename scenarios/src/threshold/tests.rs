//! Thresholds as a table: what is read, what is refused, and that text and model agree.

use std::time::Duration;

use expect_test::expect;
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Threshold {
    text.parse().unwrap()
}

#[test]
fn figures_are_read_with_their_units() {
    let bounds = [
        ("success_rate >= 99.9%", Quantity::Percent(99.9)),
        ("p99 <= 20ms", Quantity::Time(Duration::from_millis(20))),
        ("p99.9 < 1.5s", Quantity::Time(Duration::from_millis(1500))),
        ("max < 1m", Quantity::Time(Duration::from_secs(60))),
        ("throughput >= 1000/s", Quantity::PerSecond(1000.0)),
        ("cpu <= 45us", Quantity::Time(Duration::from_micros(45))),
        (
            "service_p99 <= 5ms",
            Quantity::Time(Duration::from_millis(5)),
        ),
        ("recovery <= 2s", Quantity::Time(Duration::from_secs(2))),
        ("memory <= 200MB", Quantity::Bytes(200_000_000)),
        ("memory <= 64MiB", Quantity::Bytes(67_108_864)),
        ("memory <= 1.5 kB", Quantity::Bytes(1500)),
    ];
    for (text, quantity) in bounds {
        assert_eq!(read(text).bound, Bound::Absolute(quantity), "{text}");
    }
}

#[test]
fn every_part_is_kept() {
    let threshold = read("  proxy:p99.9<=1.1*pgbouncer ");
    assert_eq!(
        threshold,
        Threshold {
            on: Some("proxy".to_owned()),
            metric: Metric::P999,
            comparison: Comparison::AtMost,
            bound: Bound::Relative {
                factor: 1.1,
                target: "pgbouncer".to_owned()
            },
        }
    );
    assert_eq!(threshold.to_string(), "proxy: p99.9 <= 1.1 * pgbouncer");
}

#[test]
fn canonical_text() {
    let pairs = [
        ("p99<=1500us", "p99 <= 1500us"),
        ("memory < 64MiB", "memory < 67108864B"),
        ("memory < 2000kB", "memory < 2MB"),
        ("throughput > 1000.0/s", "throughput > 1000/s"),
        ("cpu <= 1.0 * pgbouncer", "cpu <= 1 * pgbouncer"),
    ];
    for (text, canonical) in pairs {
        assert_eq!(read(text).to_string(), canonical);
    }
}

#[test]
fn errors_say_what_was_expected_and_where() {
    let texts = [
        "",
        "latency <= 20ms",
        "p100 <= 20ms",
        "service_ <= 20ms",
        "p99 == 20ms",
        "p99 <= 20",
        "p99 <=",
        "success_rate >= 101%",
        "throughput >= -5/s",
        "cpu <= 0 * pgbouncer",
        "cpu <= 1.1 *",
        "cpu <= 1.1 * a b",
        ": cpu <= 1s",
        "µ: cpu <= 1s",
    ];
    let errors: Vec<String> = texts
        .map(|text| text.parse::<Threshold>().unwrap_err().to_string())
        .into();
    expect![[r#"
        threshold "", column 1: expected success_rate, throughput, a percentile like p99.9 or service_p99, max, recovery, cpu or memory, got the end
        threshold "latency <= 20ms", column 1: expected success_rate, throughput, a percentile like p99.9 or service_p99, max, recovery, cpu or memory, got "latency"
        threshold "p100 <= 20ms", column 1: expected success_rate, throughput, a percentile like p99.9 or service_p99, max, recovery, cpu or memory, got "p100"
        threshold "service_ <= 20ms", column 1: expected success_rate, throughput, a percentile like p99.9 or service_p99, max, recovery, cpu or memory, got "service_"
        threshold "p99 == 20ms", column 5: expected <=, <, >= or >, got "=="
        threshold "p99 <= 20", column 8: expected a time like "250us", "20ms" or "1.5s" or a multiple like "1.1 * pgbouncer", got "20"
        threshold "p99 <=", column 7: expected a time like "250us", "20ms" or "1.5s" or a multiple like "1.1 * pgbouncer", got the end
        threshold "success_rate >= 101%", column 17: expected a percentage from 0% to 100% like "99.9%" or a multiple like "1.1 * pgbouncer", got "101%"
        threshold "throughput >= -5/s", column 15: expected a rate like "1000/s" or a multiple like "1.1 * pgbouncer", got "-5/s"
        threshold "cpu <= 0 * pgbouncer", column 8: expected a factor above 0 like "1.1", got "0"
        threshold "cpu <= 1.1 *", column 13: expected a target's name (letters, digits, '-', '_', '.'), got the end
        threshold "cpu <= 1.1 * a b", column 14: expected a target's name (letters, digits, '-', '_', '.'), got "a b"
        threshold ": cpu <= 1s", column 1: expected a target's name (letters, digits, '-', '_', '.'), got ':'
        threshold "µ: cpu <= 1s", column 1: expected a target's name (letters, digits, '-', '_', '.'), got "µ""#]].assert_eq(&errors.join("\n"));
}

#[test]
fn long_texts_are_cut_in_the_error() {
    let error = "p".repeat(2_000).parse::<Threshold>().unwrap_err();
    assert_eq!(error.expected, "at most 1000 bytes");
    assert_eq!(error.text.len(), 80);
}

#[test]
fn a_file_holds_the_text() {
    #[derive(Serialize, Deserialize)]
    struct File {
        thresholds: Vec<Threshold>,
    }
    let file: File = toml::from_str(r#"thresholds = ["p99 <= 20ms"]"#).unwrap();
    assert_eq!(
        toml::to_string(&file).unwrap(),
        "thresholds = [\"p99 <= 20ms\"]\n"
    );
    let error = toml::from_str::<File>(r#"thresholds = ["p99 <= 20"]"#)
        .err()
        .unwrap();
    assert!(error.to_string().contains("column 8"), "{error}");
}

#[test]
fn samples_needed_for_a_percentile() {
    for (percent, samples) in [(50.0, 2), (99.0, 100), (99.9, 1_000), (99.99, 10_000)] {
        assert_eq!(Percentile::new(percent).unwrap().samples_needed(), samples);
    }
}

fn percentile() -> impl Strategy<Value = Percentile> {
    (1_u32..100_000).prop_map(|n| Percentile::new(f64::from(n) / 1000.0).unwrap())
}

fn metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        Just(Metric::SuccessRate),
        Just(Metric::Throughput),
        Just(Metric::LatencyMax),
        Just(Metric::Cpu),
        Just(Metric::Memory),
        Just(Metric::Recovery),
        percentile().prop_map(Metric::Latency),
        percentile().prop_map(Metric::Service),
    ]
}

fn quantity(unit: Unit) -> BoxedStrategy<Quantity> {
    match unit {
        Unit::Percent => (0_u32..=10_000)
            .prop_map(|n| Quantity::Percent(f64::from(n) / 100.0))
            .boxed(),
        Unit::Time => (0_u64..=3_600_000_000)
            .prop_map(|n| Quantity::Time(Duration::from_micros(n)))
            .boxed(),
        Unit::PerSecond => (0.0_f64..1e9).prop_map(Quantity::PerSecond).boxed(),
        Unit::Bytes => (0_u64..1 << 52).prop_map(Quantity::Bytes).boxed(),
    }
}

fn threshold() -> impl Strategy<Value = Threshold> {
    let name = "[a-z][a-z0-9._-]{0,12}";
    let comparison = prop_oneof![
        Just(Comparison::AtMost),
        Just(Comparison::Below),
        Just(Comparison::AtLeast),
        Just(Comparison::Above),
    ];
    (metric(), comparison, proptest::option::of(name)).prop_flat_map(
        move |(metric, comparison, on)| {
            let relative = (0.001_f64..100.0, name)
                .prop_map(|(factor, target)| Bound::Relative { factor, target });
            let absolute = quantity(metric.unit()).prop_map(Bound::Absolute);
            prop_oneof![absolute, relative].prop_map(move |bound| Threshold {
                on: on.clone(),
                metric,
                comparison,
                bound,
            })
        },
    )
}

proptest! {
    #[test]
    fn text_and_model_agree(threshold in threshold()) {
        prop_assert_eq!(threshold.to_string().parse::<Threshold>(), Ok(threshold));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        if let Ok(threshold) = text.parse::<Threshold>() {
            prop_assert_eq!(threshold.to_string().parse::<Threshold>(), Ok(threshold));
        }
    }
}
