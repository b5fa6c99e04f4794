//! Compares what a target answered with what PostgreSQL answers, tier by tier.

use std::fmt;

use poolproof_scenarios::session::{Client, Header};

use super::{
    mask::masked,
    trace::{Backend, Ending, Event, Trace},
};

/// What kind of difference it is, from the most to the least basic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Bytes that are no message.
    Framing,
    /// Other messages, or in another order.
    Kinds,
    /// Another SQLSTATE or severity.
    Sqlstate,
    /// The same messages with other contents.
    Payload,
    /// The same messages, but not by the same time.
    Timing,
}

impl fmt::Display for Tier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Framing => "framing",
            Self::Kinds => "messages",
            Self::Sqlstate => "SQLSTATE",
            Self::Payload => "payload",
            Self::Timing => "what had come when",
        })
    }
}

/// The first thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind it is.
    pub tier: Tier,
    /// Whose trace it is in.
    pub client: Client,
    /// Index of the first event of that trace that differs.
    pub at: usize,
}

/// The first difference between the oracle's trace and a target's, if there is one. Of several
/// clients that differ, the one with the most basic difference is named.
#[must_use]
pub fn compare(oracle: &Trace, target: &Trace, header: &Header) -> Option<Difference> {
    let as_named = first(oracle, target);
    if as_named.is_none()
        || !header.interchangeable.iter().any(|client| {
            as_named
                .as_ref()
                .is_some_and(|difference| difference.client == *client)
        })
    {
        return as_named;
    }
    let exchanged = orders(&header.interchangeable)
        .into_iter()
        .any(|order| first(oracle, &renamed(target, &header.interchangeable, &order)).is_none());
    if exchanged { None } else { as_named }
}

fn first(oracle: &Trace, target: &Trace) -> Option<Difference> {
    let none = Vec::new();
    let differences = oracle.clients.iter().filter_map(|(client, expected)| {
        let got = target.clients.get(client).unwrap_or(&none);
        let (at, tier) = first_of(expected, got)?;
        Some(Difference {
            tier,
            client: client.clone(),
            at,
        })
    });
    let first = differences.min_by_key(|difference| difference.tier);
    // Runs that end otherwise differ, also when every message that came is the same.
    first.or_else(|| {
        let client = oracle.clients.keys().next()?.clone();
        let kind = |ending: &Ending| std::mem::discriminant(ending);
        (kind(&oracle.ending) != kind(&target.ending)).then(|| Difference {
            tier: Tier::Timing,
            at: target.clients.get(&client).map_or(0, Vec::len),
            client,
        })
    })
}

/// The first place where two traces differ, and how.
fn first_of(expected: &[Event], got: &[Event]) -> Option<(usize, Tier)> {
    let (expected, got) = (settled(expected), settled(got));
    let longest = expected.len().max(got.len());
    (0..longest).find_map(|at| {
        let tier = match (expected.get(at), got.get(at)) {
            (Some(expected), Some(got)) => differs(expected, got)?,
            (_, Some(Event::Malformed(_))) => Tier::Framing,
            (Some(Event::Mark { .. }), _) | (_, Some(Event::Mark { .. })) => Tier::Timing,
            _ => Tier::Kinds,
        };
        Some((at, tier))
    })
}

fn differs(expected: &Event, got: &Event) -> Option<Tier> {
    match (expected, got) {
        (Event::Message(expected), Event::Message(got)) if expected.tag == got.tag => {
            differs_in_body(expected, got)
        }
        (Event::Malformed(_), Event::Malformed(_)) => None,
        (_, Event::Malformed(_)) => Some(Tier::Framing),
        (expected, got) if expected == got => None,
        (Event::Mark { .. }, _) | (_, Event::Mark { .. }) => Some(Tier::Timing),
        _ => Some(Tier::Kinds),
    }
}

fn differs_in_body(expected: &Backend, got: &Backend) -> Option<Tier> {
    let same_field = |kind| expected.field(kind) == got.field(kind);
    if matches!(expected.tag, b'E' | b'N') && !(same_field(b'C') && same_field(b'S')) {
        return Some(Tier::Sqlstate);
    }
    (masked(expected) != masked(got)).then_some(Tier::Payload)
}

/// The trace with the parameters of a greeting in the order of their names: PostgreSQL promises
/// which ones come, not in which order.
pub(super) fn settled(events: &[Event]) -> Vec<Event> {
    let mut events = events.to_vec();
    let is_parameter = |event: &Event| event.is(b'S');
    for run in events.chunk_by_mut(|one, next| is_parameter(one) && is_parameter(next)) {
        run.sort_by(|one, next| match (one, next) {
            (Event::Message(one), Event::Message(next)) => one.body.cmp(&next.body),
            _ => std::cmp::Ordering::Equal,
        });
    }
    events
}

/// The trace with the clients called otherwise.
fn renamed(trace: &Trace, names: &[Client], order: &[Client]) -> Trace {
    let mut renamed = trace.clone();
    for (name, other) in names.iter().zip(order) {
        if let Some(events) = trace.clients.get(other) {
            renamed.clients.insert(name.clone(), events.clone());
        }
    }
    renamed
}

/// Every order of a few clients.
fn orders(clients: &[Client]) -> Vec<Vec<Client>> {
    let Some((first, rest)) = clients.split_first() else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for order in orders(rest) {
        for place in 0..=order.len() {
            let mut longer = order.clone();
            longer.insert(place, first.clone());
            all.push(longer);
        }
    }
    all
}

#[cfg(test)]
mod tests;
