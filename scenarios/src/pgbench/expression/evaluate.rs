//! What expressions amount to. Types and overflow are pgbench's: whole numbers where both sides are,
//! doubles where one is, and an error where a whole number does not fit.

use super::{Expression, Fault, Function, Surroundings, Value};
use crate::pgbench::random::{fnv1a, murmur2, permute};

/// Bounds of what the distributions take, as the manual page gives them.
const GAUSSIAN_MIN: f64 = 2.0;
const ZIPFIAN_MIN: f64 = 1.001;
const ZIPFIAN_MAX: f64 = 1000.0;

impl Expression {
    /// The value.
    ///
    /// # Errors
    ///
    /// A type that does not fit, an overflow, a division by zero, a variable without a value.
    pub(in crate::pgbench) fn evaluate(
        &self,
        within: &mut Surroundings<'_>,
    ) -> Result<Value, Fault> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Variable(slot) => within.variable(*slot),
            Self::And(sides) => lazy(sides, false, within),
            Self::Or(sides) => lazy(sides, true, within),
            Self::Case {
                branches,
                otherwise,
            } => {
                for (condition, value) in branches {
                    if condition.evaluate(within)?.holds() {
                        return value.evaluate(within);
                    }
                }
                otherwise.evaluate(within)
            }
            Self::Call(function, args) => {
                let args: Vec<Value> = args
                    .iter()
                    .map(|arg| arg.evaluate(within))
                    .collect::<Result<_, _>>()?;
                let takes_null = matches!(function, Function::Is | Function::Debug);
                if args.contains(&Value::Null) && !takes_null {
                    return Ok(Value::Null);
                }
                call(*function, &args, within)
            }
        }
    }
}

/// AND and OR in the logic of three values: `decides` on either side is the result.
fn lazy(
    sides: &[Expression; 2],
    decides: bool,
    within: &mut Surroundings<'_>,
) -> Result<Value, Fault> {
    let side = |one: &Expression, within: &mut Surroundings<'_>| {
        Ok(match one.evaluate(within)? {
            Value::Null => None,
            value => Some(value.to_boolean()?),
        })
    };
    let left = side(&sides[0], within)?;
    if left == Some(decides) {
        return Ok(Value::Boolean(decides));
    }
    let right = side(&sides[1], within)?;
    Ok(match (left, right) {
        (_, Some(right)) if right == decides => Value::Boolean(decides),
        (Some(_), Some(_)) => Value::Boolean(!decides),
        _ => Value::Null,
    })
}

fn call(function: Function, args: &[Value], within: &mut Surroundings<'_>) -> Result<Value, Fault> {
    use Function as F;
    let int = |index: usize| args[index].to_int();
    let double = |index: usize| args[index].to_double();
    let seed = |index: usize| {
        args.get(index)
            .map_or(Ok(within.default_seed), Value::to_int)
    };
    Ok(match function {
        F::Add | F::Subtract | F::Multiply | F::Divide => arithmetic(function, &args[0], &args[1])?,
        F::Equal | F::Unequal | F::Less | F::AtMost => compare(function, &args[0], &args[1])?,
        F::Modulo => match (int(0)?, int(1)?) {
            (_, 0) => return Err(Fault::DivisionByZero),
            (left, right) => Value::Int(left.wrapping_rem(right)),
        },
        F::BitAnd => Value::Int(int(0)? & int(1)?),
        F::BitOr => Value::Int(int(0)? | int(1)?),
        F::BitXor => Value::Int(int(0)? ^ int(1)?),
        F::ShiftLeft => Value::Int(int(0)?.wrapping_shl(shift(int(1)?))),
        F::ShiftRight => Value::Int(int(0)?.wrapping_shr(shift(int(1)?))),
        F::Not => Value::Boolean(!args[0].to_boolean()?),
        F::Is => Value::Boolean(match (&args[0], &args[1]) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(one), Value::Boolean(other)) => one == other,
            _ => false,
        }),
        F::Abs => match &args[0] {
            Value::Double(number) => Value::Double(number.abs()),
            _ => Value::Int(int(0)?.wrapping_abs()),
        },
        F::Debug => args[0].clone(),
        F::Double => Value::Double(double(0)?),
        F::Int => Value::Int(int(0)?),
        F::Exp => Value::Double(double(0)?.exp()),
        F::Ln => Value::Double(double(0)?.ln()),
        F::Sqrt => Value::Double(double(0)?.sqrt()),
        F::Pi => Value::Double(std::f64::consts::PI),
        F::Power => Value::Double(double(0)?.powf(double(1)?)),
        F::Greatest | F::Least => extreme(function, args)?,
        F::HashFnv1a => Value::Int(fnv1a(int(0)?, seed(1)?)),
        F::HashMurmur2 => Value::Int(murmur2(int(0)?, seed(1)?)),
        F::Permute if int(1)? <= 0 => {
            return Err(Fault::Range("the size of a permutation is above 0"));
        }
        F::Permute => Value::Int(permute(int(0)?, int(1)?, seed(2)?)),
        F::Random | F::RandomGaussian | F::RandomExponential | F::RandomZipfian => {
            draw(function, args, within)?
        }
    })
}

