//! Expressions as a table. `loadtester/src/engine/tests/pgbench.rs` holds the same table against pgbench
//! itself; what stands here was printed by pgbench 15.

use super::{Expression, Slot, Surroundings, Value, read};
use crate::pgbench::{Fault, random::Random};

fn parsed(text: &str) -> Result<Expression, String> {
    let mut slot = |name: &str| Slot(usize::from(name == "unset"));
    read(text, &mut slot).map_err(|(place, why)| format!("{}: {why}", place.start + 1))
}

fn value(text: &str) -> Result<Value, Fault> {
    let expression = parsed(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    expression.evaluate(&mut Surroundings {
        values: &[Some(Value::Int(7)), None],
        names: &["seven".to_owned(), "unset".to_owned()],
        random: &mut Random::new(1),
        default_seed: 42,
    })
}

#[test]
fn values_are_pgbenchs() {
    for line in include_str!("table.txt").lines() {
        let (text, expected) = line.split_once(" => ").unwrap();
        let shown = match value(text) {
            Ok(Value::Null) => "null".to_owned(),
            Ok(Value::Boolean(truth)) => format!("boolean {truth}"),
            Ok(Value::Int(number)) => format!("int {number}"),
            Ok(value @ Value::Double(_)) => format!("double {value}"),
            other => format!("{other:?}"),
        };
        assert_eq!(shown, expected, "{text}");
    }
}

#[test]
fn faults_say_what_does_not_fit() {
    let check = |text: &str, fault: &str| {
        assert_eq!(value(text).unwrap_err().to_string(), fault, "{text}");
    };
    check("1 / 0", "division by zero");
    check("1 % 0", "division by zero");
    check("9223372036854775807 + 1", "bigint out of range");
    check("-9223372036854775808 / -1", "bigint out of range");
    check("int(1e30)", "double to int overflow");
    check("true + 1", "expected a whole number, got true");
    check("not 1", "expected true or false, got 1");
    check(":unset + 1", "expected a variable with a value, got :unset");
    check(
        "random(2, 1)",
        "expected a first bound that is not above the second",
    );
    check(
        "random_gaussian(1, 9, 1.9)",
        "the parameter of random_gaussian is at least 2",
    );
    check(
        "random_zipfian(1, 9, 1)",
        "the parameter of random_zipfian is from 1.001 to 1000",
    );
    check("permute(1, 0)", "the size of a permutation is above 0");
}

#[test]
fn refusals_have_their_column() {
    let check = |text: &str, why: &str| {
        assert_eq!(parsed(text).unwrap_err(), why, "{text}");
    };
    check(
        "1 +",
        "4: expected a number, a variable, a function or \"(\", got the end",
    );
    check("1 2", "3: expected an operator or the end, got \"2\"");
    check("(1", "3: expected \")\", got the end");
    check(
        "1 < 2 < 3",
        "7: expected parentheses around the first comparison, got \"<\"",
    );
    check("case 1 end", "6: expected WHEN, got \"1\"");
    check("abs(1, 2)", "1: expected 1 arguments of abs, got 2");
    check(
        "rand(1, 2)",
        "1: expected a function of pgbench's, got \"rand\"; did you mean \"random\"?",
    );
    check(
        "9223372036854775808",
        "1: expected a number, a variable, a function or \"(\", got \"9223372036854775808\"",
    );
    check("1 @ 2", "3: expected an expression, got '@'");
    assert!(parsed(&"(".repeat(1_000)).is_err());
}
