//! The first packet of a connection, before messages have types.
//!
//! Source: chapters «Start-up» and «Message Formats» of PostgreSQL's manual. A packet is a length,
//! which counts itself, a code, and what belongs to the code. [`body_length`] judges the length
//! before anything is allocated for it; [`parse`] reads the rest and never panics on any bytes.

use crate::protocol::message::backend::SqlState;

/// Protocol 3.0.
pub const PROTOCOL_3_0: u32 = 3 << 16;
/// Protocol 3.2, the newest that the pooler speaks: cancel keys may be longer than 4 bytes.
pub const PROTOCOL_3_2: u32 = (3 << 16) | 2;
/// Code of a CancelRequest.
pub const CANCEL_REQUEST: u32 = (1234 << 16) | 5678;
/// Code of an SSLRequest.
pub const SSL_REQUEST: u32 = (1234 << 16) | 5679;
/// Code of a GSSENCRequest.
pub const GSSENC_REQUEST: u32 = (1234 << 16) | 5680;

/// Longest first packet in bytes, its length field left out: PostgreSQL's
/// MAX_STARTUP_PACKET_LENGTH.
pub const STARTUP_BYTES_MAX: usize = 10_000;
/// Longest cancel key in bytes, protocol 3.2.
pub const CANCEL_KEY_BYTES_MAX: usize = 256;
/// Longest name of a user or database in bytes: PostgreSQL's NAMEDATALEN less its zero byte.
pub const NAME_BYTES_MAX: usize = 63;

/// What a first packet asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartupPacket {
    /// To go on over TLS.
    Ssl,
    /// To go on with GSSAPI encryption.
    GssEncryption,
    /// To cancel what another connection runs.
    Cancel(CancelKey),
    /// A session.
    Session(StartupParameters),
}

/// Who is to be cancelled, with the proof that the sender may.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CancelKey {
    /// The process id from BackendKeyData.
    pub process: u32,
    /// The secret key from BackendKeyData: 4 bytes in protocol 3.0, up to 256 in 3.2.
    pub key: Box<[u8]>,
}

impl std::fmt::Debug for CancelKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of logs: whoever reads it can cancel.
        write!(formatter, "CancelKey({})", self.process)
    }
}

/// What a client says of itself in StartupMessage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartupParameters {
    /// Protocol version asked for, major in the upper half; at least 3.0.
    pub version: u32,
    /// User.
    pub user: String,
    /// Database; the user's name where the client names none.
    pub database: String,
    /// All other parameters in the order sent.
    pub parameters: Vec<(String, String)>,
    /// Names of the protocol options (`_pq_.…`) sent, none of which the pooler knows.
    pub protocol_options: Vec<String>,
}

impl StartupParameters {
    /// The version to speak: what was asked, or the newest known if that is older.
    #[must_use]
    pub fn negotiated_version(&self) -> u32 {
        self.version.min(PROTOCOL_3_2)
    }

    /// Whether the client must be told by NegotiateProtocolVersion what it cannot have.
    #[must_use]
    pub fn needs_negotiation(&self) -> bool {
        self.version > PROTOCOL_3_2 || !self.protocol_options.is_empty()
    }

