//! Reads an expression, with pgbench's precedences.

use std::ops::Range;

use super::{
    Expression, Function, Slot, Value,
    tokens::{Token, What, tokens},
};

/// How deep expressions may be nested.
const DEPTH_MAX: usize = 100;

/// What could not be read, and where.
type Refused = (Range<usize>, String);

/// Precedences, from the loosest; those of one level that are not associative say so.
mod level {
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const IS: u8 = 4;
    pub(super) const COMPARE: u8 = 5;
    pub(super) const BITS: u8 = 6;
    pub(super) const SUM: u8 = 7;
    pub(super) const PRODUCT: u8 = 8;
    pub(super) const SIGN: u8 = 9;
}

/// Reads `text`; `slot` gives each variable its place.
pub(in crate::pgbench) fn read(
    text: &str,
    slot: &mut dyn FnMut(&str) -> Slot,
) -> Result<Expression, Refused> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
        end: text.trim_end().len(),
        depth: 0,
        slot,
    };
    let expression = reader.expression(0)?;
    match reader.peek() {
        None => Ok(expression),
        Some(_) => Err(reader.expected("an operator or the end")),
    }
}

struct Reader<'s> {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
    depth: usize,
    slot: &'s mut dyn FnMut(&str) -> Slot,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&What> {
        self.tokens.get(self.at).map(|token| &token.what)
    }

    fn eat(&mut self, what: &What) -> bool {
        let found = self.peek() == Some(what);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(What::Word(it)) if it == word);
        self.at += usize::from(found);
        found
    }

    fn must(&mut self, word: &str) -> Result<(), Refused> {
        if self.word(word) {
            return Ok(());
        }
        Err(self.expected(&word.to_ascii_uppercase()))
    }

    fn expected(&self, what: &str) -> Refused {
        match self.tokens.get(self.at) {
            Some(token) => {
                let got = match &token.what {
                    What::Int(number) => number.to_string(),
                    What::BeyondInt => "9223372036854775808".to_owned(),
                    What::Double(number) => number.to_string(),
                    What::Variable(name) => format!(":{name}"),
                    What::Word(word) => word.clone(),
                    What::Sign(sign) => (*sign).to_owned(),
                };
                (token.span.clone(), format!("expected {what}, got {got:?}"))
            }
            None => (self.end..self.end, format!("expected {what}, got the end")),
        }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Expression, Refused> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let place = self.tokens.get(self.at).map_or(0..0, |it| it.span.clone());
            return Err((
                place,
                format!("expected at most {DEPTH_MAX} levels of nesting"),
            ));
        }
        let mut left = self.operand()?;
        // The level of an operator that must not stand beside another of its level.
        let mut alone = None;
        while let Some(level) = self.level().filter(|level| *level >= least) {
            if alone == Some(level) {
                return Err(self.expected("parentheses around the first comparison"));
            }
            alone = matches!(level, level::IS | level::COMPARE).then_some(level);
            left = self.operator(level, left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// How tightly the operator that comes next binds.
    fn level(&self) -> Option<u8> {
        Some(match self.peek()? {
            What::Word(word) => match word.as_str() {
                "or" => level::OR,
                "and" => level::AND,
                "is" | "isnull" | "notnull" => level::IS,
                _ => return None,
            },
            What::Sign(sign) => match *sign {
                "<" | ">" | "=" | "<=" | ">=" | "<>" | "!=" => level::COMPARE,
                "|" | "#" | "&" | "<<" | ">>" => level::BITS,
                "+" | "-" => level::SUM,
                "*" | "/" | "%" => level::PRODUCT,
                _ => return None,
            },
            _ => return None,
        })
    }

    fn operator(&mut self, level: u8, left: Expression) -> Result<Expression, Refused> {
        let token = self.tokens[self.at].what.clone();
        self.at += 1;
        let sign = match &token {
            What::Word(word) if level == level::IS => return self.is(word, left),
            What::Word(word) => word.as_str(),
            What::Sign(sign) => sign,
            _ => "",
        };
        let right = self.expression(level + 1)?;
        let call = |function, args: [Expression; 2]| Expression::Call(function, args.into());
        Ok(match sign {
            "or" => Expression::Or(Box::new([left, right])),
            "and" => Expression::And(Box::new([left, right])),
            ">" => call(Function::Less, [right, left]),
            ">=" => call(Function::AtMost, [right, left]),
            "<" => call(Function::Less, [left, right]),
            "<=" => call(Function::AtMost, [left, right]),
            "=" => call(Function::Equal, [left, right]),
            "<>" | "!=" => call(Function::Unequal, [left, right]),
            "|" => call(Function::BitOr, [left, right]),
            "#" => call(Function::BitXor, [left, right]),
            "&" => call(Function::BitAnd, [left, right]),
            "<<" => call(Function::ShiftLeft, [left, right]),
            ">>" => call(Function::ShiftRight, [left, right]),
            "+" => call(Function::Add, [left, right]),
            "-" => call(Function::Subtract, [left, right]),
            "*" => call(Function::Multiply, [left, right]),
            "/" => call(Function::Divide, [left, right]),
            _ => call(Function::Modulo, [left, right]),
        })
    }

    /// After IS, ISNULL or NOTNULL.
    fn is(&mut self, word: &str, left: Expression) -> Result<Expression, Refused> {
        let (negated, constant) = match word {
            "isnull" => (false, Value::Null),
            "notnull" => (true, Value::Null),
            _ => {
                let negated = self.word("not");
                let constants = [
                    ("null", Value::Null),
                    ("true", Value::Boolean(true)),
                    ("false", Value::Boolean(false)),
                ];
                let found = constants.into_iter().find(|(name, _)| self.word(name));
                let expected = || self.expected("NULL, TRUE or FALSE");
                (negated, found.ok_or_else(expected)?.1)
            }
        };
        let is = Expression::Call(Function::Is, vec![left, Expression::Constant(constant)]);
        Ok(if negated {
            Expression::Call(Function::Not, vec![is])
        } else {
            is
        })
    }

    /// A constant, a variable, a call, what is in parentheses, or one of these behind a sign.
    fn operand(&mut self) -> Result<Expression, Refused> {
        let token = self.tokens.get(self.at).map(|token| token.what.clone());
        let expected = || self.expected("a number, a variable, a function or \"(\"");
        let token = token.ok_or_else(expected)?;
        let refused = expected();
        self.at += 1;
        Ok(match token {
            What::Int(number) => Expression::Constant(Value::Int(number)),
            What::Double(number) => Expression::Constant(Value::Double(number)),
            What::Variable(name) => Expression::Variable((self.slot)(&name)),
            What::Sign("(") => {
                let inner = self.expression(0)?;
                self.close()?;
                inner
            }
            What::Sign("+") => self.expression(level::SIGN)?,
            What::Sign("-") if self.eat(&What::BeyondInt) => {
                Expression::Constant(Value::Int(i64::MIN))
            }
            What::Sign("-") => {
                let zero = Expression::Constant(Value::Int(0));
                let inner = self.expression(level::SIGN)?;
                Expression::Call(Function::Subtract, vec![zero, inner])
            }
            What::Sign("~") => {
                let ones = Expression::Constant(Value::Int(-1));
                let inner = self.expression(level::SIGN)?;
                Expression::Call(Function::BitXor, vec![ones, inner])
            }
            What::Word(word) => match word.as_str() {
                "null" => Expression::Constant(Value::Null),
                "true" => Expression::Constant(Value::Boolean(true)),
                "false" => Expression::Constant(Value::Boolean(false)),
                "not" => Expression::Call(Function::Not, vec![self.expression(level::NOT)?]),
                "case" => self.case()?,
                name => self.call(name, refused)?,
            },
            What::BeyondInt | What::Sign(_) => return Err(refused),
        })
    }

    fn close(&mut self) -> Result<(), Refused> {
        if self.eat(&What::Sign(")")) {
            return Ok(());
        }
        Err(self.expected("\")\""))
    }

    fn case(&mut self) -> Result<Expression, Refused> {
        let mut branches = Vec::new();
        while self.word("when") {
            let condition = self.expression(0)?;
            self.must("then")?;
            branches.push((condition, self.expression(0)?));
        }
        if branches.is_empty() {
            return Err(self.expected("WHEN"));
        }
        let otherwise = if self.word("else") {
            self.expression(0)?
        } else {
            Expression::Constant(Value::Null)
        };
        self.must("end")?;
        Ok(Expression::Case {
            branches,
            otherwise: Box::new(otherwise),
        })
    }

    fn call(&mut self, name: &str, refused: Refused) -> Result<Expression, Refused> {
        let place = refused.0.clone();
        if !self.eat(&What::Sign("(")) {
            return Err(refused);
        }
        let Some((function, args_wanted)) = Function::named(name) else {
            let near = Function::nearest(name);
            return Err((
                place,
                format!("expected a function of pgbench's, got {name:?}{near}"),
            ));
        };
        let mut args = Vec::new();
        if !self.eat(&What::Sign(")")) {
            loop {
                args.push(self.expression(0)?);
                if !self.eat(&What::Sign(",")) {
                    break;
                }
            }
            self.close()?;
        }
        if !args_wanted.contains(&args.len()) {
            let (least, most) = args_wanted.into_inner();
            let wanted = if least == most {
                least.to_string()
            } else {
                format!("{least} to {most}")
            };
            let why = format!("expected {wanted} arguments of {name}, got {}", args.len());
            return Err((place, why));
        }
        Ok(Expression::Call(function, args))
    }
}
