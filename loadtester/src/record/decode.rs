//! What a client said, from bytes to the words of the scripts: the other way round than the engine's
//! encoder. Pure.

use bytes::{Buf, Bytes};
use poolproof_scenarios::session::{Message, Name, Payload, StartupParameter};

/// The message of type `tag` with this body. One that is not as the protocol says is kept as bytes,
/// so that a replay sends what was sent.
pub(super) fn message(tag: u8, body: &Bytes) -> Message {
    let mut rest = body.clone();
    let whole = known(tag, &mut rest).filter(|_| rest.is_empty());
    whole.unwrap_or_else(|| as_bytes(tag, body))
}

fn known(tag: u8, rest: &mut Bytes) -> Option<Message> {
    Some(match tag {
        b'Q' => Message::Query(text(rest)?),
        b'P' => Message::Parse {
            statement: text(rest)?,
            sql: text(rest)?,
            types: list(rest, |rest| rest.try_get_u32().ok())?,
        },
        b'B' => Message::Bind {
            portal: text(rest)?,
            statement: text(rest)?,
            formats: list(rest, format)?,
            values: list(rest, value)?,
            results: list(rest, format)?,
        },
        b'D' => match kind_and_name(rest)? {
            (b'S', name) => Message::DescribeStatement(name),
            (b'P', name) => Message::DescribePortal(name),
            _ => return None,
        },
        b'C' => match kind_and_name(rest)? {
            (b'S', name) => Message::CloseStatement(name),
            (b'P', name) => Message::ClosePortal(name),
            _ => return None,
        },
        b'E' => Message::Execute {
            portal: text(rest)?,
            rows: rest.try_get_u32().ok()?,
        },
        b'd' => Message::CopyData(all(rest)),
        b'f' => Message::CopyFail(text(rest)?),
        b'c' => Message::CopyDone,
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'X' => Message::Terminate,
        b'F' => return function_call(rest),
        _ => return None,
    })
}

/// Only arguments and a result in text are words of the scripts.
fn function_call(rest: &mut Bytes) -> Option<Message> {
    let function = rest.try_get_u32().ok()?;
    let formats: Vec<i16> = list(rest, format)?;
    let values = list(rest, value)?;
    let result = rest.try_get_i16().ok()?;
    let is_text = formats.is_empty() && result == 0;
    is_text.then_some(Message::FunctionCall { function, values })
}

fn as_bytes(tag: u8, body: &Bytes) -> Message {
    let mut bytes = vec![tag];
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(body);
    Message::Bytes(bytes.into())
}

/// Parameters of a startup packet behind its version, without the ones that a replay has of its own:
/// user and database are those of the target.
pub(super) fn parameters(body: &Bytes) -> Vec<StartupParameter> {
    let mut rest = body.clone();
    let mut parameters = Vec::new();
    while let Some(name) = text(&mut rest).filter(|name| !name.is_empty()) {
        let Some(value) = text(&mut rest) else { break };
        let name = String::from_utf8_lossy(&name.bytes()).into_owned();
        if !matches!(name.as_str(), "user" | "database") {
            parameters.push(StartupParameter { name, value });
        }
    }
    parameters
}

/// Up to a zero byte.
fn text(rest: &mut Bytes) -> Option<Payload> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    let text = rest.split_to(end);
    rest.advance(1);
    Some(text.to_vec().into())
}

fn all(rest: &mut Bytes) -> Payload {
    rest.split_to(rest.len()).to_vec().into()
}

fn kind_and_name(rest: &mut Bytes) -> Option<(u8, Name)> {
    Some((rest.try_get_u8().ok()?, text(rest)?))
}

/// As many items as the two bytes before them say. Each takes bytes, so that a count that is too high
/// ends with them.
fn list<T>(rest: &mut Bytes, item: impl Fn(&mut Bytes) -> Option<T>) -> Option<Vec<T>> {
    let count = rest.try_get_u16().ok()?;
    (0..count).map(|_| item(rest)).collect()
}

fn format(rest: &mut Bytes) -> Option<i16> {
    rest.try_get_i16().ok()
}

fn value(rest: &mut Bytes) -> Option<Option<Payload>> {
    match rest.try_get_i32().ok()? {
        -1 => Some(None),
        length => {
            let length = usize::try_from(length).ok()?;
            (length <= rest.len()).then(|| Some(rest.split_to(length).to_vec().into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use poolproof_scenarios::{
        Session, catalog,
        session::{Action, Message},
    };

    use super::*;
    use crate::{diff::encode, engine::Endpoint};

    fn encoded(message: &Message) -> Bytes {
        let endpoint = Endpoint {
            host: String::new(),
            port: 0,
            user: "u".into(),
            password: None,
            dbname: "d".into(),
            tls: None,
        };
        let mut out = BytesMut::new();
        encode::message(message, &endpoint, &mut out).expect("a message of the catalog");
        out.freeze()
    }

    /// What is compared is what goes over the wire: two ways to write the same bytes are one.
    #[test]
    fn every_message_of_the_catalog_is_understood_as_it_was_written() {
        let mut understood = 0;
        for case in catalog::CASES {
            let session = Session::parse(case.text, case.path).expect("a script");
            for step in session.steps {
                let Action::Send { messages, .. } = step.action else {
                    continue;
                };
                for written in messages {
                    if matches!(
                        written,
                        Message::Startup { .. }
                            | Message::SslRequest
                            | Message::GssEncRequest
                            | Message::Bytes(_)
                    ) {
                        continue;
                    }
                    let bytes = encoded(&written);
                    let read = message(bytes[0], &bytes.slice(5..));
                    assert!(!matches!(read, Message::Bytes(_)), "{written}");
                    assert_eq!(encoded(&read), bytes, "{written}");
                    understood += 1;
                }
            }
        }
        assert!(understood > 500, "{understood} messages");
    }

    #[test]
    fn what_is_no_message_stays_bytes() {
        for (tag, body) in [
            (b'Q', &b"no end"[..]),
            (b'Q', b"an end\0and more"),
            (b'B', b"\0\0\xff\xff\0\x01"),
            (b'D', b"X\0"),
            (b'P', b"\0\0\xff\xff\0\0\0\x17"),
            (b'!', b""),
        ] {
            let read = message(tag, &Bytes::from_static(body));
            let Message::Bytes(bytes) = read else {
                panic!("{read}");
            };
            assert_eq!(bytes.bytes()[5..], *body);
        }
    }

    #[test]
    fn a_replay_has_a_user_and_a_database_of_its_own() {
        let body = Bytes::from_static(b"user\0me\0application_name\0psql\0database\0d\0\0");
        let parameters = parameters(&body);
        let [only] = parameters.as_slice() else {
            panic!("{parameters:?}");
        };
        assert_eq!(only.name, "application_name");
        assert_eq!(only.value, Payload::from("psql"));
    }
}
