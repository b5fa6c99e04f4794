//! Several questions asked of one run.

/// Which hypotheses are rejected when the chance of even one false rejection among them may be
/// `alpha`, whatever depends on what; in the order of `p_values`.
///
/// The smallest p-value is held against α ÷ m, the next one against α ÷ (m − 1), and so on until
/// the first that does not hold. S. Holm, «A simple sequentially rejective multiple test
/// procedure», Scandinavian Journal of Statistics 6 (1979).
#[must_use]
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*one].total_cmp(&p_values[*other]));
    let mut rejected = vec![false; p_values.len()];
    for (place, index) in order.into_iter().enumerate() {
        let left = p_values.len() - place;
        if p_values[index] > alpha / left as f64 {
            break;
        }
        rejected[index] = true;
    }
    rejected
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha12Rng;

    use super::*;

    #[test]
    fn each_step_is_held_against_what_is_left() {
        assert_eq!(holm(&[], 0.05), Vec::<bool>::new());
        assert_eq!(holm(&[0.05], 0.05), [true]);
        // Bounds of 0.0125, 0.0167, 0.025 and 0.05: the third one, 0.03, ends it.
        let rejected = holm(&[0.01, 0.04, 0.03, 0.005], 0.05);
        assert_eq!(rejected, [true, false, false, true]);
        // The smallest one does not hold, so none does.
        assert_eq!(holm(&[0.02, 0.03, 0.04], 0.05), [false; 3]);
    }

    #[test]
    fn among_true_hypotheses_one_false_alarm_in_twenty_runs() {
        let mut random = ChaCha12Rng::seed_from_u64(11);
        let runs = 20_000;
        let alarms = (0..runs).filter(|_| {
            let p_values: [f64; 6] = std::array::from_fn(|_| random.random_range(0.0..1.0));
            holm(&p_values, 0.05).contains(&true)
        });
        let share = alarms.count() as f64 / f64::from(runs);
        // 1 − (1 − 0.05 ÷ 6)⁶ = 4.9 %, and three standard errors are 0.46 %.
        assert!((0.0443..=0.0536).contains(&share), "{share}");
    }
}
