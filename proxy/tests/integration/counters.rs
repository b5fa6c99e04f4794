//! What the console counts of prepared statements.

use crate::cluster::APP;
use crate::patience::bounded;
use crate::raw::{Client, rows};
use crate::site::{Against, Pool, Site};

/// The value in column `name` of the first row that `condition` holds for.
fn value(console: &mut Client, what: &str, name: &str, condition: impl Fn(&str) -> bool) -> String {
    let answer = console.run(&format!("Q SHOW {what}"));
    let columns = answer.split(" | ").next().unwrap_or_default();
    let mut columns = columns.trim_start_matches("T ").split(' ');
    let at = columns.position(|column| column.split(':').next() == Some(name));
    let row = rows(&answer).find(|row| condition(row)).expect("a row");
    let at = at.expect("the column");
    // Counted from the end: columns before it may be empty or hold spaces.
    let after = answer
        .split(" | ")
        .next()
        .map_or(0, |head| head.split(' ').count() - 2 - at);
    row.split(' ')
        .rev()
        .nth(after)
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn prepared_statements_are_counted() {
    bounded(|| {
        let site = Site::start(Against::Proxy, &Pool::of(1).with("admin_users", APP));
        let mut console = site.console();
        let (mut first, mut second) = (site.client(), site.client());
        first.run("P a SELECT 1 | S");
        first.run("P b SELECT 2 | S");
        second.run("P a SELECT 1 | B - a | E - | S");
        for _ in 0..3 {
            first.run("B - a | E - | S");
        }
        // What is not named is not counted.
        first.run("P - SELECT 1 | B - - | E - | S");
        let database = site.database().to_owned();
        let of_site = |row: &str| row.contains(&database);
        for (column, expected) in [
            ("client_parse_count", "3"),
            ("server_parse_count", "2"),
            ("bind_count", "4"),
        ] {
            let found = value(&mut console, "STATS_TOTALS", column, of_site);
            assert_eq!(found, expected, "{column}");
        }
        let column = "prepared_statements";
        assert_eq!(value(&mut console, "SERVERS", column, of_site), "2");
        assert_eq!(value(&mut console, "CLIENTS", column, of_site), "2");
        first.run("CS b | S");
        assert_eq!(value(&mut console, "CLIENTS", column, of_site), "1");
    });
}
