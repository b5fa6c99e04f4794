//! What the pooler says to servers in a client's place.

use bytes::{BufMut, BytesMut};

use super::{framed, message, text};
use crate::protocol::startup::{CANCEL_REQUEST, SSL_REQUEST};

/// StartupMessage. Empty values are sent as they are; the caller leaves out what it does not mean.
pub fn startup_message<'a>(
    out: &mut BytesMut,
    version: u32,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
    framed(out, |out| {
        out.put_u32(version);
        for (name, value) in parameters {
            text(out, name);
            text(out, value);
        }
        out.put_u8(0);
    });
}

/// SSLRequest.
pub fn ssl_request(out: &mut BytesMut) {
    framed(out, |out| out.put_u32(SSL_REQUEST));
}

/// CancelRequest: 4 bytes of key in protocol 3.0, up to 256 in 3.2.
pub fn cancel_request(out: &mut BytesMut, process: u32, key: &[u8]) {
    framed(out, |out| {
        out.put_u32(CANCEL_REQUEST);
        out.put_u32(process);
        out.put_slice(key);
    });
}

/// PasswordMessage.
pub fn password_message(out: &mut BytesMut, password: &str) {
    message(out, b'p', |out| text(out, password));
}

/// SASLInitialResponse.
pub fn sasl_initial_response(out: &mut BytesMut, mechanism: &str, data: &str) {
    message(out, b'p', |out| {
        text(out, mechanism);
        out.put_u32(u32::try_from(data.len()).unwrap_or(u32::MAX));
        out.put_slice(data.as_bytes());
    });
}

/// SASLResponse.
pub fn sasl_response(out: &mut BytesMut, data: &str) {
    message(out, b'p', |out| out.put_slice(data.as_bytes()));
}

/// Query.
pub fn query(out: &mut BytesMut, sql: &str) {
    message(out, b'Q', |out| text(out, sql));
}

/// Parse, Bind, Execute and Sync of `sql` with one parameter, a text; the answer comes as text.
pub fn ask(out: &mut BytesMut, sql: &str, parameter: &str) {
    message(out, b'P', |out| {
        text(out, "");
        text(out, sql);
        out.put_u16(0);
    });
    message(out, b'B', |out| {
        text(out, "");
        text(out, "");
        out.put_u16(0);
        out.put_u16(1);
        // A parameter is a name of a user, which is short.
        out.put_u32(u32::try_from(parameter.len()).unwrap_or(u32::MAX));
        out.put_slice(parameter.as_bytes());
        out.put_u16(0);
    });
    message(out, b'E', |out| {
        text(out, "");
        out.put_u32(0);
    });
    message(out, b'S', |_| {});
}

/// Terminate.
pub fn terminate(out: &mut BytesMut) {
    message(out, b'X', |_| {});
}
