//! STATS and its relatives: what was counted, by database.

use crate::console::table::{Cell, Column, Table, cell, numeric, text};
use crate::shared::Shared;
use crate::stats::Totals;
use crate::stats::history::Span;

/// A figure: its name in STATS_TOTALS, how it is taken from the totals, and what its average is.
struct Figure {
    name: &'static str,
    /// Its name in SHOW STATS, after `total_`.
    total: &'static str,
    /// Its name there as an average, after `avg_`.
    average: &'static str,
    /// Its name in SHOW TOTALS.
    sum: &'static str,
    of: fn(&Totals) -> u64,
    averaged: Averaged,
}

/// What an average is taken over.
enum Averaged {
    Second,
    Transaction,
    Query,
}

macro_rules! figures {
    ($( $name:literal $total:literal $average:literal $sum:literal = $field:ident / $over:ident; )*) => {
        const FIGURES: &[Figure] = &[ $( Figure {
            name: $name,
            total: $total,
            average: $average,
            sum: $sum,
            of: |totals| totals.$field,
            averaged: Averaged::$over,
        }, )* ];
    };
}

// PgBouncer's order, and its four sets of names.
figures! {
    "server_assignment_count" "server_assignment_count" "server_assignment_count" "server_assignment_count" = assignments / Second;
    "xact_count" "xact_count" "xact_count" "xact_count" = transactions / Second;
    "query_count" "query_count" "query_count" "query_count" = queries / Second;
    "bytes_received" "received" "recv" "client_bytes" = received / Second;
    "bytes_sent" "sent" "sent" "server_bytes" = sent / Second;
    "xact_time" "xact_time" "xact_time" "xact_time" = transaction_us / Transaction;
    "query_time" "query_time" "query_time" "query_time" = query_us / Query;
    "wait_time" "wait_time" "wait_time" "wait_time" = wait_us / Second;
    "client_parse_count" "client_parse_count" "client_parse_count" "ps_client_parse_count" = client_parses / Second;
    "server_parse_count" "server_parse_count" "server_parse_count" "ps_server_parse_count" = server_parses / Second;
    "bind_count" "bind_count" "bind_count" "ps_bind_count" = binds / Second;
}

impl Figure {
    fn average(&self, span: &Span) -> u64 {
        let count = (self.of)(&span.totals);
        match self.averaged {
            Averaged::Second => span.per_second(count),
            Averaged::Transaction => count.checked_div(span.totals.transactions).unwrap_or(0),
            Averaged::Query => count.checked_div(span.totals.queries).unwrap_or(0),
        }
    }
}

fn totals_of(totals: &Totals) -> impl Iterator<Item = Cell> {
    FIGURES.iter().map(|figure| cell((figure.of)(totals)))
}

fn averages_of(span: &Span) -> impl Iterator<Item = Cell> {
    FIGURES.iter().map(|figure| cell(figure.average(span)))
}

fn columns(prefix: &str, name: fn(&Figure) -> &'static str) -> Vec<Column> {
    let named = |figure: &Figure| numeric(format!("{prefix}{}", name(figure)));
    FIGURES.iter().map(named).collect()
}

/// A row for each database, begun with its name.
fn by_database(
    shared: &Shared,
    columns: Vec<Column>,
    cells: impl Fn(&Totals, &Span) -> Vec<Cell>,
) -> Table {
    let mut table = Table::new([text("database")].into_iter().chain(columns));
    for (database, totals) in shared.totals() {
        let span = shared.history().last(Some(&database));
        let cells = cells(&totals, &span);
        table.row([cell(database)].into_iter().chain(cells));
    }
    table
}

pub(super) fn stats(shared: &Shared) -> Table {
    let mut named = columns("total_", |figure| figure.total);
    named.extend(columns("avg_", |figure| figure.average));
    by_database(shared, named, |totals, span| {
        totals_of(totals).chain(averages_of(span)).collect()
    })
}

pub(super) fn totals(shared: &Shared) -> Table {
    let named = columns("", |figure| figure.name);
    by_database(shared, named, |totals, _| totals_of(totals).collect())
}

pub(super) fn averages(shared: &Shared) -> Table {
    // PgBouncer has the prefix for the last three only.
    let named = FIGURES
        .iter()
        .map(|figure| match figure.sum.strip_prefix("ps_") {
            Some(name) => numeric(format!("avg_{name}")),
            None => numeric(figure.name),
        });
    by_database(shared, named.collect(), |_, span| {
        averages_of(span).collect()
    })
}

pub(super) fn sums(shared: &Shared) -> Table {
    let all = shared.totals();
    let totals = all
        .values()
        .fold(Totals::default(), |sum, each| sum.plus(*each));
    let span = shared.history().last(None);
    let mut table = Table::new([text("name"), numeric("value")]);
    for (figure, total) in FIGURES.iter().zip(totals_of(&totals)) {
        table.row([cell(format_args!("total_{}", figure.sum)), total]);
    }
    for (figure, average) in FIGURES.iter().zip(averages_of(&span)) {
        table.row([cell(format_args!("avg_{}", figure.sum)), average]);
    }
    table
}
