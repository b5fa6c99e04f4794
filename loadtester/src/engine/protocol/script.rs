//! Transactions as bytes: every message is encoded once, and only its nonce is patched in.

use std::io;

use bytes::BytesMut;
use poolproof_scenarios::workload::{Protocol, Returns, Statement, Transaction};
use postgres_protocol::{IsNull, Oid, message::frontend};

use super::super::{EngineError, plan::Nonce};

/// The OID of int8, fixed in PostgreSQL's catalog.
const INT8: Oid = 20;
/// Text format of a parameter or a column.
const TEXT: i16 = 0;

/// All transactions of a scenario.
#[derive(Debug)]
pub(in crate::engine) struct Script {
    pub(in crate::engine) transactions: Vec<Vec<Encoded>>,
    /// Ends a transaction that failed in the middle.
    pub(in crate::engine) rollback: Encoded,
    /// Ends a session.
    pub(in crate::engine) terminate: Vec<u8>,
}

/// One statement, ready to be sent.
#[derive(Debug)]
pub(in crate::engine) struct Encoded {
    /// Index among all statements of the script; it numbers prepared statements.
    pub(in crate::engine) number: usize,
    /// What goes out each time, or, with `preparing`, each time but the first on a connection.
    usual: Template,
    /// What goes out the first time on a connection: the same with a Parse before it.
    preparing: Option<Template>,
    /// It is sent together with the other statements of its transaction.
    pub(in crate::engine) pipelined: bool,
    pub(in crate::engine) expected: Expected,
}

/// What must come back for a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Expected {
    pub(in crate::engine) order: Order,
    /// Rows that carry the nonce; `None` takes any answer.
    pub(in crate::engine) nonce_rows: Option<u64>,
}

/// The messages that come back when nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Order {
    /// Answers to Query: any number of results, then ReadyForQuery.
    Simple,
    /// Answers to Parse, Bind, Describe, Execute, Sync.
    Described,
    /// Answers to Parse, Bind, Execute, Sync.
    Preparing,
    /// Answers to Bind, Execute, Sync.
    Prepared,
}

#[derive(Debug, PartialEq, Eq)]
struct Template {
    bytes: Vec<u8>,
    /// Where nonces stand.
    nonces: Vec<usize>,
}

impl Script {
    /// Encodes `transactions`.
    ///
    /// # Errors
    ///
    /// A statement that does not fit into a message.
    pub(in crate::engine) fn new(transactions: &[Transaction]) -> Result<Self, EngineError> {
        let mut numbers = 0..;
        let transactions = transactions
            .iter()
            .map(|transaction| {
                let count = transaction.statements.len();
                let places = (1..).map(|place| place == count);
                transaction
                    .statements
                    .iter()
                    .zip(places)
                    .zip(&mut numbers)
                    .map(|((statement, last), number)| {
                        Encoded::new(statement, transaction.protocol, number, last)
                    })
                    .collect::<io::Result<Vec<_>>>()
                    .map_err(|error| EngineError::Encode {
                        transaction: transaction.name.clone(),
                        reason: error.to_string(),
                    })
            })
            .collect::<Result<_, _>>()?;
        let rollback = Statement {
            sql: "ROLLBACK".to_owned(),
            returns: Returns::Anything,
        };
        let mut terminate = BytesMut::new();
        frontend::terminate(&mut terminate);
        Ok(Self {
            transactions,
            rollback: Encoded::new(&rollback, Protocol::Simple, 0, true)
                .map_err(EngineError::Generator)?,
            terminate: terminate.to_vec(),
        })
    }
}

