//! What a client leaves on a server never reaches the next client.

use crate::patience::{bounded, wait_until};
use crate::site::{Against, Pool, Site};

/// What each leaves, what the next asks, and what it must hear.
const LEAKS: &[(&str, &str, &str)] = &[
    ("Q SET work_mem = '1234kB'", "Q SHOW work_mem", "4MB"),
    (
        "P - SET work_mem = '1234kB' | B - - | E - | S",
        "Q SHOW work_mem",
        "4MB",
    ),
    (
        "Q BEGIN; SET work_mem = '1234kB'; COMMIT",
        "Q SHOW work_mem",
        "4MB",
    ),
    (
        "Q SET work_mem = '1234kB' | Q SET TimeZone = 'nonsense'",
        "Q SHOW work_mem",
        "4MB",
    ),
    (
        "P - SET work_mem = '1234kB' | B - - | E - | P - SET TimeZone = 'UTC' | S",
        "Q SHOW work_mem",
        "4MB",
    ),
    (
        "Q SET TimeZone = 'UTC' | Q /* no SET */ SET work_mem = '1234kB'",
        "Q SHOW work_mem",
        "4MB",
    ),
    (
        "Q SET search_path = pg_catalog",
        "Q SHOW search_path",
        "\"$user\", public",
    ),
    (
        "Q SELECT set_config('a.b', 'left', false)",
        "Q SELECT coalesce(current_setting('a.b', true), '')",
        "",
    ),
    (
        "Q SET statement_timeout = 12345",
        "Q SHOW statement_timeout",
        "0",
    ),
    (
        "Q LISTEN gossip",
        "Q SELECT count(*) FROM pg_listening_channels()",
        "0",
    ),
    (
        "Q CREATE TEMP TABLE gossip (n int)",
        "Q SELECT to_regclass('gossip') IS NULL",
        "t",
    ),
    (
        "Q SELECT 1 AS n INTO TEMPORARY gossip",
        "Q SELECT to_regclass('gossip') IS NULL",
        "t",
    ),
    (
        "Q CREATE TABLE pg_temp.gossip (n int)",
        "Q SELECT to_regclass('gossip') IS NULL",
        "t",
    ),
    (
        "Q SELECT pg_advisory_lock(7)",
        "Q SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        "0",
    ),
    (
        "Q PREPARE gossip AS SELECT 1",
        "Q SELECT count(*) FROM pg_prepared_statements WHERE from_sql",
        "0",
    ),
    (
        "Q BEGIN; DECLARE gossip CURSOR WITH HOLD FOR SELECT 1; COMMIT",
        "Q SELECT count(*) FROM pg_cursors WHERE is_holdable",
        "0",
    ),
    (
        "P a SELECT pg_advisory_lock(8) | S | < Z | B - a | E - | S",
        "Q SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        "0",
    ),
];

/// What each text leaves that comes behind much else, as does what it follows.
fn leaks_of_long_texts() -> impl Iterator<Item = (String, usize)> {
    let texts = [
        "CREATE TEMP TABLE gossip (n int)",
        "SELECT pg_advisory_lock(7)",
        "SELECT set_config('a.b', 'left', false)",
        "DECLARE gossip CURSOR WITH HOLD FOR SELECT 1",
    ];
    let fillers = [70_000, 2_000_000].map(|length| (length, "x".repeat(length)));
    texts.into_iter().flat_map(move |text| {
        fillers
            .clone()
            .into_iter()
            .flat_map(move |(length, filler)| {
                [
                    format!("Q SELECT length('{filler}'); {text}"),
                    format!("Q BEGIN | < Z | Q SELECT length('{filler}'); {text} | < Z | Q COMMIT"),
                    format!("P - /* {filler} */ {text} | B - - | E - | S"),
                    format!("P a /* {filler} */ {text} | B - a | E - | S"),
                ]
                .map(|script| (script, length))
            })
    })
}

