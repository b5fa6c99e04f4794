//! `[load]`: one reader for each shape.

use std::time::Duration;

use super::{
    Problems,
    section::Section,
    value::{count, number, one_of, time},
};
use crate::load::{Arrivals, CLIENTS_MAX, ClientStage, Connect, Load, RateStage};

/// Longest stage, and longest sum of them.
const LASTS_MAX: Duration = Duration::from_secs(24 * 3600);
const STAGES_MAX: usize = 1_000;
const TOTAL_MAX: u32 = 1_000_000;
const TRANSACTIONS_MAX: u32 = 1_000_000;
/// Highest rate, in transactions a second: a gap of a microsecond.
const RATE_MAX: u32 = 1_000_000;
/// Shortest step of a knee that says anything about a 99th percentile.
const STEP_MIN: Duration = Duration::from_millis(50);

const CONNECT: [(&str, Connect); 2] = [
    ("once", Connect::Once),
    ("per-transaction", Connect::PerTransaction),
];

const ARRIVALS: [(&str, Arrivals); 2] = [("poisson", Arrivals::Poisson), ("even", Arrivals::Even)];

#[derive(Clone, Copy)]
enum Shape {
    Closed,
    Connections,
    Open,
    Knee,
    Hold,
}

const SHAPES: [(&str, Shape); 5] = [
    ("closed", Shape::Closed),
    ("connections", Shape::Connections),
    ("open", Shape::Open),
    ("knee", Shape::Knee),
    ("hold", Shape::Hold),
];

pub(super) fn read(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    // Without a shape there is no telling which of the other keys belong here.
    let load = match section.required("shape", problems, one_of(&SHAPES))? {
        Shape::Closed => closed(&mut section, problems),
        Shape::Connections => connections(&mut section, problems),
        Shape::Open => open(&mut section, problems),
        Shape::Knee => knee(&mut section, problems),
        Shape::Hold => hold(&mut section, problems),
    };
    section.end(problems);
    load
}

fn closed(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    let think_time = section.optional("think_time", problems, time(LASTS_MAX));
    let connect = section.optional("connect", problems, one_of(&CONNECT));
    let stages = stages_of(section, problems, stage)?;
    let sizes: Vec<_> = stages
        .iter()
        .map(|stage| (stage.clients, stage.lasts))
        .collect();
    check_stages(section, problems, &sizes, "one client")?;
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
fn fault_of(stages: &[(u32, Duration)], least: &str) -> Option<String> {
    let lasts: Duration = stages.iter().map(|(_, lasts)| *lasts).sum();
    if stages.is_empty() {
        Some("expected at least one stage, got none".to_owned())
    } else if stages.len() > STAGES_MAX {
        Some(format!(
            "expected at most {STAGES_MAX} stages, got {}",
            stages.len()
        ))
    } else if stages.iter().all(|(size, _)| *size == 0) {
        Some(format!("expected a stage with at least {least}, got none"))
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
    let think_time = section.optional("think_time", problems, time(LASTS_MAX));
    Some(Load::Connections {
        total: total?,
        max_concurrent: max_concurrent?,
        transactions: transactions?,
        think_time: think_time.unwrap_or_default(),
    })
}

/// The tables under `stages`, each read by `read` until one cannot be.
fn stages_of<T>(
    section: &mut Section<'_>,
    problems: &mut Problems<'_>,
    read: impl Fn(Section<'_>, &mut Problems<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    if !section.has("stages") {
        section.missing("stages", problems);
    }
    let tables = section.tables("stages", problems)?;
    tables
        .into_iter()
        .map(|each| read(each, problems))
        .collect()
}

/// `None`, and a problem, when the stages together are no load.
fn check_stages(
    section: &Section<'_>,
    problems: &mut Problems<'_>,
    sizes: &[(u32, Duration)],
    least: &str,
) -> Option<()> {
    let Some(fault) = fault_of(sizes, least) else {
        return Some(());
    };
    problems.add(&section.span_of("stages"), format!("stages: {fault}"));
    None
}

fn open(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    let arrivals = section.optional("arrivals", problems, one_of(&ARRIVALS));
    let clients = section.required("clients", problems, count(1..=CLIENTS_MAX));
    let connect = section.optional("connect", problems, one_of(&CONNECT));
    let stages = stages_of(section, problems, rate_stage)?;
    let sizes: Vec<_> = stages
        .iter()
        .map(|stage| (stage.rate, stage.lasts))
        .collect();
    check_stages(section, problems, &sizes, "one transaction a second")?;
    Some(Load::Open {
        stages,
        arrivals: arrivals.unwrap_or_default(),
        clients: clients?,
        connect: connect.unwrap_or_default(),
    })
}

fn rate_stage(mut section: Section<'_>, problems: &mut Problems<'_>) -> Option<RateStage> {
    let rate = section.required("rate", problems, count(0..=RATE_MAX));
    let lasts = section.required("for", problems, time(LASTS_MAX));
    section.end(problems);
    Some(RateStage {
        rate: rate?,
        lasts: lasts?,
    })
}

fn knee(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    let from = section.optional("from", problems, count(1..=CLIENTS_MAX));
    let to = section.required("to", problems, count(1..=CLIENTS_MAX));
    let step = section.required("step", problems, time(LASTS_MAX));
    let max_p99 = section.required("max_p99", problems, time(LASTS_MAX));
    let min_success = section.optional("min_success", problems, number(0.0..=100.0));
    let think_time = section.optional("think_time", problems, time(LASTS_MAX));
    let connect = section.optional("connect", problems, one_of(&CONNECT));
    let (from, to, step) = (from.unwrap_or(10), to?, step?);
    if from > to {
        let message = format!("to: expected at least {from}, which the knee begins from, got {to}");
        problems.add(&section.span_of("to"), message);
    }
    if step < STEP_MIN {
        let message = format!("step: expected at least {STEP_MIN:?}, got {step:?}");
        problems.add(&section.span_of("step"), message);
    }
    Some(Load::Knee {
        from,
        to,
        step,
        max_p99: max_p99?,
        min_success: min_success.unwrap_or(100.0),
        think_time: think_time.unwrap_or_default(),
        connect: connect.unwrap_or_default(),
    })
}

fn hold(section: &mut Section<'_>, problems: &mut Problems<'_>) -> Option<Load> {
    let clients = section.required("clients", problems, count(1..=CLIENTS_MAX));
    let probes = section.optional("probes", problems, count(0..=CLIENTS_MAX));
    let arrive = section.optional("arrive", problems, time(LASTS_MAX));
    let think_time = section.optional("think_time", problems, time(LASTS_MAX));
    let lasts = section.required("for", problems, time(LASTS_MAX));
    let (clients, probes, lasts) = (clients?, probes.unwrap_or(0), lasts?);
    let arrive = arrive.unwrap_or_default();
    if clients + probes > CLIENTS_MAX {
        let message = format!(
            "clients: expected at most {CLIENTS_MAX} with the probes, got {}",
            clients + probes
        );
        problems.add(&section.span_of("clients"), message);
    }
    if arrive >= lasts {
        let message = format!("for: expected longer than all take to arrive, got {lasts:?}");
        problems.add(&section.span_of("for"), message);
    }
    Some(Load::Hold {
        clients,
        arrive,
        probes,
        think_time: think_time.unwrap_or_default(),
        lasts,
    })
}
