//! ErrorResponse and its fields.

use super::super::Failure;

/// Reads the body of an ErrorResponse, or as much of it as was kept.
pub(in crate::engine) fn error_response(body: &[u8]) -> Failure {
    let field = |wanted: u8| {
        fields(body)
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, text)| String::from_utf8_lossy(text))
    };
    // V, the severity that is never translated, is absent before PostgreSQL 9.6 and in some poolers.
    let severity = field(b'V').or_else(|| field(b'S'));
    let message = field(b'M').unwrap_or_default();
    match field(b'C') {
        Some(code) if code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Failure::sqlstate(&code, severity.as_deref().unwrap_or("ERROR"), &message)
        }
        code => Failure::violation(format!(
            "expected an ErrorResponse with an SQLSTATE, got {code:?} and the message {message:?}"
        )),
    }
}

/// Whether an ErrorResponse ends the session, by the severity that is never translated or, without one, by
/// the other.
pub(super) fn is_fatal(body: &[u8]) -> bool {
    let severity = |wanted: u8| {
        let mut all = fields(body);
        all.find_map(|(kind, text)| (kind == wanted).then_some(text))
    };
    matches!(
        severity(b'V').or_else(|| severity(b'S')),
        Some(b"FATAL" | b"PANIC")
    )
}

/// Type and text of each field up to the end that a zero byte marks.
fn fields(body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (&kind, text) = rest.split_first().filter(|(kind, _)| **kind != 0)?;
        let end = text.iter().position(|byte| *byte == 0)?;
        rest = &text[end + 1..];
        Some((kind, &text[..end]))
    })
}

#[cfg(test)]
mod tests {
    use poolproof_reports::record::ErrorClass;

    use super::{error_response, is_fatal};

    #[test]
    fn fields_in_any_order() {
        let failure = error_response(b"MGone\0C57P01\0SFATAL\0VFATAL\0\0");
        assert_eq!(failure.class, ErrorClass::SqlState("57P01".into()));
        assert_eq!(failure.message, "FATAL: Gone (57P01)");
    }

    #[test]
    fn what_ends_a_session() {
        assert!(is_fatal(b"SFATAL\0C57P01\0\0"));
        assert!(is_fatal(b"SPANIK\0VPANIC\0C57P01\0\0"));
        assert!(!is_fatal(b"SERROR\0C57014\0MFATAL\0\0"));
        assert!(!is_fatal(b""));
    }

    #[test]
    fn an_error_without_a_code_breaks_the_protocol() {
        for body in [
            &b""[..],
            b"\0",
            b"M",
            b"MGone\0\0",
            b"C123\0\0",
            b"C12\xff45\0\0",
        ] {
            assert_eq!(
                error_response(body).class,
                ErrorClass::ProtocolViolation,
                "{body:?}"
            );
        }
    }

    #[test]
    fn every_cut_is_survived() {
        let body = b"SERROR\0VERROR\0C42601\0Msyntax error\0\0";
        for end in 0..body.len() {
            let _ = error_response(&body[..end]);
        }
    }
}
