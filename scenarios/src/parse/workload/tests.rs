//! Statements that copy, expect or think, and scripts.

use expect_test::{Expect, expect};

use crate::{Scenario, workload::Transaction};

fn read(protocol: &str, work: &str) -> Result<Transaction, String> {
    let text = format!(
        "name = \"t\"\npurpose = \"p\"\n[load]\nshape = \"connections\"\ntotal = 1\n\
         max_concurrent = 1\ntransactions = 1\n[[transaction]]\nname = \"x\"\n\
         protocol = \"{protocol}\"\n{work}\n"
    );
    let scripts = |name: &str| match name {
        "mine.sql" => Ok("\\set a 1\nSELECT :a;\n\\shell\n".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    let scenario = Scenario::parse_with(&text, "f", &scripts).map_err(|why| why.to_string())?;
    let again = Scenario::parse(&scenario.format().unwrap(), "again").unwrap();
    assert_eq!(again, scenario, "what is written can be read back");
    Ok(scenario.transactions[0].clone())
}

fn refused(protocol: &str, work: &str, why: &Expect) {
    why.assert_eq(&read(protocol, work).unwrap_err());
}

#[test]
fn statements_copy_expect_and_think() {
    let work = r#"statements = [
        { sql = "COPY t FROM STDIN", copy = { rows = 3, row = ":nonce\tx" }, returns = { tag = "COPY 3" } },
        { sql = "COPY (SELECT :nonce) TO STDOUT", returns = "nonce" },
        { sql = "SELECT 1 / 0", returns = { sqlstate = "22012" }, think = "5ms" },
        { sql = "SELECT 1", returns = { rows = 1 } },
    ]"#;
    assert_eq!(read("simple", work).unwrap().statements.len(), 4);
}

#[test]
fn parts_that_do_not_go_together() {
    let one = |statement: &str| format!("statements = [{{ {statement} }}]");
    refused(
        "extended",
        &one(r#"sql = "COPY t FROM '/etc/passwd'""#),
        &expect!["f:11:23: sql: expected a COPY from STDIN or to STDOUT, got one of a file"],
    );
    refused(
        "extended",
        &one(r#"sql = "COPY t FROM STDIN""#),
        &expect![[
            r#"f:11:23: copy: expected the rows that the COPY sends, as { rows = 100, row = ":nonce" }"#
        ]],
    );
    refused(
        "simple",
        &one(r#"sql = "SELECT 1", copy = { rows = 1, row = "x" }"#),
        &expect![
            "f:11:23: copy: expected a COPY FROM STDIN in the statement that sends rows, got none"
        ],
    );
    refused(
        "prepared",
        &one(r#"sql = "COPY t TO STDOUT""#),
        &expect!["f:11:23: sql: expected protocol simple or extended for a COPY"],
    );
    refused(
        "pipeline",
        &one(r#"sql = "SELECT 1", think = "1ms""#),
        &expect![
            "f:11:23: think: expected another protocol than pipeline for a pause within a transaction"
        ],
    );
    refused(
        "pipeline",
        &one(r#"sql = "SELECT", returns = { sqlstate = "42601" }"#),
        &expect![
            "f:11:23: returns: expected another protocol than pipeline for an error that is wanted"
        ],
    );
    refused(
        "simple",
        &one(r#"sql = "SELECT 1", returns = { sqlstate = "fail" }"#),
        &expect![[
            r#"f:11:45: returns: expected an SQLSTATE of five digits or capitals, got "fail""#
        ]],
    );
    refused(
        "simple",
        &one(r#"sql = "SELECT 1", returns = { lines = 1 }"#),
        &expect![[
            r#"f:11:45: returns: expected "nonce", "each-nonce", "anything", or one of { nonce-rows = 100 }, { rows = 100 }, { tag = "INSERT 0 1" } and { sqlstate = "22012" }, got another key"#
        ]],
    );
    let much = one(
        r#"sql = "COPY t FROM STDIN", copy = { rows = 1000000, row = ":nonce :nonce :nonce :nonce" }"#,
    );
    refused(
        "simple",
        &much,
        &expect!["f:11:75: rows: expected at most 67108864 bytes in all, got 76000000"],
    );
}

#[test]
fn scripts_are_built_in_or_files_or_stand_here() {
    let built_in = read(
        "extended",
        "script = \"tpcb-like\"\nvariables = { scale = 10 }",
    )
    .unwrap();
    assert!(built_in.script.unwrap().text.contains("pgbench_branches"));
    let inline = r#"script = { name = "here", text = "SELECT :x;" }
        variables = { x = 1.5 }"#;
    assert_eq!(read("prepared", inline).unwrap().variables.len(), 1);
    refused(
        "simple",
        "script = \"mine.sql\"",
        &expect![[
            r#"mine.sql:3:1: expected a command of the subset (\set, \sleep, \gset, \aset, \if, \elif, \else, \endif, \startpipeline, \syncpipeline, \endpipeline), got \shell"#
        ]],
    );
    refused(
        "simple",
        "script = \"tpcb-lik\"",
        &expect![[
            r#"f:11:10: script: expected tpcb-like, simple-update, select-only or the path of a script, got "tpcb-lik": no such file; did you mean "tpcb-like"?"#
        ]],
    );
    refused(
        "pipeline",
        "script = \"tpcb-like\"",
        &expect![
            "f:11:10: protocol: expected simple, extended or prepared with a script, which says itself what it pipelines; got pipeline"
        ],
    );
    refused(
        "simple",
        "script = 5",
        &expect![
            "f:11:10: script: expected a script's name or { name = …, text = … }, got the integer 5"
        ],
    );
    refused(
        "simple",
        "script = \"tpcb-like\"\nvariables = { x = [] }",
        &expect![[r#"f:12:13: variables: expected a number, a text or a truth for "x""#]],
    );
}
