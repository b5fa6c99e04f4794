//! The life of a client.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use super::frames::{Frame, Reader};
use super::plant::Plant;
use super::pool::{Pool, Seat};
use super::relay::{End, Relay};
use super::server::Server;
use crate::fault::Fault;

const CANCEL: [u8; 4] = 80_877_102_u32.to_be_bytes();
const SSL: [u8; 4] = 80_877_103_u32.to_be_bytes();
const GSS: [u8; 4] = 80_877_104_u32.to_be_bytes();

/// A client that has a session.
pub(crate) struct Client {
    pub(crate) from: Reader,
    pub(crate) to: OwnedWriteHalf,
    pub(crate) plant: Plant,
    seat: Arc<Seat>,
    startup: Bytes,
}

/// Serves a connection until it ends. Not cancel safe: its server is closed.
pub(crate) async fn serve(client: TcpStream, pool: Arc<Pool>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (from, mut to) = client.into_split();
    let mut from = Reader::new(from);
    loop {
        let startup = from.startup().await?;
        match startup.get(4..8).and_then(|code| code.try_into().ok()) {
            Some(SSL | GSS) => to.write_all(b"N").await?,
            Some(CANCEL) => {
                let key = startup.get(8..16).and_then(|key| key.try_into().ok());
                return match key {
                    Some(key) => pool.cancel(key).await,
                    None => Ok(()),
                };
            }
            _ => {
                let server = log_in(&mut from, &mut to, &startup, &pool).await?;
                let key = server.key;
                pool.put(&startup, server);
                let client = Client {
                    from,
                    to,
                    plant: Plant::new(pool.fault, key, Arc::clone(&pool.kept)),
                    seat: pool.seat(key),
                    startup,
                };
                let ended = converse(client, &pool).await;
                pool.unseat(key);
                return ended;
            }
        }
    }
}

/// Lets the client log in to a server of its own, which any client may have afterwards: so the
/// greeting is the server's. Not cancel safe.
async fn log_in(
    from: &mut Reader,
    to: &mut OwnedWriteHalf,
    startup: &[u8],
    pool: &Pool,
) -> io::Result<Server> {
    let mut server = Server::dial(&pool.upstream).await?;
    server.to.write_all(startup).await?;
    loop {
        tokio::select! {
            biased;
            frame = server.frame() => {
                let frame = frame?;
                to.write_all(&frame.0).await?;
                match frame.tag() {
                    b'K' => server.keep_key(&frame),
                    b'Z' => return Ok(server),
                    _ => {}
                }
            }
            found = from.next() => {
                let found = found?.ok_or(io::ErrorKind::UnexpectedEof)?;
                server.to.write_all(&found.frame.0).await?;
            }
        }
    }
}

/// From batch to batch. Not cancel safe.
async fn converse(mut client: Client, pool: &Pool) -> io::Result<()> {
    while let Some(batch) = gather(&mut client).await? {
        let (mut server, place) = pool.take(&client.startup).await?;
        client.seat.take(server.key).await;
        let ended = Relay::new(&mut client, &mut server).run(batch).await;
        client.seat.leave().await;
        match ended? {
            End::Settled => {
                server.reset(pool.fault).await?;
                pool.put(&client.startup, server);
            }
            End::AsItIs => pool.put(&client.startup, server),
            End::Disconnect => return Ok(()),
            End::ClientLost { open } => {
                let keep = match open {
                    true => pool.has(Fault::LeavesTransactionOpen),
                    false => pool.has(Fault::LeavesAnswerOfLostClient),
                };
                if keep {
                    pool.put(&client.startup, server);
                }
                return Ok(());
            }
        }
        drop(place);
    }
    Ok(())
}

/// Everything up to the message that asks for an answer; `None` when the client leaves. Not cancel
/// safe.
async fn gather(client: &mut Client) -> io::Result<Option<Vec<Frame>>> {
    let mut batch = Vec::new();
    while let Some(found) = client.from.next().await? {
        let tag = found.frame.tag();
        for frame in client.plant.client_says(found) {
            batch.push(frame);
        }
        match tag {
            b'X' => return Ok(None),
            // Left over from a COPY that has failed: PostgreSQL passes over it as well.
            b'd' | b'c' | b'f' if batch.len() == 1 => batch.clear(),
            b'Q' | b'F' | b'S' | b'H' if !batch.is_empty() => return Ok(Some(batch)),
            _ => {}
        }
        let answers = std::mem::take(&mut client.plant.answers);
        for answer in answers {
            client.to.write_all(&answer.0).await?;
        }
    }
    Ok(None)
}
