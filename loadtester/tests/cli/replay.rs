//! A session script of the user's, with the SQL that makes what it needs.

use crate::bench::Bench;

const SCRIPT: &str = "fixture: none\n\nA: Query \"SELECT name FROM public.fruit\"\nA: wait\n";

/// As `pg_dump --schema-only` of PostgreSQL 15.14 and later begins and ends.
const DUMP: &str = "\
--
-- PostgreSQL database dump
--

\\restrict dQvgT0

SET check_function_bodies = false;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE TABLE public.fruit (
    name text NOT NULL
);

\\unrestrict dQvgT0

";

fn bench(setup: &str) -> Bench {
    let bench = Bench::new();
    bench.write("shop.session", SCRIPT);
    bench.write("schema.sql", setup);
    bench
}

const REPLAY: [&str; 7] = [
    "diff",
    "--replay",
    "shop.session",
    "--setup",
    "schema.sql",
    "--targets",
    "proxy",
];

#[test]
fn a_dump_of_a_schema_is_taken_as_pg_dump_writes_it() {
    bench(DUMP).run(&REPLAY).check(0, &["1 same"]);
}

#[test]
fn what_postgresql_refuses_of_the_set_up_is_told_in_its_words() {
    let misspelt = DUMP.replace("NOT NULL", "NOT NIL");
    bench(&misspelt).run(&REPLAY).check(
        2,
        &[
            "schema.sql:11: ",
            "42601",
            "syntax error at or near \"NIL\"",
            "--no-privileges",
        ],
    );
    // PostgreSQL tells no position of what is not there.
    let granted = format!("{DUMP}GRANT SELECT ON public.fruit TO nobody_at_all;\n");
    bench(&granted).run(&REPLAY).check(
        2,
        &[
            "schema.sql: ",
            "42704",
            "role \"nobody_at_all\" does not exist",
        ],
    );
}

#[test]
fn a_script_that_waits_in_vain_is_told_with_its_step() {
    let bench = Bench::new();
    let script = "A: Query \"SELECT 1\"\nA: wait\nA: wait ready 1\n";
    bench.write("vain.session", script);
    bench
        .run(&["diff", "--replay", "vain.session", "--targets", "proxy"])
        .check(2, &["sends nothing more in step 3, `A: wait ready 1`"]);
}
