//! What made a transaction fail.

use std::io;

use poolproof_reports::record::ErrorClass;

/// Longest message that is kept as a sample, in bytes.
const MESSAGE_BYTES_MAX: usize = 500;

/// A failure: its class, which is counted, and a message, of which the first of a class is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) class: ErrorClass,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        let mut message = message.into();
        let mut end = MESSAGE_BYTES_MAX.min(message.len());
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        Self { class, message }
    }

    /// The target sent what the protocol does not allow here.
    pub(crate) fn violation(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::ProtocolViolation, message)
    }

    /// The connection is gone.
    pub(crate) fn disconnect(error: &io::Error) -> Self {
        Self::new(ErrorClass::Disconnect, error.to_string())
    }

    /// An ErrorResponse.
    pub(crate) fn sqlstate(code: &str, severity: &str, message: &str) -> Self {
        Self::new(
            ErrorClass::SqlState(code.to_owned()),
            format!("{severity}: {message} ({code})"),
        )
    }

    /// The same ErrorResponse during login. Class 28 (invalid authorization) means that these
    /// credentials are not let in; anything else keeps its code, which says more.
    pub(crate) fn at_login(self) -> Self {
        match &self.class {
            ErrorClass::SqlState(code) if code.starts_with("28") => Self {
                class: ErrorClass::Auth,
                ..self
            },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorClass, Failure};

    #[test]
    fn only_wrong_credentials_are_auth() {
        let class = |code: &str| Failure::sqlstate(code, "FATAL", "no").at_login().class;
        assert_eq!(class("28P01"), ErrorClass::Auth);
        assert_eq!(class("53300"), ErrorClass::SqlState("53300".into()));
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let failure = Failure::violation("ä".repeat(400));
        assert_eq!(failure.message.len(), 500);
    }
}
