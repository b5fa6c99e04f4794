//! The table and the Markdown as a reader sees them.

use poolproof_reports::{
    gate::judge,
    render::{TableStyle, markdown, table},
};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use crate::fixture;

fn draw(width: u16, color: bool) -> String {
    let record = fixture::record();
    table(&record, &judge(&record, &[]), TableStyle { width, color })
}

#[test]
fn wide_table() {
    insta::assert_snapshot!(draw(120, false));
}

#[test]
fn narrow_tables_split_before_they_leave_anything_out() {
    // The grid of the first scenario: from its header to the last figure.
    for width in [94, 72, 50, 36] {
        let text = draw(width, false);
        let grid = text
            .lines()
            .skip(2)
            .take_while(|line| !line.starts_with('*'));
        let widest = grid.map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(width), "{widest} > {width}\n{text}");
    }
    let intervals = |width| {
        let text = draw(width, false);
        text.lines()
            .skip(2)
            .take_while(|line| !line.starts_with('*'))
            .map(|line| line.matches("× (").count())
            .sum::<usize>()
    };
    assert!(intervals(120) > 0);
    assert_eq!(intervals(80), intervals(120), "{}", draw(80, false));
    insta::assert_snapshot!(draw(50, false));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let painted = draw(120, true);
    assert!(painted.contains("\u{1b}[31m"), "failures are red");
    let mut plain = String::new();
    let mut rest = painted.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain += before;
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(plain + rest, draw(120, false));
}

#[test]
fn markdown_summary() {
    let record = fixture::record();
    insta::assert_snapshot!(markdown(&record, &judge(&record, &[])));
}

#[test]
fn markdown_stays_short_whatever_the_run() {
    let mut random = ChaCha12Rng::seed_from_u64(1);
    let names: Vec<String> = (0..8)
        .map(|n| format!("target-{n}-{}", "x".repeat(200)))
        .collect();
    let targets: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), fixture::SLOW))
        .collect();
    let scenarios = (0..60)
        .map(|n| fixture::scenario_run(&format!("s{n}"), &targets, 1, &mut random))
        .collect();
    let record = fixture::around(scenarios);
    let text = markdown(&record, &judge(&record, &[]));
    assert!(text.len() < 64_000, "{} bytes", text.len());
    assert!(
        text.contains("left out here for length"),
        "{}",
        &text[..2_000]
    );
}

/// Text as others might write it, long and full of what Markdown and HTML take for their own.
fn wild() -> impl Strategy<Value = String> {
    prop_oneof![
        "[&<>@|*_`# a]{0,400}",
        "\\PC{0,400}",
        Just("😀".repeat(500)),
        Just("&".repeat(2_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn markdown_stays_short_and_whole_whatever_is_written_in_the_run(
        words in proptest::collection::vec(wild(), 12),
        scenarios in 1_usize..40,
        targets in 1_usize..8,
        failing in 0_usize..30,
    ) {
        let word = |index: usize| words[index % words.len()].clone();
        let mut random = ChaCha12Rng::seed_from_u64(5);
        let names: Vec<String> = (0..targets).map(|index| format!("{index}{}", word(index))).collect();
        let named: Vec<_> = names.iter().map(|name| (name.as_str(), fixture::SLOW)).collect();
        let one = fixture::scenario_run("s", &named, 1, &mut random);
        let many = (0..scenarios).map(|index| {
            let mut run = one.clone();
            run.scenario.name = format!("{index}{}", word(index + 1));
            run.scenario.purpose = word(index + 2);
            run
        });
        let mut record = fixture::around(many.collect());
        record.environment.cpu_model = word(3);
        record.environment.os = word(4);
        record.environment.postgres_version = word(5);
        record.tool.version = word(6);
        for cell in record.scenarios.iter_mut().flat_map(|run| &mut run.cells) {
            for sample in cell.windows.iter_mut().flat_map(|one| one.error_samples.values_mut()) {
                *sample = word(7);
            }
        }
        let thresholds: Vec<_> = (1..=failing)
            .map(|micros| format!("p99 <= {micros}us").parse().unwrap())
            .collect();
        let text = markdown(&record, &judge(&record, &thresholds));
        prop_assert!(text.len() < 64_000, "{} bytes", text.len());
        prop_assert!(text.starts_with("## ") && text.ends_with("</sub>\n"), "{text:.200}");
    }
}
