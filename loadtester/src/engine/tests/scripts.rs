//! Scripts and expectations on real servers, through every driver.

use std::time::Duration;

use poolproof_reports::record::Window;
use poolproof_scenarios::Scenario;

use super::{
    DriverKind, Endpoint, Limits, connections, errors, real_servers::with_target, run, statements,
};
use crate::targets::CatalogTarget;

const PROTOCOLS: [&str; 3] = ["simple", "extended", "prepared"];

fn script(load: &str, protocol: &str, text: &str, more: &str) -> Scenario {
    let text = format!(
        "name = \"test\"\npurpose = \"A test.\"\n[load]\n{load}\n[[transaction]]\nname = \"ask\"\n\
         protocol = \"{protocol}\"\nscript = {{ name = \"test.sql\", text = '''\n{text}''' }}\n{more}\n"
    );
    Scenario::parse(&text, "test").unwrap_or_else(|error| panic!("{error}"))
}

fn window(scenario: &Scenario, endpoint: &Endpoint, driver: DriverKind) -> Window {
    run(scenario, endpoint, driver, Limits::default())
}

fn all_right(window: &Window, expected: u64, what: &str) {
    assert_eq!(errors(window), "", "{what}: {:?}", window.error_samples);
    assert_eq!(window.succeeded, expected, "{what}");
    assert_eq!(window.invalid, None, "{what}");
}

/// Every step that scripts have, with values that only the right ones make.
const EVERYTHING: &str = r"\set a 6 * 7
SELECT :nonce, 1 / (CASE WHEN :a = 42 THEN 1 ELSE 0 END);
\sleep 1 ms
SELECT 40 + 2 AS n, 'x' AS t \gset got_
\if :got_n = :a
SELECT 1 / (CASE WHEN :got_n = 42 THEN 1 ELSE 0 END);
\else
SELECT 1 / 0;
\endif
BEGIN;
SELECT 5 AS five WHERE true \aset
SELECT 1 / (CASE WHEN :five = 5 THEN 1 ELSE 0 END);
COMMIT;
";

const PIPELINE: &str = r"\startpipeline
BEGIN;
SELECT :nonce;
COMMIT;
\syncpipeline
SELECT :nonce, random();
\endpipeline
";

#[test]
fn scripts_run_through_every_driver() {
    with_target(CatalogTarget::direct(), |endpoint, _| {
        for driver in DriverKind::ALL {
            let load = connections(4, 2, 5);
            for protocol in PROTOCOLS {
                let everything = script(&load, protocol, EVERYTHING, "");
                let what = format!("{driver} {protocol}");
                all_right(&window(&everything, endpoint, driver), 20, &what);
                if protocol != "simple" {
                    let pipeline = script(&load, protocol, PIPELINE, "");
                    all_right(&window(&pipeline, endpoint, driver), 20, &what);
                }
            }
        }
    });
}

#[test]
fn a_script_that_cannot_go_on_makes_the_window_invalid() {
    with_target(CatalogTarget::direct(), |endpoint, _| {
        for driver in DriverKind::ALL {
            let text = "BEGIN;\n\\set a 1 / :zero\nSELECT :a;\nCOMMIT;\n";
            let more = "variables = { zero = 0 }";
            let scenario = script(&connections(2, 2, 2), "extended", text, more);
            let window = window(&scenario, endpoint, driver);
            assert_eq!(errors(&window), "dropped 4", "{driver}");
            let why = window.invalid.unwrap();
            assert!(
                why.contains("test.sql:2: division by zero"),
                "{driver}: {why}"
            );
        }
    });
}

/// The same number of rows of each table, whichever driver wrote them.
#[test]
fn built_in_scripts_run_through_every_driver() {
    let setup = [
        "DROP TABLE IF EXISTS pgbench_accounts, pgbench_tellers, pgbench_branches, pgbench_history",
        "CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88))",
        "CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84))",
        "CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84))",
        "CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))",
        "INSERT INTO pgbench_branches VALUES (1, 0)",
        "INSERT INTO pgbench_tellers SELECT n, 1, 0 FROM generate_series(1, 10) n",
        "INSERT INTO pgbench_accounts SELECT n, 1, 0 FROM generate_series(1, 100000) n",
    ];
    with_target(CatalogTarget::direct(), |endpoint, _| {
        let prepare: Vec<_> = setup
            .iter()
            .map(|sql| format!("{{ sql = \"{sql}\" }}"))
            .collect();
        let prepare = statements(&connections(1, 1, 1), "simple", &prepare.join(", "));
        all_right(&window(&prepare, endpoint, DriverKind::Wire), 1, "set-up");
        for driver in DriverKind::ALL {
            for (name, _) in poolproof_scenarios::pgbench::BUILTINS {
                for protocol in PROTOCOLS {
                    let text = format!(
                        "name = \"test\"\npurpose = \"A test.\"\n[load]\n{}\n[[transaction]]\n\
                         name = \"ask\"\nprotocol = \"{protocol}\"\nscript = \"{name}\"\n",
                        connections(2, 2, 10)
                    );
                    let scenario = Scenario::parse(&text, "test").unwrap();
                    let what = format!("{driver} {protocol} {name}");
                    all_right(&window(&scenario, endpoint, driver), 20, &what);
                }
            }
        }
        // Of each script with an INSERT: 3 drivers × 3 protocols × 20 transactions.
        let rows = statements(
            &connections(1, 1, 1),
            "simple",
            "{ sql = \"SELECT 1 FROM pgbench_history\", returns = { rows = 360 } }",
        );
        all_right(
            &window(&rows, endpoint, DriverKind::Wire),
            1,
            "all of them are there",
        );
    });
}

