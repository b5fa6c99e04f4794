//! What stands in the way of a comparison.

use poolproof_scenarios::threshold::{Bound, Metric, Threshold};

use super::{Finding, Others};
use crate::{
    figures::Figures,
    format::{counted, target as called},
    gate::{Verdict, baseline::BASELINE},
    record::CellStatus,
};

/// What stands in the way of judging the cell by `threshold`, if anything does.
pub(super) fn obstacle(
    threshold: &Threshold,
    cell: &Figures<'_>,
    others: &Others<'_>,
) -> Option<Finding> {
    unmeasured(cell)
        .or_else(|| dead_blocks(threshold, cell, others))
        .or_else(|| generator_bound(threshold, cell))
        .or_else(|| too_few_samples(threshold, cell, others))
}

/// The first line of why a target broke. The lines of its log, which follow, are for the cell itself.
fn without_log(reason: &str) -> &str {
    let first = reason.lines().next().unwrap_or_default();
    first
        .strip_suffix("; the last lines of its log:")
        .unwrap_or(first)
}

/// What stands in the way of any verdict on the cell.
pub(super) fn unmeasured(cell: &Figures<'_>) -> Option<Finding> {
    let (verdict, sentence) = match &cell.cell.status {
        CellStatus::Broken { reason } => {
            let words = without_log(reason);
            (Verdict::Fail, format!("the target broke: {words}"))
        }
        CellStatus::Invalid { reason } => {
            (Verdict::NoVerdict, format!("the run is invalid: {reason}"))
        }
        CellStatus::Unsupported { reason } => {
            (Verdict::NotApplicable, format!("unsupported: {reason}"))
        }
        CellStatus::Measured if cell.total.attempted == 0 => (
            Verdict::NoVerdict,
            "no transaction was attempted".to_owned(),
        ),
        CellStatus::Measured => return None,
    };
    Some(Finding {
        offence: f64::INFINITY,
        ..Finding::bare(verdict, sentence)
    })
}

pub(super) fn generator_bound(threshold: &Threshold, cell: &Figures<'_>) -> Option<Finding> {
    let total = &cell.total;
    (threshold.metric == Metric::Throughput && cell.generator_bound()).then(|| {
        let sentence = format!(
            "the generator and not the target was the limit in {} of {}: give it more cores",
            total.generator_bound_windows,
            counted(u64::from(total.windows), "window", "windows"),
        );
        Finding::bare(Verdict::NoVerdict, sentence)
    })
}

/// A target that answered nothing in a whole block, where its reference never did so, is no matter of
/// an estimate: the median of the other blocks would hide it.
fn dead_blocks(threshold: &Threshold, cell: &Figures<'_>, others: &Others<'_>) -> Option<Finding> {
    if matches!(threshold.metric, Metric::Memory | Metric::Recovery) {
        return None;
    }
    let reference = others.reference(threshold)?;
    let dead = cell.dead_blocks();
    (dead > 0 && reference.dead_blocks() == 0).then(|| {
        let name = match threshold.reference() {
            Some(BASELINE) | None => "the baseline",
            Some(target) => called(target),
        };
        let blocks = counted(cell.blocks.len() as u64, "block", "blocks");
        Finding {
            offence: f64::INFINITY,
            ..Finding::bare(
                Verdict::Fail,
                format!("nothing succeeded in {dead} of {blocks}, which {name} has not once"),
            )
        }
    })
}

/// Among fewer samples a percentile is just the longest latency seen. What is compared are the
/// percentiles of blocks, so that each of them needs its samples, on both sides.
fn too_few_samples(
    threshold: &Threshold,
    cell: &Figures<'_>,
    others: &Others<'_>,
) -> Option<Finding> {
    let metric = threshold.metric;
    let (got, needed) = cell.total.samples(metric)?;
    let told = |got: u64, place: &str| {
        let got = counted(got, "success", "successes");
        Finding::bare(
            Verdict::NoVerdict,
            format!("{got}{place} cannot show {metric}, which takes at least {needed}: run longer"),
        )
    };
    if got < needed {
        return Some(told(got, ""));
    }
    if matches!(threshold.bound, Bound::Absolute(_)) {
        return None;
    }
    if let Some(got) = cell.poorest_block(metric) {
        return Some(told(got, " in a block"));
    }
    let reference = others.reference(threshold)?;
    let got = reference.poorest_block(metric)?;
    Some(told(got, " in a block of what it is compared with"))
}