impl Encoded {
    /// `last` says that no statement of the transaction follows.
    fn new(
        statement: &Statement,
        protocol: Protocol,
        number: usize,
        last: bool,
    ) -> io::Result<Self> {
        let name = format!("poolproof_{number}");
        let template =
            |encode: &dyn Fn(Nonce, &mut BytesMut) -> io::Result<()>| Template::new(encode);
        let (order, usual, preparing) = match protocol {
            Protocol::Simple => {
                let query = |nonce, out: &mut BytesMut| simple(statement, nonce, out);
                (Order::Simple, template(&query)?, None)
            }
            Protocol::Extended | Protocol::Pipeline => {
                let syncs = protocol == Protocol::Extended || last;
                let messages = |nonce, out: &mut BytesMut| {
                    parse("", statement, out)?;
                    bind("", statement, nonce, out)?;
                    frontend::describe(b'P', "", out)?;
                    execute(out)?;
                    if syncs {
                        frontend::sync(out);
                    }
                    Ok(())
                };
                (Order::Described, template(&messages)?, None)
            }
            Protocol::Prepared => {
                let usual = |nonce, out: &mut BytesMut| {
                    bind(&name, statement, nonce, out)?;
                    execute(out)?;
                    frontend::sync(out);
                    Ok(())
                };
                let preparing = |nonce, out: &mut BytesMut| {
                    parse(&name, statement, out)?;
                    usual(nonce, out)
                };
                (
                    Order::Prepared,
                    template(&usual)?,
                    Some(template(&preparing)?),
                )
            }
        };
        let nonce_rows = match statement.returns {
            Returns::Nonce => Some(1),
            Returns::NonceRows(rows) => Some(rows),
            Returns::Anything => None,
        };
        Ok(Self {
            number,
            usual,
            preparing,
            pipelined: protocol == Protocol::Pipeline,
            expected: Expected { order, nonce_rows },
        })
    }

    /// Writes the messages of this statement to `out`. `prepared` says whether the connection
    /// knows it by name already.
    pub(in crate::engine) fn write(
        &self,
        nonce: Nonce,
        prepared: bool,
        out: &mut Vec<u8>,
    ) -> Expected {
        match &self.preparing {
            Some(template) if !prepared => {
                template.write(nonce, out);
                Expected {
                    order: Order::Preparing,
                    ..self.expected
                }
            }
            _ => {
                self.usual.write(nonce, out);
                self.expected
            }
        }
    }

    /// Whether a connection has to know the statement by name.
    pub(in crate::engine) fn is_named(&self) -> bool {
        self.preparing.is_some()
    }
}

impl Template {
    /// Encodes twice with markers that differ in every digit: where the results differ, a nonce
    /// begins.
    fn new(encode: &dyn Fn(Nonce, &mut BytesMut) -> io::Result<()>) -> io::Result<Self> {
        let marked = |digit| {
            let mut out = BytesMut::new();
            encode(Nonce::marker(digit), &mut out).map(|()| out.to_vec())
        };
        let (bytes, other) = (marked(1)?, marked(2)?);
        let width = Nonce::marker(1).bytes().len();
        let mut nonces = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == other[at] {
                at += 1;
            } else {
                nonces.push(at);
                at += width;
            }
        }
        Ok(Self { bytes, nonces })
    }

    fn write(&self, nonce: Nonce, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let digits = nonce.bytes();
        for at in &self.nonces {
            out[start + at..][..digits.len()].copy_from_slice(digits);
        }
    }
}

fn simple(statement: &Statement, nonce: Nonce, out: &mut BytesMut) -> io::Result<()> {
    frontend::query(&with_nonces(statement, &nonce.to_string()), out)
}

fn parse(name: &str, statement: &Statement, out: &mut BytesMut) -> io::Result<()> {
    let types = (!statement.nonces().is_empty()).then_some(INT8);
    frontend::parse(name, &with_nonces(statement, "$1"), types, out)
}

fn bind(name: &str, statement: &Statement, nonce: Nonce, out: &mut BytesMut) -> io::Result<()> {
    let values = (!statement.nonces().is_empty()).then_some(nonce);
    let formats = values.map(|_| TEXT);
    let write = |nonce: Nonce, out: &mut BytesMut| {
        out.extend_from_slice(nonce.bytes());
        Ok(IsNull::No)
    };
    frontend::bind("", name, formats, values, write, [TEXT], out).map_err(|error| match error {
        frontend::BindError::Serialization(error) => io::Error::other(error),
        frontend::BindError::Conversion(error) => io::Error::other(error),
    })
}

fn execute(out: &mut BytesMut) -> io::Result<()> {
    frontend::execute("", 0, out)
}

