//! Every mode on both sides.

use super::cluster::Secure;
use super::psql;
use crate::auth::poolers::{POOLERS, Pooler, Site};
use crate::cluster::Cluster;
use crate::patience::{bounded, bounded_by};

const WHO: &str = "SELECT current_user";
/// Whether the connection between pooler and PostgreSQL is encrypted.
const ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

fn front(secure: &Secure, mode: &str) -> String {
    let folder = secure.folder.display();
    format!(
        "auth_type = trust\nserver_tls_sslmode = disable\nclient_tls_sslmode = {mode}\n\
         client_tls_ca_file = {folder}/ca.crt\n\
         client_tls_cert_file = {folder}/pooler.crt\nclient_tls_key_file = {folder}/pooler.key\n"
    )
}

#[test]
fn every_mode_with_clients() {
    bounded_by(std::time::Duration::from_secs(60), || {
        let secure = Secure::shared();
        let folder = secure.folder.display();
        let verify = format!("sslmode=verify-full sslrootcert={folder}/ca.crt");
        let stranger = format!("sslmode=verify-ca sslrootcert={folder}/other-ca.crt");
        let certified =
            format!("{verify} sslcert={folder}/login_cert.crt sslkey={folder}/login_cert.key");
        let none = "server does not support SSL, but SSL was required";
        let needed = "SSL required";
        for (mode, plain, encrypted, with_certificate) in [
            ("disable", "plain", none, "server does not support SSL"),
            ("allow", "plain", "plain", "plain"),
            ("prefer", "plain", "plain", "plain"),
            ("require", needed, "plain", "plain"),
            ("verify-ca", needed, "error", "plain"),
            ("verify-full", needed, "error", "plain"),
        ] {
            let site = Site::in_front_of(
                &secure.cluster,
                &front(secure, mode),
                "\"plain\" \"\"\n",
                "",
            );
            for pooler in POOLERS {
                let running = site.start(pooler);
                let target = site.target("plain");
                for (tls, expected) in [
                    ("sslmode=disable", plain),
                    ("sslmode=require", encrypted),
                    (certified.as_str(), with_certificate),
                ] {
                    let answer = psql(&target, tls, WHO);
                    assert!(
                        answer.contains(expected),
                        "{pooler:?} {mode} {tls}: {answer}"
                    );
                }
                if mode == "require" {
                    assert_eq!(psql(&target, &verify, WHO), "plain");
                    let answer = psql(&target, &stranger, WHO);
                    assert!(answer.contains("certificate verify failed"), "{answer}");
                }
                drop(running);
            }
        }
    });
}

/// What a client of role `user` finds behind a pooler with such settings towards its servers.
fn behind(cluster: &'static Cluster, user: &str, settings: &str, connect: &str) -> String {
    let settings = format!("auth_type = trust\nserver_login_retry = 0\n{settings}");
    let site = Site::in_front_of(cluster, &settings, &format!("\"{user}\" \"\"\n"), connect);
    let _running = site.start(Pooler::Ours);
    psql(&site.target(user), "sslmode=disable", ENCRYPTED)
}

#[test]
fn every_mode_with_servers() {
    bounded_by(std::time::Duration::from_secs(60), || {
        let secure = Secure::shared();
        let folder = secure.folder.display();
        let right = format!("server_tls_ca_file = {folder}/ca.crt\nquery_wait_timeout = 1\n");
        let wrong = format!("server_tls_ca_file = {folder}/other-ca.crt\nquery_wait_timeout = 1\n");
        let check = |user: &str, mode: &str, more: &str, connect: &str, expected: &str| {
            let settings = format!("server_tls_sslmode = {mode}\n{more}");
            let answer = behind(&secure.cluster, user, &settings, connect);
            assert!(
                answer.contains(expected),
                "{user} {mode} {connect}: {answer}"
            );
        };
        for (mode, expected) in [
            ("disable", "f"),
            ("allow", "f"),
            ("prefer", "t"),
            ("require", "t"),
        ] {
            check("plain", mode, "", "", expected);
        }
        // Who does not get in without, gets in with.
        check("tls_only", "allow", "", "", "t");
        check("tls_only", "disable", "", "", "error");
        check("plain", "verify-ca", &right, "", "t");
        check("plain", "verify-ca", &wrong, "", "query_wait_timeout");
        check("plain", "verify-full", &right, "host=localhost", "t");
        // The certificate names localhost and not its address.
        check(
            "plain",
            "verify-full",
            &right,
            "host=127.0.0.1",
            "query_wait_timeout",
        );
        // Our own certificate.
        let own = format!(
            "server_tls_cert_file = {folder}/cert_only.crt\n\
             server_tls_key_file = {folder}/cert_only.key\n"
        );
        check("cert_only", "require", &own, "", "t");
        check("cert_only", "require", "", "", "error");
    });
}

#[test]
fn a_server_without_tls() {
    bounded(|| {
        let cluster = Cluster::shared();
        let behind = |mode: &str| {
            let settings = format!("server_tls_sslmode = {mode}\nquery_wait_timeout = 1\n");
            behind(cluster, "app", &settings, "")
        };
        assert_eq!(behind("prefer"), "f");
        assert!(behind("require").contains("query_wait_timeout"));
    });
}
