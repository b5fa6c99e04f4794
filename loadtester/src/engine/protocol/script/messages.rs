//! The messages of one statement.

use std::io;

use bytes::BytesMut;
use poolproof_scenarios::{
    pgbench::{Ask, Machine, Piece, Program, Value},
    workload::{CopyIn, nonces},
};
use postgres_protocol::{IsNull, Oid, message::frontend};

use super::{literal, numbered, sql_with};
use crate::engine::plan::Nonce;

/// The OID of int8, fixed in PostgreSQL's catalog.
const INT8: Oid = 20;
/// A type that the server is to find out.
const UNSPECIFIED: Oid = 0;
/// Text format of a parameter or a column.
const TEXT: i16 = 0;
/// Bytes of rows in one CopyData, as libpq's users and psql send them.
const COPY_DATA_BYTES: usize = 8 << 10;

/// What stands for the variables of a statement.
pub(super) struct Filling<'a> {
    nonce: Nonce,
    variables: Option<(&'a Machine, &'a Program)>,
}

impl<'a> Filling<'a> {
    pub(super) fn nonce(nonce: Nonce) -> Self {
        Self {
            nonce,
            variables: None,
        }
    }

    pub(super) fn with(nonce: Nonce, machine: &'a Machine, program: &'a Program) -> Self {
        Self {
            nonce,
            variables: Some((machine, program)),
        }
    }

    fn literal(&self, piece: &Piece) -> String {
        match (piece, self.variables) {
            (piece, Some((machine, program))) => literal(piece, (self.nonce, machine, program)),
            _ => self.nonce.to_string(),
        }
    }

    /// The parameter as text; `None` for NULL, and for what has no value.
    fn parameter(&self, piece: &Piece) -> Option<String> {
        match (piece, self.variables) {
            (Piece::Value(slot), Some((machine, _))) => match machine.value(*slot) {
                None | Some(Value::Null) => None,
                Some(value) => Some(value.to_string()),
            },
            _ => Some(self.nonce.to_string()),
        }
    }
}

/// What is sent for a statement, before its variables have values.
#[derive(Debug)]
pub(super) enum Parts {
    /// Query.
    Simple(Vec<Piece>),
    /// Parse, Bind, Describe, Execute.
    Extended {
        name: String,
        /// SQL and parameter types of the Parse, where there is one.
        parse: Option<Sql>,
        parameters: Vec<Piece>,
        describes: bool,
    },
}

/// The SQL of a Parse. COPY takes no parameters, so that its nonce is a literal.
#[derive(Debug)]
pub(super) struct Sql(Vec<Piece>, Vec<Oid>);

impl Parts {
    pub(super) fn simple(ask: &Ask) -> Self {
        Self::Simple(ask.sql.clone())
    }

    pub(super) fn new(ask: &Ask, name: &str, parses: bool, describes: bool) -> Self {
        let (sql, parameters) = if ask.copies.is_some() {
            (ask.sql.clone(), Vec::new())
        } else {
            let (sql, parameters) = numbered(&ask.sql);
            (vec![Piece::Text(sql)], parameters)
        };
        let types = parameters.iter().map(|piece| match piece {
            Piece::Nonce => INT8,
            _ => UNSPECIFIED,
        });
        let parse = Sql(sql, types.collect());
        Self::Extended {
            name: name.to_owned(),
            parse: parses.then_some(parse),
            parameters,
            describes,
        }
    }

    pub(super) fn write(&self, filling: &Filling<'_>, out: &mut BytesMut) -> io::Result<()> {
        let sql = |pieces: &[Piece]| sql_with(pieces, |piece| filling.literal(piece));
        match self {
            Self::Simple(pieces) => frontend::query(&sql(pieces), out),
            Self::Extended {
                name,
                parse,
                parameters,
                describes,
            } => {
                if let Some(Sql(pieces, types)) = parse {
                    frontend::parse(name, &sql(pieces), types.iter().copied(), out)?;
                }
                bind(name, parameters, filling, out)?;
                if *describes {
                    frontend::describe(b'P', "", out)?;
                }
                frontend::execute("", 0, out)
            }
        }
    }
}

fn bind(
    name: &str,
    parameters: &[Piece],
    filling: &Filling<'_>,
    out: &mut BytesMut,
) -> io::Result<()> {
    let write = |piece: &Piece, out: &mut BytesMut| match filling.parameter(piece) {
        Some(text) => {
            out.extend_from_slice(text.as_bytes());
            Ok(IsNull::No)
        }
        None => Ok(IsNull::Yes),
    };
    let formats = (!parameters.is_empty()).then_some(TEXT);
    frontend::bind("", name, formats, parameters, write, [TEXT], out).map_err(|error| match error {
        frontend::BindError::Serialization(error) => io::Error::other(error),
        frontend::BindError::Conversion(error) => io::Error::other(error),
    })
}

/// All rows of a COPY in messages of some kilobytes, their end, and the Sync of the extended protocol.
pub(super) fn copy_rows(
    copy: &CopyIn,
    nonce: &str,
    ends_batch: bool,
    out: &mut BytesMut,
) -> io::Result<()> {
    let mut row = copy.row.clone();
    for place in nonces(&copy.row).into_iter().rev() {
        row.replace_range(place, nonce);
    }
    row.push('\n');
    let rows_max = (COPY_DATA_BYTES / row.len()).max(1);
    let mut left = copy.rows as usize;
    while left > 0 {
        let rows = left.min(rows_max);
        frontend::CopyData::new(io::Cursor::new(row.repeat(rows).into_bytes()))?.write(out);
        left -= rows;
    }
    frontend::copy_done(out);
    if ends_batch {
        frontend::sync(out);
    }
    Ok(())
}
