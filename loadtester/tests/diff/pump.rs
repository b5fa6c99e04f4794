//! A pooler that pools nothing: bytes in, the same bytes out.

use poolproof::engine::Endpoint;
use socket2::SockRef;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

/// Listens in front of `server` for as long as the runtime lives; returns where.
pub(crate) async fn start(server: &Endpoint) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let behind = (server.host.clone(), server.port);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let behind = behind.clone();
            tokio::spawn(async move { pump(client, behind).await });
        }
    });
    Endpoint {
        port,
        ..server.clone()
    }
}

async fn pump(mut client: TcpStream, behind: (String, u16)) {
    let Ok(mut server) = TcpStream::connect(behind).await else {
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    if copy_bidirectional(&mut client, &mut server).await.is_err() {
        // A reset on one side is a reset on the other.
        let _ = SockRef::from(&server).set_linger(Some(std::time::Duration::ZERO));
    }
}
