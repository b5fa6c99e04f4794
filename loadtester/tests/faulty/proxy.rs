//! A small pooler in transaction mode that knows the messages, right as long as no fault is switched
//! on. It stands in for every pooler that ever had one of the faults.

mod frames;
mod plant;
mod pool;
mod relay;
mod server;
mod session;
mod upstream;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::fault::Fault;
use pool::Pool;
pub(crate) use upstream::Upstream;

/// What stands between a client and PostgreSQL.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Bytes go through as they are: one server for each client.
    Pump,
    /// The pooler, with one fault or none.
    Pooler(Option<Fault>),
}

/// It runs until this value is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Proxy {
    /// Starts one on a free port of loopback.
    pub(crate) fn start(upstream: Upstream, kind: Kind) -> io::Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        match kind {
            Kind::Pump => drop(runtime.spawn(pump_all(listener, upstream.address))),
            Kind::Pooler(fault) => {
                let pool = Arc::new(Pool::new(upstream, fault));
                drop(runtime.spawn(pool_all(listener, pool)));
            }
        }
        Ok(Self {
            address,
            _runtime: runtime,
        })
    }
}

/// Serves whoever comes. Cancel safe.
async fn pool_all(listener: TcpListener, pool: Arc<Pool>) {
    while let Ok((client, _)) = listener.accept().await {
        // A connection that breaks is the business of its client, who sees it.
        tokio::spawn(session::serve(client, Arc::clone(&pool)));
    }
}

/// Serves whoever comes. Cancel safe.
async fn pump_all(listener: TcpListener, upstream: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pump(client, upstream));
    }
}

/// Not cancel safe: what was read may be lost.
async fn pump(mut client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
