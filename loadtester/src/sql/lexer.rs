//! Bytes to tokens.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Spaces and comments.
    Space,
    /// A keyword or a name.
    Word,
    /// A name in quotes, which stand in the text.
    Name,
    /// A string constant of any form, with its quotes and what stands before them.
    Text,
    /// A number.
    Number,
    /// `$1`.
    Parameter,
    /// Anything else, one byte.
    Sign,
}

/// A piece of a text. All of them, one after the other, are the text again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a [u8],
}

impl Token<'_> {
    /// Whether it is this keyword.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// Whether it is this sign.
    pub(crate) fn is_sign(&self, sign: u8) -> bool {
        self.kind == Kind::Sign && self.text == [sign]
    }
}

/// The tokens of `text`, from its begin to its end. What is not closed goes on to the end.
pub(crate) fn tokens(text: &[u8]) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (kind, length) = first(rest)?;
        let (text, after) = rest.split_at(length.clamp(1, rest.len()));
        rest = after;
        Some(Token { kind, text })
    })
}

/// What `rest` begins with, and how long that is.
fn first(rest: &[u8]) -> Option<(Kind, usize)> {
    let byte = *rest.first()?;
    Some(match byte {
        _ if byte.is_ascii_whitespace() => (
            Kind::Space,
            while_holds(rest, |byte| byte.is_ascii_whitespace()),
        ),
        b'-' if rest.starts_with(b"--") => (Kind::Space, while_holds(rest, |byte| byte != b'\n')),
        b'/' if rest.starts_with(b"/*") => (Kind::Space, comment(rest)),
        b'\'' => (Kind::Text, quoted(rest, 0, Escapes::Doubled)),
        b'"' => (Kind::Name, quoted(rest, 0, Escapes::Doubled)),
        b'e' | b'E' if rest.get(1) == Some(&b'\'') => {
            (Kind::Text, quoted(rest, 1, Escapes::Backslash))
        }
        b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if rest.get(1) == Some(&b'\'') => {
            (Kind::Text, quoted(rest, 1, Escapes::Doubled))
        }
        b'u' | b'U' if rest.get(1..3) == Some(b"&'") => {
            (Kind::Text, quoted(rest, 2, Escapes::Doubled))
        }
        b'$' => dollar(rest),
        _ if byte.is_ascii_digit() => (Kind::Number, while_holds(rest, is_of_number)),
        _ if is_of_word(byte) => (Kind::Word, while_holds(rest, is_of_word_or_dollar)),
        _ => (Kind::Sign, 1),
    })
}

fn while_holds(rest: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    let end = rest.iter().position(|byte| !holds(*byte));
    end.unwrap_or(rest.len())
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn is_of_word_or_dollar(byte: u8) -> bool {
    is_of_word(byte) || byte == b'$'
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_')
}

/// How a quote stands within quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Doubled,
    Backslash,
}

/// Length up to the quote that closes the one at `open`.
fn quoted(rest: &[u8], open: usize, escapes: Escapes) -> usize {
    let quote = rest[open];
    let mut at = open + 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' if escapes == Escapes::Backslash => at += 2,
            _ if byte != quote => at += 1,
            _ if rest.get(at + 1) == Some(&quote) => at += 2,
            _ => return at + 1,
        }
    }
    rest.len()
}

/// Comments nest.
fn comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// A parameter, or a text between tags such as `$body$`.
fn dollar(rest: &[u8]) -> (Kind, usize) {
    if rest.get(1).is_some_and(u8::is_ascii_digit) {
        return (
            Kind::Parameter,
            1 + while_holds(&rest[1..], |byte| byte.is_ascii_digit()),
        );
    }
    let name = while_holds(&rest[1..], is_of_word);
    let tag = match rest.get(1 + name) {
        Some(b'$') => &rest[..name + 2],
        _ => return (Kind::Sign, 1),
    };
    let inside = &rest[tag.len()..];
    let end = inside.windows(tag.len()).position(|part| part == tag);
    let length = end.map_or(rest.len(), |end| tag.len() + end + tag.len());
    (Kind::Text, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let tokens = tokens(text.as_bytes()).filter(|token| token.kind != Kind::Space);
        let shown = tokens.map(|token| {
            let text = String::from_utf8_lossy(token.text);
            format!("{:?} {text}", token.kind)
        });
        shown.collect::<Vec<_>>().join(" · ")
    }

    #[test]
    fn tokens_are_those_of_postgresql() {
        for (text, expected) in [
            ("a1_$ 'it''s'", "Word a1_$ · Text 'it''s'"),
            (r"E'\'' x", r"Text E'\'' · Word x"),
            (r"'\' x", r"Text '\' · Word x"),
            (r#""a""b" U&'x'"#, r#"Name "a""b" · Text U&'x'"#),
            ("$1$2", "Parameter $1 · Parameter $2"),
            ("$$a'b$$ c", "Text $$a'b$$ · Word c"),
            ("$x$ $y$ $x$", "Text $x$ $y$ $x$"),
            ("1.5e3,x'1F'", "Number 1.5e3 · Sign , · Text x'1F'"),
            ("a /* b /* c */ 'd' */ -- e\nf", "Word a · Word f"),
            ("'open", "Text 'open"),
            ("E'open\\", "Text E'open\\"),
            ("$", "Sign $"),
            ("größe", "Word größe"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn nothing_is_lost() {
        let all = r#"SELECT "a", 'b', E'\'', $tag$ ; $tag$, $1 /* c */ -- d"#.as_bytes();
        for end in 0..=all.len() {
            for start in 0..end {
                let text = &all[start..end];
                let again: Vec<u8> = tokens(text).flat_map(|token| token.text).copied().collect();
                assert_eq!(again, text);
            }
        }
    }
}
