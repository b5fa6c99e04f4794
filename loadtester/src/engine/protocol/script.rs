//! Transactions as bytes: what does not change is encoded once, and only its nonce is patched in.

use bytes::BytesMut;
use poolproof_scenarios::{
    pgbench::{Ask, Keeps, Machine, Piece, Program},
    workload::{Copies, Protocol, Returns, Transaction},
};
use postgres_protocol::message::frontend;

use super::super::{EngineError, plan::Nonce};

mod messages;
mod template;
#[cfg(test)]
mod tests;

use self::{
    messages::{Filling, Parts},
    template::Template,
};

/// All transactions of a scenario.
#[derive(Debug)]
pub(in crate::engine) struct Script {
    pub(in crate::engine) transactions: Vec<Coded>,
    /// Ends a transaction that failed in the middle.
    pub(in crate::engine) rollback: Encoded,
    /// Ends a session.
    pub(in crate::engine) terminate: Vec<u8>,
    /// Ends a batch.
    pub(in crate::engine) sync: Vec<u8>,
}

/// A transaction: its steps, and its statements ready to be sent.
#[derive(Debug)]
pub(in crate::engine) struct Coded {
    pub(in crate::engine) program: Program,
    /// In the order of the program's asks.
    pub(in crate::engine) asks: Vec<Encoded>,
}

/// One statement, ready to be sent.
#[derive(Debug)]
pub(in crate::engine) struct Encoded {
    /// Index among all statements of the script; it numbers prepared statements.
    pub(in crate::engine) number: usize,
    /// What goes out each time, or, with `preparing`, each time but the first on a connection. Without a
    /// Sync: that is the caller's, as the end of a pipeline is.
    usual: Form,
    /// What goes out the first time on a connection: the same with a Parse before it.
    preparing: Option<Form>,
    /// What a COPY sends when it is asked to.
    copy: Option<Template>,
    expected: Expected,
}

/// How a message is made.
#[derive(Debug)]
enum Form {
    /// From bytes in which at most the nonce changes.
    Fixed(Template),
    /// Anew, since variables are as long as their values.
    Anew(Parts),
}

/// What must come back for a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Expected {
    pub(in crate::engine) order: Order,
    pub(in crate::engine) returns: Returns,
    pub(in crate::engine) copies: Option<Copies>,
    pub(in crate::engine) keeps: Keeps,
    /// The statement's number, for who remembers what a server knows.
    pub(in crate::engine) number: usize,
}

/// The messages that come back when nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Order {
    /// Answers to Query: any number of results, then ReadyForQuery.
    Simple,
    /// Answers to Bind and Execute, with a Parse or a Describe among them or without.
    Extended { parses: bool, describes: bool },
}

impl Script {
    /// Encodes `transactions`.
    ///
    /// # Errors
    ///
    /// A statement that does not fit into a message.
    pub(in crate::engine) fn new(transactions: &[Transaction]) -> Result<Self, EngineError> {
        let mut number = 0;
        let mut code = |transaction: &Transaction| {
            let refused = |reason: String| EngineError::Encode {
                transaction: transaction.name.clone(),
                reason,
            };
            let program = transaction.program().map_err(|problems| {
                let problems = problems.iter().map(ToString::to_string);
                refused(problems.collect::<Vec<_>>().join("; "))
            })?;
            let mut asks = Vec::new();
            for ask in &program.asks {
                let encoded = Encoded::new(ask, transaction.protocol, number);
                asks.push(encoded.map_err(|error| refused(error.to_string()))?);
                number += 1;
            }
            Ok(Coded { program, asks })
        };
        let transactions = transactions
            .iter()
            .map(&mut code)
            .collect::<Result<_, _>>()?;
        let rollback = Ask {
            sql: vec![Piece::Text("ROLLBACK".to_owned())],
            returns: Returns::Anything,
            keeps: Keeps::Nothing,
            copies: None,
            copy: None,
            line: 0,
        };
        let (mut terminate, mut sync) = (BytesMut::new(), BytesMut::new());
        frontend::terminate(&mut terminate);
        frontend::sync(&mut sync);
        Ok(Self {
            transactions,
            rollback: Encoded::new(&rollback, Protocol::Simple, 0)
                .map_err(EngineError::Generator)?,
            terminate: terminate.to_vec(),
            sync: sync.to_vec(),
        })
    }
}

