//! A record arranged as its reports show it: scenarios, columns, ratios to a reference, and what
//! they come to in words.

use poolproof_scenarios::threshold::Metric;

use crate::{
    RunRecord,
    figures::Figures,
    format,
    record::{CellStatus, ScenarioRun},
    statistics::{BLOCKS_FOR_INTERVAL, Effect, Ratio},
};

/// The difference that does not matter: 5 %.
pub const MARGIN: f64 = 0.05;

/// The figures of a side-by-side table, in its order.
pub const METRICS: [Metric; 9] = [
    Metric::SuccessRate,
    Metric::Throughput,
    Metric::P50,
    Metric::P90,
    Metric::P99,
    Metric::P999,
    Metric::LatencyMax,
    Metric::Cpu,
    Metric::Memory,
];

/// A record, arranged.
#[derive(Clone, Debug)]
pub struct Overview<'a> {
    /// The record itself.
    pub record: &'a RunRecord,
    /// The target to which the others are compared: PgBouncer, or the first where it did not run.
    /// A run of one target has none.
    pub reference: Option<&'a str>,
    /// One for each scenario of the record.
    pub scenarios: Vec<ScenarioView<'a>>,
}

/// One scenario, arranged.
#[derive(Clone, Debug)]
pub struct ScenarioView<'a> {
    /// The scenario and its cells.
    pub run: &'a ScenarioRun,
    /// One for each target.
    pub columns: Vec<Column<'a>>,
    /// Blocks of the column that has most.
    pub blocks: usize,
    /// What targets that ran twice show of the machine.
    pub noise: Vec<Noise>,
}

/// A target against itself: two instances of the same program, so that every difference between
/// them is the machine's.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// Name of the first instance; the second is called the same with `-2` behind it.
    pub target: String,
    /// Second instance ÷ first.
    pub contrasts: Vec<Contrast>,
}

/// Ends the name of a second instance.
const TWIN: &str = "-2";

/// One target under one scenario.
#[derive(Clone, Debug)]
pub struct Column<'a> {
    /// Fixes the target's colour and marker, the same for a well-known name in every report.
    pub index: usize,
    /// Its figures.
    pub figures: Figures<'a>,
    /// Ratios to the reference, for those of [`METRICS`] that have one.
    pub contrasts: Vec<Contrast>,
}

/// How a target compares with the reference in one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    /// The metric.
    pub metric: Metric,
    /// Target ÷ reference.
    pub ratio: Ratio,
    /// What the ratio shows; absent where the run gives no verdict on the metric.
    pub effect: Option<Effect>,
}

impl<'a> Overview<'a> {
    /// Arranges `record`.
    #[must_use]
    pub fn of(record: &'a RunRecord) -> Self {
        let reference = reference(record);
        let view = |run| ScenarioView::of(record, run, reference);
        Self {
            record,
            reference,
            scenarios: record.scenarios.iter().map(view).collect(),
        }
    }
}

fn reference(record: &RunRecord) -> Option<&str> {
    let names = || record.targets.iter().map(|target| target.name.as_str());
    match names().count() {
        0 | 1 => None,
        _ => names()
            .find(|name| *name == "pgbouncer")
            .or_else(|| names().next()),
    }
}

impl<'a> ScenarioView<'a> {
    fn of(record: &'a RunRecord, run: &'a ScenarioRun, reference: Option<&str>) -> Self {
        let figures: Vec<_> = run.cells.iter().map(Figures::of).collect();
        let blocks = figures.iter().map(|one| one.blocks.len()).max();
        let contrasts: Vec<_> = figures
            .iter()
            .map(|mine| contrasts(mine, &figures, reference))
            .collect();
        let noise = figures.iter().filter_map(|one| noise(one, &figures));
        let noise = noise.collect();
        let columns = figures.into_iter().zip(contrasts);
        let columns = columns.map(|(figures, contrasts)| Column {
            index: index_of(record, &figures.cell.target),
            figures,
            contrasts,
        });
        Self {
            run,
            columns: columns.collect(),
            blocks: blocks.unwrap_or(0),
            noise,
        }
    }

    /// Whether there are too few blocks for intervals.
    #[must_use]
    pub fn lacks_intervals(&self) -> bool {
        self.blocks < BLOCKS_FOR_INTERVAL
    }

    /// What the targets come to against the reference, a sentence each.
    #[must_use]
    pub fn sentences(&self, reference: &str) -> Vec<String> {
        let mut columns = self.columns.iter();
        let obstacle = columns
            .find(|column| column.name() == reference)
            .and_then(Column::unmeasured);
        self.columns
            .iter()
            .filter(|column| column.name() != reference)
            .map(|column| column.sentence(reference, obstacle))
            .collect()
    }
}

/// Targets that look the same in every report, whoever else ran.
const WELL_KNOWN: [&str; 3] = ["direct", "proxy", "pgbouncer"];

/// The index of a target's looks: the others come after the well-known ones, in order of the run.
fn index_of(record: &RunRecord, name: &str) -> usize {
    let known = |name: &str| WELL_KNOWN.iter().position(|known| *known == name);
    known(name).unwrap_or_else(|| {
        let names = record.targets.iter().map(|target| target.name.as_str());
        let others = names.filter(|name| known(name).is_none());
        WELL_KNOWN.len() + others.take_while(|other| *other != name).count()
    })
}

