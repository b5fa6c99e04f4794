//! Writes a script; what is written is read back as the same script.

use std::fmt::{self, Display, Formatter, Write as _};

use super::{
    Action, CancelKind, Condition, Cuts, Fixture, Message, Payload, Session, StartupParameter,
    Step, Who,
};
use crate::pool::PoolMode;

impl Display for Session {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let header = &self.header;
        for (key, value) in [
            ("name", &header.name),
            ("about", &header.about),
            ("source", &header.source),
        ] {
            if !value.is_empty() {
                writeln!(out, "{key}: {value}")?;
            }
        }
        list(out, "traps", header.traps.iter())?;
        list(
            out,
            "modes",
            header.modes.iter().map(|mode| mode_name(*mode)),
        )?;
        list(out, "pool", header.pool.iter())?;
        list(out, "transport", header.transport.iter())?;
        if let Some((major, minor)) = header.protocol {
            writeln!(out, "protocol: {major}.{minor}")?;
        }
        list(out, "interchangeable", header.interchangeable.iter())?;
        if header.fixture == Fixture::None {
            writeln!(out, "fixture: none")?;
        }
        for statement in &header.setup {
            writeln!(out, "setup: {}", Payload::from(statement.as_str()))?;
        }
        if *header != super::Header::default() {
            out.write_char('\n')?;
        }
        for step in &self.steps {
            writeln!(out, "{step}")?;
        }
        Ok(())
    }
}

fn list(
    out: &mut Formatter<'_>,
    key: &str,
    items: impl Iterator<Item = impl Display>,
) -> fmt::Result {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "{key}: {}", items.join(", "))
}

/// The word for a pool mode.
fn mode_name(mode: PoolMode) -> &'static str {
    match mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
        PoolMode::Statement => "statement",
    }
}

impl Display for Step {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { who, action } = self;
        match who {
            Who::One(client) => write!(out, "{client}: {action}"),
            Who::All => write!(out, "all: {action}"),
        }
    }
}

impl Display for Action {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(parameters) => {
                out.write_str("connect")?;
                write_parameters(out, parameters)
            }
            Self::Open => out.write_str("open"),
            Self::Send { messages, cuts } => {
                for (index, message) in messages.iter().enumerate() {
                    let before = if index == 0 { "" } else { " | " };
                    write!(out, "{before}{message}")?;
                }
                write!(out, "{cuts}")
            }
            Self::Rest => out.write_str("rest"),
            Self::Wait(condition) => write!(out, "{condition}"),
            Self::Barrier => out.write_str("barrier"),
            Self::Cancel(kind) => out.write_str(match kind {
                CancelKind::Own => "cancel",
                CancelKind::Forged => "cancel forged",
                CancelKind::Late => "cancel late",
                CancelKind::Finish => "cancel finish",
            }),
            Self::Disconnect => out.write_str("disconnect"),
            Self::Reset => out.write_str("reset"),
            Self::StopReading => out.write_str("stop reading"),
            Self::ReadAgain => out.write_str("read again"),
            Self::Expect(messages) => {
                let messages: Vec<String> = messages
                    .iter()
                    .map(|message| Payload::from(message.as_str()).to_string())
                    .collect();
                write!(out, "expect {}", messages.join(" "))
            }
            Self::Beside(sql) => write!(out, "beside {sql}"),
        }
    }
}

impl Display for Cuts {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::At(places) => write!(out, " cut {}", joined(places)),
            Self::Every(bytes) => write!(out, " cut every {bytes}"),
            Self::Only(bytes) => write!(out, " only {bytes}"),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => out.write_str("wait"),
            Self::Ready(count) => write!(out, "wait ready {count}"),
            Self::Kind(kind, count) => write!(out, "wait {kind} {count}"),
            Self::Closed => out.write_str("wait closed"),
            Self::Quiet => out.write_str("wait quiet"),
            Self::Running(text) => write!(out, "wait running {text}"),
            Self::Locked(text) => write!(out, "wait locked {text}"),
            Self::Gone(text) => write!(out, "wait gone {text}"),
        }
    }
}

