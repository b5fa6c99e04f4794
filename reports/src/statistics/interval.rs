//! A range in which a true value lies.

/// Both ends of a 95 % confidence interval, `low <= high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies between the ends, these included.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The interval of 1 ÷ x for an interval of x above 0.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            low: self.high.recip(),
            high: self.low.recip(),
        }
    }
}
