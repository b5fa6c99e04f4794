//! Statements as drivers take them.

use poolproof_scenarios::{
    pgbench::{Ask, Keeps, Machine, Piece, Program, Value},
    workload::{Copies, Protocol, Transaction, nonces},
};

use crate::engine::{
    EngineError,
    plan::Nonce,
    protocol::{literal, numbered, sql_with},
};

/// All transactions of a scenario.
pub(super) struct Statements(Vec<Work>);

/// A transaction.
pub(super) struct Work {
    pub(super) program: Program,
    /// In the order of the program's asks.
    pub(super) statements: Vec<Prepared>,
}

/// A statement with all that does not change from one time to the next.
pub(super) struct Prepared {
    /// Index among all statements of the scenario.
    pub(super) number: usize,
    pub(super) protocol: Protocol,
    /// The SQL with `$1`… for its variables.
    pub(super) sql: String,
    pub(super) parameters: Vec<Piece>,
    pub(super) ask: Ask,
}

/// What the variables of a statement are this time.
#[derive(Clone, Copy)]
pub(super) struct Filling<'a> {
    pub(super) nonce: Nonce,
    pub(super) machine: &'a Machine,
    pub(super) program: &'a Program,
}

impl Statements {
    pub(super) fn new(transactions: &[Transaction]) -> Result<Self, EngineError> {
        let mut numbers = 0..;
        let mut work = |transaction: &Transaction| {
            let program = transaction.program().map_err(|problems| {
                let problems = problems.iter().map(ToString::to_string);
                EngineError::Encode {
                    transaction: transaction.name.clone(),
                    reason: problems.collect::<Vec<_>>().join("; "),
                }
            })?;
            let statements = program.asks.iter().zip(&mut numbers);
            let statements = statements.map(|(ask, number)| {
                let (sql, parameters) = numbered(&ask.sql);
                Prepared {
                    number,
                    protocol: transaction.protocol,
                    sql,
                    parameters,
                    ask: ask.clone(),
                }
            });
            let statements = statements.collect();
            Ok(Work {
                program,
                statements,
            })
        };
        let transactions = transactions.iter().map(&mut work);
        transactions.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn work(&self, index: usize) -> &Work {
        &self.0[index]
    }
}

impl Prepared {
    /// The SQL with literals in place of variables.
    pub(super) fn literally(&self, filling: Filling<'_>) -> String {
        let Filling {
            nonce,
            machine,
            program,
        } = filling;
        sql_with(&self.ask.sql, |piece| {
            literal(piece, (nonce, machine, program))
        })
    }

    pub(super) fn copies(&self) -> Option<Copies> {
        self.ask.copies
    }

    pub(super) fn keeps(&self) -> bool {
        self.ask.keeps != Keeps::Nothing
    }

    /// The rows that a COPY sends.
    pub(super) fn rows(&self, nonce: Nonce) -> Vec<u8> {
        let Some(copy) = &self.ask.copy else {
            return Vec::new();
        };
        let mut row = copy.row.clone();
        for place in nonces(&copy.row).into_iter().rev() {
            row.replace_range(place, &nonce.to_string());
        }
        row.push('\n');
        row.repeat(copy.rows as usize).into_bytes()
    }
}

impl Filling<'_> {
    /// The value of a parameter.
    pub(super) fn value(&self, piece: &Piece) -> Value {
        match piece {
            Piece::Value(slot) => self.machine.value(*slot).cloned().unwrap_or(Value::Null),
            _ => Value::Int(self.nonce.number()),
        }
    }
}