#[test]
fn trap_22_nothing_is_left_by_a_text_that_is_longer_than_a_buffer() {
    const ALL: &str = "Q SELECT to_regclass('gossip') IS NULL, coalesce(current_setting('a.b', true), ''), \
                       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), \
                       (SELECT count(*) FROM pg_cursors WHERE is_holdable)";
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        for (leave, length) in leaks_of_long_texts() {
            let what = || format!("{}, {length} bytes", &leave[leave.len() - 60..]);
            let before = resets(&site);
            let left = site.client().run(&leave);
            assert!(!left.contains("E ERROR"), "{}: {left}", what());
            let answer = site.client().run(ALL);
            assert!(answer.contains("D t  0 0 "), "{}: {answer}", what());
            assert_eq!(resets(&site) - before, 1, "{}", what());
        }
    });
}

fn resets(site: &Site) -> u64 {
    let pools = site.pooler().view().pools;
    pools.iter().map(|pool| pool.totals.resets).sum()
}

#[test]
fn trap_22_nothing_that_a_transaction_leaves_is_seen_by_the_next_client() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        for (leave, ask, expected) in LEAKS {
            let before = resets(&site);
            let left = site.client().run(leave);
            assert!(
                left.ends_with("Z I") && (leave.contains("nonsense") || !left.contains("E ERROR")),
                "{leave}: {left}"
            );
            let answer = site.client().run(ask);
            let row = format!("D {expected}");
            assert!(
                answer.contains(row.trim_end()),
                "{leave}, then {ask}: {answer}"
            );
            assert_eq!(resets(&site) - before, 1, "{leave}");
        }
        assert_eq!(site.backends(), 1, "cleaned and not closed");
    });
}

#[test]
fn trap_22_clean_servers_cost_nothing() {
    const CLEAN: &[&str] = &[
        "Q SELECT 1",
        "Q BEGIN | < Z | Q INSERT INTO t VALUES (1) | < Z | Q COMMIT",
        "Q BEGIN | < Z | Q SET LOCAL work_mem = '1234kB' | < Z | Q COMMIT",
        "Q SET TimeZone = 'UTC'",
        "Q SET TimeZone = 'UTC' | Q SET application_name = 'x' | Q SELECT 1",
        "Q BEGIN | Q SET LOCAL work_mem = '1234kB' | Q SELECT 1 | Q COMMIT",
        "P a SELECT 1 | B - a | E - | S",
        "P - INSERT INTO t VALUES (2) | B - - | E - | S",
        "Q SELECT 1/0",
        "Q BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH c; COMMIT",
    ];
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1));
        site.sql("CREATE TABLE t (n int)");
        for script in CLEAN {
            for _ in 0..2 {
                site.client().run(script);
            }
        }
        let filler = "x".repeat(1_000_000);
        let answer = site.client().run(&format!("Q SELECT length('{filler}')"));
        assert_eq!(answer, "T length:23 | D 1000000 | C SELECT 1 | Z I");
        assert_eq!(resets(&site), 0);
    });
}

#[test]
fn a_discard_cleans_nothing_of_what_comes_behind_it() {
    const LOCKS: &str =
        "Q SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    bounded(|| {
        let pool = Pool::of(1).with("max_prepared_statements", 0);
        let site = Site::start(Against::Proxy, &pool);
        site.client()
            .run("Q DISCARD ALL | Q SELECT pg_advisory_lock(9)");
        let answer = site.client().run(LOCKS);
        assert_eq!(answer, "T count:20 | D 0 | C SELECT 1 | Z I");
        assert_eq!(resets(&site), 1);
        for tidy in [
            "Q LISTEN gossip | Q DISCARD ALL",
            "Q LISTEN gossip | P - DISCARD ALL | B - - | E - | S",
        ] {
            site.client().run(tidy);
            site.assert_serves();
            assert_eq!(resets(&site), 1, "{tidy}");
        }
    });
}

#[test]
fn a_server_is_left_dirty_only_on_request() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1).with("server_reset_dirty", 0));
        site.client().run("Q SET work_mem = '1234kB'");
        let answer = site.client().run("Q SHOW work_mem");
        assert_eq!(answer, "T work_mem:25 | D 1234kB | C SHOW | Z I");
        assert_eq!(resets(&site), 0);
    });
}

#[test]
fn every_server_is_reset_on_request() {
    bounded(|| {
        let site = Site::start(
            Against::Proxy,
            &Pool::of(1).with("server_reset_query_always", 1),
        );
        let mut client = site.client();
        for _ in 0..3 {
            client.run("Q SELECT 1");
        }
        wait_until("three resets", || resets(&site) == 3);
    });
}
