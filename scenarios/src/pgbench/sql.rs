//! Where SQL ends and a backslash command begins, as psql's lexer sees it.

/// What ended a stretch of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Semicolon,
    Backslash,
    Text,
}

/// A stretch of SQL.
pub(super) struct Stretch {
    /// Bytes up to what ended it.
    pub(super) len: usize,
    pub(super) end: End,
}

/// Finds the end of the SQL at the begin of `text`: a semicolon or a backslash outside of quotes,
/// comments and, for the semicolon, parentheses.
pub(super) fn stretch(text: &str) -> Stretch {
    let bytes = text.as_bytes();
    let mut parentheses = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let Some(rest) = text.get(at..) else {
            at += 1; // inside a character of several bytes
            continue;
        };
        match byte {
            b'\'' => {
                let escapes = at > 0
                    && matches!(bytes[at - 1], b'e' | b'E')
                    && !(at > 1 && is_word(bytes[at - 2]));
                at += quoted(rest, b'\'', escapes);
                continue;
            }
            b'"' => {
                at += quoted(rest, b'"', false);
                continue;
            }
            b'$' if at == 0 || !is_word(bytes[at - 1]) => {
                at += dollars(rest);
                continue;
            }
            b'-' if rest.starts_with("--") => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            b'/' if rest.starts_with("/*") => {
                at += comment(rest);
                continue;
            }
            b'(' => parentheses += 1,
            b')' => parentheses = parentheses.saturating_sub(1),
            b';' if parentheses == 0 => {
                return Stretch {
                    len: at,
                    end: End::Semicolon,
                };
            }
            b'\\' if matches!(bytes.get(at + 1), Some(b';' | b':')) => at += 1,
            b'\\' => {
                return Stretch {
                    len: at,
                    end: End::Backslash,
                };
            }
            _ => {}
        }
        at += 1;
    }
    Stretch {
        len: bytes.len(),
        end: End::Text,
    }
}

/// Bytes of white space and comments at the begin of `text`.
pub(super) fn nothing_len(text: &str) -> usize {
    let mut len = 0;
    loop {
        let rest = &text[len..];
        let spaces = rest.len() - rest.trim_start().len();
        let rest = &rest[spaces..];
        let skipped = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else {
            0
        };
        len += spaces + skipped;
        if skipped == 0 {
            return len;
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Bytes of what is in quotes at the begin of `text`. A doubled quote ends one and begins another.
fn quoted(text: &str, quote: u8, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte == quote {
            return at;
        }
        if byte == b'\\' && escapes {
            at += 1;
        }
    }
    bytes.len()
}

/// Bytes of a text in dollar quotes, or of the dollar alone.
fn dollars(text: &str) -> usize {
    let tag_len = text[1..]
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()))
        .unwrap_or(text.len() - 1);
    let tag = &text[1..=tag_len];
    let digit = tag.starts_with(|c: char| c.is_ascii_digit());
    if digit || !text[1 + tag_len..].starts_with('$') {
        return 1;
    }
    let quote = &text[..tag_len + 2];
    let body = &text[quote.len()..];
    body.find(quote)
        .map_or(text.len(), |end| end + 2 * quote.len())
}

/// Bytes of a comment at the begin of `text`; comments nest.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let bytes = &text.as_bytes()[at..];
        if bytes.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{End, nothing_len, stretch};

    #[test]
    fn sql_ends_outside_of_quotes_comments_and_parentheses() {
        let check = |text: &str, sql: &str, end| {
            let found = stretch(text);
            assert_eq!((&text[..found.len], found.end), (sql, end), "{text}");
        };
        check("SELECT 1; x", "SELECT 1", End::Semicolon);
        check("SELECT ';' \\gset", "SELECT ';' ", End::Backslash);
        check(r"SELECT E'\';' ;", r"SELECT E'\';' ", End::Semicolon);
        check(r"SELECT '\';", r"SELECT '\'", End::Semicolon);
        check("SELECT '';';", "SELECT ''", End::Semicolon);
        check(
            "SELECT $a$ ; $$ $a$;",
            "SELECT $a$ ; $$ $a$",
            End::Semicolon,
        );
        check("SELECT $1;", "SELECT $1", End::Semicolon);
        check("SELECT (1; 2);", "SELECT (1; 2)", End::Semicolon);
        check("-- a;b\nSELECT 1;", "-- a;b\nSELECT 1", End::Semicolon);
        check(
            "/* ; /* ; */ ; */ x;",
            "/* ; /* ; */ ; */ x",
            End::Semicolon,
        );
        check(
            r"SELECT 1\; SELECT 2;",
            r"SELECT 1\; SELECT 2",
            End::Semicolon,
        );
        check("SELECT 'open", "SELECT 'open", End::Text);
    }

    #[test]
    fn comments_and_spaces_are_nothing() {
        assert_eq!(nothing_len("  -- a\n /* b */ SELECT"), 16);
        assert_eq!(nothing_len("SELECT"), 0);
        assert_eq!(nothing_len(" -- all"), 7);
    }
}
