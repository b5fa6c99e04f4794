//! Figures drawn from windows: what a cell shows as a whole, block by block, and against another.

use std::{collections::BTreeMap, time::Duration};

use poolproof_scenarios::threshold::{Better, Metric, Quantity};

use crate::{
    Latency,
    record::{Cell, Cost, ErrorClass, FaultMark, Window},
    statistics::{Interval, Ratio, wilson},
};

/// Windows merged: counts added, histograms merged, never an average of percentiles.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Windows merged.
    pub windows: u32,
    /// Their lengths together.
    pub duration: Duration,
    /// Transactions attempted.
    pub attempted: u64,
    /// Transactions succeeded.
    pub succeeded: u64,
    /// Failures by class.
    pub errors: BTreeMap<ErrorClass, u64>,
    /// The first message of each class.
    pub error_samples: BTreeMap<ErrorClass, String>,
    /// Latency of successes.
    pub latency: Latency,
    /// Time from the actual send to the answer, of open loads.
    pub service: Latency,
    /// Longest time that it took to recover from a fault; `None` without faults.
    pub recovery: Option<Duration>,
    /// Time to connect and log in.
    pub connect_latency: Latency,
    /// What the target used.
    pub target: Usage,
    /// What PostgreSQL used.
    pub postgres: Usage,
    /// What the generator used.
    pub generator: Usage,
    /// Windows in which the generator was the limit.
    pub generator_bound_windows: u32,
}

/// Processor time and memory over the windows in which they were measured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Windows with a measurement.
    pub windows: u32,
    /// User and system time.
    pub cpu: Duration,
    /// Transactions that succeeded in those windows.
    pub succeeded: u64,
    /// Largest resident memory of any window.
    pub peak_rss_bytes: u64,
}

impl Usage {
    fn add(&mut self, cost: Option<&Cost>, succeeded: u64) {
        let Some(cost) = cost else { return };
        self.windows += 1;
        self.cpu += Duration::from_micros(cost.cpu_us);
        self.succeeded += succeeded;
        self.peak_rss_bytes = self.peak_rss_bytes.max(cost.peak_rss_bytes);
    }

    /// Processor time for each transaction that succeeded; `None` where either is missing.
    #[must_use]
    pub fn cpu_per_transaction(self) -> Option<Duration> {
        let measured = self.windows > 0 && self.succeeded > 0;
        measured.then(|| self.cpu.div_f64(self.succeeded as f64))
    }

    /// Peak resident memory in bytes; `None` where it was not measured.
    #[must_use]
    pub fn peak_rss_bytes(self) -> Option<u64> {
        (self.windows > 0).then_some(self.peak_rss_bytes)
    }
}