/// The SQL with `text` for every `:nonce`.
pub(in crate::engine) fn with_nonces(statement: &Statement, text: &str) -> String {
    let mut sql = statement.sql.clone();
    for place in statement.nonces().into_iter().rev() {
        sql.replace_range(place, text);
    }
    sql
}

#[cfg(test)]
mod tests {
    use poolproof_scenarios::workload::{Protocol, Returns, Statement, Transaction};

    use super::{Encoded, Nonce, Order, Script};

    fn encoded(sql: &str, protocol: Protocol) -> Encoded {
        let statement = Statement {
            sql: sql.to_owned(),
            returns: Returns::Anything,
        };
        Encoded::new(&statement, protocol, 3, false).unwrap()
    }

    /// Tags and bodies of the messages that a statement sends.
    fn sent(statement: &Encoded, prepared: bool) -> String {
        let mut out = Vec::new();
        statement.write(Nonce::marker(7), prepared, &mut out);
        let mut rest = out.as_slice();
        let mut shown = Vec::new();
        while let [tag, a, b, c, d, ..] = *rest {
            let end = u32::from_be_bytes([a, b, c, d]) as usize + 1;
            shown.push(format!(
                "{} {}",
                char::from(tag),
                rest[5..end].escape_ascii()
            ));
            rest = &rest[end..];
        }
        shown.join("\n")
    }

    const DIGITS: &str = "777777777777777777";

    #[test]
    fn simple_carries_the_nonce_as_a_literal_wherever_it_stands() {
        let statement = encoded("SELECT :nonce, 1::int4, :nonce", Protocol::Simple);
        assert_eq!(
            sent(&statement, false),
            format!("Q SELECT {DIGITS}, 1::int4, {DIGITS}\\x00")
        );
    }

    #[test]
    fn extended_describes_and_binds() {
        let statement = encoded("SELECT :nonce", Protocol::Extended);
        let expected = [
            r"P \x00SELECT $1\x00\x00\x01\x00\x00\x00\x14".to_owned(),
            format!(r"B \x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x12{DIGITS}\x00\x01\x00\x00"),
            r"D P\x00".to_owned(),
            r"E \x00\x00\x00\x00\x00".to_owned(),
            "S ".to_owned(),
        ];
        assert_eq!(sent(&statement, false), expected.join("\n"));
    }

    #[test]
    fn a_pipeline_has_one_sync() {
        let statement = encoded("SELECT 1", Protocol::Pipeline);
        let tags = |text: String| {
            text.lines()
                .map(|line| line[..1].to_owned())
                .collect::<String>()
        };
        assert_eq!(tags(sent(&statement, false)), "PBDE");
        let last = Statement {
            sql: "SELECT 1".into(),
            returns: Returns::Anything,
        };
        let last = Encoded::new(&last, Protocol::Pipeline, 3, true).unwrap();
        assert_eq!(tags(sent(&last, false)), "PBDES");
    }

    #[test]
    fn prepared_parses_once() {
        let statement = encoded("SELECT 1", Protocol::Prepared);
        let again = [
            r"B \x00poolproof_3\x00\x00\x00\x00\x00\x00\x01\x00\x00",
            r"E \x00\x00\x00\x00\x00",
            "S ",
        ]
        .join("\n");
        let first = format!("P poolproof_3\\x00SELECT 1\\x00\\x00\\x00\n{again}");
        assert_eq!(sent(&statement, true), again);
        assert_eq!(sent(&statement, false), first);
        let order = |prepared| {
            statement
                .write(Nonce::marker(1), prepared, &mut Vec::new())
                .order
        };
        assert_eq!(
            (order(false), order(true)),
            (Order::Preparing, Order::Prepared)
        );
    }

    #[test]
    fn statements_are_numbered_across_transactions() {
        let statement = Statement {
            sql: "SELECT 1".into(),
            returns: Returns::Anything,
        };
        let transaction = |name: &str| Transaction {
            name: name.to_owned(),
            weight: 1,
            protocol: Protocol::Prepared,
            statements: vec![statement.clone(), statement.clone()],
        };
        let script = Script::new(&[transaction("a"), transaction("b")]).unwrap();
        let numbers: Vec<_> = script
            .transactions
            .iter()
            .flatten()
            .map(|each| each.number)
            .collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
    }
}
