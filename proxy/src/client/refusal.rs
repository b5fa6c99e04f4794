//! What a client is told before its connection is closed.

use std::borrow::Cow;

use bytes::BytesMut;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::protocol::message::backend::{Severity, SqlState, error_with_hint};

/// A FATAL error for a client. Only what is meant for clients is put into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of error.
    pub code: SqlState,
    /// One sentence.
    pub message: Cow<'static, str>,
    /// What the client can do, if there is something.
    pub hint: Option<Cow<'static, str>>,
}

impl Refusal {
    /// A refusal without a hint.
    #[must_use]
    pub fn new(code: SqlState, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Appends it as an ErrorResponse.
    pub fn write(&self, out: &mut BytesMut) {
        error_with_hint(
            out,
            Severity::Fatal,
            self.code,
            &self.message,
            self.hint.as_deref(),
        );
    }

    /// Sends it. The caller closes the connection afterwards, whatever the result.
    ///
    /// Cancelled, a part of the message may have been sent.
    ///
    /// # Errors
    /// When the client is gone.
    pub async fn send(&self, stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
        let mut out = BytesMut::new();
        self.write(&mut out);
        stream.write_all(&out).await?;
        stream.flush().await
    }
}
