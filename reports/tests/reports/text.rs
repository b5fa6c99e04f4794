//! The table and the Markdown as a reader sees them.

use poolproof_reports::{
    gate::judge,
    render::{TableStyle, markdown, table},
};
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
fn narrow_tables_leave_out_intervals_then_ratios_then_split() {
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
