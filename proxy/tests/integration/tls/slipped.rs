//! Words in clear before TLS is up are nobody's words.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use super::cluster::Secure;
use crate::auth::poolers::{Pooler, Site};
use crate::patience::bounded;

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// StartupMessage of `plain` for a database.
fn startup(database: &str) -> Vec<u8> {
    let mut body = vec![0, 3, 0, 0];
    for text in ["user", "plain", "database", database, ""] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
    [&length[..], &body].concat()
}

#[test]
fn trap_12_what_a_client_sends_in_clear_behind_its_request_for_tls() {
    bounded(|| {
        let secure = Secure::shared();
        let folder = secure.folder.display();
        for mode in ["allow", "require"] {
            let settings = format!(
                "auth_type = trust\nclient_tls_sslmode = {mode}\n\
                 client_tls_cert_file = {folder}/pooler.crt\n\
                 client_tls_key_file = {folder}/pooler.key\n"
            );
            let site = Site::in_front_of(&secure.cluster, &settings, "\"plain\" \"\"\n", "");
            let _running = site.start(Pooler::Ours);
            let target = site.target("plain");
            let mut stream = TcpStream::connect(target.address).expect("connect");
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .expect("a timeout");
            let slipped_in = startup(&target.database);
            stream
                .write_all(&[&SSL_REQUEST[..], &slipped_in].concat())
                .expect("send");
            let mut answer = Vec::new();
            // The end may come as a reset, since what was slipped in was not all read.
            let _ = stream.read_to_end(&mut answer);
            assert_eq!(answer.first(), Some(&b'S'), "{mode}: {answer:?}");
            // After it a TLS alert (type 21) at most, and never a word of PostgreSQL's.
            assert!(
                matches!(answer.get(1), None | Some(21)),
                "{mode}: {answer:?}"
            );
        }
    });
}

#[test]
fn trap_12_what_a_server_sends_in_clear_behind_its_yes() {
    bounded(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
        let port = listener.local_addr().expect("an address").port();
        let attacker = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the pooler");
            let mut request = [0; 8];
            stream.read_exact(&mut request).expect("SSLRequest");
            assert_eq!(request, SSL_REQUEST);
            // AuthenticationOk and ReadyForQuery, as if the login were over (CVE-2021-23222).
            let slipped_in = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
            stream
                .write_all(&[b"S", &slipped_in[..]].concat())
                .expect("send");
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            rest
        });
        let secure = Secure::shared();
        let settings = "auth_type = trust\nserver_tls_sslmode = require\nquery_wait_timeout = 1\n";
        let connect = format!("host=127.0.0.1 port={port}");
        let site = Site::in_front_of(&secure.cluster, settings, "\"plain\" \"\"\n", &connect);
        let _running = site.start(Pooler::Ours);
        let answer = super::psql(&site.target("plain"), "sslmode=disable", "SELECT 1");
        assert!(answer.contains("query_wait_timeout"), "{answer}");
        let rest = attacker.join().expect("the attacker");
        // A ClientHello and an alert, and no StartupMessage.
        assert_eq!(rest.first(), Some(&0x16), "{rest:?}");
        assert!(!rest.windows(5).any(|bytes| bytes == b"plain"));
    });
}
