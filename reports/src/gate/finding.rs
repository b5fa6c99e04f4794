//! One cell and one criterion: the verdict, its sentence and how bad it is.

use poolproof_scenarios::{
    nearest,
    threshold::{Better, Bound, Comparison, Metric, Quantity, Threshold},
};

mod obstacle;

use obstacle::{generator_bound, obstacle, unmeasured};

use super::{
    Measured, Verdict,
    baseline::{BASELINE, Before},
};
use crate::{
    figures::Figures,
    format::{
        counted, factor as factor_text, interval as interval_text, metric as heading, quantity,
        ratio as ratio_text, target as called,
    },
    happenings::looks,
    record::InvariantCheck,
    statistics::{Answer, BLOCKS_FOR_INTERVAL, Interval, Shift, holm, keeps},
};

/// What was found.
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) measured: Option<Measured>,
    /// Why, as a sentence without a full stop.
    pub(super) sentence: String,
    /// How far beyond its bound the figure lies, as a factor: 2 is twice what is allowed.
    pub(super) offence: f64,
    /// The chance of such a failure by luck alone, where the verdict rests on an estimate.
    chance: Option<f64>,
}

/// What a cell may be compared with.
pub(super) struct Others<'a> {
    /// All cells of the scenario.
    pub(super) cells: &'a [Figures<'a>],
    /// The same cell in the baseline.
    pub(super) before: &'a Before<'a>,
}

impl Others<'_> {
    /// What `threshold` compares with, where that was found.
    fn reference(&self, threshold: &Threshold) -> Option<&Figures<'_>> {
        match (threshold.reference()?, self.before) {
            (BASELINE, Before::Found { figures, .. }) => Some(figures),
            (BASELINE, Before::Missing(_)) => None,
            (name, _) => self.cells.iter().find(|other| other.cell.target == name),
        }
    }
}

/// Chance of one false failure or more among the comparisons of one target under one scenario.
const FALSE_FAILURES: f64 = 0.05;

impl Finding {
    /// A verdict that rests on no figure.
    fn bare(verdict: Verdict, sentence: String) -> Self {
        Self {
            verdict,
            measured: None,
            sentence,
            offence: 0.0,
            chance: None,
        }
    }
}

/// Takes back failures that so many comparisons at once show by luck: of the comparisons of one
/// target under one scenario, one or more fails falsely in 5 % of the runs at most. To pass, all
/// comparisons must pass, which needs no correction (R. L. Berger, Technometrics 24, 1982).
pub(super) fn correct_for_many(mut findings: Vec<Finding>) -> Vec<Finding> {
    let compared: Vec<usize> = (0..findings.len())
        .filter(|index| findings[*index].chance.is_some())
        .collect();
    let chances: Vec<f64> = compared
        .iter()
        .filter_map(|index| findings[*index].chance)
        .collect();
    for (index, rejected) in compared.iter().zip(holm(&chances, FALSE_FAILURES)) {
        let finding = &mut findings[*index];
        if finding.verdict == Verdict::Fail && !rejected {
            finding.verdict = Verdict::NoVerdict;
            finding.sentence += &format!(
                ", which may be luck among {} at once: run more blocks",
                counted(compared.len() as u64, "comparison", "comparisons")
            );
        }
    }
    findings
}

/// Judges a cell on which no threshold applies: it must have been measured, and something must
/// have succeeded.
pub(super) fn measured(cell: &Figures<'_>) -> Finding {
    if let Some(finding) = unmeasured(cell) {
        return finding;
    }
    let total = &cell.total;
    let all = counted(total.attempted, "transaction", "transactions");
    if total.succeeded == 0 {
        return Finding {
            offence: f64::INFINITY,
            ..Finding::bare(Verdict::Fail, format!("none of {all} succeeded"))
        };
    }
    let rate = total.figure(Metric::SuccessRate);
    Finding {
        measured: rate.map(Measured::Figure),
        ..Finding::bare(Verdict::Pass, format!("{all} were measured"))
    }
}

/// Judges what was found of an invariant, which must have been looked at.
pub(super) fn invariant(check: &InvariantCheck) -> Finding {
    let verdict = match check {
        InvariantCheck {
            violations: 1.., ..
        } => Verdict::Fail,
        InvariantCheck { looks: 0, .. } => Verdict::NoVerdict,
        InvariantCheck { .. } => Verdict::Pass,
    };
    let bare = Finding::bare(verdict, format!("{} {}", check.name, looks(check)));
    Finding {
        // Data that are wrong come before everything that is slow.
        offence: if verdict == Verdict::Fail {
            f64::INFINITY
        } else {
            0.0
        },
        ..bare
    }
}

