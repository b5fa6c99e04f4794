//! Reads a threshold from its text and says where it went wrong.

use super::{Bound, Comparison, Metric, Percentile, Threshold, quantity::number};

/// Longest text that is looked at: a line of a scenario file.
const LONGEST: usize = 1_000;

/// A threshold that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("threshold {text:?}, column {column}: expected {expected}, got {got}")]
pub struct ParseError {
    /// The whole text, cut where it is very long.
    pub text: String,
    /// First character that does not fit, counted from 1.
    pub column: usize,
    /// What would have fitted.
    pub expected: String,
    /// What stood there, quoted, or `the end`.
    pub got: String,
}

/// The two-character comparisons stand before those that they begin with.
const COMPARISONS: [Comparison; 4] = [
    Comparison::AtMost,
    Comparison::AtLeast,
    Comparison::Below,
    Comparison::Above,
];
const METRICS: [Metric; 6] = [
    Metric::SuccessRate,
    Metric::Throughput,
    Metric::LatencyMax,
    Metric::Recovery,
    Metric::Cpu,
    Metric::Memory,
];

pub(super) fn threshold(text: &str) -> Result<Threshold, ParseError> {
    let mut rest = Cursor::new(text)?;
    let first = rest.word();
    let (on, name) = if rest.eat(":") {
        (Some(rest.target(first)?), rest.word())
    } else {
        (None, first)
    };
    let metric = rest.metric(name)?;
    let comparison = rest.comparison()?;
    let bound = rest.bound(metric)?;
    Ok(Threshold {
        on,
        metric,
        comparison,
        bound,
    })
}

/// A piece of the text and where it begins, in bytes.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    at: usize,
}

/// What is still to be read.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Result<Self, ParseError> {
        let cursor = Self { text, at: 0 };
        if text.len() > LONGEST {
            let whole = Piece { text, at: 0 };
            return Err(cursor.error(whole, &format!("at most {LONGEST} bytes")));
        }
        Ok(cursor)
    }

    /// The run of characters before a space, a comparison, a colon or a star.
    fn word(&mut self) -> Piece<'a> {
        self.take(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '=' | ':' | '*'))
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> Piece<'a> {
        self.skip_spaces();
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        let piece = Piece {
            text: rest[..end].trim_end(),
            at: self.at,
        };
        self.at += end;
        piece
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_spaces();
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn target(&self, name: Piece<'a>) -> Result<String, ParseError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.text.is_empty() || !name.text.chars().all(fits) {
            return Err(self.error(name, "a target's name (letters, digits, '-', '_', '.')"));
        }
        Ok(name.text.to_owned())
    }

    fn metric(&self, name: Piece<'a>) -> Result<Metric, ParseError> {
        let percentile = || {
            let (kind, text): (fn(Percentile) -> Metric, _) =
                match name.text.strip_prefix("service_") {
                    Some(text) => (Metric::Service, text),
                    None => (Metric::Latency, name.text),
                };
            let percent = number(text.strip_prefix('p')?)?;
            Percentile::new(percent).map(kind)
        };
        METRICS
            .into_iter()
            .find(|metric| metric.to_string() == name.text)
            .or_else(percentile)
            .ok_or_else(|| {
                self.error(
                    name,
                    "success_rate, throughput, a percentile like p99.9 or service_p99, max, recovery, \
                     cpu or memory",
                )
            })
    }

    fn comparison(&mut self) -> Result<Comparison, ParseError> {
        COMPARISONS
            .into_iter()
            .find(|comparison| self.eat(&comparison.to_string()))
            .ok_or_else(|| {
                let next = self.take(|c| !c.is_whitespace());
                self.error(next, "<=, <, >= or >")
            })
    }

    fn bound(&mut self, metric: Metric) -> Result<Bound, ParseError> {
        let figure = self.take(|c| c != '*');
        if !self.eat("*") {
            return metric
                .unit()
                .read(figure.text)
                .map(Bound::Absolute)
                .ok_or_else(|| {
                    let example = metric.unit().example();
                    self.error(
                        figure,
                        &format!("{example} or a multiple like \"1.1 * pgbouncer\""),
                    )
                });
        }
        let factor = number(figure.text)
            .filter(|factor| *factor > 0.0)
            .ok_or_else(|| self.error(figure, "a factor above 0 like \"1.1\""))?;
        let name = self.take(|_| true);
        let target = self.target(name)?;
        Ok(Bound::Relative { factor, target })
    }

    fn error(&self, piece: Piece<'_>, expected: &str) -> ParseError {
        ParseError {
            text: self.text.chars().take(80).collect(),
            column: self.text[..piece.at].chars().count() + 1,
            expected: expected.to_owned(),
            got: if piece.text.is_empty() {
                self.text[piece.at..]
                    .chars()
                    .next()
                    .map_or_else(|| "the end".to_owned(), |c| format!("{c:?}"))
            } else {
                let start: String = piece.text.chars().take(40).collect();
                format!("{start:?}")
            },
        }
    }
}
