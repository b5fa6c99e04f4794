//! Lines that only some loads have: open ones, knees, those with faults.

use poolproof_scenarios::threshold::{Metric, Quantity};

use super::{Entry, Row, Tone, figure, plain, unmeasured};
use crate::{
    format,
    happenings::{faults, invariants, looks},
    overview::{Column, ScenarioView},
};

/// The lines that at least one column has a figure for.
pub(super) fn rows<'a>(view: &'a ScenarioView<'_>) -> Vec<Row<'a>> {
    type Make<'a> = fn(&'a Column<'_>) -> Entry<'a>;
    let has = |holds: fn(&Column<'_>) -> bool| view.columns.iter().any(holds);
    let row = |label: &str, make: Make<'a>| Row {
        label: label.to_owned(),
        entries: view.columns.iter().map(make).collect(),
    };
    let service = has(|column| !column.figures.total.service.is_empty());
    let knee = has(|column| carried(column).is_some());
    let recovery = has(|column| column.figures.total.recovery.is_some());
    [
        service.then(|| {
            row("service p99", |column| {
                plain(column, column.figures.total.service.percentile(99.0))
            })
        }),
        knee.then(|| row("clients carried", knee_entry)),
        recovery.then(|| row("recovery", |column| figure(column, Metric::Recovery))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Clients that the target carried, in the worst and in the best window.
fn carried(column: &Column<'_>) -> Option<(u32, u32)> {
    let windows = column.figures.cell.windows.iter();
    let knees = windows.filter_map(|window| Some(window.knee.as_ref()?.clients));
    let (low, high) = (knees.clone().min()?, knees.max()?);
    Some((low, high))
}

fn knee_entry<'a>(column: &'a Column<'_>) -> Entry<'a> {
    unmeasured(column, false).unwrap_or_else(|| {
        let carried = carried(column);
        let value = match carried {
            None => "–".to_owned(),
            Some((low, high)) if low == high => format::count(u64::from(low)),
            Some((low, high)) => format!("{low}–{high}"),
        };
        Entry {
            value,
            tone: if carried.is_some() {
                Tone::Plain
            } else {
                Tone::Faint
            },
            contrast: None,
        }
    })
}

/// Why each target carried no more clients, a sentence each.
pub(super) fn knees(view: &ScenarioView<'_>) -> Vec<String> {
    let told = view.columns.iter().filter_map(|column| {
        let windows = column.figures.cell.windows.iter();
        let worst = windows
            .filter_map(|window| window.knee.as_ref())
            .min_by_key(|knee| knee.clients)?;
        let (name, clients) = (
            column.name(),
            format::counted(u64::from(worst.clients), "client", "clients"),
        );
        let rate = format::quantity(Quantity::PerSecond(worst.throughput as f64));
        Some(match &worst.broke {
            Some(why) => format!("{name} carried {clients} at {rate}; the next step broke: {why}"),
            None => format!("{name} carried {clients} at {rate}, which was the last step"),
        })
    });
    told.collect()
}

/// What was done to the targets and which invariants did not hold, a sentence each.
pub(in crate::render) fn happenings(view: &ScenarioView<'_>) -> Vec<String> {
    let told = view.columns.iter().flat_map(|column| {
        let cell = column.figures.cell;
        let faults = faults(cell).into_iter().map(|fault| fault.sentence());
        let invariants = invariants(cell);
        let broken = invariants.into_iter().filter(|check| check.violations > 0);
        let broken = broken.map(|check| format!("{} {}", check.name, looks(&check)));
        let all = faults.chain(broken);
        all.map(|sentence| format!("{}: {sentence}", column.name()))
    });
    told.collect()
}
