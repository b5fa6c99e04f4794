//! Clients that don't wait for answers.

use expect_test::expect;

use crate::patience::bounded;
use crate::site::{EVERYWHERE, Pool, Sites};

#[test]
fn trap_08_several_syncs_in_flight() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        sites.check(
            "Q SELECT 1 | Q SELECT 2 | Q SELECT 3",
            &expect![[r#"
                T ?column?:23 | D 1 | C SELECT 1 | Z I
                T ?column?:23 | D 2 | C SELECT 1 | Z I
                T ?column?:23 | D 3 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "P - SELECT 1 | B - - | E - | S | P - SELECT 2 | B - - | E - | S
             P - SELECT 3 | B - - | E - | S",
            &expect![[r#"
                1 | 2 | D 1 | C SELECT 1 | Z I
                1 | 2 | D 2 | C SELECT 1 | Z I
                1 | 2 | D 3 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "S | S | S",
            &expect![[r#"
                Z I
                Z I
                Z I"#]],
        );
        sites.check(
            "Q BEGIN | Q SELECT 1 | Q COMMIT | Q BEGIN | Q ROLLBACK",
            &expect![[r#"
                C BEGIN | Z T
                T ?column?:23 | D 1 | C SELECT 1 | Z T
                C COMMIT | Z I
                C BEGIN | Z T
                C ROLLBACK | Z I"#]],
        );
        sites.check("Q BEGIN | S | Q SELECT 1/0 | S | Q SELECT 1 | Q ROLLBACK | S", &expect![[r#"
            C BEGIN | Z T
            Z T
            E ERROR 22012 division by zero | Z E
            Z E
            E ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block | Z E
            C ROLLBACK | Z I
            Z I"#]]);
        sites.check(
            "P a SELECT 1 | S | B - a | E - | S | CS a | S",
            &expect![[r#"
                1 | Z I
                2 | D 1 | C SELECT 1 | Z I
                3 | Z I"#]],
        );
        sites.check(
            "P - SELECT 1 | B p - | B q - | E q | E p | S",
            &expect!["1 | 2 | 2 | D 1 | C SELECT 1 | D 1 | C SELECT 1 | Z I"],
        );
    });
}

#[test]
fn trap_15_answers_do_not_wait_for_a_sync() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        sites.check(
            "P - SELECT 1 | H | < 1 | B - - | H | < 2 | E - | H | < D C | S",
            &expect!["1 | 2 | D 1 | C SELECT 1 | Z I"],
        );
        sites.check(
            "P - SELECT $1::int | DS - | H | < t T | B - - 5 | E - | S",
            &expect!["1 | t 23 | T int4:23 | 2 | D 5 | C SELECT 1 | Z I"],
        );
        sites.check(
            "P - SELEKT | H | < E | B - - | E - | H | S",
            &expect![[r#"E ERROR 42601 syntax error at or near "SELEKT" | Z I"#]],
        );
        sites.check(
            "P - BEGIN | B - - | E - | H | < C | P - SELECT 1/0 | B - - | E - | H | < E | S",
            &expect!["1 | 2 | C BEGIN | 1 | E ERROR 22012 division by zero | Z E"],
        );
        sites.check("H | S", &expect!["Z I"]);
        sites.check("H | H | P - SELECT 1 | H | < 1 | S", &expect!["1 | Z I"]);
    });
}

#[test]
fn trap_03_an_error_skips_to_the_next_sync() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "CREATE TABLE t (n int)");
        sites.check(
            "P - SELEKT | B - - | E - | P - SELECT 2 | B - - | E - | S",
            &expect![[r#"E ERROR 42601 syntax error at or near "SELEKT" | Z I"#]],
        );
        sites.check(
            "P - SELECT 1/0 | B - - | E - | P - SELECT 2 | B - - | E - | S
             P - SELECT 3 | B - - | E - | S",
            &expect![[r#"
                1 | E ERROR 22012 division by zero | Z I
                1 | 2 | D 3 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "P - SELECT 1 | B - - | E - | P - SELEKT | B - - | E - | S
             P - SELECT 3 | B - - | E - | S",
            &expect![[r#"
                1 | 2 | D 1 | C SELECT 1 | E ERROR 42601 syntax error at or near "SELEKT" | Z I
                1 | 2 | D 3 | C SELECT 1 | Z I"#]],
        );
        // Nothing of a pipeline is committed when a part of it fails.
        sites.check(
            "P - INSERT INTO t VALUES (1) | B - - | E - | P - SELECT 1/0 | B - - | E - | S
             Q SELECT * FROM t",
            &expect![[r#"
                1 | 2 | C INSERT 0 1 | 1 | E ERROR 22012 division by zero | Z I
                T n:23 | C SELECT 0 | Z I"#]],
        );
        sites.check(
            "P - SELEKT | Q SELECT 1 | < E | S",
            &expect![[r#"E ERROR 42601 syntax error at or near "SELEKT" | Z I"#]],
        );
        sites.check(
            "P - SELEKT | H | F 177 2 3 | Q SELECT 1 | H | S | Q SELECT 2 | < E Z Z",
            &expect![[r#"
                E ERROR 42601 syntax error at or near "SELEKT" | Z I
                T ?column?:23 | D 2 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "P - SELEKT | S | P - SELEKT | S | S | Q SELECT 1",
            &expect![[r#"
                E ERROR 42601 syntax error at or near "SELEKT" | Z I
                E ERROR 42601 syntax error at or near "SELEKT" | Z I
                Z I
                T ?column?:23 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "B - nowhere | E - | S",
            &expect![[r#"E ERROR 26000 prepared statement "nowhere" does not exist | Z I"#]],
        );
        sites.check(
            "E nowhere | S",
            &expect![[r#"E ERROR 34000 portal "nowhere" does not exist | Z I"#]],
        );
        sites.check(
            "DS nowhere | S",
            &expect![[r#"E ERROR 26000 prepared statement "nowhere" does not exist | Z I"#]],
        );
    });
}

#[test]
fn long_pipelines() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        let queries = ["Q SELECT 1"; 500].join(" | ");
        let batches = ["P - SELECT $1::int | B - - 3 | DP - | E - | S"; 500].join(" | ");
        let one_batch = ["P - SELECT $1::int | B - - 3 | DP - | E -"; 5000].join(" | ") + " | S";
        let row = "1 | 2 | T int4:23 | D 3 | C SELECT 1";
        for (script, expected) in [
            (
                queries,
                ["T ?column?:23 | D 1 | C SELECT 1 | Z I"; 500].join("\n"),
            ),
            (batches, [row; 500].join(" | Z I\n") + " | Z I"),
            (one_batch, [row; 5000].join(" | ") + " | Z I"),
        ] {
            sites.expect_all(&script, &expected);
        }
    });
}
