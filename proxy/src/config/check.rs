//! What no single line is to blame for.

use std::path::Path;
use std::sync::Arc;

use super::choice::{AuthType, PoolMode, SslMode};
use super::error::Note;
use super::files::start_of;
use super::listen::SocketDir;
use super::load::Loader;

/// Adds the errors and warnings that only show once every line has been read.
pub(super) fn check(loader: &mut Loader, file: &Arc<Path>) {
    auth_type(loader, file);
    tls(loader);
    let settings = &loader.settings;
    if settings.listen_addr.is_empty() && settings.unix_socket_dir == SocketDir::None {
        let message = "nowhere to listen on: expected listen_addr or unix_socket_dir to be set";
        loader.error(&start_of(file), message.to_owned());
    }
}

/// What a value does not do yet, of a key that is honoured otherwise.
pub(super) fn not_in_full(key: &str, value: &str) -> Option<&'static str> {
    let is = |name: &str, word: &str| key == name && value.eq_ignore_ascii_case(word);
    is("pool_mode", PoolMode::Statement.as_str())
        .then_some("acts as transaction; several statements in one are not refused yet")
}

fn auth_type(loader: &mut Loader, file: &Arc<Path>) {
    let auth_type = loader.settings.auth_type;
    let supported = match auth_type {
        AuthType::Any => return,
        AuthType::Trust | AuthType::Plain | AuthType::Md5 | AuthType::ScramSha256 => true,
        AuthType::Cert | AuthType::Hba | AuthType::Pam | AuthType::Ldap => false,
    };
    let position = loader
        .set_at
        .get("auth_type")
        .cloned()
        .unwrap_or_else(|| start_of(file));
    if !supported {
        let known = "trust, any, plain, md5 or scram-sha-256";
        let got = auth_type.as_str();
        let message = format!("auth_type: expected {known}, got {got}, which is not supported yet");
        loader.error(&position, message);
    } else if loader.settings.auth_file.is_none() {
        let message = format!(
            "no user can log in: auth_type {} takes its users from auth_file, which is not set",
            auth_type.as_str()
        );
        loader.warnings.push(Note { position, message });
    }
}

/// Encryption that was demanded and is not had must not be a mere warning.
fn tls(loader: &mut Loader) {
    let modes = [
        ("client_tls_sslmode", loader.settings.client_tls_sslmode),
        ("server_tls_sslmode", loader.settings.server_tls_sslmode),
    ];
    for (key, mode) in modes {
        let demanded = match mode {
            SslMode::Disable | SslMode::Allow | SslMode::Prefer => false,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => true,
        };
        if let (true, Some(position)) = (demanded, loader.set_at.get(key).cloned()) {
            let got = mode.as_str();
            let message = format!(
                "{key}: expected disable, allow or prefer, got {got}: TLS is not supported yet"
            );
            loader.error(&position, message);
        }
    }
}