/// Judges a cell by a threshold; the reference of a relative one is among the `others`.
pub(super) fn by_threshold(
    threshold: &Threshold,
    cell: &Figures<'_>,
    others: &Others<'_>,
) -> Finding {
    if let Some(finding) = obstacle(threshold, cell, others) {
        return finding;
    }
    match &threshold.bound {
        Bound::Absolute(bound) => by_figure(threshold, *bound, cell),
        Bound::Relative { factor, target } if target == BASELINE => match others.before {
            Before::Found {
                cpu_differs: Some(reason),
                ..
            } if threshold.metric == Metric::Cpu => {
                Finding::bare(Verdict::NoVerdict, reason.clone())
            }
            Before::Found { figures, .. } => by_shift(threshold, *factor, cell, figures),
            Before::Missing(reason) => Finding::bare(Verdict::NoVerdict, reason.clone()),
        },
        Bound::Relative { factor, target } => match others.reference(threshold) {
            Some(reference) => by_ratio(threshold, *factor, cell, reference),
            None => Finding::bare(
                Verdict::NoVerdict,
                format!(
                    "{target}, to compare with, was not part of the run{}",
                    instead(
                        target,
                        others.cells.iter().map(|one| one.cell.target.as_str())
                    )
                ),
            ),
        },
    }
}

/// The target that was meant, where a slip of the hand explains its name.
pub(super) fn instead<'a>(name: &str, present: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, present)
        .map(|near| format!("; did you mean {near}?"))
        .unwrap_or_default()
}

/// An absolute bound is about what happened in this run, so the figure itself is compared.
fn by_figure(threshold: &Threshold, bound: Quantity, cell: &Figures<'_>) -> Finding {
    let metric = threshold.metric;
    let Some(figure) = cell.total.figure(metric) else {
        let sentence = format!("there is no figure for {}", heading(metric));
        return Finding::bare(Verdict::NoVerdict, sentence);
    };
    let kept = threshold.comparison.holds(figure.value(), bound.value());
    if kept && metric == Metric::Recovery && unrecovered(cell) {
        return Finding::bare(
            Verdict::NoVerdict,
            format!(
                "the target did not serve as before when its window ended or the next fault came, with \
                 {} as the longest time seen: run longer",
                quantity(figure)
            ),
        );
    }
    let limit = limit(threshold.comparison);
    Finding {
        verdict: if kept { Verdict::Pass } else { Verdict::Fail },
        measured: Some(Measured::Figure(figure)),
        sentence: format!(
            "{} is {}, {limit} {bound} was asked",
            heading(metric),
            if kept {
                quantity(figure)
            } else {
                distinct(figure, bound)
            },
        ),
        offence: offence(threshold, figure.value(), bound.value()),
        chance: None,
    }
}

/// Whether a window ended, or the next fault came, before the target had recovered.
fn unrecovered(cell: &Figures<'_>) -> bool {
    let mut faults = cell.cell.windows.iter().flat_map(|window| &window.faults);
    faults.any(|fault| fault.recovered_after_ms.is_none())
}

/// The figure as tables show it, with all its digits where it would look equal to its bound.
fn distinct(figure: Quantity, bound: Quantity) -> String {
    let text = quantity(figure);
    if text == quantity(bound) {
        figure.to_string()
    } else {
        text
    }
}

fn limit(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::AtMost => "at most",
        Comparison::Below => "below",
        Comparison::AtLeast => "at least",
        Comparison::Above => "above",
    }
}

/// A relative bound is about the targets, of which the run is a sample: the whole interval must
/// keep it.
fn by_ratio(
    threshold: &Threshold,
    bound: f64,
    cell: &Figures<'_>,
    reference: &Figures<'_>,
) -> Finding {
    let name = called(&reference.cell.target);
    if let Some(Finding { sentence, .. }) =
        unmeasured(reference).or_else(|| generator_bound(threshold, reference))
    {
        return Finding::bare(
            Verdict::NoVerdict,
            format!("{name}, to compare with: {sentence}"),
        );
    }
    let metric = threshold.metric;
    let Some(ratio) = cell.ratio_to(reference, metric) else {
        let sentence = format!(
            "no block has a figure for {} on both sides",
            heading(metric)
        );
        return Finding::bare(Verdict::NoVerdict, sentence);
    };
    let (verdict, reason) = match ratio.keeps(threshold.comparison, bound) {
        Answer::TooFewBlocks => (
            Verdict::NoVerdict,
            format!(
                "and {} give no 95 % interval, which takes {BLOCKS_FOR_INTERVAL}",
                counted(ratio.blocks.len() as u64, "block", "blocks"),
            ),
        ),
        given => answer(threshold, given, bound),
    };
    Finding {
        verdict,
        sentence: format!(
            "{} is {} {name}'s, {reason}",
            heading(metric),
            ratio_text(&ratio)
        ),
        offence: offence(threshold, ratio.median, bound),
        chance: Some(ratio.chance_of_breaking(threshold.comparison, bound)),
        measured: Some(Measured::Ratio(ratio)),
    }
}

