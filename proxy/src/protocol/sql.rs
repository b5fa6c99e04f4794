//! What a statement does to the server beside answering, as far as its text tells.
//!
//! This is no parser. It looks for words, in one pass and without allocating, and errs on the side
//! of caution: a word inside a string or a comment counts too, and costs one needless reset. What
//! a function does that a statement calls cannot be seen here.

/// What the text of a statement, or of several, says that it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// Something may stay on the server that its answers do not tell of.
    pub stays: bool,
    /// Statements are deallocated, or run by their names.
    pub names: bool,
    /// Parameters are set, so that other text may mean something else afterwards.
    pub alters: bool,
    /// The words of a SET are in it, so that its tag may come.
    pub sets: bool,
    /// One SET, of what the transaction's end undoes or of a parameter that follows the client.
    pub harmless_set: bool,
}

/// Words that temporary tables are made with; their tags do not say that they are temporary.
const TEMPORARY: [&[u8]; 3] = [b"temp", b"temporary", b"pg_temp"];
/// Words of statements about parameters.
const SETTING: [&[u8]; 2] = [b"set", b"reset"];
/// Shorter than every function that takes a lock of the session: `pg_advisory_lock`.
const LOCK_LEN_MIN: usize = 15;
/// Words of statements about prepared statements.
const ABOUT_NAMES: [&[u8]; 3] = [b"deallocate", b"discard", b"execute"];

/// Looks at the text of a Query or a Parse.
#[must_use]
pub fn traces(text: &[u8]) -> Traces {
    let mut traces = Traces::default();
    let mut configures = false;
    for word in words(text) {
        // Every word that is looked for begins with one of these.
        match word[0] | 0x20 {
            // Locks of the session.
            b'p' if word.len() > LOCK_LEN_MIN => traces.stays |= holds(word, b"advisory"),
            b'p' => traces.stays |= is_one_of(word, &TEMPORARY),
            b's' | b'r' => {
                configures |= word.eq_ignore_ascii_case(b"set_config");
                traces.sets |= is_one_of(word, &SETTING);
            }
            b't' => traces.stays |= is_one_of(word, &TEMPORARY),
            // A cursor WITH HOLD outlives its transaction, others do not.
            b'h' => traces.stays |= word.eq_ignore_ascii_case(b"hold"),
            b'd' | b'e' => traces.names |= is_one_of(word, &ABOUT_NAMES),
            _ => {}
        }
    }
    // In UPDATE the word does not begin a statement.
    traces.alters = traces.sets && text.split(|byte| *byte == b';').any(begins_with_set);
    traces.harmless_set = traces.alters && is_harmless_set(text);
    traces.stays |= configures;
    traces.alters |= configures;
    // The tag of a DO does not say what it runs.
    traces.stays |= traces.names && words(text).any(|word| word.eq_ignore_ascii_case(b"do"));
    traces
}

fn begins_with_set(statement: &[u8]) -> bool {
    next_word(statement).is_some_and(|(word, _)| is_one_of(word, &SETTING))
}

/// Whether `text` is one SET alone that leaves no trace.
fn is_harmless_set(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    if !text
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SET "))
    {
        return false;
    }
    let end = text.trim_ascii_end();
    let end = end.strip_suffix(b";").unwrap_or(end);
    if end.contains(&b';') {
        return false;
    }
    let mut words = words(&text[4..]);
    let mut first = words.next().unwrap_or(&[]);
    if first.eq_ignore_ascii_case(b"SESSION") {
        first = words.next().unwrap_or(&[]);
        if first.eq_ignore_ascii_case(b"CHARACTERISTICS") {
            return false;
        }
    }
    // One that is not carried along after all is reported by the server, which then is dirty.
    let tracked = crate::parameters::ALWAYS
        .into_iter()
        .chain([crate::parameters::USUAL_EXTRA])
        .map(str::as_bytes);
    first.eq_ignore_ascii_case(b"LOCAL")
        || first.eq_ignore_ascii_case(b"TRANSACTION")
        || first.eq_ignore_ascii_case(b"NAMES")
        || tracked
            .into_iter()
            .any(|name| first.eq_ignore_ascii_case(name))
}

fn is_one_of(word: &[u8], list: &[&[u8]]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether `word` contains `part`, the case of letters aside.
fn holds(word: &[u8], part: &[u8]) -> bool {
    word.windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part))
}

/// The words of `text`: letters, digits and underscores, and whatever is not ASCII.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let part_of_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    text.split(move |byte| !part_of_word(byte))
        .filter(|word| !word.is_empty())
}

