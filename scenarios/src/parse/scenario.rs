//! The top of a scenario file.

use toml::de::{DeTable, DeValue};

use super::{
    Problems, Scripts, fault, load, pool,
    section::{Read, Section},
    value::{describe, one_of, text},
    workload,
};
use crate::{Scenario, Threshold, invariant::INVARIANTS, load::Load, scenario::Feature};

/// Longest name, in bytes; it becomes part of file names and table cells.
const NAME_BYTES_MAX: usize = 64;
const PURPOSE_BYTES_MAX: usize = 1_000;
const THRESHOLDS_MAX: usize = 100;
const SETUP_MAX: usize = 100;
/// Longest statement of the set-up, in bytes.
const SETUP_BYTES_MAX: usize = 64 << 10;

const FEATURES: [(&str, Feature); 7] = [
    ("prepared-statements", Feature::PreparedStatements),
    ("tls", Feature::Tls),
    ("scram", Feature::Scram),
    ("copy", Feature::Copy),
    ("console", Feature::Console),
    ("many-clients", Feature::ManyClients),
    ("databases", Feature::Databases),
];

/// Reads a whole scenario; `None` only when a problem was added.
pub(super) fn read<'t>(
    document: &'t DeTable<'t>,
    scripts: Scripts<'_>,
    problems: &mut Problems<'_>,
) -> Option<Scenario> {
    let mut top = Section::new(document, 0..0, "scenario".to_owned());
    let name = top.required("name", problems, name);
    let purpose = top.required("purpose", problems, text(PURPOSE_BYTES_MAX));
    let needs = top.list("needs", problems, FEATURES.len(), one_of(&FEATURES));
    let setup = top.list("setup", problems, SETUP_MAX, text(SETUP_BYTES_MAX));
    let pool = top
        .table("pool", problems)
        .map(|section| pool::read(section, problems));
    if !top.has("load") {
        top.missing("load", problems);
    }
    let load = top
        .table("load", problems)
        .and_then(|section| load::read(section, problems));
    let transactions = workload::read(&mut top, scripts, problems);
    let faults = fault::read(&mut top, load.as_ref(), problems);
    if faults.as_ref().is_some_and(|faults| !faults.is_empty())
        && matches!(load, Some(Load::Knee { .. }))
    {
        let message = "fault: expected a load that is one piece, got a knee of many steps";
        problems.add(&top.span_of("fault"), message.to_owned());
    }
    let known = one_of(&INVARIANTS);
    let invariants = top.list("invariants", problems, INVARIANTS.len(), known);
    if pool
        .as_ref()
        .is_some_and(|pool| !pool.client_tls_sslmode.is_disabled())
    {
        refuse_beside_tls("fault", faults.as_deref(), &top, problems);
        refuse_beside_tls("invariants", invariants.as_deref(), &top, problems);
    }
    let thresholds = top.list("thresholds", problems, THRESHOLDS_MAX, threshold);
    top.end(problems);
    Some(Scenario {
        name: name?,
        purpose: purpose?,
        needs: needs.unwrap_or_default(),
        setup: setup.unwrap_or_default(),
        pool: pool.unwrap_or_default(),
        load: load?,
        transactions: transactions?,
        faults: faults?,
        invariants: invariants.unwrap_or_default(),
        thresholds: thresholds.unwrap_or_default(),
    })
}

/// Links follow messages, and clients beside the load log in, in the clear.
fn refuse_beside_tls<T>(
    key: &str,
    values: Option<&[T]>,
    top: &Section<'_>,
    problems: &mut Problems<'_>,
) {
    if values.is_some_and(|values| !values.is_empty()) {
        let message = format!(
            "{key}: expected client_tls_sslmode disable beside it, as links and clients beside the \
             load speak in the clear, got require"
        );
        problems.add(&top.span_of(key), message);
    }
}

/// Reads a name that can stand in file names and on command lines without quotes.
pub(super) fn name<'t>(value: &'t DeValue<'t>) -> Read<String> {
    let name = text(NAME_BYTES_MAX)(value)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.chars().all(plain) && !name.starts_with('-') {
        Ok(name)
    } else {
        Err(format!(
            "expected lower case letters, digits and dashes, got {name:?}"
        ))
    }
}

fn threshold<'t>(value: &'t DeValue<'t>) -> Read<Threshold> {
    match value {
        DeValue::String(text) => text
            .parse()
            .map_err(|why: crate::threshold::ParseError| why.to_string()),
        other => Err(format!(
            "expected a threshold like \"p99 <= 20ms\", got {}",
            describe(other)
        )),
    }
}
