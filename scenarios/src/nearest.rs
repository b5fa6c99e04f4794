//! «Did you mean …?»

/// The candidate that is most like `word`, if one is so near that a slip of the hand explains it.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed || (word.len() >= 3 && candidate.starts_with(word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The suggestion as the end of a sentence: `; did you mean "ramp"?`, or nothing.
pub(crate) fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates)
        .map(|near| format!("; did you mean {near:?}?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_near_is_suggested() {
        let names = ["ramp", "stress-1000", "hold-10k"];
        assert_eq!(nearest("rmap", names), Some("ramp"));
        assert_eq!(nearest("stress", names), Some("stress-1000"));
        assert_eq!(nearest("stress-100", names), Some("stress-1000"));
        assert_eq!(nearest("nonsense", names), None);
        assert_eq!(nearest("", names), None);
    }
}
