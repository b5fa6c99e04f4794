//! The page in a real browser: silent, alone, with the record's figures, readable and usable.

mod chromium;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use poolproof_reports::{
    format,
    gate::judge,
    overview::{METRICS, Overview},
    render::html,
};
use serde_json::{Value, json};

use crate::fixture;
use chromium::Chromium;

const AUDIT: &str = include_str!("browser/audit.js");
const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);

/// The page of the simulated run and where its pictures go: a folder that stays, so that they can be
/// looked at.
fn page() -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    fs::create_dir_all(&folder).unwrap();
    let record = fixture::record();
    let name = std::thread::current().name().unwrap().replace("::", "-");
    let file = folder.join(format!("{name}.html"));
    fs::write(&file, html(&record, &judge(&record, &[]))).unwrap();
    (file, folder)
}

/// Fails when the page said or asked for anything.
fn silent(browser: &Chromium) {
    let told = [
        "Runtime.consoleAPICalled",
        "Runtime.exceptionThrown",
        "Log.entryAdded",
    ];
    let said: Vec<&Value> = told
        .iter()
        .flat_map(|method| browser.events_of(method))
        .collect();
    assert!(said.is_empty(), "{said:#?}");
    for request in browser.events_of("Network.requestWillBeSent") {
        let url = request["request"]["url"].as_str().unwrap();
        assert!(url.starts_with("file://"), "{url}");
    }
}

#[test]
fn the_page_is_readable_on_every_screen_and_on_paper() {
    let (file, folder) = page();
    let mut browser = Chromium::start();
    for (name, (width, height), media, scheme) in [
        ("desktop-light", DESKTOP, "screen", "light"),
        ("desktop-dark", DESKTOP, "screen", "dark"),
        ("phone-light", PHONE, "screen", "light"),
        ("phone-dark", PHONE, "screen", "dark"),
        ("print", DESKTOP, "print", "light"),
    ] {
        browser.resize(width, height, name.starts_with("phone"));
        browser.show_as(media, scheme);
        browser.open(&file);
        let audit = browser.value(AUDIT);
        assert_eq!(audit["faint"], json!([]), "{name}");
        assert_eq!(audit["width"], audit["room"], "{name} is too wide");
        assert_eq!(
            audit["cut"],
            json!([]),
            "{name}: the decision must be seen whole"
        );
        let count = |what: &str| audit[what].as_u64().unwrap();
        assert!(
            count("texts") > 100 && count("lines") > 20,
            "{name}: {audit}"
        );
        browser.picture(&folder.join(format!("{name}.png")));
    }
    silent(&browser);
}

/// Every figure of the side-by-side tables as the browser shows it.
const FIGURES: &str = "[...document.querySelectorAll('.figures')].map((table) => \
    [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1).map((cell) => \
    cell.firstElementChild.innerText)))";

#[test]
fn key_figures_equal_the_record_with_and_without_its_script() {
    let (file, _) = page();
    let record = fixture::record();
    let expected: Vec<Vec<Vec<String>>> = Overview::of(&record)
        .scenarios
        .iter()
        .map(|view| {
            let figure = |metric| {
                let columns = view.columns.iter();
                let shown = columns.map(|column| {
                    let star = metric == METRICS[1] && column.figures.generator_bound();
                    let figure = format::optional(column.figures.total.figure(metric));
                    figure + if star { "*" } else { "" }
                });
                shown.collect()
            };
            METRICS.into_iter().map(figure).collect()
        })
        .collect();
    let mut browser = Chromium::start();
    for disabled in [false, true] {
        browser.ask(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": disabled }),
        );
        browser.open(&file);
        let buttons = browser.value("document.querySelectorAll('button').length");
        assert_eq!(buttons == 0, disabled, "{buttons} buttons");
        let shown: Vec<Vec<Vec<String>>> = serde_json::from_value(browser.value(FIGURES)).unwrap();
        assert_eq!(shown.len(), expected.len());
        for (shown, expected) in shown.iter().zip(&expected) {
            assert_eq!(&shown[..expected.len()], &expected[..]);
        }
        let verdict = browser.value("document.querySelector('h1').innerText");
        let headline = judge(&record, &[]).headline();
        assert!(verdict.as_str().unwrap().contains(&headline), "{verdict}");
        let top = browser.value("document.querySelector('.decision').getBoundingClientRect().top");
        assert!(
            top.as_f64().unwrap() < 300.0,
            "the decision stands at {top}"
        );
    }
    silent(&browser);
}

