//! Many logins over TLS at one moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Config, NoTls};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::cluster::{PASSWORD, Secure};
use super::session::trusting;
use crate::auth::poolers::{Pooler, Site};
use crate::patience::bounded_by;
use crate::raw::startup;
use crate::storm::{LOGINS, ask_and_leave, assert_nobody_is_left};

const USER: &str = "scram";

/// Asks for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A connection over TLS, and nothing said on it yet.
async fn secured(address: SocketAddr, tls: Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let mut socket = TcpStream::connect(address).await.expect("connect");
    socket.write_all(&SSL_REQUEST).await.expect("send");
    let answer = socket.read_u8().await.expect("an answer");
    assert_eq!(answer, b'S');
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(tls);
    connector.connect(name, socket).await.expect("TLS")
}

/// Logs in and asks something.
async fn log_in(address: SocketAddr, tls: Arc<ClientConfig>, config: Config) {
    let stream = secured(address, tls).await;
    // It is encrypted already.
    let connected = Box::pin(config.connect_raw(stream, NoTls)).await;
    let (client, connection) = connected.expect("to be let in");
    ask_and_leave(client, connection).await;
}

/// Begins to log in and goes: after asking for TLS, half a handshake, the handshake, the challenge.
async fn give_up(address: SocketAddr, tls: Arc<ClientConfig>, packet: Vec<u8>, how_far: usize) {
    if how_far.is_multiple_of(4) {
        let mut socket = TcpStream::connect(address).await.expect("connect");
        return socket.write_all(&SSL_REQUEST).await.expect("send");
    }
    if how_far % 4 == 1 {
        let mut socket = TcpStream::connect(address).await.expect("connect");
        socket.write_all(&SSL_REQUEST).await.expect("send");
        assert_eq!(socket.read_u8().await.expect("an answer"), b'S');
        // The head of a record that announces more than comes.
        return socket.write_all(&[22, 3, 1, 1, 0, 1]).await.expect("send");
    }
    let mut stream = secured(address, tls).await;
    if how_far % 4 == 3 {
        stream.write_all(&packet).await.expect("send");
        stream.flush().await.expect("send");
        assert_eq!(stream.read_u8().await.expect("a challenge"), b'R');
    }
}

#[test]
fn trap_26_a_thousand_logins_over_tls_at_once_half_of_them_abandoned() {
    bounded_by(Duration::from_secs(300), || {
        let secure = Secure::shared();
        let folder = secure.folder.display();
        let settings = format!(
            "auth_type = scram-sha-256\nmax_client_conn = {}\nlisten_backlog = 2000\n\
             client_login_timeout = 300\ndefault_pool_size = 5\npool_mode = transaction\n\
             worker_threads = 2\nserver_tls_sslmode = require\nclient_tls_sslmode = require\n\
             client_tls_cert_file = {folder}/pooler.crt\nclient_tls_key_file = {folder}/pooler.key",
            2 * LOGINS
        );
        let users = format!("\"{USER}\" \"{PASSWORD}\"\n");
        let site = Site::in_front_of(&secure.cluster, &settings, &users, "");
        let running = site.start(Pooler::Ours);
        let target = site.target(USER);
        let tls = Arc::new(trusting(&secure.folder.join("ca.crt"), None));
        let mut config = Config::new();
        config
            .user(USER)
            .password(PASSWORD)
            .dbname(&target.database);
        config.ssl_mode(SslMode::Disable);
        let packet = startup(&[("user", USER), ("database", &target.database)]);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mut all = JoinSet::new();
            for at in 0..LOGINS {
                let (address, tls) = (target.address, &tls);
                all.spawn(log_in(address, Arc::clone(tls), config.clone()));
                all.spawn(give_up(address, Arc::clone(tls), packet.to_vec(), at));
            }
            while let Some(ended) = all.join_next().await {
                ended.expect("nobody who stayed was turned away");
            }
        });
        assert_nobody_is_left(&running);
        runtime.block_on(log_in(target.address, tls, config));
    });
}
