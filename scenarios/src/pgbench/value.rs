//! Values of expressions, and their texts as pgbench writes them.

use std::fmt;

use super::Fault;

/// A value of a variable or an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// What came back from the server, or was given as a text: a number only when an expression asks.
    Text(String),
}

/// Significant digits of a double's text: C's `DBL_DIG`, which pgbench prints with.
const DIGITS: u8 = 15;

impl Value {
    /// The value as an expression sees it: a text is read as the number, truth or NULL that it says.
    pub(super) fn typed(&self) -> Result<Self, Fault> {
        match self {
            Self::Text(text) => read(text).ok_or_else(|| Fault::Malformed { text: text.clone() }),
            other => Ok(other.clone()),
        }
    }

    /// As a whole number; doubles are rounded to the nearest, halves to the even one.
    pub(super) fn to_int(&self) -> Result<i64, Fault> {
        match self {
            Self::Int(number) => Ok(*number),
            Self::Double(number) => {
                let rounded = number.round_ties_even();
                // 2⁶³ is a double and no int8; −2⁶³ is both.
                const LIMIT: f64 = 9_223_372_036_854_775_808.0;
                if rounded.is_nan() || !(-LIMIT..LIMIT).contains(&rounded) {
                    return Err(Fault::Range("double to int overflow"));
                }
                #[expect(clippy::cast_possible_truncation, reason = "checked above")]
                Ok(rounded as i64)
            }
            other => Err(other.unfit("a whole number")),
        }
    }

    /// As a double.
    pub(super) fn to_double(&self) -> Result<f64, Fault> {
        match self {
            Self::Int(number) => Ok(*number as f64),
            Self::Double(number) => Ok(*number),
            other => Err(other.unfit("a number")),
        }
    }

    /// As a truth, which nothing else is turned into.
    pub(super) fn to_boolean(&self) -> Result<bool, Fault> {
        match self {
            Self::Boolean(truth) => Ok(*truth),
            other => Err(other.unfit("true or false")),
        }
    }

    /// Whether a condition holds: numbers but 0 do, NULL does not.
    pub(super) fn holds(&self) -> bool {
        match self {
            Self::Null | Self::Text(_) => false,
            Self::Boolean(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Double(number) => *number != 0.0,
        }
    }

    fn unfit(&self, expected: &'static str) -> Fault {
        Fault::Type {
            expected,
            got: self.to_string(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => out.write_str("NULL"),
            Self::Boolean(truth) => truth.fmt(out),
            Self::Int(number) => number.fmt(out),
            Self::Double(number) => out.write_str(&double(*number)),
            Self::Text(text) => out.write_str(text),
        }
    }
}

/// A double as C's `%.15g` writes it.
fn double(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string().to_lowercase();
    }
    let scientific = format!("{number:.*e}", usize::from(DIGITS - 1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        let cut = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
        if text.contains('.') {
            cut(text)
        } else {
            text.to_owned()
        }
    };
    match usize::try_from(i32::from(DIGITS - 1) - exponent) {
        Ok(decimals) if exponent >= -4 => trimmed(&format!("{number:.decimals$}")),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
        }
    }
}

/// Reads a text as pgbench reads a variable that was given as one.
fn read(text: &str) -> Option<Value> {
    let word = text.trim().to_ascii_lowercase();
    let begins = |whole: &str, least: usize| word.len() >= least && whole.starts_with(&word);
    if word == "null" {
        return Some(Value::Null);
    }
    if begins("true", 1) || begins("yes", 1) || word == "on" {
        return Some(Value::Boolean(true));
    }
    if begins("false", 1) || begins("no", 1) || begins("off", 2) {
        return Some(Value::Boolean(false));
    }
    word.parse().map(Value::Int).ok().or_else(|| {
        let numeric = word.bytes().any(|byte| byte.is_ascii_digit());
        word.parse().ok().filter(|_| numeric).map(Value::Double)
    })
}

#[cfg(test)]
mod tests {
    use super::{Value, double, read};

    /// Expected texts are those of C's printf("%.15g").
    #[test]
    fn doubles_have_fifteen_digits() {
        let texts = [
            (0.1 + 0.2, "0.3"),
            (1.0, "1"),
            (100_000.0, "100000"),
            (1e15, "1e+15"),
            (123_456_789_012_345.0, "123456789012345"),
            (1.5e-5, "1.5e-05"),
            (0.0001, "0.0001"),
            (-2.5e300, "-2.5e+300"),
            (1.0 / 3.0, "0.333333333333333"),
            (0.0, "0"),
        ];
        for (number, text) in texts {
            assert_eq!(double(number), text);
        }
    }

    #[test]
    fn texts_are_read_as_what_they_say() {
        assert_eq!(read("42"), Some(Value::Int(42)));
        assert_eq!(read("-1.5e3"), Some(Value::Double(-1500.0)));
        assert_eq!(read("NULL"), Some(Value::Null));
        assert_eq!(read("t"), Some(Value::Boolean(true)));
        assert_eq!(read("of"), Some(Value::Boolean(false)));
        assert_eq!(read("inf"), None);
        assert_eq!(read("abc"), None);
    }
}
