//! Prepared statements that follow a client from server to server.
//!
//! PgBouncer has the same feature since 1.21, later than the one that Debian 12 has, and closes a session where
//! PostgreSQL answers with an error; so it is left out here.

use expect_test::expect;

use crate::patience::bounded;
use crate::site::{AS_POSTGRES, Against, Pool, Site, Sites};

/// A pool of one server, and what is to be in the database.
fn sites(sql: &str) -> Sites {
    Sites::start(AS_POSTGRES, &Pool::of(1), sql)
}

#[test]
fn trap_02_deallocate_all_in_a_pipeline_spares_what_comes_after() {
    bounded(|| {
        let sites = sites("");
        for (sql, tag) in [
            ("DEALLOCATE ALL", "DEALLOCATE ALL"),
            ("DISCARD ALL", "DISCARD ALL"),
        ] {
            let script = format!(
                "P a SELECT 1 | S | < Z | P - {sql} | B - - | E - | S
                 P a SELECT 1 | S | B - a | E - | S | Q {sql} | B - a | S | P a SELECT 3 | S | B - a | E - | S"
            );
            sites.expect_all(
                &script,
                &format!(
                    "1 | Z I\n1 | 2 | C {tag} | Z I\n1 | Z I\n2 | D 1 | C SELECT 1 | Z I\nC {tag} | Z I\n\
                     E ERROR 26000 prepared statement \"a\" does not exist | Z I\n1 | Z I\n2 | D 3 | C SELECT 1 | Z I"
                ),
            );
        }
        sites.check(
            "P a SELECT 1 | S | P - DEALLOCATE ALL | B - - | E - | P a SELECT 2 | B - a | E - | S
             B - a | E - | S",
            &expect![[r#"
                1 | Z I
                1 | 2 | C DEALLOCATE ALL | 1 | 2 | D 2 | C SELECT 1 | Z I
                2 | D 2 | C SELECT 1 | Z I"#]],
        );
    });
}

#[test]
fn trap_02_deallocate_all_is_run_in_a_later_batch_than_its_parse() {
    bounded(|| {
        let site = sites("");
        site.check(
            "P - DEALLOCATE ALL | S | B - - | E - | P a SELECT 2 | S
             B - a | E - | S",
            &expect![[r#"
                1 | Z I
                2 | C DEALLOCATE ALL | 1 | Z I
                2 | D 2 | C SELECT 1 | Z I"#]],
        );
        site.check(
            "Q BEGIN | P - DEALLOCATE ALL | B p - | S | P a SELECT 2 | S | E p | B - a | S
             P a SELECT 3 | B - a | E - | S | Q COMMIT",
            &expect![[r#"
                C BEGIN | Z T
                1 | 2 | Z T
                1 | Z T
                C DEALLOCATE ALL | E ERROR 26000 prepared statement "a" does not exist | Z E
                E ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block | Z E
                C ROLLBACK | Z I"#]],
        );
    });
}

/// What the text of a statement says nothing of.
#[test]
fn a_server_that_has_other_statements_than_it_should_is_not_used_on() {
    const HIDDEN: &str = "Q CREATE FUNCTION hidden() RETURNS void LANGUAGE plpgsql \
                          AS 'BEGIN EXECUTE chr(68) || ''EALLOCATE ALL''; END'";
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        site.client().run(HIDDEN);
        let (mut one, mut other) = (site.client(), site.client());
        other.run("P a SELECT 2 | S");
        one.run("Q DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$");
        let answer = "2 | D 2 | C SELECT 1 | Z I";
        assert_eq!(other.run("B - a | E - | S"), answer);
        one.run("Q SELECT hidden()");
        let error = other.run("B - a | E - | S");
        assert!(error.starts_with("E ERROR 26000"), "{error}");
        for _ in 0..3 {
            assert_eq!(other.run("B - a | E - | S"), answer);
        }
        site.assert_whole(1);
    });
}

#[test]
fn trap_03_no_parse_is_confirmed_that_was_never_run() {
    bounded(|| {
        sites("").check(
            "P a SELECT 1 | S | P - SELEKT | P b SELECT 1 | B - a | E - | S | B - b | S | P b SELECT 1 | B - b | E - | S",
            &expect![[r#"
                1 | Z I
                E ERROR 42601 syntax error at or near "SELEKT" | Z I
                E ERROR 26000 prepared statement "b" does not exist | Z I
                1 | 2 | D 1 | C SELECT 1 | Z I"#]],
        );
    });
}

#[test]
fn trap_04_a_statement_evicted_is_used_later_in_the_batch() {
    bounded(|| {
        let pool = Pool::of(1).with("max_prepared_statements", 1);
        let sites = Sites::start(AS_POSTGRES, &pool, "");
        sites.check(
            "P a SELECT 1 | B - a | P c SELECT 3 | E - | B - a | E - | B - c | E - | S",
            &expect![
                "1 | 2 | 1 | D 1 | C SELECT 1 | 2 | D 1 | C SELECT 1 | 2 | D 3 | C SELECT 1 | Z I"
            ],
        );
        sites.check(
            "P a SELECT 1 | B - a | P c SELECT 3 | H | < 1 2 1 | E - | B - a | E - | H | < C C | S",
            &expect!["1 | 2 | 1 | D 1 | C SELECT 1 | 2 | D 1 | C SELECT 1 | Z I"],
        );
        sites.check(
            "P a SELECT 1 | P b SELECT 2 | P c SELECT 3 | S | DS a | B - b | E - | DS c | B - a | E - | S",
            &expect![[r#"
                1 | 1 | 1 | Z I
                t | T ?column?:23 | 2 | D 2 | C SELECT 1 | t | T ?column?:23 | 2 | D 1 | C SELECT 1 | Z I"#]],
        );
    });
}

#[test]
fn trap_05_a_parse_that_failed_is_forgotten() {
    bounded(|| {
        sites("").check(
            "P a SELEKT | S | P a SELECT 1 | S | B - a | E - | S | P b TABLE nope | S | P b SELECT 2 | B - b | E - | S",
            &expect![[r#"
                E ERROR 42601 syntax error at or near "SELEKT" | Z I
                1 | Z I
                2 | D 1 | C SELECT 1 | Z I
                E ERROR 42P01 relation "nope" does not exist | Z I
                1 | 2 | D 2 | C SELECT 1 | Z I"#]],
        );
    });
}

#[test]
fn trap_06_a_parse_without_sync_on_a_lost_connection_prepares_for_nobody() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        let mut first = site.client();
        first.run("P a SELECT 1 | H | < 1");
        first.vanish();
        let answer = site.client().run("P b SELECT 1 | B - b | E - | S");
        assert_eq!(answer, "1 | 2 | D 1 | C SELECT 1 | Z I");
    });
}

#[test]
fn trap_07_a_name_taken_and_a_name_unknown_are_errors_that_a_session_survives() {
    bounded(|| {
        let sites = sites("");
        sites.check(
            "P a SELECT 1 | S | P a SELECT 2 | S | B - a | E - | S | B - nope | E - | S | DS nope | S | CS nope | S",
            &expect![[r#"
                1 | Z I
                E ERROR 42P05 prepared statement "a" already exists | Z I
                2 | D 1 | C SELECT 1 | Z I
                E ERROR 26000 prepared statement "nope" does not exist | Z I
                E ERROR 26000 prepared statement "nope" does not exist | Z I
                3 | Z I"#]],
        );
        sites.check(
            "P a SELECT 1 | P a SELECT 2 | B - a | E - | S | B - a | E - | S",
            &expect![[r#"
                1 | E ERROR 42P05 prepared statement "a" already exists | Z I
                2 | D 1 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "P s SELECT 1 | B s s | CP s | B s s | E s | S | CS s | S | B - s | S",
            &expect![[r#"
                1 | 2 | 3 | 2 | D 1 | C SELECT 1 | Z I
                3 | Z I
                E ERROR 26000 prepared statement "s" does not exist | Z I"#]],
        );
    });
}

#[test]
fn trap_08_batches_in_flight_with_names() {
    bounded(|| {
        sites("").check(
            "P a SELECT 1 | B - a | E - | S | P b SELECT 1 | B - b | E - | S | Q SELECT 3 | B - a | E - | S | CS a | CS b | S",
            &expect![[r#"
                1 | 2 | D 1 | C SELECT 1 | Z I
                1 | 2 | D 1 | C SELECT 1 | Z I
                T ?column?:23 | D 3 | C SELECT 1 | Z I
                2 | D 1 | C SELECT 1 | Z I
                3 | 3 | Z I"#]],
        );
    });
}

#[test]
fn trap_13_sql_and_protocol_share_their_names() {
    bounded(|| {
        let sites = sites("");
        sites.check(
            "P a SELECT 1 | S | Q DEALLOCATE a; SELECT 2 | B - a | S | P a SELECT 3 | B - a | E - | S",
            &expect![[r#"
                1 | Z I
                C DEALLOCATE | T ?column?:23 | D 2 | C SELECT 1 | Z I
                E ERROR 26000 prepared statement "a" does not exist | Z I
                1 | 2 | D 3 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "Q PREPARE a AS SELECT 1; DEALLOCATE a; PREPARE a AS SELECT 2; EXECUTE a",
            &expect![
                "C PREPARE | C DEALLOCATE | C PREPARE | T ?column?:23 | D 2 | C SELECT 1 | Z I"
            ],
        );
        sites.check(
            "P b SELECT 4 | S | Q EXECUTE b | B - b | E - | S | P - DEALLOCATE b | B - - | E - | S | Q EXECUTE b",
            &expect![[r#"
                1 | Z I
                T ?column?:23 | D 4 | C SELECT 1 | Z I
                2 | D 4 | C SELECT 1 | Z I
                1 | 2 | C DEALLOCATE | Z I
                E ERROR 26000 prepared statement "b" does not exist | Z I"#]],
        );
    });
}

#[test]
fn trap_13_sql_finds_the_names_of_the_protocol_again_and_again() {
    bounded(|| {
        let sites = sites("");
        sites.check(
            "P b SELECT 4 | S | Q BEGIN | Q EXECUTE b | Q EXECUTE b; EXECUTE b | P - EXECUTE b | B - - | E - | S | B - - | E - | S | Q COMMIT",
            &expect![[r#"
                1 | Z I
                C BEGIN | Z T
                T ?column?:23 | D 4 | C SELECT 1 | Z T
                T ?column?:23 | D 4 | C SELECT 1 | T ?column?:23 | D 4 | C SELECT 1 | Z T
                1 | 2 | D 4 | C SELECT 1 | Z T
                2 | D 4 | C SELECT 1 | Z T
                C COMMIT | Z I"#]],
        );
        sites.check(
            "P c SELECT 5 | S | P d EXECUTE c | S | Q BEGIN | B - d | E - | B - d | E - | S | Q DEALLOCATE c; EXECUTE c | < Z Z Z Z Z | Q ROLLBACK | B - c | S",
            &expect![[r#"
                1 | Z I
                1 | Z I
                C BEGIN | Z T
                2 | D 5 | C SELECT 1 | 2 | D 5 | C SELECT 1 | Z T
                C DEALLOCATE | E ERROR 26000 prepared statement "c" does not exist | Z E
                C ROLLBACK | Z I
                E ERROR 26000 prepared statement "c" does not exist | Z I"#]],
        );
    });
}

#[test]
fn trap_16_a_result_that_changed_is_cured_by_preparing_anew() {
    bounded(|| {
        sites("CREATE TABLE t (a int)").check(
            "P a TABLE t | S | Q ALTER TABLE t ADD b int | B - a | S | < Z Z Z | CS a | P a TABLE t | DS a | B - a | E - | S",
            &expect![[r#"
                1 | Z I
                C ALTER TABLE | Z I
                E ERROR 0A000 cached plan must not change result type | Z I
                3 | 1 | t | T a:23 b:23 | 2 | C SELECT 0 | Z I"#]],
        );
    });
}

#[test]
fn trap_16_a_text_means_what_its_client_has_set() {
    bounded(|| {
        let sites = sites(
            "CREATE SCHEMA other; CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE other.t AS SELECT 'x'::text AS b",
        );
        sites.check(
            "P a TABLE t | B - a | E - | S | Q BEGIN; SET LOCAL search_path = other | P b TABLE t | B - b | E - | S | Q COMMIT",
            &expect![[r#"
                1 | 2 | D 1 | C SELECT 1 | Z I
                C BEGIN | C SET | Z T
                1 | 2 | D x | C SELECT 1 | Z T
                C COMMIT | Z I"#]],
        );
        sites.check(
            "P a TABLE t | B - a | E - | S | Q BEGIN; SELECT set_config('search_path', 'other', true) | P b TABLE t | B - b | E - | S | Q COMMIT",
            &expect![[r#"
                1 | 2 | D 1 | C SELECT 1 | Z I
                C BEGIN | T set_config:25 | D other | C SELECT 1 | Z T
                1 | 2 | D x | C SELECT 1 | Z T
                C COMMIT | Z I"#]],
        );
    });
}

#[test]
fn names_are_each_clients_own_on_whatever_server() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(2));
        let (mut a, mut b) = (site.client(), site.client());
        assert_eq!(a.run("P s SELECT 1 | S"), "1 | Z I");
        assert_eq!(b.run("P s SELECT 2 | S"), "1 | Z I");
        // One of them holds a server, so that the other gets another one.
        for _ in 0..2 {
            a.run("Q BEGIN");
            assert_eq!(b.run("B - s | E - | S"), "2 | D 2 | C SELECT 1 | Z I");
            a.run("Q COMMIT");
            b.run("Q BEGIN");
            assert_eq!(a.run("B - s | E - | S"), "2 | D 1 | C SELECT 1 | Z I");
            b.run("Q COMMIT");
        }
    });
}

#[test]
fn a_server_keeps_no_more_statements_than_it_may() {
    bounded(|| {
        let site = Site::start(
            Against::Proxy,
            &Pool::of(1).with("max_prepared_statements", 3),
        );
        let mut client = site.client();
        for number in 0..10 {
            client.run(&format!("P s{number} SELECT {number} | S"));
        }
        for number in 0..10 {
            let answer = client.run(&format!("B - s{number} | E - | S"));
            assert_eq!(answer, format!("2 | D {number} | C SELECT 1 | Z I"));
        }
        let count = client.run("Q SELECT count(*) FROM pg_prepared_statements");
        assert_eq!(count, "T count:20 | D 3 | C SELECT 1 | Z I");
    });
}

#[test]
fn a_failed_transaction_prepares_nothing() {
    bounded(|| {
        sites("").check(
            "P a SELECT 1 | S | Q BEGIN | Q SELECT 1/0 | < Z Z Z | P b SELECT 1 | S | B - a | S | Q ROLLBACK | B - a | E - | S",
            &expect![[r#"
                1 | Z I
                C BEGIN | Z T
                E ERROR 22012 division by zero | Z E
                E ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block | Z E
                E ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block | Z E
                C ROLLBACK | Z I
                2 | D 1 | C SELECT 1 | Z I"#]],
        );
    });
}

#[test]
fn a_statement_of_any_length_passes() {
    bounded(|| {
        let sites = sites("");
        for length in [65_530_usize, 65_536, 200_000, 2_000_000] {
            let filler = "x".repeat(length);
            let script =
                format!("Q BEGIN | P a SELECT length('{filler}') | B - a | E - | S | Q COMMIT");
            let expected =
                format!("C BEGIN | Z T\n1 | 2 | D {length} | C SELECT 1 | Z T\nC COMMIT | Z I");
            sites.expect_all(&script, &expected);
        }
    });
}
