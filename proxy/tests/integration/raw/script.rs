//! Frontend messages in writing.
//!
//! Messages stand on lines of their own or between ` | `:
//!
//! | written | message |
//! |---|---|
//! | `Q sql` | Query |
//! | `P name sql` | Parse; `-` is the empty name here and below |
//! | `B portal statement value…` | Bind, in text; the value `null` is NULL |
//! | `DS name`, `DP name` | Describe a statement, a portal |
//! | `E portal [rows]` | Execute |
//! | `CS name`, `CP name` | Close a statement, a portal |
//! | `S`, `H`, `X` | Sync, Flush, Terminate |
//! | `F oid value…` | FunctionCall, in text |
//! | `d text`, `c`, `f reason` | CopyData (one line of it), CopyDone, CopyFail |
//! | `x 51 00 …` | these bytes |
//! | `< Z 2 Z` | stop sending until such messages have come in this order |
//! | `< eof` | stop sending until the other side closes |
//!
//! Everything up to the next `<` is sent at once. A script that doesn't end with `<` ends with one
//! ReadyForQuery for each Query, Sync and FunctionCall since the last.

use std::io;

use bytes::{BufMut, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send these bytes.
    Send(BytesMut),
    /// Read until messages of these kinds have come.
    Await(Vec<u8>),
    /// Read until the other side closes.
    AwaitEnd,
}

/// Reads a script.
pub(crate) fn steps(script: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut bytes = BytesMut::new();
    let mut owed = Vec::new();
    for item in items(script) {
        if let Some(kinds) = item.strip_prefix('<') {
            steps.push(Step::Send(bytes.split()));
            steps.push(match kinds.trim() {
                "eof" => Step::AwaitEnd,
                kinds => Step::Await(kinds.split(' ').map(|kind| kind.as_bytes()[0]).collect()),
            });
            owed.clear();
        } else {
            if matches!(item.split(' ').next(), Some("Q" | "S" | "F")) {
                owed.push(b'Z');
            }
            write(item, &mut bytes);
        }
    }
    if !bytes.is_empty() {
        steps.push(Step::Send(bytes));
        steps.push(Step::Await(owed));
    }
    steps
}

/// The bytes of a script without pauses.
pub(crate) fn bytes_of(script: &str) -> BytesMut {
    let mut bytes = BytesMut::new();
    for item in items(script) {
        write(item, &mut bytes);
    }
    bytes
}

fn items(script: &str) -> impl Iterator<Item = &str> {
    script
        .split('\n')
        .flat_map(|line| line.split(" | "))
        .map(|item| item.trim_matches(' '))
        .filter(|item| !item.is_empty())
}

fn write(item: &str, bytes: &mut BytesMut) {
    let (kind, rest) = item.split_once(' ').unwrap_or((item, ""));
    match kind {
        "S" => frontend::sync(bytes),
        "H" => frontend::flush(bytes),
        "X" => frontend::terminate(bytes),
        "c" => frontend::copy_done(bytes),
        "x" => hexadecimal(rest, bytes),
        _ => write_text(kind, rest, bytes).expect("no zero bytes in a script"),
    }
}

/// The messages that hold text.
fn write_text(kind: &str, rest: &str, bytes: &mut BytesMut) -> io::Result<()> {
    let (first, after_first) = rest.split_once(' ').unwrap_or((rest, ""));
    let name = name(first);
    match kind {
        "Q" => frontend::query(rest, bytes),
        "P" => frontend::parse(name, after_first, [], bytes),
        "B" => bind(name, after_first, bytes),
        "DS" => frontend::describe(b'S', name, bytes),
        "DP" => frontend::describe(b'P', name, bytes),
        "E" => frontend::execute(name, after_first.parse().unwrap_or(0), bytes),
        "CS" => frontend::close(b'S', name, bytes),
        "CP" => frontend::close(b'P', name, bytes),
        "F" => function_call(first, after_first, bytes),
        "d" => copy_line(rest, bytes),
        "f" => frontend::copy_fail(rest, bytes),
        other => panic!("expected a message, got {other:?} before {rest:?}"),
    }
}

fn copy_line(text: &str, bytes: &mut BytesMut) -> io::Result<()> {
    let line = format!("{text}\n");
    frontend::CopyData::new(line.as_bytes())?.write(bytes);
    Ok(())
}

fn name(written: &str) -> &str {
    if written == "-" { "" } else { written }
}

fn bind(portal: &str, rest: &str, bytes: &mut BytesMut) -> io::Result<()> {
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let statement = name(words.next().expect("the statement to bind"));
    let value = |word: &str, bytes: &mut BytesMut| {
        if word == "null" {
            return Ok(IsNull::Yes);
        }
        bytes.put_slice(word.as_bytes());
        Ok(IsNull::No)
    };
    let bound = frontend::bind(portal, statement, [], words, value, [], bytes);
    bound.map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// FunctionCall, which the library doesn't write: object, formats, arguments, result's format.
fn function_call(oid: &str, values: &str, bytes: &mut BytesMut) -> io::Result<()> {
    let values: Vec<&str> = values.split(' ').filter(|word| !word.is_empty()).collect();
    let mut body = BytesMut::new();
    body.put_u32(oid.parse().expect("an object identifier"));
    body.put_u16(0);
    body.put_u16(u16::try_from(values.len()).expect("few arguments"));
    for value in values {
        body.put_u32(u32::try_from(value.len()).expect("a short argument"));
        body.put_slice(value.as_bytes());
    }
    body.put_u16(0);
    bytes.put_u8(b'F');
    bytes.put_u32(u32::try_from(body.len() + 4).expect("a short message"));
    bytes.put_slice(&body);
    Ok(())
}

fn hexadecimal(written: &str, bytes: &mut BytesMut) {
    for pair in written.split(' ') {
        bytes.put_u8(u8::from_str_radix(pair, 16).expect("two hexadecimal digits"));
    }
}
