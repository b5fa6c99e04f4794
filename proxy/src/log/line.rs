//! One line of the log: `2026-01-31 23:59:59.000 UTC [PID] LOG words key=value`.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// PgBouncer's format, always in UTC.
pub(super) struct PgBouncerLine;

impl<S, N> FormatEvent<S, N> for PgBouncerLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.3f UTC");
        let level = word(*event.metadata().level());
        write!(writer, "{now} [{}] {level} ", std::process::id())?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let Some(conn) = &fields.conn {
            // As PgBouncer begins what it says of a connection; operators' parsers look for it.
            let Fields {
                database,
                user,
                address,
                ..
            } = &fields;
            let place = format!("{conn}: {database}/{user}@{address} ");
            write!(writer, "{}", OneLine(&place))?;
        }
        writeln!(
            writer,
            "{}{}",
            OneLine(&fields.message),
            OneLine(&fields.others)
        )
    }
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

/// The words of an event, and its fields as ` key=value`.
#[derive(Default)]
struct Fields {
    message: String,
    /// `C-…` or `S-…`, where the event is of a connection.
    conn: Option<String>,
    database: String,
    user: String,
    address: String,
    others: String,
}

impl Fields {
    fn record(&mut self, name: &str, value: &dyn fmt::Display) {
        // Writing to a String cannot fail.
        let _ = match name {
            "message" => write!(self.message, "{value}"),
            "conn" => write!(self.conn.get_or_insert_default(), "{value}"),
            "database" => write!(self.database, "{value}"),
            "user" => write!(self.user, "{value}"),
            "address" => write!(self.address, "{value}"),
            name => write!(self.others, " {name}={value}"),
        };
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field.name(), &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field.name(), &value);
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
