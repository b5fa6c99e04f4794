//! Cancel requests, each on a connection of its own (manual, «Canceling Requests in Progress»).

use std::{io, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use poolproof_scenarios::session::{CancelKind, Who};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{Performance, Step};
use crate::diff::{client::Standing, socket::Socket};

/// What stands in place of a protocol version.
const CANCEL_REQUEST: i32 = 80_877_102;
/// Bytes that a late request sends at first: its length and code, but no key.
const FIRST_HALF: usize = 8;
/// Longest that the server may take to close the connection.
const TAKEN_LIMIT: Duration = Duration::from_secs(5);

impl Performance<'_> {
    /// Sends a cancel request, or half of one. A target that has given no key, or takes no such
    /// connection, cancels nothing, which the trace shows. Not cancel safe.
    pub(super) async fn cancel(&mut self, who: &Who, kind: CancelKind) -> Step {
        let place = self.stage.place.clone();
        let transport = self.transport;
        let client = self.client(who)?;
        client.standing = Standing::Particular;
        if kind == CancelKind::Finish {
            if let Some((socket, rest)) = client.late_cancel.take() {
                deliver(socket, &rest).await;
            }
            return Ok(None);
        }
        let Some(mut request) = client.key.as_ref().map(request) else {
            return Ok(None);
        };
        if kind == CancelKind::Forged
            && let Some(last) = request.last_mut()
        {
            *last ^= 0xff;
        }
        let Ok(mut socket) = place.connect(transport).await else {
            return Ok(None);
        };
        if kind == CancelKind::Late {
            let rest = request.split_off(FIRST_HALF).freeze();
            // What cannot be sent now cannot be finished either.
            let _ = send(&mut socket, &request).await;
            client.late_cancel = Some((socket, rest));
        } else {
            deliver(socket, &request).await;
        }
        Ok(None)
    }
}

fn request(key: &Bytes) -> BytesMut {
    let mut request = BytesMut::new();
    request.put_i32(i32::try_from(FIRST_HALF + key.len()).unwrap_or(i32::MAX));
    request.put_i32(CANCEL_REQUEST);
    request.extend_from_slice(key);
    request
}

/// Sends the last of a request and waits until the server closes, which says that it was taken.
async fn deliver(mut socket: Socket, bytes: &[u8]) {
    let delivered = async {
        send(&mut socket, bytes).await?;
        socket.reader.read_to_end(&mut Vec::new()).await
    };
    // Whether it had an effect is seen at the client that was to be cancelled.
    let _ = timeout(TAKEN_LIMIT, delivered).await;
}

/// Not cancel safe: some of it may be sent.
async fn send(socket: &mut Socket, bytes: &[u8]) -> io::Result<()> {
    socket.writer.write_all(bytes).await?;
    socket.writer.flush().await
}