impl Summary {
    /// Merges `windows`.
    #[must_use]
    pub fn of<'a>(windows: impl IntoIterator<Item = &'a Window>) -> Self {
        let mut summary = Self::default();
        for window in windows {
            summary.add(window);
        }
        summary
    }

    fn add(&mut self, window: &Window) {
        let Window {
            block: _,
            started_ms: _,
            series: _,
            duration_us,
            attempted,
            succeeded,
            errors,
            error_samples,
            latency,
            failed_latency: _,
            connect_latency,
            target_cost,
            postgres_cost,
            generator_cost,
            generator_bound,
            open_loop,
            knee: _,
            invalid: _,
            faults,
            invariants: _,
        } = window;
        self.windows += 1;
        self.duration += Duration::from_micros(*duration_us);
        self.attempted += attempted;
        self.succeeded += succeeded;
        for (class, count) in errors {
            *self.errors.entry(class.clone()).or_default() += count;
        }
        for (class, sample) in error_samples {
            let kept = self.error_samples.entry(class.clone());
            kept.or_insert_with(|| sample.clone());
        }
        self.latency.merge(latency);
        if let Some(open) = open_loop {
            self.service.merge(&open.service);
        }
        self.connect_latency.merge(connect_latency);
        let lasted_ms = duration_us / 1_000;
        self.recovery = self.recovery.max(recovery(faults, lasted_ms));
        self.target.add(target_cost.as_ref(), *succeeded);
        self.postgres.add(postgres_cost.as_ref(), *succeeded);
        self.generator.add(generator_cost.as_ref(), *succeeded);
        self.generator_bound_windows += u32::from(*generator_bound);
    }

    /// Transactions that did not succeed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.attempted.saturating_sub(self.succeeded)
    }

    /// The figure of `metric`; `None` when nothing was measured from which it could come.
    #[must_use]
    pub fn figure(&self, metric: Metric) -> Option<Quantity> {
        match metric {
            Metric::SuccessRate => (self.attempted > 0)
                .then(|| Quantity::Percent(100.0 * self.succeeded as f64 / self.attempted as f64)),
            Metric::Throughput => (!self.duration.is_zero() && self.attempted > 0)
                .then(|| Quantity::PerSecond(self.succeeded as f64 / self.duration.as_secs_f64())),
            Metric::Latency(percentile) => self
                .latency
                .percentile(percentile.percent())
                .map(Quantity::Time),
            Metric::LatencyMax => self.latency.max().map(Quantity::Time),
            Metric::Service(percentile) => self
                .service
                .percentile(percentile.percent())
                .map(Quantity::Time),
            // Windows without faults have nothing to recover from.
            Metric::Recovery => self.recovery.map(Quantity::Time),
            Metric::Cpu => self.target.cpu_per_transaction().map(Quantity::Time),
            Metric::Memory => self.target.peak_rss_bytes().map(Quantity::Bytes),
        }
    }

    /// Successes behind a percentile, and how many it takes; `None` for other metrics.
    #[must_use]
    pub fn samples(&self, metric: Metric) -> Option<(u64, u64)> {
        let (percentile, samples) = match metric {
            Metric::Latency(percentile) => (percentile, &self.latency),
            Metric::Service(percentile) => (percentile, &self.service),
            _ => return None,
        };
        Some((samples.len(), percentile.samples_needed()))
    }

    /// Whether everything that was attempted failed.
    fn is_dead(&self) -> bool {
        self.attempted > 0 && self.succeeded == 0
    }

    /// The figure as it is compared. Where nothing succeeded, latencies and the cost of a success are
    /// beyond every bound; a time or a size of 0 is less than was measured, and no figure.
    fn compared(&self, metric: Metric) -> Option<f64> {
        let of_successes = matches!(
            metric,
            Metric::Latency(_) | Metric::LatencyMax | Metric::Service(_)
        ) || (metric == Metric::Cpu && self.target.windows > 0);
        if of_successes && self.is_dead() {
            return Some(f64::INFINITY);
        }
        let value = self.figure(metric)?.value();
        (value > 0.0 || metric.better() == Better::Higher).then_some(value)
    }

    /// Wilson's interval of the success rate, in percent.
    #[must_use]
    pub fn success_interval(&self) -> Option<Interval> {
        let Interval { low, high } = wilson(self.succeeded, self.attempted)?;
        Some(Interval {
            low: 100.0 * low,
            high: 100.0 * high,
        })
    }
}

/// The longest time that the target took to recover from one of `faults`, in the order in which they came.
/// Where it did not, all that was seen of it counts, until the next fault or the end of the window of
/// `lasted_ms`: the least that it can have taken.
fn recovery(faults: &[FaultMark], lasted_ms: u64) -> Option<Duration> {
    let begins = faults.iter().map(|fault| fault.at_ms);
    let ends = begins.skip(1).chain([lasted_ms]);
    let took = faults.iter().zip(ends).map(|(fault, end)| {
        let seen = || end.saturating_sub(fault.at_ms);
        fault.recovered_after_ms.unwrap_or_else(seen)
    });
    took.max().map(Duration::from_millis)
}

/// A cell with its figures.
#[derive(Clone, Debug)]
pub struct Figures<'a> {
    /// The cell itself.
    pub cell: &'a Cell,
    /// All its windows.
    pub total: Summary,
    /// Its windows block by block.
    pub blocks: BTreeMap<u32, Summary>,
}

impl<'a> Figures<'a> {
    /// Draws the figures of `cell`.
    #[must_use]
    pub fn of(cell: &'a Cell) -> Self {
        let mut blocks: BTreeMap<u32, Summary> = BTreeMap::new();
        for window in &cell.windows {
            blocks.entry(window.block).or_default().add(window);
        }
        Self {
            cell,
            total: Summary::of(&cell.windows),
            blocks,
        }
    }

    /// This cell ÷ `other` in each block in which both have a figure; `None` without such a block. A
    /// block in which neither had a success tells nothing about the two and is left out.
    #[must_use]
    pub fn ratio_to(&self, other: &Self, metric: Metric) -> Option<Ratio> {
        let ratios = self.blocks.iter().filter_map(|(block, mine)| {
            let theirs = other.blocks.get(block)?.compared(metric)?;
            let ratio = mine.compared(metric)? / theirs;
            (!ratio.is_nan()).then_some(ratio)
        });
        Ratio::new(ratios.collect())
    }

    /// The figure of `metric` in each block that has one, in order of the blocks: 0, or infinite,
    /// where nothing succeeded.
    #[must_use]
    pub fn values(&self, metric: Metric) -> Vec<f64> {
        let blocks = self.blocks.values();
        blocks.filter_map(|one| one.compared(metric)).collect()
    }

    /// Blocks in which everything that was attempted failed.
    #[must_use]
    pub fn dead_blocks(&self) -> usize {
        self.blocks.values().filter(|one| one.is_dead()).count()
    }

