//! Rows as far as they are looked at: the first column, and columns that a script keeps.

use poolproof_reports::record::ErrorClass;
use poolproof_scenarios::pgbench::Keeps;

use super::{super::Failure, Frame};

/// The begin of the first column of a DataRow, as far as it was kept; `None` for NULL.
pub(super) fn first_column<'a>(frame: &Frame<'a>) -> Result<Option<&'a [u8]>, Failure> {
    let malformed = || {
        let begin = &frame.body[..frame.body.len().min(16)];
        Failure::violation(format!(
            "expected a DataRow with a column, got one that begins {}",
            begin.escape_ascii()
        ))
    };
    let [n1, n0, a, b, c, d, rest @ ..] = frame.body else {
        return Err(malformed());
    };
    let columns = i16::from_be_bytes([*n1, *n0]);
    let length = i32::from_be_bytes([*a, *b, *c, *d]);
    match usize::try_from(length) {
        _ if columns < 1 => Err(malformed()),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(malformed()),
        Ok(length) if length <= rest.len() => Ok(Some(&rest[..length])),
        Ok(_) if frame.whole => Err(malformed()),
        Ok(_) => Ok(Some(rest)),
    }
}

/// The first column of a row that is copied out as text.
pub(super) fn begin_of_copy(row: &[u8]) -> &[u8] {
    let end = row.iter().position(|byte| matches!(byte, b'\t' | b'\n'));
    &row[..end.unwrap_or(row.len())]
}

/// Columns of answers that become variables of a script.
#[derive(Debug, Default)]
pub(super) struct Kept {
    names: Vec<String>,
    /// The last row of the result that is coming in.
    row: Option<Vec<Option<String>>>,
    rows: u64,
    /// Rows of the last result that ended.
    result_rows: u64,
    columns: Vec<(String, Option<String>)>,
}

impl Kept {
    /// Takes a RowDescription.
    pub(super) fn describe(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        self.names = names(whole(frame)?).ok_or_else(|| malformed("RowDescription"))?;
        Ok(())
    }

    /// Takes a DataRow.
    pub(super) fn row(&mut self, frame: &Frame<'_>) -> Result<(), Failure> {
        self.rows += 1;
        self.row = Some(values(whole(frame)?).ok_or_else(|| malformed("DataRow"))?);
        Ok(())
    }

    /// A result has ended.
    pub(super) fn end_result(&mut self, keeps: &Keeps) {
        if *keeps == Keeps::Nothing {
            return;
        }
        if matches!(keeps, Keeps::One(_)) {
            self.columns.clear();
        }
        self.result_rows = std::mem::take(&mut self.rows);
        let names = std::mem::take(&mut self.names);
        if let Some(row) = self.row.take() {
            self.columns.extend(names.into_iter().zip(row));
        }
    }

    /// What is kept when everything has come.
    pub(super) fn take(&mut self, keeps: &Keeps) -> Result<Vec<(String, Option<String>)>, Failure> {
        if matches!(keeps, Keeps::One(_)) && self.result_rows != 1 {
            return Err(Failure::new(
                ErrorClass::WrongAnswer,
                format!("expected one row for \\gset, got {}", self.result_rows),
            ));
        }
        Ok(std::mem::take(&mut self.columns))
    }
}

fn whole<'a>(frame: &Frame<'a>) -> Result<&'a [u8], Failure> {
    if frame.whole {
        return Ok(frame.body);
    }
    Err(Failure::new(
        ErrorClass::WrongAnswer,
        format!(
            "expected a row of up to {} bytes for \\gset or \\aset, got a longer one",
            frame.body.len()
        ),
    ))
}

fn malformed(what: &str) -> Failure {
    Failure::violation(format!("expected a {what}, got a malformed one"))
}

/// Names of the columns of a RowDescription.
fn names(body: &[u8]) -> Option<Vec<String>> {
    /// Bytes of a column after its name: table, number, type, size, modifier, format.
    const REST: usize = 4 + 2 + 4 + 2 + 4 + 2;
    let (count, mut rest) = body.split_first_chunk()?;
    let mut names = Vec::new();
    for _ in 0..i16::from_be_bytes(*count) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        names.push(String::from_utf8_lossy(&rest[..end]).into_owned());
        rest = rest.get(end + 1 + REST..)?;
    }
    Some(names)
}

/// Values of a DataRow; `None` inside for NULL.
fn values(body: &[u8]) -> Option<Vec<Option<String>>> {
    let (count, mut rest) = body.split_first_chunk()?;
    let mut values = Vec::new();
    for _ in 0..i16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            values.push(None);
            rest = after;
            continue;
        };
        values.push(Some(
            String::from_utf8_lossy(after.get(..length)?).into_owned(),
        ));
        rest = &after[length..];
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::{Frame, Keeps, Kept, begin_of_copy, names, values};

    fn frame(tag: u8, body: &[u8]) -> Frame<'_> {
        Frame {
            tag,
            body,
            whole: true,
        }
    }

    const DESCRIPTION: &[u8] = b"\0\x02n\0aaaabbccccddeeeeffother\0aaaabbccccddeeeeff";
    const ROW: &[u8] = b"\0\x02\0\0\0\x0242\xff\xff\xff\xff";

    #[test]
    fn columns_have_names_and_values() {
        assert_eq!(names(DESCRIPTION).unwrap(), ["n", "other"]);
        assert_eq!(values(ROW).unwrap(), [Some("42".to_owned()), None]);
        for len in 0..ROW.len() {
            assert!(values(&ROW[..len]).is_none(), "{len}");
        }
        for len in 0..DESCRIPTION.len() {
            assert!(names(&DESCRIPTION[..len]).is_none(), "{len}");
        }
    }

    #[test]
    fn one_row_is_kept_and_no_other_number_of_them() {
        let kept = |rows: usize, keeps: &Keeps| {
            let mut kept = Kept::default();
            kept.describe(&frame(b'T', DESCRIPTION)).unwrap();
            for _ in 0..rows {
                kept.row(&frame(b'D', ROW)).unwrap();
            }
            kept.end_result(keeps);
            kept.take(keeps).map(|columns| columns.len())
        };
        let (one, each) = (Keeps::One(String::new()), Keeps::Each(String::new()));
        assert_eq!(kept(1, &one).unwrap(), 2);
        assert!(kept(0, &one).is_err() && kept(2, &one).is_err());
        assert_eq!(kept(0, &each).unwrap(), 0);
        assert_eq!(kept(2, &each).unwrap(), 2);
    }

    #[test]
    fn a_copied_row_begins_with_its_first_column() {
        assert_eq!(begin_of_copy(b"12\tx\n"), b"12");
        assert_eq!(begin_of_copy(b"12\n"), b"12");
        assert_eq!(begin_of_copy(b"12"), b"12");
    }
}
