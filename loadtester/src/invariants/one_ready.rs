//! Every Sync is answered by exactly one ReadyForQuery, in its place.

use std::{io, time::Duration};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{Over, Places, Seen, hand::goes_on};
use crate::faults::log_in;

const PAUSE: Duration = Duration::from_millis(20);
/// Longest that an answer may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How long something that nobody asked for may take to come.
const AFTERWARDS: Duration = Duration::from_millis(20);
/// What answers three batches with a Sync each and a simple query, by type: ParseComplete, BindComplete,
/// DataRow, CommandComplete, ReadyForQuery; RowDescription first for the last.
const EXPECTED: &[u8] = b"12DCZ12DCZ12DCZTDCZ";

pub(super) async fn check(places: &Places, mut over: Over) -> Seen {
    let mut seen = Seen::default();
    let mut stream = None;
    let question = question();
    while goes_on(&mut over, PAUSE).await {
        if stream.is_none() {
            let let_in = timeout(LIMIT, log_in(&places.target)).await;
            stream = let_in.ok().and_then(Result::ok);
        }
        let Some(connection) = &mut stream else {
            continue;
        };
        match timeout(LIMIT, ask(connection, &question)).await {
            // An error of the server is an answer of another shape, and none of ours.
            Ok(Ok(tags)) if tags.contains(&b'E') => stream = None,
            Ok(Ok(tags)) => seen.look(judge(&tags)),
            Ok(Err(_)) | Err(_) => stream = None,
        }
    }
    seen
}

fn question() -> BytesMut {
    let mut bytes = BytesMut::new();
    let mut write = || -> io::Result<()> {
        for _ in 0..3 {
            frontend::parse("", "SELECT 1", [], &mut bytes)?;
            let bound = frontend::bind(
                "",
                "",
                [],
                std::iter::empty::<i32>(),
                |_, _| Ok(postgres_protocol::IsNull::Yes),
                [],
                &mut bytes,
            );
            bound.map_err(|_| io::ErrorKind::InvalidInput)?;
            frontend::execute("", 0, &mut bytes)?;
            frontend::sync(&mut bytes);
        }
        frontend::query("SELECT 1", &mut bytes)
    };
    // The only error is a zero byte in a text, and there is none.
    let _ = write();
    bytes
}

/// Sends the question and returns the types of the messages that come, up to as many as expected and
/// whatever comes in the moment after them.
///
/// Not cancel safe: a part of the answer may be lost.
async fn ask(stream: &mut TcpStream, question: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(question).await?;
    let mut tags = Vec::new();
    while tags.len() < EXPECTED.len() {
        let tag = message(stream).await?;
        // These may come between any two messages.
        if !matches!(tag, b'N' | b'S' | b'A') {
            tags.push(tag);
        }
        if tag == b'E' {
            return Ok(tags);
        }
    }
    if let Ok(more) = timeout(AFTERWARDS, message(stream)).await {
        tags.push(more?);
    }
    Ok(tags)
}

async fn message(stream: &mut TcpStream) -> io::Result<u8> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).await?;
    let [tag, length @ ..] = header;
    let mut rest = u64::from(u32::from_be_bytes(length)).saturating_sub(4);
    let mut sink = [0; 512];
    while rest > 0 {
        let part = usize::try_from(rest).unwrap_or(usize::MAX).min(sink.len());
        stream.read_exact(&mut sink[..part]).await?;
        rest -= part as u64;
    }
    Ok(tag)
}

fn judge(tags: &[u8]) -> Result<(), String> {
    if tags == EXPECTED {
        return Ok(());
    }
    let ready = tags.iter().filter(|tag| **tag == b'Z').count();
    Err(format!(
        "expected the messages {}, got {} with {ready} ReadyForQuery",
        EXPECTED.escape_ascii(),
        tags.escape_ascii()
    ))
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn one_too_many_or_too_few_is_a_violation() {
        assert_eq!(judge(b"12DCZ12DCZ12DCZTDCZ"), Ok(()));
        let said = judge(b"12DCZ12DCZ12DCZTDCZZ").expect_err("one too many");
        assert!(said.contains("5 ReadyForQuery"), "{said}");
        assert!(judge(b"12DC12DCZ12DCZTDCZZ").is_err(), "late by one batch");
    }
}