    /// The value of parameter `name`, the case of letters aside; the last one sent counts.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .parameters
            .iter()
            .rev()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A first packet that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// The length is out of bounds.
    #[error("invalid length of startup packet")]
    Length(u32),
    /// A protocol that the pooler does not speak.
    #[error("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2")]
    Version {
        /// Major version asked for.
        major: u16,
        /// Minor version asked for.
        minor: u16,
    },
    /// A name or value that does not end, or more after the end.
    #[error("invalid startup packet layout: expected terminator as last byte")]
    Layout,
    /// A name or value that is not UTF-8.
    #[error("startup packet holds text that is not UTF-8")]
    Encoding,
    /// No user, or an empty one.
    #[error("no PostgreSQL user name specified in startup packet")]
    NoUser,
    /// A name that PostgreSQL would cut off.
    #[error("{what} name of {bytes} bytes is too long: at most {NAME_BYTES_MAX}")]
    NameTooLong {
        /// Whose name: `user` or `database`.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A cancel key with no bytes, or with too many.
    #[error("invalid length of cancel key")]
    CancelKey(usize),
}

impl PacketError {
    /// The SQLSTATE that PostgreSQL gives such an error.
    #[must_use]
    pub const fn sql_state(&self) -> SqlState {
        match self {
            Self::Version { .. } => SqlState::FEATURE_NOT_SUPPORTED,
            Self::NoUser => SqlState::INVALID_AUTHORIZATION,
            Self::Length(_)
            | Self::Layout
            | Self::Encoding
            | Self::NameTooLong { .. }
            | Self::CancelKey(_) => SqlState::PROTOCOL_VIOLATION,
        }
    }
}

/// How many bytes follow a length field with these four bytes.
///
/// # Errors
/// [`PacketError::Length`] when they are too few for a code or more than [`STARTUP_BYTES_MAX`].
pub fn body_length(header: [u8; 4]) -> Result<usize, PacketError> {
    let length = u32::from_be_bytes(header);
    let body = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_sub(4));
    match body {
        Some(body) if (4..=STARTUP_BYTES_MAX).contains(&body) => Ok(body),
        _ => Err(PacketError::Length(length)),
    }
}

/// Reads a first packet, its length field already taken off.
///
/// # Errors
/// What is wrong with it.
pub fn parse(body: &[u8]) -> Result<StartupPacket, PacketError> {
    let Some((code, rest)) = body.split_first_chunk::<4>() else {
        return Err(PacketError::Layout);
    };
    match u32::from_be_bytes(*code) {
        SSL_REQUEST if rest.is_empty() => Ok(StartupPacket::Ssl),
        GSSENC_REQUEST if rest.is_empty() => Ok(StartupPacket::GssEncryption),
        CANCEL_REQUEST => parse_cancel(rest).map(StartupPacket::Cancel),
        version if version >> 16 == 3 => parse_session(version, rest).map(StartupPacket::Session),
        _ => {
            let [a, b, c, d] = *code;
            let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            Err(PacketError::Version { major, minor })
        }
    }
}

fn parse_cancel(rest: &[u8]) -> Result<CancelKey, PacketError> {
    let Some((process, key)) = rest.split_first_chunk::<4>() else {
        return Err(PacketError::CancelKey(0));
    };
    if key.is_empty() || key.len() > CANCEL_KEY_BYTES_MAX {
        return Err(PacketError::CancelKey(key.len()));
    }
    Ok(CancelKey {
        process: u32::from_be_bytes(*process),
        key: key.into(),
    })
}

/// Parameters for which there is room from the start: what libpq sends beside user and database.
const PARAMETERS_USUAL: usize = 4;

fn parse_session(version: u32, mut rest: &[u8]) -> Result<StartupParameters, PacketError> {
    let mut user = String::new();
    let mut database = String::new();
    let mut parameters = Vec::with_capacity(PARAMETERS_USUAL);
    let mut protocol_options = Vec::new();
    loop {
        let name = take_text(&mut rest)?;
        if name.is_empty() {
            break;
        }
        let value = take_text(&mut rest)?;
        match name {
            "user" => value.clone_into(&mut user),
            "database" => value.clone_into(&mut database),
            _ if name.starts_with("_pq_.") => protocol_options.push(name.to_owned()),
            _ => parameters.push((name.to_owned(), value.to_owned())),
        }
    }
    if !rest.is_empty() {
        return Err(PacketError::Layout);
    }
    if user.is_empty() {
        return Err(PacketError::NoUser);
    }
    if database.is_empty() {
        database.clone_from(&user);
    }
    check_name("user", &user)?;
    check_name("database", &database)?;
    Ok(StartupParameters {
        version,
        user,
        database,
        parameters,
        protocol_options,
    })
}

/// Takes one zero-terminated string off the front.
fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str, PacketError> {
    let end = rest
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(PacketError::Layout)?;
    let (text, after) = (&rest[..end], &rest[end + 1..]);
    *rest = after;
    str::from_utf8(text).map_err(|_| PacketError::Encoding)
}

fn check_name(what: &'static str, name: &str) -> Result<(), PacketError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(PacketError::NameTooLong {
            what,
            bytes: name.len(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