/// The low six bits, as processors shift.
fn shift(by: i64) -> u32 {
    u32::try_from(by & 63).unwrap_or_default()
}

fn arithmetic(function: Function, left: &Value, right: &Value) -> Result<Value, Fault> {
    if is_double(left) || is_double(right) {
        let (left, right) = (left.to_double()?, right.to_double()?);
        return Ok(Value::Double(match function {
            Function::Add => left + right,
            Function::Subtract => left - right,
            Function::Multiply => left * right,
            _ => left / right,
        }));
    }
    let (left, right) = (left.to_int()?, right.to_int()?);
    let result = match function {
        Function::Add => left.checked_add(right),
        Function::Subtract => left.checked_sub(right),
        Function::Multiply => left.checked_mul(right),
        _ if right == 0 => return Err(Fault::DivisionByZero),
        _ => left.checked_div(right),
    };
    result
        .map(Value::Int)
        .ok_or(Fault::Range("bigint out of range"))
}

fn compare(function: Function, left: &Value, right: &Value) -> Result<Value, Fault> {
    fn holds<T: PartialOrd>(function: Function, left: &T, right: &T) -> bool {
        match function {
            Function::Equal => left == right,
            Function::Unequal => left != right,
            Function::Less => left < right,
            _ => left <= right,
        }
    }
    Ok(Value::Boolean(if is_double(left) || is_double(right) {
        holds(function, &left.to_double()?, &right.to_double()?)
    } else {
        holds(function, &left.to_int()?, &right.to_int()?)
    }))
}

fn is_double(value: &Value) -> bool {
    matches!(value, Value::Double(_))
}

fn extreme(function: Function, args: &[Value]) -> Result<Value, Fault> {
    let greatest = function == Function::Greatest;
    if args.iter().any(is_double) {
        let mut numbers = args.iter().map(Value::to_double);
        let first = numbers.next().unwrap_or(Ok(0.0))?;
        let best = numbers.try_fold(first, |best, number| {
            let number = number?;
            Ok(if greatest {
                best.max(number)
            } else {
                best.min(number)
            })
        })?;
        return Ok(Value::Double(best));
    }
    let numbers: Vec<i64> = args.iter().map(Value::to_int).collect::<Result<_, _>>()?;
    let best = if greatest {
        numbers.iter().max()
    } else {
        numbers.iter().min()
    };
    Ok(Value::Int(best.copied().unwrap_or(0)))
}

fn draw(function: Function, args: &[Value], within: &mut Surroundings<'_>) -> Result<Value, Fault> {
    let (low, high) = (args[0].to_int()?, args[1].to_int()?);
    if low > high {
        return Err(Fault::Range(
            "expected a first bound that is not above the second",
        ));
    }
    if high.checked_sub(low).is_none_or(|size| size == i64::MAX) {
        return Err(Fault::Range("the range of a random number is too large"));
    }
    let parameter = args.get(2).map_or(Ok(0.0), Value::to_double)?;
    let random = &mut *within.random;
    Ok(Value::Int(match function {
        Function::RandomGaussian if parameter < GAUSSIAN_MIN => {
            return Err(Fault::Range(
                "the parameter of random_gaussian is at least 2",
            ));
        }
        Function::RandomGaussian => random.gaussian(low, high, parameter),
        Function::RandomExponential if parameter <= 0.0 => {
            return Err(Fault::Range(
                "the parameter of random_exponential is above 0",
            ));
        }
        Function::RandomExponential => random.exponential(low, high, parameter),
        Function::RandomZipfian if !(ZIPFIAN_MIN..=ZIPFIAN_MAX).contains(&parameter) => {
            return Err(Fault::Range(
                "the parameter of random_zipfian is from 1.001 to 1000",
            ));
        }
        Function::RandomZipfian => random.zipfian(low, high, parameter),
        _ => random.uniform(low, high),
    }))
}
