//! Two sides compared block by block.

use poolproof_scenarios::threshold::{Better, Comparison};

use super::{Interval, median, median_interval, sign_test};

/// How one side relates to another: a ratio for each block, in which both ran next to each other
/// in time, so that what slows the machine for a while slows both.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Median of the blocks.
    pub median: f64,
    /// 95 % interval of the median; absent when there are too few blocks.
    pub interval: Option<Interval>,
    /// The ratio of each block, in order.
    pub blocks: Vec<f64>,
}

/// What a ratio shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The whole interval lies on the good side of 1.
    Better,
    /// The whole interval lies on the bad side of 1.
    Worse,
    /// The whole interval lies within the margin around 1.
    NoDifference,
    /// The run cannot tell.
    Unclear,
}

/// Whether a ratio keeps a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The whole interval keeps it.
    Yes,
    /// The whole interval breaks it.
    No,
    /// The interval spans it.
    Spans,
    /// There are too few blocks for an interval.
    TooFewBlocks,
}

impl Ratio {
    /// From one ratio for each block; `None` without blocks.
    #[must_use]
    pub fn new(blocks: Vec<f64>) -> Option<Self> {
        Some(Self {
            median: median(&blocks)?,
            interval: median_interval(&blocks),
            blocks,
        })
    }

    /// What the ratio shows for a metric that improves towards `better`. `margin` is the difference
    /// that does not matter, 0.05 for 5 %; it reaches from 1 ÷ (1 + margin) to 1 + margin, so that
    /// the answer is the same when the sides change places.
    ///
    /// Within the margin is asked first, as in the two one-sided tests of Schuirmann (Journal of
    /// Pharmacokinetics and Biopharmaceutics 15, 1987): a difference that is proven and does not
    /// matter is none.
    #[must_use]
    pub fn effect(&self, better: Better, margin: f64) -> Effect {
        let Some(interval) = self.interval else {
            return Effect::Unclear;
        };
        let good = match better {
            Better::Higher => interval,
            Better::Lower => interval.inverse(),
        };
        let limit = 1.0 + margin;
        if good.low >= limit.recip() && good.high <= limit {
            Effect::NoDifference
        } else if good.low > 1.0 {
            Effect::Better
        } else if good.high < 1.0 {
            Effect::Worse
        } else {
            Effect::Unclear
        }
    }

    /// The smallest difference that these blocks could have shown, 0.08 for 8 %: were both sides
    /// further apart by this factor in either direction, the whole interval would lie beyond 1.
    /// `None` when there are too few blocks for an interval, or it reaches to 0 or has no end.
    ///
    /// The interval of the median moves with its blocks, so that the distance from the median to
    /// the further of its ends is what a difference has to exceed; nothing is assumed of the noise.
    #[must_use]
    pub fn smallest_difference(&self) -> Option<f64> {
        let Interval { low, high } = self.interval?;
        let furthest = (self.median / low).max(high / self.median);
        // A block in which a side stood still leaves no difference that could not have been.
        furthest.is_finite().then_some(furthest - 1.0)
    }

    /// The chance of blocks that break `comparison` with `factor` as these do, when the true ratio
    /// stands at the bound.
    #[must_use]
    pub fn chance_of_breaking(&self, comparison: Comparison, factor: f64) -> f64 {
        let broken = self.blocks.iter();
        let broken = broken.filter(|block| !comparison.holds(**block, factor));
        sign_test(broken.count(), self.blocks.len())
    }

    /// Whether the ratio keeps `comparison` with `factor`: a test of non-inferiority, in which a
    /// pass is wrong with at most 2.5 % and a failure as well. Being better than the bound must be
    /// shown; not having been shown worse is no pass.
    #[must_use]
    pub fn keeps(&self, comparison: Comparison, factor: f64) -> Answer {
        match self.interval {
            Some(interval) => keeps(interval, comparison, factor),
            None => Answer::TooFewBlocks,
        }
    }
}

/// Whether a ratio with this 95 % interval keeps `comparison` with `factor`; see [`Ratio::keeps`].
#[must_use]
pub fn keeps(interval: Interval, comparison: Comparison, factor: f64) -> Answer {
    let Interval { low, high } = interval;
    match (
        comparison.holds(low, factor),
        comparison.holds(high, factor),
    ) {
        (true, true) => Answer::Yes,
        (false, false) => Answer::No,
        (true, false) | (false, true) => Answer::Spans,
    }
}

#[cfg(test)]
mod tests;
