//! A series in one line of text.

/// Columns of a line; of a longer series the last values are shown.
const WIDEST: usize = 50;

/// A character for each value, from the lowest `▁` to the highest `█` of the series.
#[must_use]
pub fn sparkline(values: &[f64]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(WIDEST)..];
    let low = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let level = |value: &f64| {
        // A level series stands in the middle, as neither low nor high.
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        let top = (LEVELS.len() - 1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "from 0 to the last level"
        )]
        let index = (share * top).round() as usize;
        LEVELS[index.min(LEVELS.len() - 1)]
    };
    shown.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[3.0, 3.0]), "▅▅");
        assert_eq!(sparkline(&[0.0, 7.0, 3.0]), "▁█▄");
        assert_eq!(sparkline(&[1.0; 80]).chars().count(), 50);
    }
}
