//! psql, and so libpq.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::cluster::{APP, program};
use crate::patience::bounded;
use crate::site::{EVERYWHERE, Pool, Site};

/// What a user may type.
const SESSION: &str = r"
\set ON_ERROR_STOP off
CREATE TABLE t (n int, x text);
\copy t from stdin
1	one
2	two
\.
BEGIN;
INSERT INTO t VALUES (3, 'three');
SELECT * FROM t ORDER BY n;
SELECT 1/0;
SELECT 2;
ROLLBACK;
\copy (SELECT * FROM t ORDER BY n) to stdout
SELECT 'a' \; SELECT 'b';
DO $$BEGIN RAISE NOTICE 'heard'; END$$;
\d t
SELECT nothing FROM nowhere;
\set FETCH_COUNT 2
SELECT generate_series(1, 5);
DROP TABLE t;
";

#[test]
fn a_session_reads_the_same_everywhere() {
    bounded(|| {
        let sessions = EVERYWHERE.iter().map(|against| {
            let site = Site::start(*against, &Pool::of(1));
            (against, type_in(&site))
        });
        let sessions: Vec<_> = sessions.collect();
        let (_, oracle) = &sessions[0];
        assert!(
            oracle.contains("division by zero") && oracle.contains("heard"),
            "{oracle}"
        );
        for (against, session) in &sessions {
            assert_eq!(session, oracle, "{against:?}");
        }
    });
}

/// Everything that psql prints on [`SESSION`].
fn type_in(site: &Site) -> String {
    let mut psql = Command::new(program("psql"))
        .args(["--no-psqlrc", "-X", "-h", &site.address().ip().to_string()])
        .args(["-p", &site.address().port().to_string()])
        .args(["-U", APP, "-d", site.database()])
        .env("PGAPPNAME", "psql in a test")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start psql");
    let mut input = psql.stdin.take().expect("a pipe");
    input.write_all(SESSION.as_bytes()).expect("type");
    drop(input);
    let output = psql.wait_with_output().expect("wait for psql");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).expect("UTF-8 from psql")
}