/// The names that DEALLOCATE and EXECUTE in `text` are about, in order, as PostgreSQL reads them:
/// in lower case unless quoted. `ALL` is not among them.
pub fn names_used(text: &[u8]) -> impl Iterator<Item = Name> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (keyword, after) = next_word(rest)?;
            rest = after;
            let deallocates = keyword.eq_ignore_ascii_case(b"deallocate");
            if !deallocates && !keyword.eq_ignore_ascii_case(b"execute") {
                continue;
            }
            if deallocates
                && let Some((word, after)) = next_word(rest)
                && word.eq_ignore_ascii_case(b"prepare")
            {
                rest = after;
            }
            if let Some(name) = identifier(rest)
                && !(deallocates && name == b"all")
            {
                return Some(Name { name, deallocates });
            }
        }
    })
}

/// A statement named in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: Vec<u8>,
    /// It is deallocated.
    pub deallocates: bool,
}

fn next_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let start = text.iter().position(part)?;
    let len = text[start..].iter().position(|byte| !part(byte));
    let end = len.map_or(text.len(), |len| start + len);
    Some((&text[start..end], &text[end..]))
}

/// The identifier that `text` begins with.
fn identifier(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_start();
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let (word, _) = next_word(text)?;
        return text.starts_with(word).then(|| word.to_ascii_lowercase());
    };
    let mut name = Vec::new();
    let mut bytes = quoted.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == b'"' && bytes.next_if(|next| **next == b'"').is_none() {
            return Some(name);
        }
        name.push(*byte);
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy as _;

    use super::*;

    proptest::proptest! {
        /// Any text is read to its end, and once.
        #[test]
        fn any_text_is_read(
            text in proptest::prop_oneof![
                proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
                "[-A-Z'\"$/* ;\\\\]{0,60}".prop_map(String::into_bytes),
            ],
        ) {
            let _ = traces(&text);
            proptest::prop_assert!(names_used(&text).count() <= text.len());
        }
    }

    #[test]
    fn traces_are_told_by_words() {
        let cases: &[(&str, bool, bool)] = &[
            ("SELECT 1", false, false),
            ("select pg_advisory_lock(1)", true, false),
            ("SELECT pg_try_advisory_lock_shared (1)", true, false),
            ("SELECT 'advisory' AS advisory", false, false),
            ("select set_config('a.b', 'c', false)", true, false),
            ("SELECT 1 AS a INTO TEMP t", true, false),
            ("create temporary table t ()", true, false),
            ("CREATE TABLE pg_temp.t ()", true, false),
            ("DECLARE c CURSOR WITH HOLD FOR TABLE t", true, false),
            ("DECLARE c CURSOR FOR TABLE t", false, false),
            ("SELECT temperature, template FROM t", false, false),
            ("DEALLOCATE a; SELECT 1", false, true),
            ("discard all", false, true),
            ("EXECUTE a", false, true),
            ("DO $$BEGIN EXECUTE 'DEALLOCATE ALL'; END$$", true, true),
            ("DO $$BEGIN NULL; END$$", false, false),
            ("select executed from t", false, false),
            ("INSERT INTO \"temp\" VALUES (1)", true, false),
            ("", false, false),
        ];
        for (text, stays, names) in cases {
            let found = traces(text.as_bytes());
            assert_eq!((found.stays, found.names), (*stays, *names), "{text}");
        }
    }

    #[test]
    fn a_set_is_harmless_when_it_ends_with_the_transaction_or_follows_the_client() {
        let cases = [
            ("SET LOCAL work_mem = '1MB'", true),
            (" set timezone to 'UTC' ; ", true),
            ("SET SESSION TimeZone = 'UTC'", true),
            ("SET TRANSACTION READ ONLY", true),
            ("SET NAMES 'utf8'", true),
            ("SET application_name = 'x'", true),
            (
                "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
                false,
            ),
            ("SET work_mem = '1MB'", false),
            ("SET search_path = a", false),
            ("SET ROLE joe", false),
            ("SET LOCAL a.b = 'c'; SET work_mem = '1MB'", false),
            ("SELECT 1", false),
        ];
        for (text, harmless) in cases {
            assert_eq!(traces(text.as_bytes()).harmless_set, harmless, "{text}");
        }
    }

    #[test]
    fn names_are_read_as_postgresql_reads_them() {
        let cases: &[(&str, &[(&str, bool)])] = &[
            ("DEALLOCATE a; SELECT 1", &[("a", true)]),
            (
                "deallocate prepare B;EXECUTE c(1)",
                &[("b", true), ("c", false)],
            ),
            ("DEALLOCATE ALL", &[]),
            (r#"DEALLOCATE "A ""b"""#, &[]),
            (r#"DEALLOCATE "A ""b""""#, &[(r#"A "b""#, true)]),
            (r#"EXECUTE "all""#, &[("all", false)]),
            ("DEALLOCATE", &[]),
        ];
        for (text, expected) in cases {
            let names: Vec<_> = names_used(text.as_bytes())
                .map(|name| (String::from_utf8(name.name).unwrap(), name.deallocates))
                .collect();
            let names: Vec<_> = names.iter().map(|(n, d)| (n.as_str(), *d)).collect();
            assert_eq!(&names, expected, "{text}");
        }
    }
}