fn contrasts(mine: &Figures<'_>, all: &[Figures<'_>], reference: Option<&str>) -> Vec<Contrast> {
    let other = all
        .iter()
        .find(|one| Some(one.cell.target.as_str()) == reference);
    let Some(other) = other.filter(|other| other.cell.target != mine.cell.target) else {
        return Vec::new();
    };
    // What is left of a side that broke or says nothing about its target is no figure to compare.
    if [mine, other]
        .iter()
        .any(|side| side.cell.status != CellStatus::Measured)
    {
        return Vec::new();
    }
    let generator_bound = mine.generator_bound() || other.generator_bound();
    METRICS
        .into_iter()
        .filter(|metric| *metric != Metric::SuccessRate)
        .filter_map(|metric| {
            let shown = |side: &Figures<'_>| side.poorest_block(metric).is_none();
            let ratio = mine.ratio_to(other, metric)?;
            if !shown(mine) || !shown(other) {
                return None;
            }
            let judged = !(metric == Metric::Throughput && generator_bound);
            Some(Contrast {
                metric,
                effect: judged.then(|| ratio.effect(metric.better(), MARGIN)),
                ratio,
            })
        })
        .collect()
}

/// What a second instance shows against the first one, where both ran.
fn noise(twin: &Figures<'_>, all: &[Figures<'_>]) -> Option<Noise> {
    let target = twin.cell.target.strip_suffix(TWIN)?;
    let contrasts = contrasts(twin, all, Some(target));
    (!contrasts.is_empty()).then(|| Noise {
        target: target.to_owned(),
        contrasts,
    })
}

impl Noise {
    /// What the noise is, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let shown = [Metric::Throughput, Metric::P50, Metric::P99, Metric::Cpu];
        let told: Vec<String> = shown
            .into_iter()
            .filter_map(|metric| {
                let contrast = self.contrasts.iter().find(|one| one.metric == metric)?;
                let name = format::metric(metric);
                Some(format!("{name} {}", format::ratio(&contrast.ratio)))
            })
            .collect();
        format!(
            "{} against itself, which shows this machine's own noise: {}",
            self.target,
            told.join(", ")
        )
    }
}

impl ScenarioView<'_> {
    /// The smallest differences from the reference that this run could have shown, in a sentence;
    /// `None` without intervals. Where targets differ in how noisy they are, the noisiest is told.
    #[must_use]
    pub fn sensitivity(&self) -> Option<String> {
        let shown = [Metric::Throughput, Metric::P50, Metric::P99, Metric::Cpu];
        let told: Vec<String> = shown
            .into_iter()
            .filter_map(|metric| {
                let contrasts = self.columns.iter().filter_map(|one| one.contrast(metric));
                let smallest = contrasts.filter_map(|one| one.ratio.smallest_difference());
                let noisiest = smallest.reduce(f64::max)?;
                let name = format::metric(metric);
                Some(format!("{name} {:.0} %", (100.0 * noisiest).ceil()))
            })
            .collect();
        (!told.is_empty()).then(|| {
            format!(
                "The smallest differences that these blocks could have shown: {}",
                told.join(", ")
            )
        })
    }
}

impl Column<'_> {
    /// The target's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.figures.cell.target
    }

    /// The contrast in `metric`, where there is one.
    #[must_use]
    pub fn contrast(&self, metric: Metric) -> Option<&Contrast> {
        self.contrasts
            .iter()
            .find(|contrast| contrast.metric == metric)
    }

    /// Why the column has no figures; `None` when it was measured.
    #[must_use]
    pub fn unmeasured(&self) -> Option<(&'static str, &str)> {
        match &self.figures.cell.status {
            CellStatus::Measured => None,
            CellStatus::Unsupported { reason } => Some(("unsupported", reason)),
            CellStatus::Invalid { reason } => Some(("invalid", reason)),
            CellStatus::Broken { reason } => Some(("broken", reason)),
        }
    }

    /// `proxy: 1.34 × PgBouncer's throughput at 0.81 × its CPU`, with what the run can say about
    /// each. `obstacle` is why the reference has no figures, if it has none.
    fn sentence(&self, reference: &str, obstacle: Option<(&str, &str)>) -> String {
        let name = self.name();
        if let Some((status, reason)) = self.unmeasured() {
            return format!("{name}: {status}, {reason}");
        }
        let called = format::target(reference);
        if let Some((status, reason)) = obstacle {
            // The lines of a log, which may follow, are told where the reference itself is.
            let reason = reason.lines().next().unwrap_or_default();
            return format!("{name}: nothing to compare with, as {called} is {status}, {reason}");
        }
        let Some(throughput) = self.contrast(Metric::Throughput) else {
            return format!("{name}: nothing to compare with {called}");
        };
        let mut text = format!(
            "{name}: {} {called}'s throughput{}",
            format::factor(throughput.ratio.median),
            remark(throughput),
        );
        if let Some(cpu) = self.contrast(Metric::Cpu) {
            let factor = format::factor(cpu.ratio.median);
            text += &format!(" at {factor} its CPU a transaction{}", remark(cpu));
        }
        if let Some(p99) = self.contrast(Metric::P99) {
            let factor = format::factor(p99.ratio.median);
            text += &format!(", p99 {factor}{}", remark(p99));
        }
        text
    }
}

/// What a contrast shows, in brackets; nothing where there are too few blocks to tell.
fn remark(contrast: &Contrast) -> String {
    match contrast.effect {
        None => " (not judged: the generator was the limit)".to_owned(),
        Some(_) if contrast.ratio.interval.is_none() => String::new(),
        Some(effect) => format!(" ({})", effect_name(effect)),
    }
}

/// The effect in the words of the documentation.
#[must_use]
pub fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Better => "better",
        Effect::Worse => "worse",
        Effect::NoDifference => "no difference within 5 %",
        Effect::Unclear => "unclear",
    }
}

#[cfg(test)]
mod tests;
