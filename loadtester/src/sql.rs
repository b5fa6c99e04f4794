//! The words of a text in SQL, told apart as PostgreSQL's lexer does: what stands in quotes, in
//! comments and between dollars is not taken for anything else. Pure, and no parser.
//!
//! The rules are those of the manual's chapter «Lexical Structure».

mod lexer;

pub(crate) use lexer::{Kind, Token, tokens};

/// The statements of a query of several, each with its tokens but for spaces and comments. A statement
/// of nothing is left out.
pub(crate) fn statements(text: &[u8]) -> Vec<Vec<Token<'_>>> {
    let mut statements = vec![Vec::new()];
    for token in tokens(text) {
        match token.kind {
            Kind::Space => {}
            Kind::Sign if token.text == b";" => statements.push(Vec::new()),
            _ => {
                if let Some(statement) = statements.last_mut() {
                    statement.push(token);
                }
            }
        }
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_that_are_nobody_elses() {
        let texts = |text: &str| -> Vec<String> {
            let statements = statements(text.as_bytes());
            let joined = |statement: &Vec<Token<'_>>| {
                let words = statement
                    .iter()
                    .map(|token| String::from_utf8_lossy(token.text));
                words.collect::<Vec<_>>().join(" ")
            };
            statements.iter().map(joined).collect()
        };
        assert_eq!(
            texts("SELECT 1;; -- a; b\n SELECT ';' ; DO $$ x; y $$;"),
            ["SELECT 1", "SELECT ';'", "DO $$ x; y $$"]
        );
    }
}
