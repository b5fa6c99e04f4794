//! One line of the log: `2026-01-31 23:59:59.000 UTC [PID] LOG words key=value`, or the same as a
//! JSON object.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// What is to be written of an event.
#[derive(Debug)]
pub(super) struct Entry {
    level: Level,
    message: String,
    /// `C-…` or `S-…`, where the event is of a connection.
    conn: Option<String>,
    database: String,
    user: String,
    address: String,
    others: Vec<(&'static str, String)>,
}

impl Entry {
    /// Takes in an event.
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut entry = Self {
            level: *event.metadata().level(),
            message: String::new(),
            conn: None,
            database: String::new(),
            user: String::new(),
            address: String::new(),
            others: Vec::new(),
        };
        event.record(&mut entry);
        entry
    }

    /// How bad it is, as syslog counts (RFC 5424, chapter 6.2.1).
    pub(super) const fn severity(&self) -> u8 {
        match self.level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        }
    }

    /// The words alone, without time, process and level, which syslog knows itself.
    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        if let Some(conn) = &self.conn {
            // As PgBouncer begins what it says of a connection; operators' parsers look for it.
            let (database, user, address) = (&self.database, &self.user, &self.address);
            let place = format!("{conn}: {database}/{user}@{address} ");
            let _ = write!(text, "{}", OneLine(&place));
        }
        let _ = write!(text, "{}", OneLine(&self.message));
        for (name, value) in &self.others {
            let _ = write!(text, " {name}={}", OneLine(value));
        }
        text
    }

    /// PgBouncer's line, always in UTC.
    pub(super) fn text(&self, now: jiff::Timestamp) -> String {
        let time = now.strftime("%Y-%m-%d %H:%M:%S%.3f UTC");
        let (pid, level) = (std::process::id(), word(self.level));
        format!("{time} [{pid}] {level} {}\n", self.words())
    }

    /// A JSON object on a line. `process` is `job_name`.
    pub(super) fn json(&self, now: jiff::Timestamp, process: &str) -> String {
        let time = now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let pid = std::process::id();
        let mut text = format!("{{\"time\":{},\"job\":{}", quoted(&time), quoted(process));
        let _ = write!(text, ",\"pid\":{pid}");
        let level = word(self.level);
        let place = [
            ("connection", self.conn.as_deref().unwrap_or_default()),
            ("database", &self.database),
            ("user", &self.user),
            ("address", &self.address),
        ];
        let place = place.into_iter().filter(|(_, value)| !value.is_empty());
        let others = self.others.iter();
        let others = others.map(|(name, value)| (*name, value.as_str()));
        for (name, value) in [("level", level), ("message", &self.message)]
            .into_iter()
            .chain(place)
            .chain(others)
        {
            let _ = write!(text, ",{}:{}", quoted(name), quoted(value));
        }
        text.push_str("}\n");
        text
    }

    fn record(&mut self, name: &'static str, value: &dyn fmt::Display) {
        // Writing to a String cannot fail.
        let _ = match name {
            "message" => write!(self.message, "{value}"),
            "conn" => write!(self.conn.get_or_insert_default(), "{value}"),
            "database" => write!(self.database, "{value}"),
            "user" => write!(self.user, "{value}"),
            "address" => write!(self.address, "{value}"),
            name => {
                self.others.push((name, value.to_string()));
                Ok(())
            }
        };
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field.name(), &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field.name(), &value);
    }
}

/// Text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// PgBouncer's names of the levels.
fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "LOG",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "NOISE",
    }
}

/// Text without line ends of its own: what a client sends must not forge lines of the log.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            match part.strip_suffix(char::is_control) {
                Some(clean) => write!(formatter, "{clean} ")?,
                None => formatter.write_str(part)?,
            }
        }
        Ok(())
    }
}
