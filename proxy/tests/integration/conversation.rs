//! One client, one statement after the other.

use expect_test::expect;

use crate::patience::bounded;
use crate::site::{EVERYWHERE, Pool, Sites};

#[test]
fn simple_queries() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "CREATE TABLE t (n int)");
        sites.check(
            "Q SELECT 1",
            &expect!["T ?column?:23 | D 1 | C SELECT 1 | Z I"],
        );
        sites.check(
            "Q SELECT NULL, 'ä', ''",
            &expect!["T ?column?:25 ?column?:25 ?column?:25 | D null ä | C SELECT 1 | Z I"],
        );
        sites.check(
            "Q INSERT INTO t VALUES (1), (2)",
            &expect!["C INSERT 0 2 | Z I"],
        );
        sites.check(
            "Q SELECT n FROM t ORDER BY n",
            &expect!["T n:23 | D 1 | D 2 | C SELECT 2 | Z I"],
        );
        sites.check("Q SELECT 1; SELECT 2; SELECT 3", &expect!["T ?column?:23 | D 1 | C SELECT 1 | T ?column?:23 | D 2 | C SELECT 1 | T ?column?:23 | D 3 | C SELECT 1 | Z I"]);
        sites.check("Q", &expect!["I | Z I"]);
        sites.check("Q ;", &expect!["I | Z I"]);
        sites.check(
            "Q SELECT 1; SELECT 1/0; SELECT 3",
            &expect!["T ?column?:23 | D 1 | C SELECT 1 | E ERROR 22012 division by zero | Z I"],
        );
        sites.check(
            "Q SELEKT",
            &expect![[r#"E ERROR 42601 syntax error at or near "SELEKT" | Z I"#]],
        );
        sites.check(
            "Q SELECT * FROM nowhere",
            &expect![[r#"E ERROR 42P01 relation "nowhere" does not exist | Z I"#]],
        );
        sites.check("Q TRUNCATE t", &expect!["C TRUNCATE TABLE | Z I"]);
    });
}

#[test]
fn transactions() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "CREATE TABLE t (n int)");
        sites.check(
            "Q BEGIN | < Z | Q SELECT 1 | < Z | Q COMMIT",
            &expect![[r#"
                C BEGIN | Z T
                T ?column?:23 | D 1 | C SELECT 1 | Z T
                C COMMIT | Z I"#]],
        );
        sites.check("Q BEGIN | < Z | Q SELECT 1/0 | < Z | Q SELECT 2 | < Z | Q COMMIT", &expect![[r#"
            C BEGIN | Z T
            E ERROR 22012 division by zero | Z E
            E ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block | Z E
            C ROLLBACK | Z I"#]]);
        sites.check(
            "Q BEGIN; SELECT 1; COMMIT",
            &expect!["C BEGIN | T ?column?:23 | D 1 | C SELECT 1 | C COMMIT | Z I"],
        );
        sites.check(
            "Q COMMIT",
            &expect!["N WARNING 25P01 there is no transaction in progress | C COMMIT | Z I"],
        );
        sites.check(
            "Q BEGIN | < Z | Q BEGIN | < Z | Q ROLLBACK",
            &expect![[r#"
                C BEGIN | Z T
                N WARNING 25001 there is already a transaction in progress | C BEGIN | Z T
                C ROLLBACK | Z I"#]],
        );
        sites.check(
            "Q BEGIN; SELECT 1/0 | < Z | Q ROLLBACK",
            &expect![[r#"
                C BEGIN | E ERROR 22012 division by zero | Z E
                C ROLLBACK | Z I"#]],
        );
        sites.check(
            "Q BEGIN | < Z | Q INSERT INTO t VALUES (1) | < Z | Q SAVEPOINT s | < Z | Q SELEKT | < Z
             Q ROLLBACK TO s | < Z | Q COMMIT | < Z | Q SELECT * FROM t",
            &expect![[r#"
                C BEGIN | Z T
                C INSERT 0 1 | Z T
                C SAVEPOINT | Z T
                E ERROR 42601 syntax error at or near "SELEKT" | Z E
                C ROLLBACK | Z T
                C COMMIT | Z I
                T n:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check("Q BEGIN", &expect!["C BEGIN | Z T"]);
        sites.check(
            "Q BEGIN | < Z | Q SELECT 1/0",
            &expect![[r#"
                C BEGIN | Z T
                E ERROR 22012 division by zero | Z E"#]],
        );
        sites.check(
            "Q BEGIN | < Z | Q COMMIT AND CHAIN | < Z | Q ROLLBACK",
            &expect![[r#"
                C BEGIN | Z T
                C COMMIT | Z T
                C ROLLBACK | Z I"#]],
        );
    });
}

#[test]
fn extended_queries() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "CREATE TABLE t (n int)");
        sites.check(
            "P - SELECT $1::int | B - - 7 | E - | S",
            &expect!["1 | 2 | D 7 | C SELECT 1 | Z I"],
        );
        sites.check(
            "P - SELECT $1::int | B - - null | E - | S",
            &expect!["1 | 2 | D null | C SELECT 1 | Z I"],
        );
        sites.check(
            "P - SELECT $1::int + $2::bigint AS sum | DS - | S",
            &expect!["1 | t 23 20 | T sum:20 | Z I"],
        );
        sites.check(
            "P - SELECT 'x' AS a | B - - | DP - | E - | S",
            &expect!["1 | 2 | T a:25 | D x | C SELECT 1 | Z I"],
        );
        sites.check(
            "P - INSERT INTO t VALUES ($1) | DS - | B - - 1 | E - | B - - 2 | E - | S",
            &expect!["1 | t 23 | n | 2 | C INSERT 0 1 | 2 | C INSERT 0 1 | Z I"],
        );
        sites.check(
            "P - | B - - | DP - | E - | S",
            &expect!["1 | 2 | n | I | Z I"],
        );
        sites.check("S", &expect!["Z I"]);
        sites.check(
            "P - SELECT generate_series(1, 3) | B p - | E p 2 | E p 2 | S",
            &expect!["1 | 2 | D 1 | D 2 | s | D 3 | C SELECT 1 | Z I"],
        );
        sites.check(
            "P - SELECT 1 | B p - | CP p | E p | S",
            &expect![[r#"1 | 2 | 3 | E ERROR 34000 portal "p" does not exist | Z I"#]],
        );
        sites.check("CS nothing | CP nothing | S", &expect!["3 | 3 | Z I"]);
        sites.check(
            "P - BEGIN | B - - | E - | S | < Z | P - SELECT 1 | B - - | E - | S | < Z
             Q COMMIT",
            &expect![[r#"
                1 | 2 | C BEGIN | Z T
                1 | 2 | D 1 | C SELECT 1 | Z T
                C COMMIT | Z I"#]],
        );
        sites.check(
            "P - SELECT 1/$1 | B - - 0 | E - | S",
            &expect!["1 | E ERROR 22012 division by zero | Z I"],
        );
        sites.check(
            "P - SELECT $1::int | B - - x | E - | S",
            &expect![[r#"1 | E ERROR 22P02 invalid input syntax for type integer: "x" | Z I"#]],
        );
        sites.check("P - SELECT $1::int | B - - | E - | S", &expect![[r#"1 | E ERROR 08P01 bind message supplies 0 parameters, but prepared statement "" requires 1 | Z I"#]]);
    });
}

#[test]
fn both_protocols_and_function_calls_take_turns() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        sites.check(
            "Q SELECT 1 | P - SELECT 2 | B - - | E - | S | Q SELECT 3",
            &expect![[r#"
                T ?column?:23 | D 1 | C SELECT 1 | Z I
                1 | 2 | D 2 | C SELECT 1 | Z I
                T ?column?:23 | D 3 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "P - SELECT 1 | B - - | E - | Q SELECT 2 | S",
            &expect![[r#"
                1 | 2 | D 1 | C SELECT 1 | T ?column?:23 | D 2 | C SELECT 1 | Z I
                Z I"#]],
        );
        sites.check(
            "Q BEGIN | P - SELECT 2 | B - - | E - | S | Q COMMIT | S",
            &expect![[r#"
                C BEGIN | Z T
                1 | 2 | D 2 | C SELECT 1 | Z T
                C COMMIT | Z I
                Z I"#]],
        );
        sites.check("F 177 2 3", &expect!["V 5 | Z I"]);
        sites.check(
            "F 177 2 x",
            &expect![[r#"E ERROR 22P02 invalid input syntax for type integer: "x" | Z I"#]],
        );
        sites.check(
            "Q SELECT 1 | F 177 2 3 | P - SELECT 1 | B - - | E - | S",
            &expect![[r#"
                T ?column?:23 | D 1 | C SELECT 1 | Z I
                V 5 | Z I
                1 | 2 | D 1 | C SELECT 1 | Z I"#]],
        );
    });
}
