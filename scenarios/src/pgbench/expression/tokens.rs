//! Words of an expression.

use std::ops::Range;

/// One word and where it stands, in bytes of the expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) what: What,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Int(i64),
    /// 9223372036854775808, which is a number only after a minus.
    BeyondInt,
    Double(f64),
    Variable(String),
    /// A keyword or a function's name, in lower case.
    Word(String),
    Sign(&'static str),
}

/// Signs, those that others begin with after them.
const SIGNS: [&str; 19] = [
    "<=", ">=", "<>", "!=", "<<", ">>", "+", "-", "*", "/", "%", "=", "<", ">", "|", "&", "#", "~",
    "(",
];
const MORE_SIGNS: [&str; 2] = [")", ","];

/// Cuts `text` into words; the error is what cannot be one and where.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, (Range<usize>, String)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at += blank(&text[at..]);
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        let (what, len) = if first.is_ascii_digit() || begins_fraction(rest) {
            number(rest).map_err(|(len, why)| (at..at + len, why))?
        } else if first == ':' && name_len(&rest[1..]) > 0 {
            let len = 1 + name_len(&rest[1..]);
            (What::Variable(rest[1..len].to_owned()), len)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let len = name_len(rest);
            (What::Word(rest[..len].to_ascii_lowercase()), len)
        } else {
            let signs = SIGNS.into_iter().chain(MORE_SIGNS);
            match { signs }.find(|sign| rest.starts_with(sign)) {
                Some(sign) => (What::Sign(sign), sign.len()),
                None => {
                    let why = format!("expected an expression, got {first:?}");
                    return Err((at..at + first.len_utf8(), why));
                }
            }
        };
        tokens.push(Token {
            what,
            span: at..at + len,
        });
        at += len;
    }
}

/// Bytes of white space, which a backslash at the end of a line belongs to.
fn blank(text: &str) -> usize {
    let mut len = 0;
    loop {
        let rest = &text[len..];
        let spaces = rest.len() - rest.trim_start().len();
        let continued = ["\\\n", "\\\r\n"]
            .into_iter()
            .find(|end| rest[spaces..].starts_with(end));
        len += spaces + continued.map_or(0, str::len);
        if continued.is_none() {
            return len;
        }
    }
}

fn begins_fraction(text: &str) -> bool {
    matches!(text.as_bytes(), [b'.', digit, ..] if digit.is_ascii_digit())
}

/// Bytes of a variable's or a function's name at the begin of `text`.
pub(crate) fn name_len(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()))
        .unwrap_or(text.len())
}

fn number(text: &str) -> Result<(What, usize), (usize, String)> {
    let digits = |from: usize| {
        let rest = &text[from..];
        from + rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len())
    };
    let whole = digits(0);
    let mut end = whole;
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let power = digits(end + 1 + sign);
        if power > end + 1 + sign {
            end = power;
        }
    }
    let written = &text[..end];
    if end > whole {
        let number = written.parse().map_err(|_| (end, bad(written)))?;
        return Ok((What::Double(number), end));
    }
    match written.parse() {
        Ok(number) => Ok((What::Int(number), end)),
        Err(_) if written.trim_start_matches('0') == "9223372036854775808" => {
            Ok((What::BeyondInt, end))
        }
        Err(_) => Err((end, bad(written))),
    }
}

fn bad(written: &str) -> String {
    format!("expected a number that an int8 or a double holds, got {written}")
}
