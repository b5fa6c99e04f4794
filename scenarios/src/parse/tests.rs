//! Files that are wrong, and what is said of them; files that are right, read back.

mod faults;

use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::{
    Scenario, Threshold,
    load::{ClientStage, Connect, Load},
    pool::{ClientTls, PoolMode, PoolSettings},
    scenario::Feature,
    workload::{Protocol, Returns, Statement, Transaction},
};
use crate::{
    fault::{Fault, FaultKind, LinkPlace, Message},
    invariant::Invariant,
};

/// A file that is right, with `from` replaced by `to`.
fn changed(from: &str, to: &str) -> String {
    const RIGHT: &str = r#"name = "demo"
purpose = "Shows."
needs = ["scram"]
thresholds = ["p99 <= 20ms"]
[pool]
default_pool_size = 5
[load]
shape = "closed"
stages = [{ clients = 2, for = "1s" }]
[[transaction]]
name = "ask"
protocol = "simple"
statements = [{ sql = "SELECT :nonce", returns = "nonce" }]
"#;
    assert!(RIGHT.contains(from), "{from}");
    RIGHT.replacen(from, to, 1)
}

fn check(text: &str, expected: &Expect) {
    let said = match Scenario::parse(text, "demo.toml") {
        Ok(scenario) => format!("{} is right", scenario.name),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&said);
}

#[test]
fn what_is_right_is_read() {
    check(&changed("", ""), &expect!["demo is right"]);
}

#[test]
fn syntax() {
    check(
        "name = ",
        &expect!["demo.toml:1:8: string values must be quoted, expected literal string"],
    );
    check("a = 1\na = 2\n", &expect!["demo.toml:2:1: duplicate key"]);
    check(
        &changed("[load]", "[load"),
        &expect!["demo.toml:7:6: unclosed table, expected `]`"],
    );
}

