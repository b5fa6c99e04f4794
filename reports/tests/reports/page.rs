//! The HTML page: well formed, alone in the world, of bounded size, and with the record's figures.

use poolproof_reports::{
    RunRecord, format,
    gate::judge,
    overview::{METRICS, Overview},
    record::{CellStatus, FaultMark, InvariantCheck, Knee},
    render::{html, html_with, markdown},
};
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use crate::fixture;

/// Elements that have no end tag.
const VOID: [&str; 2] = ["meta", "!DOCTYPE"];

/// The page without the text of its script, which is no markup.
fn page(record: &RunRecord) -> String {
    let page = html(record, &judge(record, &[]));
    let (before, rest) = page.split_once("<script>").unwrap();
    let (script, after) = rest.split_once("</script>").unwrap();
    assert!(script.len() < 20_000 && !after.contains("<script"));
    for request in [
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "import(",
        "innerHTML",
        "eval(",
    ] {
        assert!(!script.contains(request), "{request}");
    }
    format!("{before}{after}")
}

/// Names and attributes of all start tags; ends with a panic where tags do not match.
fn tags(page: &str) -> Vec<(&str, &str)> {
    let mut open = Vec::new();
    let mut all = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, next) = after.split_once('>').unwrap();
        rest = next;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {:.60}", next);
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '!'),
            "<{tag}>"
        );
        assert_eq!(attributes.matches('"').count() % 2, 0, "<{tag}>");
        all.push((name, attributes));
        if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    all
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_else() {
    let page = page(&fixture::record());
    for (name, attributes) in tags(&page) {
        assert!(
            !["script", "link", "img", "iframe", "object", "base", "form"].contains(&name),
            "<{name}>"
        );
        assert!(!attributes.contains("src="), "<{name} {attributes}>");
        if let Some((_, target)) = attributes.split_once("href=\"") {
            assert!(target.starts_with('#'), "<{name} {attributes}>");
        }
    }
    assert!(page.contains("default-src 'none'"));
    for request in ["http://", "https://", "url(", "@import"] {
        assert!(!page.contains(request), "{request}");
    }
}

#[test]
fn text_from_outside_is_escaped() {
    let page = page(&fixture::record());
    assert!(page.contains("query_wait_timeout &lt;script&gt;alert(1)"));
}

#[test]
fn every_figure_and_ratio_of_the_record_is_there() {
    let record = fixture::record();
    let page = page(&record);
    let mut seen = 0;
    for view in &Overview::of(&record).scenarios {
        for column in &view.columns {
            for metric in METRICS {
                let figure = format::optional(column.figures.total.figure(metric));
                assert!(page.contains(&format!(">{figure}")), "{metric}: {figure}");
                seen += 1;
            }
            for contrast in &column.contrasts {
                let ratio = format::ratio(&contrast.ratio);
                assert!(page.contains(&format!(">{ratio}</small>")), "{ratio}");
                seen += 1;
            }
        }
    }
    // Two scenarios: three targets with nine figures, two of them with eight ratios.
    assert_eq!(seen, 2 * (3 * 9 + 2 * 8));
}

#[test]
fn numbers_on_charts_are_numbers() {
    let page = page(&fixture::record());
    assert!(!page.contains("NaN") && !page.contains(">inf") && !page.contains("\"inf"));
}

#[test]
fn a_large_run_stays_below_half_a_megabyte() {
    let mut random = ChaCha12Rng::seed_from_u64(3);
    let names: Vec<String> = (0..6).map(|n| format!("pooler-{n}")).collect();
    let targets: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), fixture::SLOW))
        .collect();
    let scenarios = (0..20)
        .map(|n| fixture::scenario_run(&format!("scenario-{n}"), &targets, 6, &mut random))
        .collect();
    let mut record = fixture::around(scenarios);
    for target in &mut record.targets {
        let mut file = record_file();
        file.text = "key = value\n".repeat(5_000);
        target.config_files.push(file);
    }
    let page = page(&record);
    tags(&page);
    // With the script, which is left out above.
    assert!(page.len() < 480_000, "{} bytes", page.len());
}

fn record_file() -> poolproof_reports::record::ConfigFile {
    fixture::record().targets[1].config_files[0].clone()
}

#[test]
fn faults_invariants_and_knees_are_told() {
    let mut record = fixture::record();
    let cell = &mut record.scenarios[0].cells[1];
    for window in &mut cell.windows {
        window.faults = vec![FaultMark {
            name: "backends-killed".to_owned(),
            at_ms: 1_500,
            until_ms: 1_500,
            effect: "7 backends ended".to_owned(),
            failed: 7,
            recovered_after_ms: Some(120),
        }];
        window.invariants = vec![InvariantCheck {
            name: "bank".to_owned(),
            looks: 4,
            violations: 1,
            first: Some("the sum was <99>".to_owned()),
        }];
        window.knee = Some(Knee {
            clients: 75 + window.block,
            throughput: 5_000,
            broke: Some("p99 of 101 ms".to_owned()),
        });
    }
    let page = page(&record);
    tags(&page);
    for told in [
        ">backends-killed</text>",
        "<td>7 backends ended</td>",
        "after 120 ms at the latest",
        "did not hold in 6 of 24 looks, first: the sum was &lt;99&gt;",
        ">75–80<",
        "proxy carried 75 clients at 5,000/s; the next step broke: p99 of 101 ms",
        "Fail",
    ] {
        assert!(page.contains(told), "{told}");
    }
    let summary = markdown(&record, &judge(&record, &[]));
    assert!(
        summary.contains("proxy: backends-killed at 1.50 s"),
        "{summary}"
    );
}

#[test]
fn a_matrix_stands_beside_the_figures() {
    let record = fixture::record();
    let matrix = serde_json::from_value(serde_json::json!({
        "oracle": "PostgreSQL 15.14",
        "mode": "transaction",
        "targets": ["proxy", "pgbouncer"],
        "rows": [
            { "area": "copy", "case": "in", "about": "", "cells": [
                { "outcome": "same", "why": "", "trace": "" },
                { "outcome": "same", "why": "", "trace": "" },
            ] },
            { "area": "copy", "case": "fails", "about": "", "cells": [
                { "outcome": "same", "why": "", "trace": "" },
                { "outcome": "hangs", "why": "no answer to <step 3>", "trace": "" },
            ] },
        ],
        "unneeded": [],
    }));
    let page = html_with(&record, &judge(&record, &[]), Some(&matrix.unwrap()));
    for told in [
        "not all explained",
        "pgbouncer: 1 same, 1 hangs",
        "copy/fails",
        "no answer to &lt;step 3&gt;",
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert!(
        !page.contains("copy/in"),
        "what is the same everywhere is counted only"
    );
}

#[test]
fn a_run_that_measured_nothing_still_has_its_page() {
    let mut record = fixture::record();
    for run in &mut record.scenarios {
        for cell in &mut run.cells {
            cell.windows.clear();
            cell.status = CellStatus::Broken {
                reason: "it exited with status 1".to_owned(),
            };
        }
    }
    let page = page(&record);
    tags(&page);
    assert!(page.contains("it exited with status 1"));
    assert!(!page.contains("<figure"));
    assert!(!page.contains("NaN"));
}
