//! The startup parameter `options`: settings as PostgreSQL's command line takes them.

/// Its name.
pub const OPTIONS: &str = "options";

/// Options that are not understood: PgBouncer's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed, \
     got {0:?}"
)]
pub struct OptionsError(String);

/// The settings in `text`, in order: `-c name=value`, `-cname=value` or `--name=value`, apart by
/// white space, which a backslash makes part of a value. As in PostgreSQL, `-` in a name that
/// follows `--` stands for `_`.
///
/// # Errors
///
/// The first word that is none of these.
pub fn options(text: &str) -> Result<Vec<(String, String)>, OptionsError> {
    let mut found = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let assignment = match word.strip_prefix("-c") {
            Some("") => words.next(),
            Some(rest) => Some(rest.to_owned()),
            None => word.strip_prefix("--").map(with_underscores),
        };
        let pair = assignment.as_deref().and_then(|pair| pair.split_once('='));
        match pair {
            Some((name, value)) if !name.is_empty() => {
                found.push((name.to_owned(), value.to_owned()));
            }
            _ => return Err(OptionsError(word)),
        }
    }
    Ok(found)
}

fn with_underscores(assignment: &str) -> String {
    match assignment.split_once('=') {
        Some((name, value)) => format!("{}={value}", name.replace('-', "_")),
        None => assignment.to_owned(),
    }
}

/// Splits at white space that no backslash stands before.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let plain = match character {
            '\\' => characters.next(),
            other => Some(other),
        };
        word.get_or_insert_default().extend(plain);
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        options(text).map_err(|error| error.0)
    }

    #[test]
    fn every_way_to_write_a_setting() {
        for (text, expected) in [
            ("", &[][..]),
            ("  ", &[]),
            ("-c a=b", &[("a", "b")]),
            ("-ca=b", &[("a", "b")]),
            ("--a=b", &[("a", "b")]),
            ("--a-b=c-d", &[("a_b", "c-d")]),
            (" -c a=b\t--c= ", &[("a", "b"), ("c", "")]),
            ("-c a=b=c", &[("a", "b=c")]),
            (r"-c a=b\ c", &[("a", "b c")]),
            (r"-c a=b\\c", &[("a", r"b\c")]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(read(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_setting_is_named() {
        for (text, word) in [
            ("-d 5", "-d"),
            ("-c", "-c"),
            ("-c a", "-c"),
            ("--a", "--a"),
            ("--=b", "--=b"),
            ("a=b", "a=b"),
            ("-c a=b x", "x"),
        ] {
            assert_eq!(read(text), Err(word.to_owned()), "{text:?}");
        }
    }
}
