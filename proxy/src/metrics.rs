//! What is seen from outside over HTTP: `/metrics` for Prometheus, `/health` for whoever asks
//! whether clients are served.
//!
//! It runs on the thread that also keeps the averages, never on one that serves clients. A peer
//! that is slow, silent or endless costs one of [`CONNECTIONS_MAX`] places for at most
//! [`PATIENCE`].

mod collect;
mod http;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::pool::gates::Whole;
use crate::shared::Shared;
use collect::Figures;
use http::{Request, Response, Status};

/// Connections that are served at one time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 8;
/// Longest head of a request in bytes.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// Longest time of a connection, from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait before accepting is tried again when the system has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener` for as long as the pooler runs. Cancel safe: whoever is being answered
/// is answered to the end.
///
/// # Errors
/// When the runtime cannot watch the socket.
pub async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures(Arc::clone(&shared))));
    let registry = Arc::new(registry);
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for metrics");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (shared, registry) = (Arc::clone(&shared), Arc::clone(&registry));
        tokio::spawn(async move {
            // Whoever is too slow or leaves has no answer coming.
            let _ = tokio::time::timeout(PATIENCE, answer(stream, &shared, &registry)).await;
            drop(place);
        });
    }
}

/// Answers one request and closes. Cancelled, the connection is closed.
async fn answer(mut stream: TcpStream, shared: &Shared, registry: &Registry) -> io::Result<()> {
    let mut head = Vec::new();
    let response = loop {
        match Request::parse(&head) {
            Some(Ok(request)) => break respond(&request, shared, registry),
            Some(Err(status)) => break Response::words(status),
            None if head.len() >= HEAD_BYTES_MAX => break Response::words(Status::TooLarge),
            None => {}
        }
        let room = (HEAD_BYTES_MAX - head.len()) as u64;
        if (&mut stream).take(room).read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    stream.write_all(&response.bytes()).await?;
    stream.shutdown().await
}

fn respond(request: &Request<'_>, shared: &Shared, registry: &Registry) -> Response {
    let response = match request.path {
        "/metrics" => {
            let mut text = String::new();
            match prometheus_text::encode(&mut text, registry) {
                Ok(()) => Response {
                    status: Status::Ok,
                    kind: "text/plain; version=0.0.4; charset=utf-8",
                    body: text,
                    head_only: false,
                },
                Err(_) => Response::words(Status::Failed),
            }
        }
        "/health" => health(shared),
        "/" => Response::text(Status::Ok, "see /metrics and /health\n"),
        _ => Response::words(Status::NotFound),
    };
    Response {
        head_only: request.head_only,
        ..response
    }
}

/// Whether clients are served: 200, or 503 and why not.
fn health(shared: &Shared) -> Response {
    let whole = shared.pools.gates().whole;
    let words = match whole {
        _ if shared.is_stopping() => "shutting down",
        Whole::Active => return Response::text(Status::Ok, "ok\n"),
        Whole::Paused => "paused",
        Whole::Suspended => "suspended",
    };
    Response::text(Status::Unavailable, &format!("{words}\n"))
}
