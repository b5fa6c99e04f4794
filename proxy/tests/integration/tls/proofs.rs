//! Who a client is, proved by a certificate, by the system, or by a password bound to TLS.

use std::fs;
use std::process::Command;

use nix::unistd::{Uid, User};

use super::cluster::{PASSWORD, Secure};
use super::psql;
use crate::auth::poolers::{POOLERS, Pooler, Site};
use crate::cluster::{hand_over, program};
use crate::patience::{bounded, bounded_by};

const WHO: &str = "SELECT current_user";

fn front(secure: &Secure) -> String {
    let folder = secure.folder.display();
    format!(
        "client_tls_sslmode = verify-full\nclient_tls_ca_file = {folder}/ca.crt\n\
         client_tls_cert_file = {folder}/pooler.crt\nclient_tls_key_file = {folder}/pooler.key\n"
    )
}

#[test]
fn a_certificate_names_its_user() {
    bounded_by(std::time::Duration::from_secs(60), || {
        let secure = Secure::shared();
        let folder = secure.folder.display();
        let shown = |name: &str| {
            format!("sslmode=require sslcert={folder}/{name}.crt sslkey={folder}/{name}.key")
        };
        let settings = format!("auth_type = cert\n{}", front(secure));
        let users = "\"login_cert\" \"\"\n\"plain\" \"\"\n";
        let site = Site::in_front_of(&secure.cluster, &settings, users, "");
        for pooler in POOLERS {
            let running = site.start(pooler);
            let log_in = |user: &str, certificate: &str| psql(&site.target(user), certificate, WHO);
            assert_eq!(
                log_in("login_cert", &shown("login_cert")),
                "login_cert",
                "{pooler:?}"
            );
            let answer = log_in("plain", &shown("login_cert"));
            assert!(
                answer.contains("certificate authentication failed"),
                "{pooler:?}: {answer}"
            );
            assert!(
                log_in("login_cert", "sslmode=require").contains("error"),
                "{pooler:?}"
            );
            drop(running);
        }
        // A user whom nobody knows is refused as one whose name is another's.
        let _running = site.start(Pooler::Ours);
        let answer = psql(&site.target("cert_only"), &shown("cert_only"), WHO);
        assert!(
            answer.contains("certificate authentication failed"),
            "{answer}"
        );
    });
}

#[test]
fn rules_decide_by_place_and_map() {
    bounded_by(std::time::Duration::from_secs(60), || {
        let secure = Secure::shared();
        let system = User::from_uid(Uid::effective())
            .ok()
            .flatten()
            .expect("a user")
            .name;
        let folder = secure.folder.display();
        let shown = format!(
            "sslmode=require sslcert={folder}/login_cert.crt sslkey={folder}/login_cert.key"
        );
        let settings = format!(
            "auth_type = hba\nauth_hba_file = {folder}/hba\nauth_ident_file = {folder}/ident\n{}\
             unix_socket_dir = {folder}\n",
            front(secure).replace("verify-full", "allow")
        );
        let rules = "local all all peer map=crew\n\
                     hostssl all login_cert 127.0.0.1/32 cert\n\
                     hostnossl all plain 127.0.0.0 255.0.0.0 trust\n\
                     host all all 0.0.0.0/0 reject\n";
        for (name, text) in [("hba", rules), ("ident", &format!("crew {system} plain\n"))] {
            fs::write(secure.folder.join(name), text).expect("write");
            hand_over(&secure.folder.join(name));
        }
        let users = "\"login_cert\" \"\"\n\"plain\" \"\"\n\"tls_only\" \"\"\n";
        let site = Site::in_front_of(&secure.cluster, &settings, users, "");
        let _running = site.start(Pooler::Ours);
        assert_eq!(psql(&site.target("login_cert"), &shown, WHO), "login_cert");
        assert_eq!(psql(&site.target("plain"), "sslmode=disable", WHO), "plain");
        for (user, tls) in [
            ("plain", "sslmode=require"),
            ("tls_only", "sslmode=disable"),
        ] {
            let answer = psql(&site.target(user), tls, WHO);
            assert!(answer.contains("login rejected"), "{user} {tls}: {answer}");
        }
        let local = |user: &str| {
            let target = site.target(user);
            let output = Command::new(program("psql"))
                .args(["--no-psqlrc", "-qAtX", "-w", "-c", WHO, "-h"])
                .arg(&secure.folder)
                .args(["-p", &target.address.port().to_string()])
                .args(["-U", user, "-d", &target.database])
                .output()
                .expect("run psql");
            let said = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&said).trim().to_owned()
        };
        assert_eq!(local("plain"), "plain");
        let answer = local("login_cert");
        assert!(answer.contains("unix socket login rejected"), "{answer}");
    });
}

#[test]
fn a_password_is_proved_to_a_server_bound_to_its_certificate() {
    bounded(|| {
        let secure = Secure::shared();
        // PostgreSQL offers SCRAM-SHA-256-PLUS on every TLS connection, and checks the hash.
        let settings = "auth_type = trust\nserver_tls_sslmode = require\n";
        let users = format!("\"scram\" \"{PASSWORD}\"\n");
        let site = Site::in_front_of(&secure.cluster, settings, &users, "");
        let _running = site.start(Pooler::Ours);
        assert_eq!(psql(&site.target("scram"), "sslmode=disable", WHO), "scram");
    });
}
