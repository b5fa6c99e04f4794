//! Messages of a client.

use super::{
    Wrong,
    words::{Word, Words},
};
use crate::{
    nearest::nearest,
    session::{Message, Payload, StartupParameter},
};

/// Every message.
const MESSAGES: [&str; 17] = [
    "Query",
    "Parse",
    "Bind",
    "Describe",
    "Execute",
    "Close",
    "Flush",
    "Sync",
    "FunctionCall",
    "CopyData",
    "CopyDone",
    "CopyFail",
    "Terminate",
    "SSLRequest",
    "GSSENCRequest",
    "Startup",
    "Bytes",
];

/// Reads one message.
pub(super) fn message(words: &mut Words) -> Result<Message, Wrong> {
    let wrong = words.wrong("a message or a step");
    let kind = words.plain("a message or a step")?;
    Ok(match kind.as_str() {
        "Query" => Message::Query(words.payload()?),
        "Parse" => parse(words)?,
        "Bind" => bind(words)?,
        "Describe" if words.takes("statement") => Message::DescribeStatement(words.name()?),
        "Describe" if words.takes("portal") => Message::DescribePortal(words.name()?),
        "Close" if words.takes("statement") => Message::CloseStatement(words.name()?),
        "Close" if words.takes("portal") => Message::ClosePortal(words.name()?),
        "Describe" | "Close" => return Err(words.wrong("`statement` or `portal`")),
        "Execute" => execute(words)?,
        "Flush" => Message::Flush,
        "Sync" => Message::Sync,
        "FunctionCall" => Message::FunctionCall {
            function: words.number("the object identifier of a function")?,
            values: values(words)?,
        },
        "CopyData" => Message::CopyData(words.payload()?),
        "CopyDone" => Message::CopyDone,
        "CopyFail" => Message::CopyFail(words.payload()?),
        "Terminate" => Message::Terminate,
        "SSLRequest" => Message::SslRequest,
        "GSSENCRequest" => Message::GssEncRequest,
        "Startup" => startup(words)?,
        "Bytes" => Message::Bytes(words.payload()?),
        other => {
            let near = nearest(other, MESSAGES)
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            return Err(Wrong {
                message: format!("{}{near}", wrong.message),
                ..wrong
            });
        }
    })
}

fn parse(words: &mut Words) -> Result<Message, Wrong> {
    let statement = words.name()?;
    let sql = words.payload()?;
    let types = numbers_after("types", words)?;
    Ok(Message::Parse {
        statement,
        sql,
        types,
    })
}

fn bind(words: &mut Words) -> Result<Message, Wrong> {
    Ok(Message::Bind {
        portal: words.name()?,
        statement: words.name()?,
        values: values(words)?,
        formats: numbers_after("formats", words)?,
        results: numbers_after("results", words)?,
    })
}

fn execute(words: &mut Words) -> Result<Message, Wrong> {
    let named = match words.peek() {
        Some(Word::Quoted(_)) => true,
        Some(Word::Plain(word)) => !matches!(word.as_str(), "rows" | "cut" | "only"),
        _ => false,
    };
    let portal = if named {
        words.name()?
    } else {
        Payload::default()
    };
    let rows = if words.takes("rows") {
        words.number("how many rows")?
    } else {
        0
    };
    Ok(Message::Execute { portal, rows })
}

fn startup(words: &mut Words) -> Result<Message, Wrong> {
    let wrong = words.wrong("a version such as 3.0");
    let version = words.plain("a version such as 3.0")?;
    let numbers = version
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let (major, minor) = numbers.ok_or(wrong)?;
    Ok(Message::Startup {
        major,
        minor,
        parameters: parameters(words)?,
    })
}

/// Reads `name="value" …`.
pub(super) fn parameters(words: &mut Words) -> Result<Vec<StartupParameter>, Wrong> {
    let mut parameters = Vec::new();
    while let Some(Word::Plain(name)) = words.peek().cloned() {
        if matches!(name.as_str(), "cut" | "only") {
            break;
        }
        words.takes(&name);
        if !words.takes_sign('=') {
            return Err(words.wrong("`=` after the parameter's name"));
        }
        let value = words.payload()?;
        parameters.push(StartupParameter { name, value });
    }
    Ok(parameters)
}

/// Reads `("value", null)`.
fn values(words: &mut Words) -> Result<Vec<Option<Payload>>, Wrong> {
    let mut values = Vec::new();
    if !words.takes_sign('(') {
        return Ok(values);
    }
    loop {
        values.push(if words.takes("null") {
            None
        } else {
            Some(words.payload()?)
        });
        if words.takes_sign(')') {
            return Ok(values);
        }
        if !words.takes_sign(',') {
            return Err(words.wrong("`,` or `)`"));
        }
    }
}

fn numbers_after<T: std::str::FromStr>(key: &str, words: &mut Words) -> Result<Vec<T>, Wrong> {
    if words.takes(key) {
        words.numbers("a number")
    } else {
        Ok(Vec::new())
    }
}
