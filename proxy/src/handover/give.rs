//! The side that runs already.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdUnixListener};
use std::sync::Arc;

use bytes::BytesMut;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};

use super::task;
use crate::cancel::cancel;
use crate::client::startup::{Offer, StartupRequest, read_startup};
use crate::config::Timeout;
use crate::deadline::Deadline;
use crate::listen::Purpose;
use crate::protocol::message::backend::{ColumnType, data_row, row_description};
use crate::shared::Shared;

/// How long a successor may take over one cancel request.
const PATIENCE: Timeout = Timeout::from_secs(10);

/// A row, and the socket that goes with it.
struct Row {
    cells: [Option<String>; 3],
    socket: Option<OwnedFd>,
}

/// Sends everything that listens to the successor on `stream`, and takes cancel requests from it
/// from now on. Cancelled, the successor has part of it and cannot go on; nothing is lost here.
///
/// # Errors
/// When the successor is gone, or the system has no room.
pub async fn give(stream: &UnixStream, shared: &Arc<Shared>) -> io::Result<()> {
    let mut rows = rows(shared)?;
    let name = listen_for_cancels(shared)?;
    rows.push(Row {
        cells: [Some(task::CANCEL.to_owned()), Some(name), None],
        socket: None,
    });
    let mut out = BytesMut::new();
    let columns = ["task", "addr", "port"].map(|name| (name, ColumnType::Text));
    row_description(&mut out, columns.into_iter());
    send(stream, &out, None).await?;
    for Row { cells, socket } in &rows {
        out.clear();
        data_row(&mut out, cells.iter().map(Option::as_deref));
        send(stream, &out, socket.as_ref().map(|socket| socket.as_fd())).await?;
    }
    Ok(())
}

/// What listens, each with a socket of its own to send.
fn rows(shared: &Shared) -> io::Result<Vec<Row>> {
    let row = |listening: &crate::listen::Listening| {
        let task = match listening.purpose {
            Purpose::Clients => task::CLIENTS,
            Purpose::Metrics => task::METRICS,
        };
        Ok(Row {
            cells: [
                Some(task.to_owned()),
                Some(listening.address.clone()),
                listening.port.map(|port| port.to_string()),
            ],
            socket: Some(listening.fd.try_clone()?),
        })
    };
    shared.listening().iter().map(row).collect()
}

/// Sends `bytes`, and `socket` with the first of them. Cancelled, a part may have been sent.
async fn send(
    stream: &UnixStream,
    mut bytes: &[u8],
    socket: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let sockets: Vec<BorrowedFd<'_>> = socket.into_iter().collect();
    let mut sockets = sockets.as_slice();
    while !bytes.is_empty() {
        let sent = stream
            .async_io(Interest::WRITABLE, || send_some(stream, bytes, sockets))
            .await?;
        bytes = &bytes[sent..];
        sockets = &[];
    }
    Ok(())
}

fn send_some(stream: &UnixStream, bytes: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other(
            "more sockets at once than there is room for",
        ));
    }
    let bytes = [IoSlice::new(bytes)];
    Ok(sendmsg(stream, &bytes, &mut beside, SendFlags::NOSIGNAL)?)
}

/// Takes cancel requests on a Unix socket in the abstract namespace, and gives its name. It needs
/// no more protection than the port has: a request without a client's key does nothing.
fn listen_for_cancels(shared: &Arc<Shared>) -> io::Result<String> {
    let random = getrandom::u64().map_err(io::Error::other)?;
    let name = format!("poolproof-cancel-{}-{random:x}", std::process::id());
    let listener = StdUnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(obey(stream, Arc::clone(&shared)));
        }
    });
    Ok(name)
}

/// Carries out one cancel request. Cancelled, the servers parked for its sake are closed.
async fn obey(mut stream: UnixStream, shared: Arc<Shared>) {
    let request = read_startup(&mut stream, Offer::Nothing, Deadline::after(PATIENCE)).await;
    if let Ok((StartupRequest::Cancel(key), _)) = request {
        cancel(&shared.cancels, &key, &shared.config()).await;
    }
}
