//! What the pooler says to clients in PostgreSQL's place.

use bytes::{BufMut, BytesMut};

use super::{message, text};

/// How bad an error is. After [`Severity::Fatal`] the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed; the session goes on.
    Error,
    /// The session ends.
    Fatal,
    /// Nothing failed; sent as NoticeResponse.
    Notice,
    /// Nothing failed yet; sent as NoticeResponse.
    Warning,
}

impl Severity {
    /// The word in the fields S and V.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
        }
    }

    /// Type byte of the message that carries it.
    const fn tag(self) -> u8 {
        match self {
            Self::Error | Self::Fatal => b'E',
            Self::Notice | Self::Warning => b'N',
        }
    }
}

/// Five characters that say what kind of error it is (appendix «PostgreSQL Error Codes»).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// What the two sides say does not follow the protocol.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// Nothing is wrong; the code of a notice.
    pub const SUCCESS: Self = Self(*b"00000");
    /// Not what is understood here.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// This user may not.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// A setting cannot have this value.
    pub const INVALID_PARAMETER_VALUE: Self = Self(*b"22023");
    /// Not in this state.
    pub const OBJECT_NOT_IN_PREREQUISITE_STATE: Self = Self(*b"55000");
    /// The configuration file is wrong.
    pub const CONFIG_FILE_ERROR: Self = Self(*b"F0000");
    /// The server could not be reached.
    pub const CANNOT_CONNECT: Self = Self(*b"08001");
    /// The connection is gone.
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// The pooler does not know how.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// This user may not log in this way.
    pub const INVALID_AUTHORIZATION: Self = Self(*b"28000");
    /// Wrong password, or no such user.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// No such database.
    pub const INVALID_CATALOG_NAME: Self = Self(*b"3D000");
    /// Too many connections.
    pub const TOO_MANY_CONNECTIONS: Self = Self(*b"53300");
    /// Cancelled on request, or timed out.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// The administrator ended it.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// Not now.
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// A fault of the pooler itself.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// A code that a server sent; `None` unless it is five ASCII letters and digits.
    #[must_use]
    pub fn from_bytes(code: &[u8]) -> Option<Self> {
        let code: [u8; 5] = code.try_into().ok()?;
        code.iter()
            .all(u8::is_ascii_alphanumeric)
            .then_some(Self(code))
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // ASCII by construction, both in the constants and in from_bytes.
        str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl std::fmt::Debug for SqlState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl std::fmt::Display for SqlState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// ErrorResponse, or NoticeResponse where the severity is one of a notice.
pub fn error_response(out: &mut BytesMut, severity: Severity, code: SqlState, words: &str) {
    error_with_hint(out, severity, code, words, None);
}

/// [`error_response`] with a hint what to do.
pub fn error_with_hint(
    out: &mut BytesMut,
    severity: Severity,
    code: SqlState,
    words: &str,
    hint: Option<&str>,
) {
    message(out, severity.tag(), |out| {
        field(out, b'S', severity.as_str());
        field(out, b'V', severity.as_str());
        field(out, b'C', code.as_str());
        field(out, b'M', words);
        if let Some(hint) = hint {
            field(out, b'H', hint);
        }
        out.put_u8(0);
    });
}

fn field(out: &mut BytesMut, kind: u8, words: &str) {
    out.put_u8(kind);
    // Words may quote a client's bytes; a zero among them would end the field early.
    out.extend(words.bytes().filter(|byte| *byte != 0));
    out.put_u8(0);
}

/// What a ReadyForQuery says of the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// None is open.
    Idle,
    /// One is open.
    InTransaction,
    /// One is open and has failed; only its end is accepted.
    Failed,
}

impl TransactionStatus {
    /// The byte in ReadyForQuery.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InTransaction => b'T',
            Self::Failed => b'E',
        }
    }

    /// What the byte in a ReadyForQuery means.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'I' => Some(Self::Idle),
            b'T' => Some(Self::InTransaction),
            b'E' => Some(Self::Failed),
            _ => None,
        }
    }
}

/// ReadyForQuery.
pub fn ready_for_query(out: &mut BytesMut, status: TransactionStatus) {
    message(out, b'Z', |out| out.put_u8(status.as_byte()));
}

/// ParameterStatus.
pub fn parameter_status(out: &mut BytesMut, name: &str, value: &str) {
    message(out, b'S', |out| {
        text(out, name);
        text(out, value);
    });
}

/// BackendKeyData: 4 bytes of key in protocol 3.0, up to 256 in 3.2.
pub fn backend_key_data(out: &mut BytesMut, process: u32, key: &[u8]) {
    message(out, b'K', |out| {
        out.put_u32(process);
        out.put_slice(key);
    });
}

