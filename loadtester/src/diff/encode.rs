//! Messages of a script as bytes, and how many ReadyForQuery they ask for.

use std::io;

use bytes::{BufMut, BytesMut};
use poolproof_scenarios::session::{Message, Payload, StartupParameter};
use postgres_protocol::message::frontend;

use crate::engine::Endpoint;

/// The request codes that stand in place of a protocol version.
const GSSENC_REQUEST: i32 = 80_877_104;

/// Appends a message.
///
/// # Errors
///
/// A zero byte where the protocol ends a text with one, or more bytes than a length can say.
pub(crate) fn message(
    message: &Message,
    endpoint: &Endpoint,
    out: &mut BytesMut,
) -> io::Result<()> {
    match message {
        Message::Query(sql) => tagged(b'Q', out, |out| text(sql, out)),
        Message::Parse {
            statement,
            sql,
            types,
        } => tagged(b'P', out, |out| {
            text(statement, out)?;
            text(sql, out)?;
            count(types.len(), out)?;
            types.iter().for_each(|oid| out.put_u32(*oid));
            Ok(())
        }),
        Message::Bind {
            portal,
            statement,
            values: bound,
            formats,
            results,
        } => tagged(b'B', out, |out| {
            text(portal, out)?;
            text(statement, out)?;
            numbers(formats, out)?;
            values(bound, out)?;
            numbers(results, out)
        }),
        Message::DescribeStatement(name) => tagged(b'D', out, |out| named(b'S', name, out)),
        Message::DescribePortal(name) => tagged(b'D', out, |out| named(b'P', name, out)),
        Message::CloseStatement(name) => tagged(b'C', out, |out| named(b'S', name, out)),
        Message::ClosePortal(name) => tagged(b'C', out, |out| named(b'P', name, out)),
        Message::Execute { portal, rows } => tagged(b'E', out, |out| {
            text(portal, out)?;
            out.put_u32(*rows);
            Ok(())
        }),
        Message::FunctionCall {
            function,
            values: arguments,
        } => tagged(b'F', out, |out| {
            out.put_u32(*function);
            out.put_u16(0);
            values(arguments, out)?;
            out.put_u16(0);
            Ok(())
        }),
        Message::CopyData(data) => tagged(b'd', out, |out| {
            out.put_slice(&data.bytes());
            Ok(())
        }),
        Message::CopyFail(reason) => tagged(b'f', out, |out| text(reason, out)),
        Message::Startup {
            major,
            minor,
            parameters,
        } => startup((*major, *minor), parameters, endpoint, out),
        fixed => {
            bare(fixed, out);
            Ok(())
        }
    }
}

/// The messages that hold nothing, and bytes as they are.
fn bare(message: &Message, out: &mut BytesMut) {
    match message {
        Message::Flush => frontend::flush(out),
        Message::Sync => frontend::sync(out),
        Message::CopyDone => frontend::copy_done(out),
        Message::Terminate => frontend::terminate(out),
        Message::SslRequest => frontend::ssl_request(out),
        Message::GssEncRequest => {
            out.put_i32(8);
            out.put_i32(GSSENC_REQUEST);
        }
        Message::Bytes(bytes) => out.put_slice(&bytes.bytes()),
        _ => {}
    }
}

/// A startup packet. Where it names no user, the endpoint's user and database go first.
pub(super) fn startup(
    version: (u16, u16),
    parameters: &[StartupParameter],
    endpoint: &Endpoint,
    out: &mut BytesMut,
) -> io::Result<()> {
    let start = out.len();
    out.put_u32(0);
    out.put_u16(version.0);
    out.put_u16(version.1);
    if !parameters.iter().any(|parameter| parameter.name == "user") {
        text(&Payload::from("user"), out)?;
        text(&Payload::from(endpoint.user.as_str()), out)?;
    }
    if !parameters
        .iter()
        .any(|parameter| parameter.name == "database")
    {
        text(&Payload::from("database"), out)?;
        text(&Payload::from(endpoint.dbname.as_str()), out)?;
    }
    for StartupParameter { name, value } in parameters {
        text(&Payload::from(name.as_str()), out)?;
        text(value, out)?;
    }
    out.put_u8(0);
    set_length(start, out)
}

