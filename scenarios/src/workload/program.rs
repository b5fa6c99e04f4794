//! Statements of a scenario as the steps of a program, so that whoever runs scripts runs them too.

use std::time::Duration;

use super::{Protocol, Statement, Transaction};
use crate::pgbench::{Ask, Expression, Keeps, Piece, Program, Step, Value};

pub(super) fn of_statements(transaction: &Transaction) -> Program {
    let mut program = Program {
        file: format!("transaction {}, statement", transaction.name),
        ..Program::default()
    };
    let pipelined = transaction.protocol == Protocol::Pipeline;
    if pipelined {
        program.steps.push(Step::StartPipeline);
    }
    for (line, statement) in (1..).zip(&transaction.statements) {
        if !statement.think.is_zero() {
            program.steps.push(sleep(statement.think, line));
        }
        program.steps.push(Step::Ask(program.asks.len()));
        program.asks.push(Ask {
            sql: pieces(statement),
            returns: statement.returns.clone(),
            keeps: Keeps::Nothing,
            copies: statement.copies(),
            copy: statement.copy.clone(),
            line,
        });
    }
    if pipelined {
        program.steps.push(Step::EndPipeline);
    }
    program
}

fn sleep(time: Duration, line: usize) -> Step {
    Step::Sleep {
        units: Expression::Constant(Value::Int(1)),
        unit: time,
        line,
    }
}

fn pieces(statement: &Statement) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for place in statement.nonces() {
        if place.start > at {
            pieces.push(Piece::Text(statement.sql[at..place.start].to_owned()));
        }
        pieces.push(Piece::Nonce);
        at = place.end;
    }
    if at < statement.sql.len() || pieces.is_empty() {
        pieces.push(Piece::Text(statement.sql[at..].to_owned()));
    }
    pieces
}