impl Display for Message {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(sql) => write!(out, "Query {sql}"),
            Self::Parse {
                statement,
                sql,
                types,
            } => {
                write!(out, "Parse {} {sql}", Named(statement))?;
                numbers(out, "types", types)
            }
            Self::Bind {
                portal,
                statement,
                values,
                formats,
                results,
            } => {
                write!(out, "Bind {} {}", Named(portal), Named(statement))?;
                write_values(out, values)?;
                numbers(out, "formats", formats)?;
                numbers(out, "results", results)
            }
            Self::DescribeStatement(name) => write!(out, "Describe statement {}", Named(name)),
            Self::DescribePortal(name) => write!(out, "Describe portal {}", Named(name)),
            Self::Execute { portal, rows } => {
                out.write_str("Execute")?;
                if !portal.is_empty() {
                    write!(out, " {}", Named(portal))?;
                }
                match rows {
                    0 => Ok(()),
                    rows => write!(out, " rows {rows}"),
                }
            }
            Self::CloseStatement(name) => write!(out, "Close statement {}", Named(name)),
            Self::ClosePortal(name) => write!(out, "Close portal {}", Named(name)),
            Self::Flush => out.write_str("Flush"),
            Self::Sync => out.write_str("Sync"),
            Self::FunctionCall { function, values } => {
                write!(out, "FunctionCall {function}")?;
                write_values(out, values)
            }
            Self::CopyData(data) => write!(out, "CopyData {data}"),
            Self::CopyDone => out.write_str("CopyDone"),
            Self::CopyFail(reason) => write!(out, "CopyFail {reason}"),
            Self::Terminate => out.write_str("Terminate"),
            Self::SslRequest => out.write_str("SSLRequest"),
            Self::GssEncRequest => out.write_str("GSSENCRequest"),
            Self::Startup {
                major,
                minor,
                parameters,
            } => {
                write!(out, "Startup {major}.{minor}")?;
                write_parameters(out, parameters)
            }
            Self::Bytes(bytes) => write!(out, "Bytes {bytes}"),
        }
    }
}

/// A name without quotes where it needs none.
struct Named<'a>(&'a Payload);

impl Display for Named<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let bytes = match self.0.pieces.as_slice() {
            [piece] if piece.times == 1 => piece.bytes.as_slice(),
            _ => return write!(out, "{}", self.0),
        };
        match std::str::from_utf8(bytes) {
            Ok(name) if is_plain_name(name) => out.write_str(name),
            _ => write!(out, "{}", self.0),
        }
    }
}

/// Whether a name can stand without quotes: these words have a meaning after Execute.
fn is_plain_name(name: &str) -> bool {
    let first = |first: char| first.is_ascii_lowercase() || first == '_';
    name.starts_with(first)
        && !matches!(name, "rows" | "cut" | "only")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn write_values(out: &mut Formatter<'_>, values: &[Option<Payload>]) -> fmt::Result {
    if values.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = values
        .iter()
        .map(|value| {
            value
                .as_ref()
                .map_or("null".to_owned(), ToString::to_string)
        })
        .collect();
    write!(out, " ({})", values.join(", "))
}

fn write_parameters(out: &mut Formatter<'_>, parameters: &[StartupParameter]) -> fmt::Result {
    for StartupParameter { name, value } in parameters {
        write!(out, " {name}={value}")?;
    }
    Ok(())
}

fn numbers(out: &mut Formatter<'_>, key: &str, numbers: &[impl Display]) -> fmt::Result {
    if numbers.is_empty() {
        return Ok(());
    }
    write!(out, " {key} {}", joined(numbers))
}

fn joined(numbers: &[impl Display]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

impl Display for Payload {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return out.write_str("\"\"");
        }
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                out.write_str(" + ")?;
            }
            quoted(out, &piece.bytes)?;
            if piece.times > 1 {
                write!(out, " * {}", piece.times)?;
            }
        }
        Ok(())
    }
}

/// Text in quotes; what is no printable text as `\xNN`.
fn quoted(out: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    out.write_char('"')?;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                '\n' => out.write_str("\\n")?,
                '\t' => out.write_str("\\t")?,
                plain if !plain.is_control() => out.write_char(plain)?,
                control => {
                    let mut buffer = [0; 4];
                    for byte in control.encode_utf8(&mut buffer).bytes() {
                        write!(out, "\\x{byte:02x}")?;
                    }
                }
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    out.write_char('"')
}
