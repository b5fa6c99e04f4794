//! What a server says between AuthenticationOk and ReadyForQuery.

use super::{
    CANCEL_KEY_BYTES_MAX, CancelKey, LoginError, Message, ServerGreeting, describe, refused,
};

/// Collects a greeting, message by message.
#[derive(Default)]
pub(super) struct Reader {
    greeting: ServerGreeting,
    ready: bool,
}

impl Reader {
    /// Whether ReadyForQuery has come.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// What was collected.
    pub(super) fn finish(self) -> ServerGreeting {
        self.greeting
    }

    /// Takes in one message.
    pub(super) fn take(&mut self, message: &Message) -> Result<(), LoginError> {
        let body = &message.body[..];
        match message.tag {
            b'S' => self.greeting.parameters.push(parameter(body)?),
            b'K' if !self.ready => self.greeting.key = Some(key(body)?),
            b'Z' if !self.ready && body == b"I" => self.ready = true,
            b'Z' => {
                let got = String::from_utf8_lossy(body).into_owned();
                return Err(LoginError::violation(
                    "one ReadyForQuery with status I",
                    got,
                ));
            }
            b'N' => {}
            b'E' => return Err(refused(body)),
            tag => return Err(LoginError::violation("a server's greeting", describe(tag))),
        }
        Ok(())
    }
}

pub(super) fn parameter(body: &[u8]) -> Result<(String, String), LoginError> {
    let text = body
        .strip_suffix(b"\0")
        .and_then(|text| str::from_utf8(text).ok());
    match text.and_then(|text| text.split_once('\0')) {
        Some((name, value)) if !value.contains('\0') => Ok((name.to_owned(), value.to_owned())),
        _ => Err(LoginError::violation(
            "a name and a value in ParameterStatus",
            format!("{body:?}"),
        )),
    }
}

fn key(body: &[u8]) -> Result<CancelKey, LoginError> {
    match body.split_first_chunk::<4>() {
        Some((process, key)) if (1..=CANCEL_KEY_BYTES_MAX).contains(&key.len()) => Ok(CancelKey {
            process: u32::from_be_bytes(*process),
            key: key.into(),
        }),
        _ => {
            let got = format!("{} bytes", body.len());
            Err(LoginError::violation(
                "a process and a key in BackendKeyData",
                got,
            ))
        }
    }
}
