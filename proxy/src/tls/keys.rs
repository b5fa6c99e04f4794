//! The settings of one side: the same keys stand under `client_tls_` and `server_tls_`.

use std::path::Path;

use crate::config::{Settings, SslMode};

/// The names of one side's keys, by which errors are reported.
#[derive(Debug)]
pub struct Keys {
    /// Whether to encrypt, and what to check.
    pub sslmode: &'static str,
    /// Authorities.
    pub ca_file: &'static str,
    /// Our certificate.
    pub cert_file: &'static str,
    /// Its private key.
    pub key_file: &'static str,
    /// Versions.
    pub protocols: &'static str,
    /// Cipher suites of TLS 1.2.
    pub ciphers: &'static str,
    /// Cipher suites of TLS 1.3.
    pub tls13_ciphers: &'static str,
}

macro_rules! keys {
    ($side:literal) => {
        Keys {
            sslmode: concat!($side, "_tls_sslmode"),
            ca_file: concat!($side, "_tls_ca_file"),
            cert_file: concat!($side, "_tls_cert_file"),
            key_file: concat!($side, "_tls_key_file"),
            protocols: concat!($side, "_tls_protocols"),
            ciphers: concat!($side, "_tls_ciphers"),
            tls13_ciphers: concat!($side, "_tls13_ciphers"),
        }
    };
}

/// The keys for TLS with clients.
pub const CLIENT_KEYS: Keys = keys!("client");
/// The keys for TLS with servers.
pub const SERVER_KEYS: Keys = keys!("server");

/// A sentence about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The key.
    pub key: &'static str,
    /// The sentence: expected and got.
    pub message: String,
}

impl Remark {
    pub(super) fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self {
            key,
            message: message.into(),
        }
    }
}

/// What the settings say of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'a> {
    pub(super) keys: &'static Keys,
    pub(super) mode: SslMode,
    pub(super) ca_file: Option<&'a Path>,
    pub(super) cert_file: Option<&'a Path>,
    pub(super) key_file: Option<&'a Path>,
    pub(super) protocols: &'a str,
    pub(super) ciphers: &'a str,
    pub(super) tls13_ciphers: Option<&'a str>,
}

impl<'a> Side<'a> {
    pub(super) fn clients(settings: &'a Settings) -> Self {
        Self {
            keys: &CLIENT_KEYS,
            mode: settings.client_tls_sslmode,
            ca_file: settings.client_tls_ca_file.as_deref(),
            cert_file: settings.client_tls_cert_file.as_deref(),
            key_file: settings.client_tls_key_file.as_deref(),
            protocols: &settings.client_tls_protocols,
            ciphers: &settings.client_tls_ciphers,
            tls13_ciphers: settings.client_tls13_ciphers.as_deref(),
        }
    }

    pub(super) fn servers(settings: &'a Settings) -> Self {
        Self {
            keys: &SERVER_KEYS,
            mode: settings.server_tls_sslmode,
            ca_file: settings.server_tls_ca_file.as_deref(),
            cert_file: settings.server_tls_cert_file.as_deref(),
            key_file: settings.server_tls_key_file.as_deref(),
            protocols: &settings.server_tls_protocols,
            ciphers: &settings.server_tls_ciphers,
            tls13_ciphers: settings.server_tls13_ciphers.as_deref(),
        }
    }

    /// Whether the other side's certificate must come from a known authority.
    pub(super) const fn verifies(&self) -> bool {
        matches!(self.mode, SslMode::VerifyCa | SslMode::VerifyFull)
    }
}
