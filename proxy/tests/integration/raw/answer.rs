//! What an answer holds.

/// The first row of an answer.
#[track_caller]
pub(crate) fn row(answer: &str) -> &str {
    let first = rows(answer).next();
    first.unwrap_or_else(|| panic!("expected a row, got {answer}"))
}

/// The rows of an answer.
pub(crate) fn rows(answer: &str) -> impl Iterator<Item = &str> {
    // A row of one empty value is nothing but its letter.
    let is_row = |part: &&str| *part == "D" || part.starts_with("D ");
    let parts = answer.split(" | ").flat_map(|part| part.split('\n'));
    parts
        .filter(is_row)
        .map(|part| part[1..].trim_start_matches(' '))
}