/// How many ReadyForQuery a message asks for.
pub(crate) fn owed(message: &Message) -> usize {
    usize::from(matches!(
        message,
        Message::Query(_) | Message::Sync | Message::FunctionCall { .. } | Message::Startup { .. }
    ))
}

fn tagged(
    tag: u8,
    out: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut) -> io::Result<()>,
) -> io::Result<()> {
    out.put_u8(tag);
    let start = out.len();
    out.put_u32(0);
    body(out)?;
    set_length(start, out)
}

fn set_length(start: usize, out: &mut BytesMut) -> io::Result<()> {
    let length = i32::try_from(out.len() - start).map_err(|_| too_long("a message"))?;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

fn named(kind: u8, name: &Payload, out: &mut BytesMut) -> io::Result<()> {
    out.put_u8(kind);
    text(name, out)
}

fn text(text: &Payload, out: &mut BytesMut) -> io::Result<()> {
    let bytes = text.bytes();
    if bytes.contains(&0) {
        let expected = "expected text without a zero byte; Bytes sends any";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, expected));
    }
    out.put_slice(&bytes);
    out.put_u8(0);
    Ok(())
}

fn values(values: &[Option<Payload>], out: &mut BytesMut) -> io::Result<()> {
    count(values.len(), out)?;
    for value in values {
        let Some(value) = value else {
            out.put_i32(-1);
            continue;
        };
        let bytes = value.bytes();
        out.put_i32(i32::try_from(bytes.len()).map_err(|_| too_long("a value"))?);
        out.put_slice(&bytes);
    }
    Ok(())
}

fn numbers(numbers: &[i16], out: &mut BytesMut) -> io::Result<()> {
    count(numbers.len(), out)?;
    numbers.iter().for_each(|number| out.put_i16(*number));
    Ok(())
}

fn count(count: usize, out: &mut BytesMut) -> io::Result<()> {
    out.put_u16(u16::try_from(count).map_err(|_| too_long("a list"))?);
    Ok(())
}

fn too_long(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{what} is longer than the protocol can say"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        Endpoint {
            host: String::new(),
            port: 0,
            user: "u".into(),
            password: None,
            dbname: "d".into(),
            tls: None,
        }
    }

    fn bytes(written: &Message) -> Vec<u8> {
        let mut out = BytesMut::new();
        message(written, &endpoint(), &mut out).expect("a message");
        out.to_vec()
    }

    /// The library that drivers stand on writes the same bytes.
    #[test]
    fn messages_are_those_of_the_library() {
        let check = |ours: Message, theirs: &dyn Fn(&mut BytesMut)| {
            let mut expected = BytesMut::new();
            theirs(&mut expected);
            assert_eq!(bytes(&ours), expected.to_vec(), "{ours}");
        };
        check(Message::Query("SELECT 1".into()), &|out| {
            frontend::query("SELECT 1", out).expect("a query");
        });
        let parse = Message::Parse {
            statement: "s".into(),
            sql: "SELECT $1".into(),
            types: vec![23],
        };
        check(parse, &|out| {
            frontend::parse("s", "SELECT $1", [23], out).expect("a parse");
        });
        check(
            Message::Execute {
                portal: "p".into(),
                rows: 5,
            },
            &|out| frontend::execute("p", 5, out).expect("an execute"),
        );
        check(Message::CloseStatement("s".into()), &|out| {
            frontend::close(b'S', "s", out).expect("a close");
        });
        let startup = Message::Startup {
            major: 3,
            minor: 0,
            parameters: Vec::new(),
        };
        check(startup, &|out| {
            let parameters = [("user", "u"), ("database", "d")];
            // The library says client_encoding by itself, which a script writes where it wants it.
            let _ = frontend::startup_message(parameters, out);
        });
    }

    #[test]
    fn a_zero_byte_ends_a_text_and_is_refused_in_one() {
        let query = Message::Query(b"a\0b".to_vec().into());
        assert!(message(&query, &endpoint(), &mut BytesMut::new()).is_err());
    }
}