#[test]
fn answers_are_held_against_every_expectation() {
    let right = r#"{ sql = "DROP TABLE IF EXISTS t_expect" },
        { sql = "CREATE TABLE t_expect (id int8, t text)" },
        { sql = "COPY t_expect FROM STDIN /* :nonce */", copy = { rows = 3000, row = ":nonce\tabc" }, returns = { tag = "COPY 3000" } },
        { sql = "COPY (SELECT :nonce FROM t_expect) TO STDOUT", returns = { nonce-rows = 3000 } },
        { sql = "BEGIN" },
        { sql = "SELECT 1 / 0", returns = { sqlstate = "22012" }, think = "2ms" },
        { sql = "ROLLBACK" },
        { sql = "UPDATE t_expect SET t = 'x' WHERE id > 0", returns = { tag = "UPDATE 3000" } },
        { sql = "SELECT 1 FROM t_expect LIMIT 7", returns = { rows = 7 } },
        { sql = "SELECT :nonce FROM t_expect", returns = "each-nonce" }"#;
    let wrong = [
        r#"{ sql = "SELECT 1", returns = { rows = 2 } }"#,
        r#"{ sql = "SELECT 1", returns = { tag = "SELECT 2" } }"#,
        r#"{ sql = "SELECT 1", returns = { sqlstate = "22012" } }"#,
        r#"{ sql = "COPY (SELECT :nonce) TO STDOUT", returns = { nonce-rows = 2 } }"#,
        r#"{ sql = "SELECT :nonce + 1", returns = "each-nonce" }"#,
    ];
    with_target(CatalogTarget::direct(), |endpoint, _| {
        for driver in DriverKind::ALL {
            for protocol in ["simple", "extended"] {
                let what = format!("{driver} {protocol}");
                let asked = statements(&connections(2, 1, 3), protocol, right);
                all_right(&window(&asked, endpoint, driver), 6, &what);
                for text in wrong {
                    let asked = statements(&connections(1, 1, 1), protocol, text);
                    let window = window(&asked, endpoint, driver);
                    assert_eq!(errors(&window), "wrong answer 1", "{what}: {text}");
                }
            }
        }
    });
}

/// A COPY that fails on the way is one failure, and what comes after it is clean.
#[test]
fn a_copy_may_fail_on_the_way() {
    let text = r#"{ sql = "BEGIN" }, { sql = "CREATE TEMP TABLE t_copy (id int4) ON COMMIT DROP" },
        { sql = "COPY t_copy FROM STDIN", copy = { rows = 50000, row = "no number" } },
        { sql = "COMMIT" }"#;
    with_target(CatalogTarget::direct(), |endpoint, _| {
        for driver in DriverKind::ALL {
            for protocol in ["simple", "extended"] {
                let asked = statements(&connections(1, 1, 3), protocol, text);
                let window = window(&asked, endpoint, driver);
                assert_eq!(
                    errors(&window),
                    "sqlstate 22P02 3",
                    "{driver} {protocol}: {:?}",
                    window.error_samples
                );
            }
        }
    });
}

#[test]
fn thinking_within_a_transaction_is_part_of_it() {
    with_target(CatalogTarget::direct(), |endpoint, _| {
        for driver in DriverKind::ALL {
            let text = r#"{ sql = "BEGIN" }, { sql = "COMMIT", think = "60ms" }"#;
            let asked = statements(&connections(2, 2, 2), "simple", text);
            let window = window(&asked, endpoint, driver);
            all_right(&window, 4, "thinking");
            let least = window.latency.percentile(1.0).unwrap();
            assert!(least >= Duration::from_millis(59), "{driver}: {least:?}");
        }
    });
}
