use bytes::BytesMut;
use poolproof_scenarios::{
    pgbench::{Identity, Machine, Next, Random},
    workload::{Copies, CopyIn, Protocol, Script as Source, Statement, Transaction},
};

use super::{Coded, Nonce, Order, Script};

fn transaction(protocol: Protocol, statements: Vec<Statement>) -> Transaction {
    Transaction {
        name: "test".to_owned(),
        weight: 1,
        protocol,
        statements,
        script: None,
        variables: std::collections::BTreeMap::new(),
    }
}

fn statement(sql: &str) -> Statement {
    Statement {
        sql: sql.to_owned(),
        ..Statement::default()
    }
}

fn coded(transaction: Transaction) -> Coded {
    let script = Script::new(&[transaction]).unwrap();
    script.transactions.into_iter().next().unwrap()
}

/// Tags and bodies of messages.
fn shown(mut rest: &[u8]) -> String {
    let mut shown = Vec::new();
    while let [tag, a, b, c, d, ..] = *rest {
        let end = u32::from_be_bytes([a, b, c, d]) as usize + 1;
        shown.push(format!(
            "{} {}",
            char::from(tag),
            rest[5..end].escape_ascii()
        ));
        rest = &rest[end..];
    }
    shown.join("\n")
}

/// What the first statement sends, with a nonce of sevens, and the order of its answer.
fn sent(coded: &Coded, prepared: bool) -> (String, Order) {
    let mut machine = Machine::new(Random::new(1));
    let who = Identity { client: 1, seed: 1 };
    machine.begin(&coded.program, who);
    let Next::Ask(index) = machine.next(&coded.program).unwrap() else {
        panic!("a statement comes first");
    };
    let mut out = BytesMut::new();
    let nonce = Nonce::marker(7);
    let expected = coded.asks[index]
        .write(nonce, &machine, &coded.program, prepared, &mut out)
        .unwrap();
    (shown(&out), expected.order)
}

const DIGITS: &str = "777777777777777777";

#[test]
fn simple_carries_the_nonce_as_a_literal_wherever_it_stands() {
    let sql = statement("SELECT :nonce, 1::int4, :nonce");
    let (text, order) = sent(&coded(transaction(Protocol::Simple, vec![sql])), false);
    assert_eq!(text, format!("Q SELECT {DIGITS}, 1::int4, {DIGITS}\\x00"));
    assert_eq!(order, Order::Simple);
}

#[test]
fn extended_describes_and_binds() {
    let sql = statement("SELECT :nonce");
    let (text, _) = sent(&coded(transaction(Protocol::Extended, vec![sql])), false);
    let expected = [
        r"P \x00SELECT $1\x00\x00\x01\x00\x00\x00\x14".to_owned(),
        format!(r"B \x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x12{DIGITS}\x00\x01\x00\x00"),
        r"D P\x00".to_owned(),
        r"E \x00\x00\x00\x00\x00".to_owned(),
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn prepared_parses_once() {
    let coded = coded(transaction(Protocol::Prepared, vec![statement("SELECT 1")]));
    let again = [
        r"B \x00poolproof_0\x00\x00\x00\x00\x00\x00\x01\x00\x00",
        r"E \x00\x00\x00\x00\x00",
    ]
    .join("\n");
    let first = format!("P poolproof_0\\x00SELECT 1\\x00\\x00\\x00\n{again}");
    let order = |parses| Order::Extended {
        parses,
        describes: false,
    };
    assert_eq!(sent(&coded, true), (again, order(false)));
    assert_eq!(sent(&coded, false), (first, order(true)));
}

#[test]
fn variables_are_literals_or_parameters_of_unnamed_types() {
    let script = |protocol| {
        let mut transaction = transaction(protocol, Vec::new());
        transaction.script = Some(Source {
            name: "s".to_owned(),
            text: "\\set a 40 + 2\nSELECT :nonce, :a, :a + 1;".to_owned(),
        });
        coded(transaction)
    };
    let (text, _) = sent(&script(Protocol::Simple), false);
    assert_eq!(text, format!("Q SELECT {DIGITS}, 42, 42 + 1\\x00"));
    let (text, _) = sent(&script(Protocol::Extended), false);
    let (parse, bind) = text.split_once('\n').unwrap();
    assert_eq!(
        parse,
        r"P \x00SELECT $1, $2, $3 + 1\x00\x00\x03\x00\x00\x00\x14\x00\x00\x00\x00\x00\x00\x00\x00"
    );
    assert!(
        bind.contains(r"\x00\x00\x00\x0242\x00\x00\x00\x0242\x00\x01"),
        "{bind}"
    );
}

#[test]
fn a_copy_sends_its_rows_when_it_is_asked_to() {
    let copy = Statement {
        copy: Some(CopyIn {
            rows: 2,
            row: ":nonce\tx".to_owned(),
        }),
        ..statement("COPY t FROM STDIN /* :nonce */")
    };
    assert_eq!(copy.copies(), Some(Copies::In));
    for (protocol, end) in [(Protocol::Simple, "c "), (Protocol::Extended, "c \nS ")] {
        let coded = coded(transaction(protocol, vec![copy.clone()]));
        let (text, _) = sent(&coded, false);
        assert!(text.contains(&format!("/* {DIGITS} */")), "{text}");
        let mut out = BytesMut::new();
        coded.asks[0].write_copy(Nonce::marker(7), &mut out);
        let rows = format!("d {DIGITS}\\tx\\n{DIGITS}\\tx\\n\n{end}");
        assert_eq!(shown(&out), rows);
    }
}

#[test]
fn statements_are_numbered_across_transactions() {
    let one = || transaction(Protocol::Prepared, vec![statement("SELECT 1"); 2]);
    let script = Script::new(&[one(), one()]).unwrap();
    let numbers: Vec<_> = script
        .transactions
        .iter()
        .flat_map(|each| &each.asks)
        .map(|each| each.number)
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
}