/// A bound relative to an earlier run, whose blocks are no pairs with those of this one.
fn by_shift(
    threshold: &Threshold,
    bound: f64,
    cell: &Figures<'_>,
    before: &Figures<'_>,
) -> Finding {
    let metric = threshold.metric;
    if let Some(Finding { sentence, .. }) = generator_bound(threshold, before) {
        let sentence = format!("the baseline, to compare with: {sentence}");
        return Finding::bare(Verdict::NoVerdict, sentence);
    }
    if cell.total.succeeded == 0 && before.total.succeeded == 0 {
        let sentence = "nothing succeeded, and nothing did in the baseline".to_owned();
        return Finding::bare(Verdict::NoVerdict, sentence);
    }
    let shift = Shift::between(&cell.values(metric), &before.values(metric));
    let Some(shift) = shift else {
        return no_shift(metric, cell, before);
    };
    let (verdict, reason) = match shift.interval {
        Some(interval) => answer(
            threshold,
            keeps(interval, threshold.comparison, bound),
            bound,
        ),
        None => (
            Verdict::NoVerdict,
            "and so few blocks give no 95 % interval, which takes four of each run".to_owned(),
        ),
    };
    let range = shift.interval.map_or_else(String::new, |range: Interval| {
        format!(" ({})", interval_text(range))
    });
    Finding {
        verdict,
        sentence: format!(
            "{} is {}{range} the baseline's, {reason}",
            heading(metric),
            factor_text(shift.factor)
        ),
        offence: offence(threshold, shift.factor, bound),
        chance: Some(match threshold.comparison.wants() {
            Better::Lower => shift.chance_above(bound),
            Better::Higher => shift.chance_below(bound),
        }),
        measured: Some(Measured::Shift(shift)),
    }
}

/// Why a cell has no figure to hold against its baseline. What runs no processes of its own, such as
/// PostgreSQL asked directly, has no cost that could have grown.
fn no_shift(metric: Metric, cell: &Figures<'_>, before: &Figures<'_>) -> Finding {
    let counted = |side: &Figures<'_>| side.total.target.windows > 0;
    if matches!(metric, Metric::Cpu | Metric::Memory) && !counted(cell) && !counted(before) {
        let name = called(&cell.cell.target);
        return Finding::bare(
            Verdict::NotApplicable,
            format!("{name} ran no processes of its own, in neither run"),
        );
    }
    let without = match (cell.values(metric).len(), before.values(metric).len()) {
        (0, 0) => "both runs have",
        (0, _) => "this run has",
        (_, _) => "the baseline has",
    };
    let sentence = format!("{without} no figure for {}", heading(metric));
    Finding::bare(Verdict::NoVerdict, sentence)
}

fn answer(threshold: &Threshold, given: Answer, bound: f64) -> (Verdict, String) {
    let limit = limit(threshold.comparison);
    let bound_text = format!("{} ×", round(bound));
    match given {
        Answer::Yes => (Verdict::Pass, format!("{limit} {bound_text} was asked")),
        Answer::No => (Verdict::Fail, format!("{limit} {bound_text} was asked")),
        Answer::Spans | Answer::TooFewBlocks => (
            Verdict::NoVerdict,
            format!("and its interval spans the bound of {bound_text}: run more blocks"),
        ),
    }
}

/// How far beyond its bound a figure lies, as a factor. Success rates are compared by what they
/// leave over: 99 % where 99.9 % was asked is ten times the failures.
fn offence(threshold: &Threshold, figure: f64, bound: f64) -> f64 {
    /// Failures in percent that count as none, so that a bound of 100 % divides by something.
    const NO_FAILURES: f64 = 1e-4;
    let absolute_rate =
        threshold.metric == Metric::SuccessRate && matches!(threshold.bound, Bound::Absolute(_));
    let over = if absolute_rate {
        (100.0 - bound + NO_FAILURES) / (100.0 - figure + NO_FAILURES)
    } else {
        figure / bound
    };
    match threshold.comparison.wants() {
        Better::Lower => over,
        Better::Higher => over.recip(),
    }
}

/// A bound as it was given, without the digits that a division left.
fn round(bound: f64) -> f64 {
    (bound * 1e4).round() / 1e4
}
