//! Values as the two real drivers hand them out: in text, or in the binary form of a type.

/// The number that a value is, if it is one.
pub(super) fn number(type_name: &str, binary: bool, raw: &[u8]) -> Option<i64> {
    shown(type_name, binary, raw)?.parse().ok()
}

/// The value as text; `None` for a type whose binary form is not read here.
pub(super) fn shown(type_name: &str, binary: bool, raw: &[u8]) -> Option<String> {
    let text = || String::from_utf8(raw.to_vec()).ok();
    if !binary {
        return text();
    }
    Some(match type_name.to_ascii_lowercase().as_str() {
        "int8" => i64::from_be_bytes(raw.try_into().ok()?).to_string(),
        "int4" => i32::from_be_bytes(raw.try_into().ok()?).to_string(),
        "int2" => i16::from_be_bytes(raw.try_into().ok()?).to_string(),
        "oid" => u32::from_be_bytes(raw.try_into().ok()?).to_string(),
        "float8" => f64::from_be_bytes(raw.try_into().ok()?).to_string(),
        "float4" => f32::from_be_bytes(raw.try_into().ok()?).to_string(),
        "bool" => if raw == [1] { "t" } else { "f" }.to_owned(),
        "text" | "varchar" | "bpchar" | "name" | "unknown" | "\"char\"" => text()?,
        _ => return None,
    })
}

/// The first column of a row of COPY in text format, where it is a number.
pub(super) fn first_of_copy(row: &[u8]) -> Option<i64> {
    let end = row.iter().position(|byte| matches!(byte, b'\t' | b'\n'));
    number("text", false, &row[..end.unwrap_or(row.len())])
}

#[cfg(test)]
mod tests {
    use super::{number, shown};

    #[test]
    fn values_are_read_in_both_forms() {
        assert_eq!(number("INT8", true, &5_i64.to_be_bytes()), Some(5));
        assert_eq!(number("int4", true, &(-5_i32).to_be_bytes()), Some(-5));
        assert_eq!(number("int4", false, b"-5"), Some(-5));
        assert_eq!(number("text", true, b"12"), Some(12));
        assert_eq!(number("int8", true, b"12"), None, "not eight bytes");
        assert_eq!(shown("bool", true, &[1]), Some("t".to_owned()));
        assert_eq!(shown("numeric", true, &[0, 1]), None);
    }
}
