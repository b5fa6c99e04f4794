//! The last word to a client.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::refusal::Refusal;
use crate::config::Timeout;
use crate::deadline::Deadline;
use crate::io::Stream;

/// How much more of a client is read, and for how long, so that it gets the farewell: closing a
/// socket with unread bytes in it makes the system throw away what was sent.
const LINGER_BYTES_MAX: usize = 1 << 20;
const LINGER_MAX: Timeout = Timeout::from_secs(1);

/// Tells a client why its connection closes, and waits a moment until it has read it. Cancelled,
/// the client may miss it.
pub async fn say_farewell(stream: &mut Stream, refusal: Refusal) {
    let farewell = async {
        refusal.send(stream).await?;
        linger(stream).await
    };
    // A client that is gone or that does not listen misses it.
    let _ = Deadline::after(LINGER_MAX).bound(farewell).await;
}

/// Closes our side, and waits a moment until a client has read what it was sent. Cancelled, the
/// client may miss the end of it.
pub async fn part(stream: &mut Stream) {
    // As above.
    let _ = Deadline::after(LINGER_MAX).bound(linger(stream)).await;
}

async fn linger(stream: &mut Stream) -> std::io::Result<()> {
    stream.shutdown().await?;
    let mut nothing = [0; 1024];
    let mut left = LINGER_BYTES_MAX;
    while left > 0 {
        let len = stream.read(&mut nothing).await?;
        left = if len == 0 {
            0
        } else {
            left.saturating_sub(len)
        };
    }
    Ok(())
}
