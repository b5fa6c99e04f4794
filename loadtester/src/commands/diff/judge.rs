//! What a case on a target came to.

use poolproof_reports::matrix::{Cell, Outcome};
use poolproof_scenarios::{pool::PoolMode, session::Transport};

use super::cases::Case;
use crate::diff::{
    Difference, Ending, Event, Trace, columns, compare,
    notation::{self, Show},
};

/// A cell, and what the ledger is asked about.
pub(super) struct Judged {
    pub(super) cell: Cell,
    /// The first thing that the target sent otherwise; empty where there is nothing.
    pub(super) got: String,
}

impl From<Cell> for Judged {
    fn from(cell: Cell) -> Self {
        let got = String::new();
        Self { cell, got }
    }
}

/// The mode gives servers to others before the case is over.
pub(super) fn not_promised(mode: PoolMode) -> Cell {
    let mode = format!("{mode:?}").to_lowercase();
    Cell {
        outcome: Outcome::Unsupported,
        why: format!("needs more than pool_mode {mode} promises"),
        trace: String::new(),
    }
}

/// The case asks for connections that the target does not take.
pub(super) fn not_offered(transport: Transport) -> Cell {
    Cell {
        outcome: Outcome::Unsupported,
        why: format!("takes no connections over {transport} here"),
        trace: String::new(),
    }
}

/// Compares the traces.
pub(super) fn cell(case: &Case, oracle: &Trace, trace: &Trace, target: &str) -> Judged {
    let Some(difference) = compare(oracle, trace, &case.session.header) else {
        return Judged::from(Cell {
            outcome: Outcome::Same,
            why: String::new(),
            trace: String::new(),
        });
    };
    let Difference { tier, client, .. } = &difference;
    let expected = shown(oracle, &difference);
    let got = shown(trace, &difference);
    let cell = Cell {
        outcome: outcome(oracle, trace, &difference),
        why: format!("{tier}, client {client}: expected {expected}, got {got}"),
        trace: columns(("PostgreSQL", target), oracle, trace, Some(&difference)),
    };
    Judged { cell, got }
}

fn outcome(oracle: &Trace, trace: &Trace, difference: &Difference) -> Outcome {
    let closed = |trace: &Trace| {
        let events = trace.clients.get(&difference.client);
        let closed = |event: &Event| matches!(event, Event::Closed | Event::Refused);
        events.and_then(|events| events.iter().position(closed))
    };
    let earlier = match (closed(oracle), closed(trace)) {
        (Some(oracle), Some(target)) => target < oracle,
        (None, Some(_)) => true,
        _ => false,
    };
    match trace.ending {
        Ending::Hang { .. } if oracle.ending == Ending::Complete => Outcome::Hangs,
        Ending::Complete if earlier && lost(oracle, trace, difference) => Outcome::Disconnects,
        _ => Outcome::Differs,
    }
}

/// Whether PostgreSQL went on answering a client whom the target let fall.
fn lost(oracle: &Trace, trace: &Trace, difference: &Difference) -> bool {
    let ready = |trace: &Trace| {
        let events = trace.clients.get(&difference.client);
        events.map_or(0, |events| {
            events.iter().filter(|event| event.is(b'Z')).count()
        })
    };
    ready(trace) < ready(oracle)
}

/// What a trace has where it differs.
fn shown(trace: &Trace, difference: &Difference) -> String {
    let events = trace.clients.get(&difference.client);
    let event = events.and_then(|events| events.get(difference.at));
    event.map_or_else(
        || "nothing".to_owned(),
        |event| notation::event(event, Show::Short),
    )
}