/// NegotiateProtocolVersion: the newest minor version of protocol 3 that the pooler speaks, and
/// the `_pq_.` options that it does not know.
pub fn negotiate_protocol_version(out: &mut BytesMut, version: u32, unknown: &[&str]) {
    message(out, b'v', |out| {
        out.put_u32(version);
        out.put_u32(u32::try_from(unknown.len()).unwrap_or(u32::MAX));
        for option in unknown {
            text(out, option);
        }
    });
}

/// AuthenticationOk.
pub fn authentication_ok(out: &mut BytesMut) {
    message(out, b'R', |out| out.put_u32(0));
}

/// AuthenticationCleartextPassword.
pub fn authentication_cleartext_password(out: &mut BytesMut) {
    message(out, b'R', |out| out.put_u32(3));
}

/// AuthenticationMD5Password.
pub fn authentication_md5_password(out: &mut BytesMut, salt: [u8; 4]) {
    message(out, b'R', |out| {
        out.put_u32(5);
        out.put_slice(&salt);
    });
}

/// AuthenticationSASL: the mechanisms offered, best first.
pub fn authentication_sasl(out: &mut BytesMut, mechanisms: &[&str]) {
    message(out, b'R', |out| {
        out.put_u32(10);
        for mechanism in mechanisms {
            text(out, mechanism);
        }
        out.put_u8(0);
    });
}

/// AuthenticationSASLContinue.
pub fn authentication_sasl_continue(out: &mut BytesMut, data: &str) {
    message(out, b'R', |out| {
        out.put_u32(11);
        out.put_slice(data.as_bytes());
    });
}

/// AuthenticationSASLFinal.
pub fn authentication_sasl_final(out: &mut BytesMut, data: &str) {
    message(out, b'R', |out| {
        out.put_u32(12);
        out.put_slice(data.as_bytes());
    });
}

/// CommandComplete.
pub fn command_complete(out: &mut BytesMut, tag: &str) {
    message(out, b'C', |out| text(out, tag));
}

/// EmptyQueryResponse.
pub fn empty_query_response(out: &mut BytesMut) {
    message(out, b'I', |_| {});
}

/// ParseComplete.
pub fn parse_complete(out: &mut BytesMut) {
    message(out, b'1', |_| {});
}

/// CloseComplete.
pub fn close_complete(out: &mut BytesMut) {
    message(out, b'3', |_| {});
}

/// Type of a column that the pooler itself answers with (`pg_type.dat` has the numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `text`.
    Text,
    /// `int4`.
    Int4,
    /// `int8`.
    Int8,
    /// `bytea`.
    Bytea,
    /// `numeric`.
    Numeric,
}

impl ColumnType {
    /// OID, and length in bytes where it is fixed.
    const fn oid_and_len(self) -> (u32, i16) {
        match self {
            Self::Text => (25, -1),
            Self::Int4 => (23, 4),
            Self::Int8 => (20, 8),
            Self::Bytea => (17, -1),
            Self::Numeric => (1700, -1),
        }
    }
}

/// RowDescription of columns that belong to no table, their values in text format.
pub fn row_description<'a>(
    out: &mut BytesMut,
    columns: impl ExactSizeIterator<Item = (&'a str, ColumnType)>,
) {
    message(out, b'T', |out| {
        out.put_u16(u16::try_from(columns.len()).unwrap_or(u16::MAX));
        for (name, kind) in columns {
            let (oid, len) = kind.oid_and_len();
            text(out, name);
            out.put_u32(0); // no table
            out.put_u16(0); // nor a column of one
            out.put_u32(oid);
            out.put_i16(len);
            out.put_i32(-1); // no type modifier
            out.put_u16(0); // text format
        }
    });
}

/// DataRow; `None` is NULL.
pub fn data_row<'a>(out: &mut BytesMut, values: impl ExactSizeIterator<Item = Option<&'a str>>) {
    message(out, b'D', |out| {
        out.put_u16(u16::try_from(values.len()).unwrap_or(u16::MAX));
        for value in values {
            match value {
                None => out.put_i32(-1),
                Some(value) => {
                    out.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
                    out.put_slice(value.as_bytes());
                }
            }
        }
    });
}

/// NoticeResponse with a detail.
pub fn notice_with_detail(out: &mut BytesMut, words: &str, detail: &str) {
    message(out, Severity::Notice.tag(), |out| {
        field(out, b'S', Severity::Notice.as_str());
        field(out, b'V', Severity::Notice.as_str());
        field(out, b'C', "00000");
        field(out, b'M', words);
        field(out, b'D', detail);
        out.put_u8(0);
    });
}
