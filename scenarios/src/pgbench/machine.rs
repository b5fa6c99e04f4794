//! Runs a program up to the next thing that somebody else must do.

use std::time::Duration;

use super::{Fault, Keeps, Program, Random, Slot, Step, Value, expression::Surroundings};

/// Most steps between two statements; a script cannot loop, so this holds for every one that is read.
const STEPS_MAX: usize = 100_000;

/// Who runs a script: what pgbench's own variables say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `:client_id`
    pub client: i64,
    /// `:random_seed`, and what `:default_seed` and the hash functions begin with.
    pub seed: i64,
}

/// What a program wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The statement of this number is to be sent.
    Ask(usize),
    /// Nothing for so long.
    Sleep(Duration),
    /// What is asked from here on is sent without waiting.
    StartPipeline,
    /// A Sync.
    SyncPipeline,
    /// A Sync, and everything is waited for.
    EndPipeline,
    /// The transaction is over.
    Done,
}

/// A program that is being run: where it is, and its variables.
#[derive(Clone, Debug)]
pub struct Machine {
    at: usize,
    values: Vec<Option<Value>>,
    random: Random,
    default_seed: i64,
}

impl Machine {
    /// A machine that has not begun; `random` feeds the random functions.
    #[must_use]
    pub fn new(random: Random) -> Self {
        Self {
            at: 0,
            values: Vec::new(),
            random,
            default_seed: 0,
        }
    }

    /// Begins `program` from its first step, with the variables that it begins with.
    pub fn begin(&mut self, program: &Program, who: Identity) {
        self.at = 0;
        self.default_seed = who.seed;
        self.values.clone_from(&program.initial);
        if self.values.is_empty() {
            return;
        }
        for (name, value) in [
            ("client_id", who.client),
            ("random_seed", who.seed),
            ("default_seed", who.seed),
        ] {
            if let Some(Slot(index)) = program.slot(name)
                && self.values[index].is_none()
            {
                self.values[index] = Some(Value::Int(value));
            }
        }
    }

    /// Goes on to the next step that is not pure.
    ///
    /// # Errors
    ///
    /// An expression that has no value, with its place. The transaction cannot go on.
    pub fn next(&mut self, program: &Program) -> Result<Next, (Fault, usize)> {
        for _ in 0..STEPS_MAX {
            let Some(step) = program.steps.get(self.at) else {
                return Ok(Next::Done);
            };
            self.at += 1;
            match step {
                Step::Ask(index) => return Ok(Next::Ask(*index)),
                Step::StartPipeline => return Ok(Next::StartPipeline),
                Step::SyncPipeline => return Ok(Next::SyncPipeline),
                Step::EndPipeline => return Ok(Next::EndPipeline),
                Step::Go(to) => self.at = *to,
                Step::Set { slot, value, line } => {
                    let value = self.evaluate(program, value).map_err(|why| (why, *line))?;
                    self.values[slot.0] = Some(value);
                }
                Step::Unless {
                    condition,
                    to,
                    line,
                } => {
                    let holds = self.evaluate(program, condition);
                    if !holds.map_err(|why| (why, *line))?.holds() {
                        self.at = *to;
                    }
                }
                Step::Sleep { units, unit, line } => {
                    let units = self.evaluate(program, units).and_then(|it| it.to_int());
                    let units = units.map_err(|why| (why, *line))?.max(0);
                    let units = u32::try_from(units).unwrap_or(u32::MAX);
                    return Ok(Next::Sleep(unit.saturating_mul(units)));
                }
            }
        }
        Err((Fault::Endless(STEPS_MAX), 0))
    }

    fn evaluate(
        &mut self,
        program: &Program,
        expression: &super::Expression,
    ) -> Result<Value, Fault> {
        expression.evaluate(&mut Surroundings {
            values: &self.values,
            names: &program.names,
            random: &mut self.random,
            default_seed: self.default_seed,
        })
    }

    /// The value of a variable; `None` before it has one.
    #[must_use]
    pub fn value(&self, slot: Slot) -> Option<&Value> {
        self.values.get(slot.0)?.as_ref()
    }

    /// Keeps the columns of a row under the names that `keeps` makes of theirs. Columns that the
    /// program does not use are forgotten.
    pub fn keep<'c>(
        &mut self,
        program: &Program,
        keeps: &Keeps,
        columns: impl Iterator<Item = (&'c str, Option<String>)>,
    ) {
        let prefix = match keeps {
            Keeps::Nothing => return,
            Keeps::One(prefix) | Keeps::Each(prefix) => prefix,
        };
        for (name, value) in columns {
            let slot = program.slot(&format!("{prefix}{name}"));
            if let Some(Slot(index)) = slot {
                self.values[index] = Some(value.map_or(Value::Null, Value::Text));
            }
        }
    }
}
