//! «Did you mean …?»

/// The candidate that differs from `name` by the fewest edits, if they are few enough for a slip.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let lower = name.to_lowercase();
    let measured = candidates
        .into_iter()
        .map(|candidate| (distance(&lower, candidate), candidate));
    let (edits, best) = measured.min_by_key(|(edits, _)| *edits)?;
    (edits <= allowed).then_some(best)
}

/// Letters to insert, remove or change to make `a` of `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_mended_and_strangers_left_alone() {
        let known = ["pool_mode", "pool_size", "auth_type", "user"];
        let check = |name, expected| assert_eq!(nearest(name, known), expected, "{name}");
        check("pool_mod", Some("pool_mode"));
        check("POOL_MODE", Some("pool_mode"));
        check("pol_sise", Some("pool_size"));
        check("authtype", Some("auth_type"));
        check("usr", Some("user"));
        check("foo", None);
        check("", None);
    }

    #[test]
    fn distances() {
        let check = |a, b, expected| assert_eq!(distance(a, b), expected);
        check("", "", 0);
        check("kitten", "sitting", 3);
        check("abc", "", 3);
        check("", "abc", 3);
    }
}
