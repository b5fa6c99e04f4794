//! What no single line is to blame for.

use std::path::Path;
use std::sync::Arc;

use super::choice::{AuthType, SslMode};
use super::error::Note;
use super::files::start_of;
use super::listen::SocketDir;
use super::load::Loader;
use crate::cancel::PEER_ID_MAX;
use crate::tls::{ClientTls, Remark, ServerTls};

/// Adds the errors and warnings that only show once every line has been read.
pub(super) fn check(loader: &mut Loader, file: &Arc<Path>) {
    auth_type(loader, file);
    peer_id(loader, file);
    let settings = &loader.settings;
    if settings.listen_addr.is_empty() && settings.unix_socket_dir == SocketDir::None {
        let message = "nowhere to listen on: expected listen_addr or unix_socket_dir to be set";
        loader.error(&start_of(file), message.to_owned());
    }
}

/// A peer_id takes two bytes of a cancel key.
fn peer_id(loader: &mut Loader, file: &Arc<Path>) {
    let id = loader.settings.peer_id;
    if id > PEER_ID_MAX {
        let message = format!("peer_id: expected a number from 0 to {PEER_ID_MAX}, got {id}");
        let position = loader.position_of("peer_id", file);
        loader.error(&position, message);
    }
}

fn auth_type(loader: &mut Loader, file: &Arc<Path>) {
    let auth_type = loader.settings.auth_type;
    if auth_type == AuthType::Any {
        return;
    }
    let position = loader
        .set_at
        .get("auth_type")
        .cloned()
        .unwrap_or_else(|| start_of(file));
    let impossible = match auth_type {
        AuthType::Pam if cfg!(not(feature = "pam")) => {
            Some("this build has no pam: build with --features pam, or use scram-sha-256")
        }
        AuthType::Ldap => Some("ldap is not supported: use scram-sha-256, or auth_query"),
        AuthType::Hba if loader.settings.auth_hba_file.is_none() => {
            Some("hba needs auth_hba_file, which is not set")
        }
        AuthType::Cert if !demands_certificate(loader.settings.client_tls_sslmode) => {
            Some("cert needs client_tls_sslmode verify-ca or verify-full")
        }
        _ => None,
    };
    if let Some(words) = impossible {
        loader.error(&position, format!("auth_type: {words}"));
    } else if auth_type != AuthType::Pam
        && loader.settings.auth_file.is_none()
        && loader.settings.auth_user.is_none()
    {
        let message = format!(
            "no user can log in: auth_type {} takes its users from auth_file, which is not set",
            auth_type.as_str()
        );
        loader.warnings.push(Note { position, message });
    }
}

const fn demands_certificate(mode: SslMode) -> bool {
    matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull)
}

/// TLS with both sides, as far as it can be had: with an error the configuration is not taken.
pub(super) fn tls(loader: &mut Loader, file: &Arc<Path>) -> (ClientTls, ServerTls) {
    let mut remarks = Vec::new();
    let clients = ClientTls::build(&loader.settings, &mut remarks);
    let servers = ServerTls::build(&loader.settings, &mut remarks);
    for Remark { key, message } in remarks {
        let position = loader.position_of(key, file);
        loader.warnings.push(Note { position, message });
    }
    let mut fault = |Remark { key, message }| {
        let position = loader.position_of(key, file);
        loader.error(&position, message);
    };
    let clients = clients.map_err(&mut fault).unwrap_or_default();
    (clients, servers.map_err(fault).unwrap_or_default())
}