impl Encoded {
    fn new(ask: &Ask, protocol: Protocol, number: usize) -> std::io::Result<Self> {
        let parts = |name: &str, parses, describes| Parts::new(ask, name, parses, describes);
        let form = |parts: Parts| match ask.sql.iter().any(|it| matches!(it, Piece::Value(_))) {
            true => Ok(Form::Anew(parts)),
            false => {
                let write = |nonce, out: &mut BytesMut| parts.write(&Filling::nonce(nonce), out);
                Template::new(&write).map(Form::Fixed)
            }
        };
        let kept = ask.keeps != Keeps::Nothing;
        let (order, usual, preparing) = match protocol {
            Protocol::Simple => (Order::Simple, Parts::simple(ask), None),
            Protocol::Extended | Protocol::Pipeline => {
                let order = Order::Extended {
                    parses: true,
                    describes: true,
                };
                (order, parts("", true, true), None)
            }
            Protocol::Prepared => {
                let name = format!("poolproof_{number}");
                let order = Order::Extended {
                    parses: false,
                    describes: kept,
                };
                let preparing = parts(&name, true, kept);
                (order, parts(&name, false, kept), Some(preparing))
            }
        };
        let copy = ask.copy.as_ref().map(|copy| {
            let ends_batch = order != Order::Simple;
            let write = |nonce: Nonce, out: &mut BytesMut| {
                messages::copy_rows(copy, &nonce.to_string(), ends_batch, out)
            };
            Template::new(&write)
        });
        Ok(Self {
            number,
            usual: form(usual)?,
            preparing: preparing.map(form).transpose()?,
            copy: copy.transpose()?,
            expected: Expected {
                order,
                returns: ask.returns.clone(),
                copies: ask.copies,
                keeps: ask.keeps.clone(),
                number,
            },
        })
    }

    /// Writes the messages of this statement to `out`, without the Sync that the extended protocol
    /// wants behind them. `prepared` says whether the connection knows it by name already; the machine
    /// has the values of its variables.
    ///
    /// # Errors
    ///
    /// Values that do not fit into a message.
    pub(in crate::engine) fn write(
        &self,
        nonce: Nonce,
        machine: &Machine,
        program: &Program,
        prepared: bool,
        out: &mut BytesMut,
    ) -> std::io::Result<Expected> {
        let mut expected = self.expected.clone();
        let form = match &self.preparing {
            Some(form) if !prepared => {
                if let Order::Extended { parses, .. } = &mut expected.order {
                    *parses = true;
                }
                form
            }
            _ => &self.usual,
        };
        match form {
            Form::Fixed(template) => template.write(nonce, out),
            Form::Anew(parts) => parts.write(&Filling::with(nonce, machine, program), out)?,
        }
        Ok(expected)
    }

    /// Writes the rows of a COPY from the client.
    pub(in crate::engine) fn write_copy(&self, nonce: Nonce, out: &mut BytesMut) {
        if let Some(template) = &self.copy {
            template.write(nonce, out);
        }
    }

    /// Whether a connection has to know the statement by name.
    pub(in crate::engine) fn is_named(&self) -> bool {
        self.preparing.is_some()
    }

    /// Whether a Sync has to follow.
    pub(in crate::engine) fn wants_sync(&self) -> bool {
        self.expected.order != Order::Simple
    }
}

/// The SQL of a statement with `parameter` for each of its variables, which are numbered from 1; the
/// nonce has one number wherever it stands.
pub(in crate::engine) fn sql_with(
    pieces: &[Piece],
    mut parameter: impl FnMut(&Piece) -> String,
) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            piece => parameter(piece),
        })
        .collect()
}

/// The parameters of a statement in the order of their numbers, and the SQL that refers to them.
pub(in crate::engine) fn numbered(pieces: &[Piece]) -> (String, Vec<Piece>) {
    let mut parameters: Vec<Piece> = Vec::new();
    let sql = sql_with(pieces, |piece| {
        let known = match piece {
            Piece::Nonce => parameters.iter().position(|it| *it == Piece::Nonce),
            _ => None,
        };
        let index = known.unwrap_or_else(|| {
            parameters.push(piece.clone());
            parameters.len() - 1
        });
        format!("${}", index + 1)
    });
    (sql, parameters)
}

/// What a variable is as a literal. One without a value stays what was written, as in pgbench.
pub(in crate::engine) fn literal(piece: &Piece, filling: (Nonce, &Machine, &Program)) -> String {
    let (nonce, machine, program) = filling;
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Nonce => nonce.to_string(),
        Piece::Value(slot) => machine
            .value(*slot)
            .map_or_else(|| format!(":{}", program.name(*slot)), ToString::to_string),
    }
}
