//! Backend messages in writing: the kind's letter, then what matters of the body.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::{Buf, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{
    DataRowBody, ErrorFields, Message, ParameterDescriptionBody, RowDescriptionBody,
};

/// Values longer than this are shown by length.
const LONGEST: usize = 100;

/// `D 1 null`, `E ERROR 22012 division by zero`, `Z I`…
pub(crate) fn describe(mut frame: BytesMut) -> String {
    let kind = char::from(frame[0]);
    if kind == 'V' {
        return format!("V {}", function_result(&frame[5..]));
    }
    if kind == 'W' {
        // CopyBothResponse, which the library does not know.
        return "W".to_owned();
    }
    if kind == 'K' {
        // The library knows keys of four bytes only.
        return "K key".to_owned();
    }
    if kind == 'v' {
        // NegotiateProtocolVersion, which the library does not know: version, unknown options.
        let (version, options) = ((&frame[5..]).get_u32(), (&frame[9..]).get_u32());
        return format!("v {}.{} {options}", version >> 16, version & 0xffff);
    }
    let message = Message::parse(&mut frame).expect("a well-formed message");
    let body = match message.expect("a whole message") {
        Message::AuthenticationOk => "ok".to_owned(),
        Message::CommandComplete(body) => body.tag().expect("UTF-8").to_owned(),
        Message::CopyData(body) => value(body.data().trim_ascii_end()),
        Message::DataRow(body) => row(&body),
        Message::ErrorResponse(body) => report(body.fields()),
        Message::NoticeResponse(body) => report(body.fields()),
        Message::NotificationResponse(body) => {
            let channel = body.channel().expect("UTF-8");
            format!("{channel} {}", body.message().expect("UTF-8"))
        }
        Message::ParameterDescription(body) => parameters(&body),
        Message::ParameterStatus(body) => {
            let name = body.name().expect("UTF-8");
            format!("{name}={}", body.value().expect("UTF-8"))
        }
        Message::ReadyForQuery(body) => char::from(body.status()).to_string(),
        Message::RowDescription(body) => columns(&body),
        _ => String::new(),
    };
    format!("{kind} {body}").trim_end().to_owned()
}

fn row(body: &DataRowBody) -> String {
    let mut ranges = body.ranges();
    let mut values = Vec::new();
    while let Some(range) = ranges.next().expect("a well-formed row") {
        values.push(range.map_or("null".to_owned(), |range| value(&body.buffer()[range])));
    }
    values.join(" ")
}

/// Text as it is if it is short; otherwise its length, and its character or a hash.
fn value(bytes: &[u8]) -> String {
    let length = bytes.len();
    if length <= LONGEST {
        return String::from_utf8_lossy(bytes).trim_end().to_owned();
    }
    if bytes.iter().all(|byte| *byte == bytes[0]) {
        return format!("{}*{length}", char::from(bytes[0]));
    }
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{length} bytes {:x}", hasher.finish())
}

fn report(mut fields: ErrorFields<'_>) -> String {
    let (mut severity, mut code, mut text) = (String::new(), String::new(), String::new());
    while let Some(field) = fields.next().expect("a well-formed report") {
        match field.type_() {
            b'V' => severity = value(field.value_bytes()),
            b'C' => code = value(field.value_bytes()),
            b'M' => text = value(field.value_bytes()),
            _ => {}
        }
    }
    format!("{severity} {code} {text}")
}

fn parameters(body: &ParameterDescriptionBody) -> String {
    let types = body.parameters().map(|oid| Ok(oid.to_string()));
    types.collect::<Vec<_>>().expect("well-formed").join(" ")
}

fn columns(body: &RowDescriptionBody) -> String {
    let columns = body
        .fields()
        .map(|field| Ok(format!("{}:{}", field.name(), field.type_oid())));
    columns.collect::<Vec<_>>().expect("well-formed").join(" ")
}

fn function_result(mut body: &[u8]) -> String {
    match usize::try_from(body.get_i32()) {
        Ok(length) => value(&body[..length]),
        Err(_) => "null".to_owned(),
    }
}
