//! `[load]`: one reader for each shape.

use std::time::Duration;

use super::{
    Problems,
    section::Section,
    value::{count, one_of, time},
};
use crate::load::{CLIENTS_MAX, ClientStage, Connect, Load};

/// Longest stage, and longest sum of them.
const LASTS_MAX: Duration = Duration::from_secs(24 * 3600);
const STAGES_MAX: usize = 1_000;
const TOTAL_MAX: u32 = 1_000_000;
const TRANSACTIONS_MAX: u32 = 1_000_000;

const CONNECT: [(&str, Connect); 2] = [
    ("once", Connect::Once),
    ("per-transaction", Connect::PerTransaction),
];

#[derive(Clone, Copy)]
enum Shape {
    Closed,
    Connections,
}

const SHAPES: [(&str, Shape); 2] = [
    ("closed", Shape::Closed),
    ("connections", Shape::Connections),
];

pub(super) fn read(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    // Without a shape there is no telling which of the other keys belong here.
    let load = match section.required("shape", problems, one_of(&SHAPES))? {
        Shape::Closed => closed(&mut section, problems),
        Shape::Connections => connections(&mut section, problems),
    };
    section.end(problems);
    load
}

fn closed(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    let think_time = section.optional("think_time", problems, time(LASTS_MAX));
    let connect = section.optional("connect", problems, one_of(&CONNECT));
    if !section.has("stages") {
        section.missing("stages", problems);
    }
    let stages: Option<Vec<_>> = section
        .tables("stages", problems)?
        .into_iter()
        .map(|each| stage(each, problems))
        .collect();
    let stages = stages?;
    if let Some(fault) = fault_of(&stages) {
        problems.add(&section.span_of("stages"), format!("stages: {fault}"));
        return None;
    }
    Some(Load::Closed {
        stages,
        think_time: think_time.unwrap_or_default(),
        connect: connect.unwrap_or_default(),
    })
}

fn stage(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<ClientStage> {
    let clients = section.required("clients", problems, count(0..=CLIENTS_MAX));
    let lasts = section.required("for", problems, time(LASTS_MAX));
    section.end(problems);
    Some(ClientStage {
        clients: clients?,
        lasts: lasts?,
    })
}

/// What keeps stages that are right one by one from being a load.
fn fault_of(stages: &[ClientStage]) -> Option<String> {
    let lasts: Duration = stages.iter().map(|stage| stage.lasts).sum();
    if stages.is_empty() {
        Some("expected at least one stage, got none".to_owned())
    } else if stages.len() > STAGES_MAX {
        Some(format!(
            "expected at most {STAGES_MAX} stages, got {}",
            stages.len()
        ))
    } else if stages.iter().all(|stage| stage.clients == 0) {
        Some("expected a stage with at least one client, got none".to_owned())
    } else if lasts.is_zero() || lasts > LASTS_MAX {
        Some(format!(
            "expected stages that last up to 24h together, got {lasts:?}"
        ))
    } else {
        None
    }
}

fn connections(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    let total = section.required("total", problems, count(1..=TOTAL_MAX));
    let max_concurrent = section.required("max_concurrent", problems, count(1..=CLIENTS_MAX));
    let transactions = section.required("transactions", problems, count(1..=TRANSACTIONS_MAX));
    Some(Load::Connections {
        total: total?,
        max_concurrent: max_concurrent?,
        transactions: transactions?,
    })
}
