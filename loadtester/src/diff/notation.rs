//! Shows what came in the words of the session scripts.

use poolproof_scenarios::session::Payload;

use super::trace::{Backend, Event};

/// How much of a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// All of it.
    Full,
    /// As much as a column holds.
    Short,
}

/// Longest value in a column.
const SHORT_BYTES: usize = 60;

/// An event in one line.
#[must_use]
pub fn event(event: &Event, show: Show) -> String {
    match event {
        Event::Message(message) => backend(message, show),
        Event::Reply(byte) => format!("Reply {}", byte.escape_ascii()),
        Event::Mark { step } => format!("--- step {step} ---"),
        Event::Refused => "(connection refused)".to_owned(),
        Event::Closed => "(closed)".to_owned(),
        Event::Malformed(reason) => format!("(no message: {reason})"),
    }
}

fn backend(message: &Backend, show: Show) -> String {
    let name = message.name();
    let mut body = &message.body[..];
    let rest = match message.tag {
        b'Z' => match body {
            b"I" => "idle".to_owned(),
            b"T" => "transaction".to_owned(),
            b"E" => "failed".to_owned(),
            other => text(other, show),
        },
        b'C' => texts(body, show),
        b'S' => texts(body, show),
        b'E' | b'N' => problem(message, show),
        b'D' => row(&mut body, show),
        b'T' => columns(&mut body, show),
        b't' => oids(&mut body),
        b'A' => texts(body.get(4..).unwrap_or_default(), show),
        b'K' | b'R' => String::new(),
        _ if body.is_empty() => String::new(),
        _ => text(body, show),
    };
    if rest.is_empty() {
        name.to_owned()
    } else {
        format!("{name} {rest}")
    }
}

fn text(bytes: &[u8], show: Show) -> String {
    if show == Show::Short && bytes.len() > SHORT_BYTES {
        let begin = Payload::from(&bytes[..SHORT_BYTES]);
        return format!("{begin}… ({} bytes)", bytes.len());
    }
    Payload::from(bytes).to_string()
}

/// Texts that a zero byte ends each.
fn texts(bytes: &[u8], show: Show) -> String {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let texts: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .map(|part| text(part, show))
        .collect();
    texts.join(" ")
}

fn problem(message: &Backend, show: Show) -> String {
    let field = |kind| String::from_utf8_lossy(message.field(kind).unwrap_or_default());
    let said = text(message.field(b'M').unwrap_or_default(), show);
    format!("{} {} {said}", field(b'S'), field(b'C'))
}

fn row(body: &mut &[u8], show: Show) -> String {
    let count = number::<2>(body);
    let values: Vec<String> = (0..count)
        .map(|_| match number::<4>(body) {
            length if length < 0 => "null".to_owned(),
            length => text(take(body, usize::try_from(length).unwrap_or(0)), show),
        })
        .collect();
    format!("({})", values.join(", "))
}

fn columns(body: &mut &[u8], show: Show) -> String {
    let count = number::<2>(body);
    let columns: Vec<String> = (0..count)
        .map(|_| {
            let end = body.iter().position(|byte| *byte == 0).unwrap_or(0);
            let name = text(take(body, end), show);
            take(body, 1 + 6);
            let oid = number::<4>(body);
            take(body, 6);
            let format = number::<2>(body);
            let format = if format == 0 { "" } else { " binary" };
            format!("{name} {oid}{format}")
        })
        .collect();
    format!("({})", columns.join(", "))
}

fn oids(body: &mut &[u8]) -> String {
    let count = number::<2>(body);
    let oids: Vec<String> = (0..count).map(|_| number::<4>(body).to_string()).collect();
    format!("({})", oids.join(", "))
}

fn take<'a>(body: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = body.split_at(count.min(body.len()));
    *body = rest;
    taken
}

/// A number of `N` bytes with its sign.
fn number<const N: usize>(body: &mut &[u8]) -> i64 {
    let taken = take(body, N);
    let value = taken
        .iter()
        .fold(0_i64, |value, byte| value << 8 | i64::from(*byte));
    let limit = 1_i64 << (8 * N - 1);
    if value >= limit {
        value - 2 * limit
    } else {
        value
    }
}
