//! First packets through a pipe, in one piece and in many.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;
use crate::config::Timeout;
use crate::protocol::message::frontend::{cancel_request, ssl_request, startup_message};
use crate::protocol::startup::{GSSENC_REQUEST, PROTOCOL_3_0};

fn session_packet() -> BytesMut {
    let mut out = BytesMut::new();
    startup_message(
        &mut out,
        PROTOCOL_3_0,
        [("user", "bob"), ("database", "shop")],
    );
    out
}

fn gssenc_request() -> Vec<u8> {
    [8_u32.to_be_bytes(), GSSENC_REQUEST.to_be_bytes()].concat()
}

/// What comes of a client that sends `sent` and goes; and what it was answered.
async fn startup(sent: &[u8]) -> (Result<StartupRequest, StartupError>, Vec<u8>) {
    let (mut client, mut pooler) = duplex(64 << 10);
    client.write_all(sent).await.unwrap();
    client.shutdown().await.unwrap();
    let request = read_startup(&mut pooler, Offer::Nothing, Deadline::NEVER).await;
    let request = request.map(|(request, _)| request);
    drop(pooler);
    let mut answered = Vec::new();
    client.read_to_end(&mut answered).await.unwrap();
    (request, answered)
}

/// `Ok` with what is asked, or `Err` with the words for the log.
async fn check(sent: &[u8], expected: Result<&str, &str>, expected_answer: &[u8]) {
    let (request, answered) = startup(sent).await;
    let got = match request {
        Ok(StartupRequest::Session(session)) => Ok(session.user),
        Ok(StartupRequest::Cancel(_)) => Ok("cancel".to_owned()),
        Ok(StartupRequest::Tls) => Ok("tls".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    assert_eq!(got, expected.map(str::to_owned).map_err(str::to_owned));
    assert_eq!(answered, expected_answer);
}

#[tokio::test]
async fn encryption_is_refused_and_then_the_session_begins() {
    let session = session_packet();
    let mut ssl = BytesMut::new();
    ssl_request(&mut ssl);
    let gss = gssenc_request();
    let mut cancel = BytesMut::new();
    cancel_request(&mut cancel, 1, &[0; 4]);
    check(&session, Ok("bob"), b"").await;
    check(&[&ssl[..], &session].concat(), Ok("bob"), b"N").await;
    check(&[&gss[..], &session].concat(), Ok("bob"), b"N").await;
    check(&[&ssl[..], &gss, &session].concat(), Ok("bob"), b"NN").await;
    check(&[&ssl[..], &cancel].concat(), Ok("cancel"), b"N").await;
    check(&cancel, Ok("cancel"), b"").await;
    let repeated = "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.2";
    check(&[&ssl[..], &gss, &ssl].concat(), Err(repeated), b"NN").await;
    let repeated = "unsupported frontend protocol 1234.5680: server supports 3.0 to 3.2";
    check(&[&gss[..], &gss].concat(), Err(repeated), b"N").await;
}

#[tokio::test]
async fn cut_short_at_every_length_it_is_an_error() {
    let session = session_packet();
    check(b"", Err("client closed the connection without a word"), b"").await;
    for length in 1..session.len() {
        check(&session[..length], Err("client unexpected eof"), b"").await;
    }
}

/// A client sends its packet and more in pieces of `piece` bytes: what it asks for, what was read
/// beyond, and what was left unread.
async fn beyond(piece: usize, offer: Offer) -> (StartupRequest, BytesMut, Vec<u8>) {
    let (mut client, mut pooler) = duplex(piece);
    let sent = [&session_packet()[..], b"beyond"].concat();
    let writer = tokio::spawn(async move {
        client.write_all(&sent).await.unwrap();
        client.shutdown().await.unwrap();
    });
    let (request, beyond) = read_startup(&mut pooler, offer, Deadline::NEVER)
        .await
        .unwrap();
    let mut rest = Vec::new();
    pooler.read_to_end(&mut rest).await.unwrap();
    writer.await.unwrap();
    (request, beyond, rest)
}

#[tokio::test]
async fn a_packet_may_come_byte_by_byte_and_nothing_beyond_it_is_lost() {
    let packet = session_packet().len();
    let whole = packet + b"beyond".len();
    for piece in [1, 3, packet - 1, packet, packet + 1, whole] {
        let (request, beyond, rest) = beyond(piece, Offer::Nothing).await;
        assert!(matches!(request, StartupRequest::Session(session) if session.database == "shop"));
        assert_eq!([&beyond[..], &rest].concat(), b"beyond", "{piece}");
    }
}

/// What comes in clear behind a request for TLS must not be there when TLS begins.
#[tokio::test]
async fn trap_12_where_there_is_tls_nothing_beyond_a_packet_is_read() {
    let whole = session_packet().len() + b"beyond".len();
    for piece in [1, whole] {
        let (_, beyond, rest) = beyond(piece, Offer::Tls).await;
        assert_eq!((&beyond[..], &rest[..]), (&b""[..], &b"beyond"[..]));
    }
}

#[tokio::test]
async fn other_protocols_are_refused_before_anything_is_allocated() {
    // A TLS handshake, HTTP, and a length of 2 GB.
    let words = "invalid length of startup packet";
    for sent in [
        &b"\x16\x03\x01\x02\0"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x7f\xff\xff\xff",
    ] {
        check(sent, Err(words), b"").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_given_up() {
    let (_client, mut pooler) = duplex(64);
    let deadline = Deadline::after(Timeout::from_secs(60));
    let error = read_startup(&mut pooler, Offer::Nothing, deadline)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "client_login_timeout");
}

#[test]
fn what_clients_are_told() {
    let told = |error: StartupError| {
        error
            .refusal()
            .map(|refusal| format!("{} {}", refusal.code, refusal.message))
    };
    let words = |text: &str| Some(text.to_owned());
    assert_eq!(told(StartupError::Silent), None);
    assert_eq!(
        told(StartupError::Timeout),
        words("08P01 client_login_timeout")
    );
    assert_eq!(
        told(PacketError::NoUser.into()),
        words("28000 no PostgreSQL user name specified in startup packet")
    );
    assert_eq!(
        told(PacketError::Version { major: 2, minor: 0 }.into()),
        words("0A000 unsupported frontend protocol 2.0: server supports 3.0 to 3.2")
    );
}
