//! The file of users and passwords that `auth_file` names.
//!
//! A line holds a name and a password or secret, each in double quotes, a double quote in them
//! written twice; what follows on the line is ignored, and so is a line that begins with `;`.

use std::path::Path;
use std::sync::Arc;

use super::error::{Note, Position};
use super::ini::count;
use super::secret::Secret;

/// Longest password or secret in bytes; PostgreSQL takes no longer one over the wire either.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Reads every line; what is wrong goes to `errors` and does not stop the reading.
pub(super) fn parse(file: &Arc<Path>, text: &str, errors: &mut Vec<Note>) -> Vec<(String, Secret)> {
    let mut users = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let rest = line.trim_start();
        if rest.is_empty() || rest.starts_with(';') {
            continue;
        }
        match user(line) {
            Ok(user) => users.push(user),
            Err((rest, message)) => {
                let column = count(&line[..line.len() - rest.len()]) + 1;
                let position = Position {
                    file: Arc::clone(file),
                    line: number,
                    column,
                };
                errors.push(Note { position, message });
            }
        }
    }
    users
}

/// A fault: what is left of the line from it on, and what was expected.
type Fault<'a> = (&'a str, String);

fn user(line: &str) -> Result<(String, Secret), Fault<'_>> {
    let (name, rest) = quoted(line, "a user name")?;
    if name.is_empty() {
        return Err((line, "expected a user name, got an empty one".to_owned()));
    }
    let (password, _) = quoted(rest, "a password or secret")?;
    if password.len() > PASSWORD_BYTES_MAX {
        let got = password.len();
        let message = format!("expected at most {PASSWORD_BYTES_MAX} bytes of password, got {got}");
        return Err((rest, message));
    }
    Ok((name, Secret::new(&password)))
}

/// The text in double quotes at the front of `line`, and what follows it. What is found instead
/// is not repeated in the error, for it may be a password.
fn quoted<'a>(line: &'a str, what: &str) -> Result<(String, &'a str), Fault<'a>> {
    let start = line.trim_start();
    let Some(mut rest) = start.strip_prefix('"') else {
        return Err((start, format!("expected {what} in double quotes")));
    };
    let mut text = String::new();
    loop {
        let Some(end) = rest.find('"') else {
            return Err((start, format!("expected a second \" to close {what}")));
        };
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            None if text.contains('\0') => {
                return Err((start, format!("expected {what}, got a zero byte in it")));
            }
            None => return Ok((text, rest)),
            Some(after) => {
                text.push('"');
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let mut errors = Vec::new();
        let users = parse(&Arc::from(Path::new("u")), text, &mut errors);
        let users = users
            .iter()
            .map(|(name, secret)| format!("{name:?} {:?}", secret.reveal()));
        let errors = errors.iter().map(|error| format!("error {error}"));
        expected.assert_eq(&users.chain(errors).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn users() {
        check(
            "\n; \"c\" \"c\"\n\"a\" \"p\"\n  \"b\"\t\"md5x\" ignored\n\"c\"\"d\" \"q\"\"r\"\n\"e\"\"\" \"\"",
            &expect![[r#"
                "a" "p"
                "b" "md5x"
                "c\"d" "q\"r"
                "e\"" """#]],
        );
    }

    #[test]
    fn every_error_is_reported_and_no_password_shown() {
        check(
            "a \"geheim\"\n\"a\" geheim\n\"a\"\n\"a\" \"geheim\n\"\" \"p\"\n\"a\nx\" \"p\"\n\"a\" \"\0\"",
            &expect![[r#"
                error u:1:1: expected a user name in double quotes
                error u:2:5: expected a password or secret in double quotes
                error u:3:4: expected a password or secret in double quotes
                error u:4:5: expected a second " to close a password or secret
                error u:5:1: expected a user name, got an empty one
                error u:6:1: expected a second " to close a user name
                error u:7:1: expected a user name in double quotes
                error u:8:5: expected a password or secret, got a zero byte in it"#]],
        );
        let line = format!("\"a\" \"{}\"", "p".repeat(1025));
        check(
            &line,
            &expect!["error u:1:4: expected at most 1024 bytes of password, got 1025"],
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(?s)[\"a\n;\0 ].{0,100}") {
            parse(&Arc::from(Path::new("u")), &text, &mut Vec::new());
        }
    }
}
