//! From figures to places on a chart.

/// Maps figures to places along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    kind: Kind,
    from: f64,
    to: f64,
    /// Place of `from`.
    start: f64,
    /// Place of `to`.
    end: f64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Linear,
    Logarithmic,
}

/// Most ticks that an axis is given.
const TICKS: f64 = 6.0;

impl Scale {
    /// Equal steps for equal differences. An empty range is widened.
    pub(super) fn linear((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        let to = if to > from { to } else { from + 1.0 };
        Self {
            kind: Kind::Linear,
            from,
            to,
            start,
            end,
        }
    }

    /// Equal steps for equal ratios, for figures above 0. An empty range is widened.
    pub(super) fn logarithmic((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        let from = from.max(f64::MIN_POSITIVE);
        let to = if to > from { to } else { from * 2.0 };
        Self {
            kind: Kind::Logarithmic,
            from,
            to,
            start,
            end,
        }
    }

    /// The place of `value`; beyond the range it stands at the end of the axis.
    pub(super) fn place(self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        let part = match self.kind {
            Kind::Linear => (value - self.from) / (self.to - self.from),
            Kind::Logarithmic => (value / self.from).ln() / (self.to / self.from).ln(),
        };
        self.start + part * (self.end - self.start)
    }

    /// Whether equal steps are equal ratios.
    pub(super) fn is_logarithmic(self) -> bool {
        matches!(self.kind, Kind::Logarithmic)
    }

    /// Kind and ends, as `page.js` reads them.
    pub(super) fn drawn(self) -> String {
        let kind = match self.kind {
            Kind::Linear => "linear",
            Kind::Logarithmic => "log",
        };
        format!("{kind} {} {}", self.from, self.to)
    }

    /// Round figures along the axis.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self.kind {
            Kind::Linear => self.linear_ticks(),
            Kind::Logarithmic => self.logarithmic_ticks(),
        }
    }

    fn linear_ticks(self) -> Vec<f64> {
        let step = round_up((self.to - self.from) / TICKS);
        let first = (self.from / step).ceil();
        let ticks = (0..).map(|index| (first + f64::from(index)) * step);
        ticks
            .take_while(|tick| *tick <= self.to * (1.0 + 1e-9))
            .collect()
    }

    /// 1, 2 and 5 of each power of ten, or fewer where they would crowd.
    fn logarithmic_ticks(self) -> Vec<f64> {
        let decades = (self.to / self.from).log10();
        let steps: &[f64] = match decades {
            _ if decades < 1.5 => &[1.0, 2.0, 5.0],
            _ if decades < 3.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        #[expect(clippy::cast_possible_truncation, reason = "exponents of f64 fit")]
        let (first, last) = (
            self.from.log10().floor() as i32,
            self.to.log10().ceil() as i32,
        );
        (first..=last)
            .flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power)))
            .filter(|tick| (self.from..=self.to).contains(tick))
            .collect()
    }
}

/// The next of 1, 2, 5 times a power of ten.
fn round_up(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let mantissa = step / power;
    let round = [1.0, 2.0, 5.0].into_iter().find(|round| mantissa <= *round);
    round.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let linear = Scale::linear((0.0, 10.0), (100.0, 0.0));
        assert_eq!(
            [0.0, 2.5, 10.0, 99.0].map(|v| linear.place(v)),
            [100.0, 75.0, 0.0, 0.0]
        );
        let log = Scale::logarithmic((1.0, 100.0), (0.0, 200.0));
        assert!((log.place(10.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn round_ticks() {
        assert_eq!(
            Scale::linear((0.0, 9_300.0), (0.0, 1.0)).ticks(),
            [0.0, 2e3, 4e3, 6e3, 8e3]
        );
        assert_eq!(Scale::linear((5.0, 5.0), (0.0, 1.0)).ticks().len(), 6);
        assert_eq!(
            Scale::logarithmic((0.9, 6.0), (0.0, 1.0)).ticks(),
            [1.0, 2.0, 5.0]
        );
        let wide = Scale::logarithmic((1.0, 1e6), (0.0, 1.0)).ticks();
        assert_eq!(wide.len(), 7);
    }

    #[test]
    fn bad_ranges_are_mended() {
        for scale in [
            Scale::linear((0.0, 0.0), (0.0, 1.0)),
            Scale::logarithmic((0.0, 0.0), (0.0, 1.0)),
        ] {
            assert!(scale.place(1.0).is_finite());
            assert!(scale.ticks().len() < 2_000);
        }
    }
}
