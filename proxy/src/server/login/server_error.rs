//! An ErrorResponse of a server, read for the log and for those who wait.

use std::fmt;

use crate::protocol::message::backend::SqlState;

/// Longest text kept of one field, in characters.
const FIELD_CHARS_MAX: usize = 1000;

/// What a server says when it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// FATAL, or what else the server says, in its own language.
    pub severity: String,
    /// SQLSTATE; a server that sends none gets `XX000`.
    pub code: SqlState,
    /// One sentence.
    pub message: String,
}

impl ServerError {
    /// Reads the body of an ErrorResponse. What is missing is said to be; an error about an error
    /// would help nobody.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let mut error = Self {
            severity: "FATAL".to_owned(),
            code: SqlState::INTERNAL_ERROR,
            message: "(no message)".to_owned(),
        };
        for field in body.split(|byte| *byte == 0) {
            let Some((kind, value)) = field.split_first() else {
                break;
            };
            match kind {
                b'S' => error.severity = text(value),
                b'C' => error.code = SqlState::from_bytes(value).unwrap_or(error.code),
                b'M' => error.message = text(value),
                _ => {}
            }
        }
        error
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} ({})",
            self.severity, self.message, self.code
        )
    }
}

/// Text on one line, so that no server can write lines of its own into the log.
fn text(value: &[u8]) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    String::from_utf8_lossy(value)
        .chars()
        .take(FIELD_CHARS_MAX)
        .map(clean)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_whatever_they_lack() {
        let check = |body: &[u8], expected: &str| {
            assert_eq!(ServerError::parse(body).to_string(), expected);
        };
        check(
            b"SFATAL\0VFATAL\0C28P01\0Mno entry\0Fauth.c\0L1\0Rf\0\0",
            "FATAL: no entry (28P01)",
        );
        check(b"SPANIK\0C53300\0Mzu\nviele\0\0", "PANIK: zu viele (53300)");
        check(b"", "FATAL: (no message) (XX000)");
        check(b"\0", "FATAL: (no message) (XX000)");
        check(b"C1\0M\xff\0\0", "FATAL: \u{fffd} (XX000)");
        check(b"Munfinished", "FATAL: unfinished (XX000)");
    }
}
