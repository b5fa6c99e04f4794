//! Messages that come unasked.

use expect_test::expect;

use crate::patience::bounded;
use crate::site::{AS_POSTGRES, EVERYWHERE, Pool, Sites};

#[test]
fn trap_14_notices_come_between_any_two_messages() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), SHOUT);
        sites.check(
            "Q DO $$BEGIN RAISE NOTICE 'a'; RAISE WARNING 'b'; END$$",
            &expect!["N NOTICE 00000 a | N WARNING 01000 b | C DO | Z I"],
        );
        sites.check("Q SELECT shout(n) FROM generate_series(1, 3) n", &expect!["T shout:23 | N NOTICE 00000 shout 1 | D 1 | N NOTICE 00000 shout 2 | D 2 | N NOTICE 00000 shout 3 | D 3 | C SELECT 3 | Z I"]);
        sites.check(
            "P - SELECT shout($1) | B - - 1 | E - | S | Q SELECT 2",
            &expect![[r#"
                1 | 2 | N NOTICE 00000 shout 1 | D 1 | C SELECT 1 | Z I
                T ?column?:23 | D 2 | C SELECT 1 | Z I"#]],
        );
        sites.check(
            "Q DO $$BEGIN RAISE NOTICE 'a'; RAISE EXCEPTION 'b'; END$$",
            &expect!["N NOTICE 00000 a | E ERROR P0001 b | Z I"],
        );
        sites.check(
            "Q BEGIN; INSERT INTO late VALUES (1) | < Z | Q COMMIT",
            &expect![[r#"
                C BEGIN | C INSERT 0 1 | Z T
                N NOTICE 00000 late 1 | C COMMIT | Z I"#]],
        );
    });
}

/// A function that sends a notice, and a table that sends one at the end of a transaction.
const SHOUT: &str = "
    CREATE FUNCTION shout(n int) RETURNS int LANGUAGE plpgsql AS
        $$BEGIN RAISE NOTICE 'shout %', n; RETURN n; END$$;
    CREATE FUNCTION on_late() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE NOTICE 'late %', NEW.n; RETURN NEW; END$$;
    CREATE TABLE late (n int);
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION on_late()";

#[test]
fn trap_14_parameters_are_reported() {
    bounded(|| {
        let sites = Sites::start(AS_POSTGRES, &Pool::of(1), "");
        sites.check(
            "Q SET TimeZone = 'Asia/Tokyo' | < Z | Q SHOW TimeZone",
            &expect![[r#"
                C SET | S TimeZone=Asia/Tokyo | Z I
                T TimeZone:25 | D Asia/Tokyo | C SHOW | Z I"#]],
        );
        sites.check(
            "Q SHOW TimeZone",
            &expect!["T TimeZone:25 | D UTC | C SHOW | Z I"],
        );
        sites.check(
            "Q BEGIN; SET LOCAL DateStyle = 'German' | < Z | Q SHOW DateStyle | < Z
             Q COMMIT",
            &expect![[r#"
                C BEGIN | C SET | S DateStyle=German, DMY | Z T
                T DateStyle:25 | D German, DMY | C SHOW | Z T
                C COMMIT | S DateStyle=ISO, MDY | Z I"#]],
        );
        sites.check(
            "Q BEGIN; SET application_name = 'a' | < Z | Q SELECT 1/0 | < Z | Q ROLLBACK",
            &expect![[r#"
                C BEGIN | C SET | S application_name=a | Z T
                E ERROR 22012 division by zero | S application_name= | Z E
                C ROLLBACK | Z I"#]],
        );
        sites.check(
            "P - SET application_name = 'b' | B - - | E - | S",
            &expect!["1 | 2 | C SET | S application_name=b | Z I"],
        );
        sites.check(
            "Q SHOW application_name",
            &expect!["T application_name:25 | D | C SHOW | Z I"],
        );
    });
}

#[test]
fn trap_14_notifications_arrive() {
    bounded(|| {
        let sites = Sites::start(EVERYWHERE, &Pool::of(1), "");
        sites.check(
            "Q BEGIN; LISTEN news; NOTIFY news, 'one'; COMMIT | < Z | Q UNLISTEN *",
            &expect![[r#"
                C BEGIN | C LISTEN | C NOTIFY | C COMMIT | A news one | Z I
                C UNLISTEN | Z I"#]],
        );
        sites.check(
            "Q LISTEN news | Q NOTIFY news, 'two' | Q UNLISTEN *",
            &expect![[r#"
                C LISTEN | Z I
                C NOTIFY | A news two | Z I
                C UNLISTEN | Z I"#]],
        );
    });
}