#[test]
fn everything_can_be_reached_and_used_with_the_keyboard() {
    let (file, _) = page();
    let mut browser = Chromium::start();
    browser.open(&file);
    browser.ask("Page.bringToFront", &json!({}));
    let focusable = "[...document.querySelectorAll('a, button, summary, [tabindex=\"0\"]')]";
    let all = browser
        .value(&format!("{focusable}.length"))
        .as_u64()
        .unwrap();
    let mut reached = BTreeSet::new();
    for _ in 0..all {
        browser.press("Tab", 9);
        let place = browser.value(&format!("{focusable}.indexOf(document.activeElement)"));
        reached.insert(place.as_i64().unwrap());
        let outline = browser.value("getComputedStyle(document.activeElement).outlineStyle");
        assert_eq!(outline, "solid", "focus must be seen at {place}");
    }
    assert_eq!(reached.len() as u64, all);
    assert!(!reached.contains(&-1));

    browser.value("document.querySelector('svg.chart').focus()");
    let tip = "document.querySelector('.tip').innerText";
    browser.press("Home", 36);
    let first = browser.value(tip);
    browser.press("ArrowRight", 39);
    let second = browser.value(tip);
    assert!(first.as_str().unwrap().starts_with("p10"), "{first}");
    assert!(second.as_str().unwrap().contains("pgbouncer"), "{second}");
    assert_ne!(first, second);
    browser.press("Escape", 27);
    let hidden = browser.value("document.querySelector('.tip').classList.contains('off')");
    assert_eq!(hidden, true);
    silent(&browser);
}

#[test]
fn targets_can_be_hidden_and_axes_changed() {
    let (file, _) = page();
    let mut browser = Chromium::start();
    browser.open(&file);
    let shown = "[...document.querySelectorAll('.series[data-t=\"1\"], .figures td[data-t=\"1\"]')]\
                 .filter((one) => one.getClientRects().length > 0).length";
    let before = browser.value(shown).as_u64().unwrap();
    assert!(before > 20, "{before}");
    browser.value("document.querySelector('.legend button[data-t=\"1\"]').click()");
    assert_eq!(browser.value(shown), 0);
    let pressed =
        browser.value("document.querySelector('.legend button[data-t=\"1\"]').ariaPressed");
    assert_eq!(pressed, "false");
    browser.value("document.querySelector('.legend button[data-t=\"1\"]').click()");
    assert_eq!(browser.value(shown), before);

    let chart = "document.querySelector('svg.chart')";
    let ticks =
        format!("[...{chart}.querySelectorAll('.ticks text')].map((one) => one.textContent)");
    let points = format!("{chart}.querySelector('polyline').getAttribute('points')");
    let (first_ticks, first_points) = (browser.value(&ticks), browser.value(&points));
    let change = "document.querySelector('figcaption button').click()";
    browser.value(change);
    let linear = browser.value(&ticks);
    assert_eq!(linear[0], "0 µs");
    assert_ne!(browser.value(&points), first_points);
    browser.value(change);
    assert_eq!(
        browser.value(&ticks),
        first_ticks,
        "the script's ticks are the page's"
    );
    assert_eq!(
        browser.value(&points),
        first_points,
        "and so are its points"
    );
    silent(&browser);
}

#[test]
fn a_script_that_came_with_the_data_does_not_run() {
    let (file, _) = page();
    let text = fs::read_to_string(&file).unwrap();
    let injected = text.replacen(
        "</main>",
        "<script>document.title = 'taken'</script></main>",
        1,
    );
    assert_ne!(text, injected);
    fs::write(&file, injected).unwrap();
    let mut browser = Chromium::start();
    browser.open(&file);
    assert_eq!(browser.value("document.title"), "Poolproof: fail");
    assert_ne!(
        browser.events_of("Log.entryAdded").count(),
        0,
        "it says that it was refused"
    );
}
