//! Sessions over TLS: large answers, cancels, moves between cores, a reload; and direct TLS.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use poolproof_proxy::config::Config;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::cluster::Secure;
use super::{Authority, psql, psql_command};
use crate::auth::poolers::{Pooler, Site, Started, Target};
use crate::patience::{bounded, bounded_by, wait_until};

/// A pooler with TLS on both sides; `more` are lines of `[pgbouncer]`.
fn site(secure: &'static Secure, more: &str) -> Site {
    let folder = secure.folder.display();
    let settings = format!(
        "auth_type = trust\nserver_tls_sslmode = require\nclient_tls_sslmode = require\n\
         client_tls_cert_file = {folder}/pooler.crt\nclient_tls_key_file = {folder}/pooler.key\n{more}"
    );
    Site::in_front_of(&secure.cluster, &settings, "\"tls_only\" \"\"\n", "")
}

#[test]
fn large_answers_and_copies_pass() {
    bounded_by(std::time::Duration::from_secs(60), || {
        let site = site(Secure::shared(), "");
        let _running = site.start(Pooler::Ours);
        let target = site.target("tls_only");
        let sql = "SELECT md5(repeat('poolproof', 1000000)), repeat('poolproof', 1000000)";
        let through = psql(&target, "sslmode=require", sql);
        assert_eq!(through.len(), 32 + 1 + 9_000_000);
        assert!(through.ends_with(&"poolproof".repeat(1_000_000)));
        // Both ways at once: what goes in as a parameter comes back.
        let rows = "SELECT sum(n) FROM generate_series(1, 200000) n";
        assert_eq!(psql(&target, "sslmode=require", rows), "20000100000");
    });
}

#[test]
fn servers_under_tls_move_between_cores() {
    bounded_by(std::time::Duration::from_secs(60), || {
        let settings = "worker_threads = 2\ndefault_pool_size = 1\npool_mode = transaction\n";
        let site = site(Secure::shared(), settings);
        let _running = site.start(Pooler::Ours);
        let target = site.target("tls_only");
        std::thread::scope(|scope| {
            for client in 0..8 {
                let target = &target;
                scope.spawn(move || {
                    let sql = format!("SELECT {client}; SELECT pg_sleep(0.05); SELECT {client}");
                    let answer = psql(target, "sslmode=require", &sql);
                    assert_eq!(answer, format!("{client}\n\n{client}"));
                });
            }
        });
    });
}

#[test]
fn a_cancel_request_reaches_its_query_over_tls() {
    bounded(|| {
        let secure = Secure::shared();
        let site = site(secure, "");
        let _running = site.start(Pooler::Ours);
        let target = site.target("tls_only");
        let asked = "SELECT pg_sleep(25) AS to_be_cancelled";
        let mut command = psql_command(&target, "sslmode=require", asked);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = child.expect("run psql");
        let running = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%to_be_cancelled%' \
                       AND state = 'active' AND pid <> pg_backend_pid()";
        wait_until("the query to run", || {
            secure.cluster.sql(running).len() == 1
        });
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("kill");
        let output = child.wait_with_output().expect("wait for psql");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("canceling statement due to user request"),
            "{said}"
        );
    });
}

/// What a client goes by that trusts the authority in a file.
pub(super) fn trusting(authority: &Path, alpn: Option<&[u8]>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).expect("a certificate");
    roots.add(certificate).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.into_iter().map(<[u8]>::to_vec).collect();
    config
}

/// TLS with the pooler, from the first byte on or after an SSLRequest.
fn connect(
    target: &Target,
    authority: &Path,
    alpn: Option<&[u8]>,
    direct: bool,
) -> StreamOwned<ClientConnection, TcpStream> {
    let config = trusting(authority, alpn);
    let name = ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut socket = TcpStream::connect(target.address).expect("connect");
    if !direct {
        socket
            .write_all(&[0, 0, 0, 8, 4, 210, 22, 47])
            .expect("send SSLRequest");
        let mut answer = [0];
        socket.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, *b"S");
    }
    StreamOwned::new(session, socket)
}

/// Sends a StartupMessage and reads the type of the first answer; `None` at the end.
fn first_answer(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    target: &Target,
) -> Option<u8> {
    let mut body = vec![0, 3, 0, 0];
    for text in ["user", &target.user, "database", &target.database] {
        body.extend_from_slice(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
    let sent = stream.write_all(&[&length[..], &body].concat());
    let mut answer = [0];
    match sent.and_then(|()| stream.read_exact(&mut answer)) {
        Ok(()) => Some(answer[0]),
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("silence"),
        Err(_) => None,
    }
}

#[test]
fn direct_tls_names_its_protocol() {
    bounded(|| {
        let secure = Secure::shared();
        let site = site(secure, "");
        let _running = site.start(Pooler::Ours);
        let target = site.target("tls_only");
        let authority = secure.folder.join("ca.crt");
        let first = |alpn: Option<&[u8]>, direct| {
            let mut stream = connect(&target, &authority, alpn, direct);
            first_answer(&mut stream, &target)
        };
        assert_eq!(first(Some(b"postgresql"), true), Some(b'R'));
        // PostgreSQL 17 refuses a client that does not say what it speaks, so that nobody can make
        // another server's words pass for PostgreSQL's; after an SSLRequest that is plain already.
        assert_eq!(first(None, true), Some(b'E'));
        assert_eq!(first(None, false), Some(b'R'));
        assert_eq!(first(Some(b"postgresql"), false), Some(b'R'));
    });
}

#[test]
fn trap_28_certificates_are_replaced_by_a_reload() {
    bounded(|| {
        let secure = Secure::shared();
        let site = site(secure, "");
        let own = site.folder().to_owned();
        let ini = fs::read_to_string(own.join("ini")).expect("read");
        let theirs = secure.folder.display().to_string();
        fs::write(
            own.join("ini"),
            ini.replace(
                &format!("{theirs}/pooler"),
                &format!("{}/pooler", own.display()),
            ),
        )
        .expect("write");
        secure
            .authority
            .vouch(&own, "pooler", "pooler", &["localhost"]);
        let Started::Ours(ref running) = site.start(Pooler::Ours) else {
            unreachable!("ours was asked for");
        };
        let target = site.target("tls_only");
        let old = secure.folder.join("ca.crt");
        let mut before = connect(&target, &old, None, false);
        assert_eq!(first_answer(&mut before, &target), Some(b'R'));

        // A key that does not go with its certificate never replaces one that does.
        let next = Authority::new("the next authority");
        let new = next.write(&own, "next");
        next.vouch(&own, "torn", "pooler", &["localhost"]);
        fs::copy(own.join("torn.crt"), own.join("pooler.crt")).expect("copy");
        let refused = Config::load(&own.join("ini")).expect_err("a torn pair");
        assert!(
            refused.to_string().contains("do not go together"),
            "{refused}"
        );

        fs::copy(own.join("torn.key"), own.join("pooler.key")).expect("copy");
        running.reload(Config::load(&own.join("ini")).expect("a good pair"));
        let tls = format!("sslmode=verify-full sslrootcert={}", new.display());
        assert_eq!(psql(&target, &tls, "SELECT 42"), "42");
        // Who was there before stays.
        let mut rest = [0; 8];
        before
            .read_exact(&mut rest)
            .expect("AuthenticationOk of the session that began before");
    });
}