    /// The fewest successes of a block that are too few to show the percentile `metric`; blocks
    /// without any count as infinitely slow instead.
    #[must_use]
    pub fn poorest_block(&self, metric: Metric) -> Option<u64> {
        let alive = self.blocks.values().filter(|one| one.succeeded > 0);
        let samples = alive.filter_map(|one| one.samples(metric));
        let few = samples.filter(|(got, needed)| got < needed);
        few.map(|(got, _)| got).min()
    }

    /// Whether the generator was the limit in any window, so that throughput says more about it
    /// than about the target.
    #[must_use]
    pub fn generator_bound(&self) -> bool {
        self.total.generator_bound_windows > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::CellStatus;

    fn window(block: u32, succeeded: u64, failed: u64, micros: u64) -> Window {
        let mut latency = Latency::default();
        for _ in 0..succeeded {
            latency.record(Duration::from_micros(micros));
        }
        Window {
            block,
            duration_us: 2_000_000,
            attempted: succeeded + failed,
            succeeded,
            errors: BTreeMap::from([(ErrorClass::Timeout, failed)]),
            latency,
            target_cost: Some(Cost {
                cpu_us: 50 * succeeded,
                peak_rss_bytes: 1_000 * u64::from(block + 1),
            }),
            ..Window::default()
        }
    }

    fn cell(windows: Vec<Window>) -> Cell {
        Cell {
            target: "proxy".to_owned(),
            status: CellStatus::Measured,
            windows,
            warm_up: None,
        }
    }

    #[test]
    fn recovery_is_the_longest_and_what_did_not_recover_counts_as_far_as_it_was_seen() {
        let mark = |at_ms, recovered_after_ms| FaultMark {
            at_ms,
            recovered_after_ms,
            ..FaultMark::default()
        };
        let recovery = |faults: Vec<FaultMark>| {
            let window = Window {
                duration_us: 5_000_000,
                faults,
                ..Window::default()
            };
            Summary::of([&window]).figure(Metric::Recovery)
        };
        assert_eq!(recovery(Vec::new()), None);
        let ms = |millis| Some(Quantity::Time(Duration::from_millis(millis)));
        assert_eq!(
            recovery(vec![mark(1_000, Some(300)), mark(2_000, Some(0))]),
            ms(300)
        );
        // It was looked at until the next fault or the end of the window, and no longer.
        assert_eq!(
            recovery(vec![mark(1_000, None), mark(3_000, Some(0))]),
            ms(2_000)
        );
        assert_eq!(
            recovery(vec![mark(1_000, Some(0)), mark(2_000, None)]),
            ms(3_000)
        );
    }

    #[test]
    fn windows_merge() {
        let cell = cell(vec![window(0, 90, 10, 100), window(1, 10, 0, 1_000)]);
        let total = Figures::of(&cell).total;
        assert_eq!(
            (total.attempted, total.succeeded, total.failed()),
            (110, 100, 10)
        );
        assert_eq!(total.errors[&ErrorClass::Timeout], 10);
        let rate = total.figure(Metric::SuccessRate).unwrap().value();
        assert!((rate - 90.909_090).abs() < 1e-5);
        assert_eq!(
            total.figure(Metric::Throughput),
            Some(Quantity::PerSecond(25.0))
        );
        // 90 of 100 samples are 100 µs: the mean of both windows' p90 would be 550 µs.
        let p90 = total.figure(Metric::P90).unwrap().value();
        assert!((p90 - 100e-6).abs() < 1e-9);
        let cpu = Quantity::Time(Duration::from_micros(50));
        assert_eq!(total.figure(Metric::Cpu), Some(cpu));
        assert_eq!(total.figure(Metric::Memory), Some(Quantity::Bytes(2_000)));
    }

    #[test]
    fn nothing_measured_gives_no_figure() {
        let empty = Summary::of([]);
        let metrics = [
            Metric::SuccessRate,
            Metric::Throughput,
            Metric::P99,
            Metric::LatencyMax,
            Metric::Cpu,
            Metric::Memory,
        ];
        for metric in metrics {
            assert_eq!(empty.figure(metric), None, "{metric}");
        }
    }

    #[test]
    fn ratios_pair_the_blocks() {
        let subject = cell(vec![
            window(0, 300, 0, 10),
            window(1, 100, 0, 10),
            window(2, 50, 0, 10),
        ]);
        let reference = cell(vec![
            window(1, 50, 0, 10),
            window(0, 100, 0, 10),
            window(3, 9, 0, 10),
        ]);
        let ratio = Figures::of(&subject)
            .ratio_to(&Figures::of(&reference), Metric::Throughput)
            .unwrap();
        assert_eq!(ratio.blocks, [3.0, 2.0]);
        assert_eq!((ratio.median, ratio.interval), (2.5, None));
    }
}
