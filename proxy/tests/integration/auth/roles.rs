//! Roles, each of which PostgreSQL asks for another proof.

use std::fmt::Write;
use std::sync::Once;

use crate::cluster::Cluster;

/// The password of all of them. SASLprep (RFC 4013) maps the no-break space to a space, so both
/// sides must prepare it alike.
pub(crate) const PASSWORD: &str = "päss\u{a0}w\"ort";

/// Trust, cleartext, md5, SCRAM.
pub(crate) const ROLES: [&str; 4] = ["login_trust", "login_clear", "login_md5", "login_scram"];

/// Makes the roles, once.
pub(crate) fn create() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let cluster = Cluster::shared();
        cluster.role("login_trust", PASSWORD, &["auth_trust"]);
        cluster.role("login_clear", PASSWORD, &["auth_clear"]);
        cluster.role("login_scram", PASSWORD, &[]);
        cluster.role("login_quoted", PASSWORD, &[]);
        // PostgreSQL answers `md5` in its host-based authentication with SCRAM unless what it
        // stores is md5.
        cluster.role("login_md5", PASSWORD, &["auth_md5"]);
        cluster.sql(&format!(
            "SET password_encryption = 'md5'; ALTER ROLE login_md5 PASSWORD '{PASSWORD}'"
        ));
    });
}

/// A userlist with the password of every role in plain.
pub(crate) fn userlist() -> String {
    lines(ROLES.map(|role| (role.to_owned(), PASSWORD.to_owned())))
}

/// A userlist with what PostgreSQL stores of the passwords of `roles`.
pub(crate) fn stored(roles: &[&str]) -> String {
    lines(roles.iter().map(|role| {
        let sql = format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'");
        let rows = Cluster::shared().sql(&sql);
        ((*role).to_owned(), rows[0].clone())
    }))
}

fn lines(users: impl IntoIterator<Item = (String, String)>) -> String {
    let mut text = String::new();
    for (user, password) in users {
        let quoted = password.replace('"', "\"\"");
        writeln!(text, "\"{user}\" \"{quoted}\"").expect("a string takes everything");
    }
    text
}
