//! Many logins at one moment.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::{Client, Config, Error, NoTls};

use crate::auth::poolers::{Pooler, Site, Started};
use crate::cluster::Cluster;
use crate::patience::{bounded_by, wait_until};
use crate::raw::startup;

/// Logins that are carried through, and as many that are given up.
pub(crate) const LOGINS: usize = 500;

const USER: &str = "storm";
const PASSWORD: &str = "a password";

fn site() -> Site {
    Cluster::shared().role(USER, PASSWORD, &[]);
    let settings = format!(
        "auth_type = scram-sha-256\nmax_client_conn = {}\nlisten_backlog = 2000\n\
         default_pool_size = 5\npool_mode = transaction\nworker_threads = 2",
        2 * LOGINS
    );
    Site::new(&settings, &format!("\"{USER}\" \"{PASSWORD}\"\n"))
}

/// Logs in and asks something.
async fn log_in(config: Config) {
    let connected = config.connect(NoTls).await;
    let (client, connection) = connected.expect("to be let in");
    ask_and_leave(client, connection).await;
}

/// What everybody does who was let in.
pub(crate) async fn ask_and_leave<C>(client: Client, connection: C)
where
    C: Future<Output = Result<(), Error>> + Send + 'static,
{
    let driver = tokio::spawn(connection);
    let row = client.query_one("SELECT 42", &[]).await.expect("a row");
    assert_eq!(row.get::<_, i32>(0), 42);
    drop(client);
    driver.await.expect("no panic").expect("an orderly end");
}

/// Begins to log in and goes: after the connection, half a packet, the packet, the challenge.
async fn give_up(address: std::net::SocketAddr, database: String, how_far: usize) {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    let packet = startup(&[("user", USER), ("database", &database)]);
    match how_far % 4 {
        0 => {}
        1 => stream.write_all(&packet[..7]).await.expect("send"),
        2 => stream.write_all(&packet).await.expect("send"),
        _ => {
            stream.write_all(&packet).await.expect("send");
            let mut challenge = [0; 1];
            stream
                .read_exact(&mut challenge)
                .await
                .expect("a challenge");
            assert_eq!(challenge, *b"R");
        }
    }
}

/// Everybody has gone, and holds nothing of the pool.
pub(crate) fn assert_nobody_is_left(running: &Started) {
    let Started::Ours(running) = running else {
        panic!("ours was started");
    };
    wait_until("everybody to be gone", || running.view().clients == 0);
    let census = &running.view().pools[0].census;
    assert_eq!((census.servers_active, census.clients_waiting), (0, 0));
}

#[test]
fn trap_26_a_thousand_logins_at_once_half_of_them_abandoned() {
    bounded_by(Duration::from_secs(120), || {
        let site = site();
        let running = site.start(Pooler::Ours);
        let target = site.target(USER);
        let mut config = Config::new();
        config
            .host(target.address.ip().to_string())
            .port(target.address.port())
            .user(USER)
            .password(PASSWORD)
            .dbname(&target.database);
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mut all = tokio::task::JoinSet::new();
            for at in 0..LOGINS {
                all.spawn(log_in(config.clone()));
                all.spawn(give_up(target.address, target.database.clone(), at));
            }
            while let Some(ended) = all.join_next().await {
                ended.expect("nobody who stayed was turned away");
            }
        });
        assert_nobody_is_left(&running);
        runtime.block_on(log_in(config));
    });
}
