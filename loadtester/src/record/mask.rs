//! What of a recording nobody may read. Pure.
//!
//! Passwords go always: string constants behind a word such as `PASSWORD`, values of parameters that
//! stand there, and those in connection strings. On request everything goes that the application
//! filled in, and keeps its shape: letters and digits are replaced each by one of their kind, so that
//! a date is still a date.

use poolproof_scenarios::session::{Message, Payload};

use crate::sql::{Kind, Token, tokens};

/// Stands for a password.
const PASSWORD: &[u8] = b"'********'";
/// What a masked value in binary consists of: a small number, a Boolean and a character.
const BINARY: u8 = 1;

/// What becomes of the constants in statements and of the values that are bound to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Literals {
    /// They are written down.
    #[default]
    Kept,
    /// Their shape is.
    Masked,
}

/// A statement's text without what nobody may read.
pub(super) fn sql(text: &[u8], literals: Literals) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut secrets = Secrets::default();
    for token in tokens(text) {
        let secret = secrets.is_one(&token);
        match token.kind {
            Kind::Text if secret => out.extend_from_slice(PASSWORD),
            // A body in dollars is a program; masked letters would be none.
            Kind::Text if token.text.starts_with(b"$") => {
                out.extend_from_slice(&program(token.text, literals));
            }
            Kind::Text if literals == Literals::Masked => shaped(token.text, &mut out),
            Kind::Text => out.extend_from_slice(&connection_string(token.text)),
            Kind::Number if literals == Literals::Masked => shaped(token.text, &mut out),
            _ => out.extend_from_slice(token.text),
        }
    }
    out
}

/// The text between two tags, masked as SQL.
fn program(text: &[u8], literals: Literals) -> Vec<u8> {
    let tag = text[1..].iter().position(|byte| *byte == b'$');
    let tag = tag.map_or(text.len(), |end| end + 2);
    if text.len() < 2 * tag {
        return text.to_vec();
    }
    let inside = sql(&text[tag..text.len() - tag], literals);
    [&text[..tag], &inside, &text[text.len() - tag..]].concat()
}

/// Numbers of the parameters whose values are passwords, from 1.
pub(super) fn secret_parameters(text: &[u8]) -> Vec<usize> {
    let mut secrets = Secrets::default();
    let parameters = tokens(text).filter(|token| secrets.is_one(token));
    let parameters = parameters.filter(|token| token.kind == Kind::Parameter);
    parameters
        .filter_map(|token| std::str::from_utf8(&token.text[1..]).ok()?.parse().ok())
        .collect()
}

/// Whether the next constant is a password: it stands behind such a word, perhaps with a sign or two
/// between them.
#[derive(Default)]
struct Secrets {
    behind_the_word: bool,
}

impl Secrets {
    fn is_one(&mut self, token: &Token<'_>) -> bool {
        let behind_the_word = self.behind_the_word;
        match token.kind {
            Kind::Space => return false,
            Kind::Word | Kind::Name => {
                let lower = token.text.to_ascii_lowercase();
                let lower = lower.strip_suffix(b"\"").unwrap_or(&lower);
                // A keyword between the two, as in `password IS NOT NULL`, ends it.
                self.behind_the_word = [&b"password"[..], b"passwd", b"secret", b"token"]
                    .iter()
                    .any(|word| lower.ends_with(word));
            }
            Kind::Sign if b"=(,:".contains(&token.text[0]) => {
                self.behind_the_word = behind_the_word && token.text != b",";
            }
            _ => self.behind_the_word = false,
        }
        behind_the_word && matches!(token.kind, Kind::Text | Kind::Parameter)
    }
}

/// A constant without the password of a connection string that it may be.
fn connection_string(text: &[u8]) -> Vec<u8> {
    let Ok(plain) = std::str::from_utf8(text) else {
        return text.to_vec();
    };
    let mut out = if plain.contains("://") && plain.contains('@') {
        crate::mask::mask_url(plain)
    } else {
        plain.to_owned()
    };
    let key = "password=";
    let mut from = 0;
    while let Some(at) = out[from..].to_ascii_lowercase().find(key) {
        let start = from + at + key.len();
        let ends = |byte: char| byte.is_whitespace() || matches!(byte, '\'' | '&');
        let end = out[start..].find(ends).map_or(out.len(), |end| start + end);
        out.replace_range(start..end, "********");
        from = start + "********".len();
    }
    out.into_bytes()
}

/// The text with each letter and digit replaced, but for the words that only some types have.
fn shaped(text: &[u8], out: &mut Vec<u8>) {
    let inside = text.strip_prefix(b"'").unwrap_or(text);
    let inside = inside.strip_suffix(b"'").unwrap_or(inside);
    let is_word_of_a_type = [&b"true"[..], b"false", b"t", b"f", b"yes", b"no", b"now"]
        .iter()
        .any(|word| inside.eq_ignore_ascii_case(word));
    if is_word_of_a_type {
        return out.extend_from_slice(text);
    }
    // What stands before the quote says which kind of constant it is.
    let quote = text.iter().position(|byte| *byte == b'\'').unwrap_or(0);
    out.extend_from_slice(&text[..quote]);
    out.extend(text[quote..].iter().map(|byte| match byte {
        b'0'..=b'9' => b'1',
        b'a'..=b'f' => b'a',
        b'A'..=b'F' => b'A',
        b'g'..=b'z' => b'x',
        b'G'..=b'Z' => b'X',
        other if !other.is_ascii() => b'x',
        other => *other,
    }));
}

