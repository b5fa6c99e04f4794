//! The console as prometheus-community's `pgbouncer_exporter` (0.11) reads it: over lib/pq's simple
//! protocol, column by column, each as a label or as a number.

use crate::cluster::APP;
use crate::patience::bounded;
use crate::raw::Client;
use crate::site::{Against, OURS, Pool, Site};

/// What lib/pq says when it connects.
const STARTUP: &[(&str, &str)] = &[
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO, MDY"),
    ("extra_float_digits", "2"),
    ("user", APP),
    ("database", "pgbouncer"),
];

/// SHOW commands, with the columns of which the exporter makes labels and those that it reads as
/// numbers. It skips what it has no entry for, and complains of a number that is none.
const TABLES: &[(&str, &[&str], &[&str])] = &[
    (
        "databases",
        &[
            "name",
            "host",
            "port",
            "database",
            "force_user",
            "pool_mode",
        ],
        &[
            "pool_size",
            "max_connections",
            "current_connections",
            "paused",
            "disabled",
        ],
    ),
    (
        "stats_totals",
        &["database"],
        &[
            "query_count",
            "query_time",
            "bytes_received",
            "bytes_sent",
            "wait_time",
            "xact_count",
            "xact_time",
            "client_parse_count",
            "server_parse_count",
            "bind_count",
        ],
    ),
    (
        "pools",
        &["database", "user"],
        &[
            "cl_active",
            "cl_active_cancel_req",
            "cl_waiting",
            "cl_waiting_cancel_req",
            "sv_active",
            "sv_active_cancel",
            "sv_being_canceled",
            "sv_idle",
            "sv_used",
            "sv_tested",
            "sv_login",
            "maxwait",
        ],
    ),
];

/// Rows of SHOW LISTS that it reads.
const LISTS: &[&str] = &[
    "databases",
    "users",
    "pools",
    "free_clients",
    "used_clients",
    "login_clients",
    "free_servers",
    "used_servers",
    "dns_names",
    "dns_zones",
    "dns_queries",
];

/// Rows of SHOW CONFIG that it reads.
const CONFIG: &[&str] = &["max_client_conn", "max_user_connections"];

/// An answer as names of columns and rows of values.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn ask(client: &mut Client, query: &str) -> Self {
        let answer = client.run(&format!("Q {query}"));
        assert!(answer.ends_with("C SHOW | Z I"), "{query}: {answer}");
        let mut parts = answer.split(" | ");
        let first = parts.next().and_then(|first| first.strip_prefix("T "));
        let columns = first.unwrap_or_default().split(' ');
        let columns = columns.map(|name| name.split(':').next().unwrap_or_default());
        let rows = parts.filter_map(|part| part.strip_prefix("D "));
        Self {
            columns: columns.map(str::to_owned).collect(),
            rows: rows
                .map(|row| row.split(' ').map(str::to_owned).collect())
                .collect(),
        }
    }

    /// The value of `column` in each row.
    fn values(&self, column: &str) -> Vec<&str> {
        let at = self.columns.iter().position(|name| name == column);
        let at = at.unwrap_or_else(|| panic!("no column {column} in {:?}", self.columns));
        let cell = |row: &'_ Vec<String>| {
            assert_eq!(row.len(), self.columns.len(), "{row:?}");
        };
        self.rows.iter().for_each(cell);
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }
}

fn assert_number(value: &str, what: &str) {
    let number = value == "null" || value.parse::<f64>().is_ok();
    assert!(number, "{what}: expected a number, got {value:?}");
}

fn check_scrape(against: Against) {
    let pool = Pool::of(2).with("stats_users", APP);
    let site = Site::start(against, &pool);
    let mut busy = site.client();
    busy.run("Q BEGIN | < Z | Q SELECT 1");
    let mut exporter = Client::try_connect(site.address(), STARTUP).expect("to be let in");
    // With this it finds out whether the pooler is there.
    let stats = Table::ask(&mut exporter, "SHOW STATS");
    assert!(stats.values("database").contains(&site.database()));
    let version = Table::ask(&mut exporter, "SHOW VERSION;");
    assert!(version.columns == ["version"] && version.rows.len() == 1);
    for (what, labels, numbers) in TABLES {
        let table = Table::ask(&mut exporter, &format!("SHOW {what};"));
        for label in *labels {
            table.values(label);
        }
        for number in *numbers {
            for value in table.values(number) {
                assert_number(value, &format!("{number} of {what}"));
            }
        }
        let ours = table.values(labels[0]).contains(&site.database());
        assert!(ours, "our database is in {what}");
    }
    check_rows(&mut exporter);
}

/// The two tables that it reads by rows.
fn check_rows(exporter: &mut Client) {
    let lists = Table::ask(exporter, "SHOW LISTS;");
    let config = Table::ask(exporter, "SHOW CONFIG;");
    assert_eq!(lists.columns.len(), 2);
    assert_eq!(config.columns, ["key", "value", "default", "changeable"]);
    for (table, names, at) in [(&lists, LISTS, 1), (&config, CONFIG, 1)] {
        for name in names {
            let row = table.rows.iter().find(|row| row[0] == *name);
            let row = row.unwrap_or_else(|| panic!("no row {name}"));
            assert_number(&row[at], name);
        }
    }
}

#[test]
fn every_column_that_pgbouncer_exporter_reads_is_there_and_parses() {
    bounded(|| {
        for against in OURS {
            check_scrape(*against);
        }
    });
}
