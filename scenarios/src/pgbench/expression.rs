//! Expressions of `\set` and `\if`, as pgbench's manual page has them.

use super::{Fault, Slot, Value, random::Random};

mod evaluate;
mod functions;
mod read;
mod tokens;

pub(crate) use functions::Function;
pub(super) use read::read;

/// An expression, its variables resolved.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    /// A constant.
    Constant(Value),
    /// A variable.
    Variable(Slot),
    /// Both hold; the right side is looked at only where it matters.
    And(Box<[Expression; 2]>),
    /// Either holds.
    Or(Box<[Expression; 2]>),
    /// The first branch whose condition holds, or what stands after ELSE.
    Case {
        /// Conditions and values.
        branches: Vec<(Expression, Expression)>,
        /// After ELSE; NULL without one.
        otherwise: Box<Expression>,
    },
    /// A function or an operator.
    Call(Function, Vec<Expression>),
}

/// What an expression is evaluated with.
pub(super) struct Surroundings<'a> {
    pub(super) values: &'a [Option<Value>],
    pub(super) names: &'a [String],
    pub(super) random: &'a mut Random,
    /// What `hash` and `permute` begin with where the script gives no seed.
    pub(super) default_seed: i64,
}

impl Surroundings<'_> {
    fn variable(&self, slot: Slot) -> Result<Value, Fault> {
        match &self.values[slot.0] {
            Some(value) => value.typed(),
            None => Err(Fault::Undefined {
                name: self.names[slot.0].clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