#[test]
fn keys() {
    check(
        &changed("purpose", "pourpose"),
        &expect![[r#"
            demo.toml:1:1: scenario: expected a key "purpose", got none
            demo.toml:2:1: scenario: expected one of name, purpose, needs, setup, pool, load, transaction, fault, invariants, thresholds, got the key "pourpose"; did you mean "purpose"?"#]],
    );
    check(
        &changed("default_pool_size", "pool_size"),
        &expect![[
            r#"demo.toml:6:1: pool: expected one of pool_mode, default_pool_size, max_client_conn, query_wait_timeout, max_prepared_statements, worker_threads, databases, client_tls_sslmode, got the key "pool_size"; did you mean "pool_mode"?"#
        ]],
    );
    check(
        &changed("clients", "client"),
        &expect![[r#"
        demo.toml:9:11: stages 1: expected a key "clients", got none
        demo.toml:9:13: stages 1: expected one of clients, for, got the key "client"; did you mean "clients"?"#]],
    );
    check(
        &changed("sql", "sqll"),
        &expect![[r#"
            demo.toml:13:15: statements 1: expected a key "sql", got none
            demo.toml:13:17: statements 1: expected one of sql, returns, think, copy, got the key "sqll"; did you mean "sql"?"#]],
    );
    check(
        &changed("shape = \"closed\"\n", ""),
        &expect![[r#"demo.toml:7:1: load: expected a key "shape", got none"#]],
    );
}

#[test]
fn values() {
    check(
        &changed("\"closed\"", "\"close\""),
        &expect![[
            r#"demo.toml:8:9: shape: expected one of closed, connections, open, knee, hold, got "close"; did you mean "closed"?"#
        ]],
    );
    check(
        &changed("\"1s\"", "\"1 week\""),
        &expect![[
            r#"demo.toml:9:32: for: expected a time like "250us", "20ms", "5s" or "2m", got "1 week""#
        ]],
    );
    check(
        &changed("\"1s\"", "1"),
        &expect![[r#"demo.toml:9:32: for: expected a time like "20ms", got the integer 1"#]],
    );
    check(
        &changed("\"demo\"", "\"De mo\""),
        &expect![[
            r#"demo.toml:1:8: name: expected lower case letters, digits and dashes, got "De mo""#
        ]],
    );
    check(
        &changed("\"Shows.\"", "\" \""),
        &expect!["demo.toml:2:11: purpose: expected a text, got an empty one"],
    );
    check(
        &changed("\"simple\"", "\"simpel\""),
        &expect![[
            r#"demo.toml:12:12: protocol: expected one of simple, extended, prepared, pipeline, got "simpel"; did you mean "simple"?"#
        ]],
    );
    check(
        &changed("\"scram\"", "\"scarm\""),
        &expect![[
            r#"demo.toml:3:10: needs: element 1: expected one of prepared-statements, tls, scram, copy, console, many-clients, databases, got "scarm"; did you mean "scram"?"#
        ]],
    );
    check(
        &changed("p99 <= 20ms", "p99 = 20ms"),
        &expect![[
            r#"demo.toml:4:15: thresholds: element 1: threshold "p99 = 20ms", column 5: expected <=, <, >= or >, got "=""#
        ]],
    );
    check(
        &changed(
            "\"p99 <= 20ms\"",
            "\"p99 <= 20\", \"p99 <= 1s\", \"memry <= 3MB\"",
        ),
        &expect![[r#"
            demo.toml:4:15: thresholds: element 1: threshold "p99 <= 20", column 8: expected a time like "250us", "20ms" or "1.5s" or a multiple like "1.1 * pgbouncer", got "20"
            demo.toml:4:41: thresholds: element 3: threshold "memry <= 3MB", column 1: expected success_rate, throughput, a percentile like p99.9 or service_p99, max, recovery, cpu or memory, got "memry""#]],
    );
    check(
        &changed("returns = \"nonce\"", "returns = \"nonces\""),
        &expect![[
            r#"demo.toml:13:50: returns: expected "nonce", "each-nonce", "anything", or one of { nonce-rows = 100 }, { rows = 100 }, { tag = "INSERT 0 1" } and { sqlstate = "22012" }, got "nonces"; did you mean "nonce"?"#
        ]],
    );
    check(
        &changed("returns = \"nonce\"", "returns = { nonce-rows = -1 }"),
        &expect![
            "demo.toml:13:50: returns: expected a whole number from 0 to 100000000, got the integer -1"
        ],
    );
}

#[test]
fn meaning() {
    check(
        &changed("[{ clients = 2, for = \"1s\" }]", "[]"),
        &expect!["demo.toml:9:10: stages: expected at least one stage, got none"],
    );
    check(
        &changed("clients = 2", "clients = 0"),
        &expect!["demo.toml:9:10: stages: expected a stage with at least one client, got none"],
    );
    check(
        &changed("clients = 2", "clients = 10_001"),
        &expect![
            "demo.toml:9:23: clients: expected a whole number from 0 to 10000, got the integer 10001"
        ],
    );
    check(
        &changed("\"1s\"", "\"0s\""),
        &expect!["demo.toml:9:10: stages: expected stages that last up to 24h together, got 0ns"],
    );
    check(
        &changed(":nonce", "1"),
        &expect![[
            r#"demo.toml:13:23: returns: expected ":nonce" in the SQL of a statement that returns it, got none"#
        ]],
    );
    check(
        &changed("SELECT :nonce", "COPY t TO '/x'"),
        &expect![
            "demo.toml:13:23: sql: expected a COPY from STDIN or to STDOUT, got one of a file"
        ],
    );
    check(
        &changed("[{ sql = \"SELECT :nonce\", returns = \"nonce\" }]", "[]"),
        &expect!["demo.toml:13:14: statements: expected 1 to 1000, got 0"],
    );
    check(
        &changed("protocol = \"simple\"", "protocol = \"simple\"\nweight = 0"),
        &expect![
            "demo.toml:13:10: weight: expected a whole number from 1 to 1000000, got the integer 0"
        ],
    );
    let connections = |max| {
        let load =
            format!("\"connections\"\ntotal = 9\ntransactions = 1\nmax_concurrent = {max}\n");
        changed(
            "\"closed\"\nstages = [{ clients = 2, for = \"1s\" }]\n",
            &load,
        )
    };
    check(&connections(50), &expect!["demo is right"]);
    check(
        &connections(0),
        &expect![
            "demo.toml:11:18: max_concurrent: expected a whole number from 1 to 10000, got the integer 0"
        ],
    );
    check(
        &connections(10_001),
        &expect![
            "demo.toml:11:18: max_concurrent: expected a whole number from 1 to 10000, got the integer 10001"
        ],
    );
}

#[test]
fn without_transactions() {
    let text = changed("", "");
    let (head, _) = text.split_once("[[transaction]]").unwrap();
    check(
        head,
        &expect![[r#"demo.toml:1:1: scenario: expected a key "transaction", got none"#]],
    );
    check(
        &format!("transaction = []\n{head}"),
        &expect!["demo.toml:1:15: transaction: expected 1 to 100, got 0"],
    );
    check(
        &format!("{text}{}", &text[head.len()..]),
        &expect![[r#"demo.toml:10:1: expected names that differ, got "ask" twice"#]],
    );
}

#[test]
fn all_problems_come_at_once() {
    check(
        "nmae = 5\nthresholds = 3\n[pool]\npool_mode = 1\n",
        &expect![[r#"
            demo.toml:1:1: scenario: expected a key "name", got none
            demo.toml:1:1: scenario: expected a key "purpose", got none
            demo.toml:1:1: scenario: expected a key "load", got none
            demo.toml:1:1: scenario: expected a key "transaction", got none
            demo.toml:1:1: scenario: expected one of name, purpose, needs, setup, pool, load, transaction, fault, invariants, thresholds, got the key "nmae"; did you mean "name"?
            demo.toml:2:14: thresholds: expected an array of at most 100, got the integer 3
            demo.toml:4:13: pool_mode: expected one of session, transaction, statement, got the integer 1"#]],
    );
}

#[test]
fn a_file_without_end_is_refused() {
    check(
        &"#".repeat(super::FILE_BYTES_MAX + 1),
        &expect!["demo.toml:1:1: expected at most 1048576 bytes, got 1048577"],
    );
}

fn span() -> impl Strategy<Value = Duration> {
    (0..3_600_000_000_u64).prop_map(Duration::from_micros)
}

fn stages() -> impl Strategy<Value = Vec<ClientStage>> {
    let stage = (1..=10_000_u32, 1..3_600_000_000_u64).prop_map(|(clients, micros)| ClientStage {
        clients,
        lasts: Duration::from_micros(micros),
    });
    prop::collection::vec(stage, 1..6)
}

fn load() -> impl Strategy<Value = Load> {
    let closed = (stages(), span(), any::<bool>()).prop_map(|(stages, think_time, once)| {
        let connect = if once {
            Connect::Once
        } else {
            Connect::PerTransaction
        };
        Load::Closed {
            stages,
            think_time,
            connect,
        }
    });
    let connections = (1..=1_000_000_u32, 1..=10_000_u32, 1..=1_000_000_u32).prop_map(
        |(total, max_concurrent, transactions)| Load::Connections {
            total,
            max_concurrent,
            transactions,
            think_time: Duration::from_millis(u64::from(transactions)),
        },
    );
    prop_oneof![closed, connections]
}

fn statement() -> impl Strategy<Value = Statement> {
    let returns = prop_oneof![
        Just(Returns::Nonce),
        Just(Returns::Anything),
        (0..=100_000_000_u64).prop_map(Returns::NonceRows),
        Just(Returns::EachNonce),
        (0..=100_000_000_u64).prop_map(Returns::Rows),
        Just(Returns::Tag("INSERT 0 1".to_owned())),
        Just(Returns::SqlState("22012".to_owned())),
    ];
    ("[^\0]{0,20}", returns, 0..1_000_u64).prop_map(|(more, returns, think)| Statement {
        sql: format!("SELECT :nonce /* {more} */"),
        returns,
        think: Duration::from_millis(think),
        copy: None,
    })
}

fn transactions() -> impl Strategy<Value = Vec<Transaction>> {
    let protocol = prop::sample::select(vec![
        Protocol::Simple,
        Protocol::Extended,
        Protocol::Prepared,
    ]);
    let one = (
        1..=1_000_000_u32,
        protocol,
        prop::collection::vec(statement(), 1..4),
    );
    prop::collection::vec(one, 1..4).prop_map(|parts| {
        let named = parts.into_iter().enumerate();
        named
            .map(|(index, (weight, protocol, statements))| Transaction {
                name: format!("t{index}"),
                weight,
                protocol,
                statements,
                script: None,
                variables: std::collections::BTreeMap::new(),
            })
            .collect()
    })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let needs =
        prop::sample::subsequence(vec![Feature::Tls, Feature::Copy, Feature::Console], 0..3);
    let pool =
        (1..=100_u32, 1..=100_u32, 0..=100_u32).prop_map(|(size, conn, wait)| PoolSettings {
            pool_mode: PoolMode::Statement,
            default_pool_size: size,
            max_client_conn: conn,
            query_wait_timeout: wait,
            max_prepared_statements: (wait > 50).then_some(size),
            worker_threads: (wait < 30).then_some(conn),
            databases: size,
            client_tls_sslmode: ClientTls::Disable,
        });
    let names = ("[a-z0-9][a-z0-9-]{0,20}", "\\PC{0,40}[a-z]");
    (names, needs, pool, load(), transactions()).prop_map(
        |((name, purpose), needs, pool, load, transactions)| Scenario {
            name,
            purpose,
            needs,
            setup: vec!["CREATE TABLE t (n int8)".to_owned()],
            pool,
            load,
            transactions,
            faults: vec![Fault {
                kind: FaultKind::LinkReset,
                at: Duration::from_secs(1),
                after: 100,
                lasts: Duration::ZERO,
                link: LinkPlace::Client,
                by: Duration::ZERO,
                on: Some(Message::BindComplete),
                clients: 0,
            }],
            invariants: vec![Invariant::Bank],
            thresholds: vec!["p99 <= 20ms".parse::<Threshold>().unwrap()],
        },
    )
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = Scenario::parse(&text, "f");
    }

    #[test]
    fn any_change_of_a_right_file_is_read_or_refused(
        at in 0..400_usize, cut in 0..20_usize, put in "[\\PC\n]{0,8}",
    ) {
        let mut chars: Vec<char> = changed("", "").chars().collect();
        let at = at.min(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, put.chars());
        let text: String = chars.into_iter().collect();
        if let Err(error) = Scenario::parse(&text, "f") {
            prop_assert!(!error.problems.is_empty());
        }
    }

    #[test]
    fn what_is_written_is_read_back(scenario in scenario()) {
        let text = scenario.format().unwrap();
        prop_assert_eq!(Scenario::parse(&text, "f").map_err(|e| format!("{e}\n{text}")), Ok(scenario));
    }
}

#[test]
fn clients_that_speak_tls_come_alone() {
    let tls = changed("[load]", "client_tls_sslmode = \"require\"\n[load]");
    let scenario = Scenario::parse(&tls, "f").unwrap();
    assert_eq!(scenario.pool.client_tls_sslmode, ClientTls::Require);
    let written = scenario.format().unwrap();
    assert_eq!(Scenario::parse(&written, "f"), Ok(scenario));
    let faulty = format!("{tls}[[fault]]\nkind = \"backends-killed\"\n");
    let checked = format!("invariants = [\"bank\"]\n{tls}");
    for (text, key) in [(faulty, "fault"), (checked, "invariants")] {
        let said = Scenario::parse(&text, "f").unwrap_err().to_string();
        let expected = format!("{key}: expected client_tls_sslmode disable beside it");
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn shapes() {
    let with = |load: &str| {
        let closed = "shape = \"closed\"\nstages = [{ clients = 2, for = \"1s\" }]";
        changed(closed, load)
    };
    for right in [
        r#"shape = "open"
clients = 5
arrivals = "even"
stages = [{ rate = 100, for = "1s" }]"#,
        r#"shape = "knee"
to = 100
step = "500ms"
max_p99 = "20ms""#,
        r#"shape = "hold"
clients = 9990
probes = 10
arrive = "2s"
for = "3s""#,
    ] {
        check(&with(right), &expect!["demo is right"]);
        let read = Scenario::parse(&with(right), "demo.toml").unwrap();
        let again = Scenario::parse(&read.format().unwrap(), "again");
        assert_eq!(again, Ok(read));
    }
    check(
        &with("shape = \"open\"\nclients = 5\nstages = [{ rate = 0, for = \"1s\" }]"),
        &expect![
            "demo.toml:10:10: stages: expected a stage with at least one transaction a second, got none"
        ],
    );
    check(
        &with(
            "shape = \"knee\"\nfrom = 20\nto = 10\nstep = \"1ms\"\nmax_p99 = \"1s\"\nmin_success = 101",
        ),
        &expect![[r#"
            demo.toml:10:6: to: expected at least 20, which the knee begins from, got 10
            demo.toml:11:8: step: expected at least 50ms, got 1ms
            demo.toml:13:15: min_success: expected a number from 0 to 100, got the integer 101"#]],
    );
    check(
        &with("shape = \"hold\"\nclients = 9999\nprobes = 2\narrive = \"2s\"\nfor = \"1s\""),
        &expect![[r#"
            demo.toml:9:11: clients: expected at most 10000 with the probes, got 10001
            demo.toml:12:7: for: expected longer than all take to arrive, got 1s"#]],
    );
}

#[test]
fn a_knee_has_half_as_many_again_in_each_step() {
    let steps: Vec<_> = crate::load::knee_steps(10, 100).collect();
    assert_eq!(steps, [10, 15, 23, 35, 53, 80, 100]);
    assert_eq!(crate::load::knee_steps(10, 10).count(), 1);
    assert_eq!(crate::load::knee_steps(1, 3).collect::<Vec<_>>(), [1, 2, 3]);
}