/// A bound value in text or binary.
pub(super) fn value(value: &Payload, format: i16, secret: bool, literals: Literals) -> Payload {
    let bytes = value.bytes();
    if secret {
        return b"********".to_vec().into();
    }
    match (literals, format) {
        (Literals::Kept, _) => value.clone(),
        (Literals::Masked, 0) => {
            let mut out = Vec::with_capacity(bytes.len());
            shaped(&bytes, &mut out);
            out.into()
        }
        (Literals::Masked, _) => vec![BINARY; bytes.len()].into(),
    }
}

/// Data of a COPY: rows of text keep their columns.
pub(super) fn copy_data(data: &Payload, literals: Literals) -> Payload {
    match literals {
        Literals::Kept => data.clone(),
        Literals::Masked => {
            let mut out = Vec::new();
            for field in data.bytes().split_inclusive(|byte| b"\t\n".contains(byte)) {
                match field.strip_prefix(b"\\N") {
                    Some(rest) => out.extend([b"\\N", rest].concat()),
                    None => shaped(field, &mut out),
                }
            }
            out.into()
        }
    }
}

/// A message in which nothing but its own text is to be masked.
pub(super) fn message(message: Message, literals: Literals) -> Message {
    match message {
        Message::Query(text) => Message::Query(sql(&text.bytes(), literals).into()),
        Message::Parse {
            statement,
            sql: text,
            types,
        } => Message::Parse {
            statement,
            sql: sql(&text.bytes(), literals).into(),
            types,
        },
        Message::CopyData(data) => Message::CopyData(copy_data(&data, literals)),
        Message::CopyFail(_) if literals == Literals::Masked => Message::CopyFail("masked".into()),
        Message::FunctionCall { function, values } => Message::FunctionCall {
            function,
            values: values
                .into_iter()
                .map(|bound| bound.map(|bound| value(&bound, 0, false, literals)))
                .collect(),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, literals: Literals) -> String {
        String::from_utf8(sql(text.as_bytes(), literals)).expect("text")
    }

    #[test]
    fn passwords_are_never_written_down() {
        for (text, expected) in [
            (
                "ALTER ROLE a ENCRYPTED PASSWORD 'sesame' VALID UNTIL 'now'",
                "ALTER ROLE a ENCRYPTED PASSWORD '********' VALID UNTIL 'now'",
            ),
            (
                "SELECT 1 FROM users WHERE api_token = 'sesame' AND name = 'a'",
                "SELECT 1 FROM users WHERE api_token = '********' AND name = 'a'",
            ),
            (
                "UPDATE u SET \"Password\" = E'ses\\'ame', a = 'b'",
                "UPDATE u SET \"Password\" = '********', a = 'b'",
            ),
            (
                "SELECT dblink('host=h password=sesame user=u')",
                "SELECT dblink('host=h password=******** user=u')",
            ),
            (
                "SELECT dblink('postgres://u:sesame@h/d')",
                "SELECT dblink('postgres://u:********@h/d')",
            ),
            (
                "DO $$ BEGIN ALTER ROLE a PASSWORD 'sesame'; END $$",
                "DO $$ BEGIN ALTER ROLE a PASSWORD '********'; END $$",
            ),
            (
                "SELECT password, 'a' FROM u WHERE password IS NOT NULL AND b = 'c'",
                "SELECT password, 'a' FROM u WHERE password IS NOT NULL AND b = 'c'",
            ),
        ] {
            assert_eq!(shown(text, Literals::Kept), expected);
        }
        let text = b"UPDATE u SET name = $1, password = $2 WHERE id = $3";
        assert_eq!(secret_parameters(text), [2]);
    }

    #[test]
    fn literals_keep_their_shape() {
        for (text, expected) in [
            (
                "SELECT 'Ann-Kathrin', 42, 1.5 FROM t1 WHERE d = '2024-02-29' AND ok = 'true'",
                "SELECT 'Axx-Xaxxxxx', 11, 1.1 FROM t1 WHERE d = '1111-11-11' AND ok = 'true'",
            ),
            (
                "SELECT E'it\\'s', $1, 'it''s'",
                "SELECT E'xx\\'x', $1, 'xx''x'",
            ),
            (
                "SELECT '0aF3-9b'::uuid, '{\"a\": [1]}'::json",
                "SELECT '1aA1-1a'::uuid, '{\"a\": [1]}'::json",
            ),
        ] {
            assert_eq!(shown(text, Literals::Masked), expected);
        }
        let value = |bytes: &[u8], format| {
            value(&Payload::from(bytes), format, false, Literals::Masked).bytes()
        };
        assert_eq!(value(b"abc 12", 0), b"aaa 11");
        assert_eq!(value(&[0, 0, 0, 42], 1), [1; 4]);
        let rows = copy_data(&"7\tAnn\t\\N\n".into(), Literals::Masked);
        assert_eq!(rows.bytes(), b"1\tAxx\t\\N\n");
    }
}
