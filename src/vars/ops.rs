//! Operators, with Python's types and errors.

use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::format;
use super::jinja::{Binary, Compare};
use super::time;
use super::value::{Text, Value};
use std::cmp::Ordering;

/// `-value`.
pub fn negative(value: &Value) -> Outcome<Value> {
    match value.defined()? {
        Value::Float(f) => Ok(Value::Float(-f)),
        Value::Delta(d) => Ok(Value::Delta(-d)),
        other => match other.as_int() {
            Some(i) => checked(i.checked_neg()),
            None => Err(TemplateError::other(format!("bad operand type for unary -: '{}'", other.type_name()))),
        },
    }
}

/// `+value`.
pub fn positive(value: &Value) -> Outcome<Value> {
    match value.defined()? {
        Value::Float(_) | Value::Delta(_) => Ok(value.clone()),
        other => match other.as_int() {
            Some(i) => Ok(Value::Int(i)),
            None => Err(TemplateError::other(format!("bad operand type for unary +: '{}'", other.type_name()))),
        },
    }
}

fn checked(result: Option<i128>) -> Outcome<Value> {
    result.map(Value::Int).ok_or_else(|| TemplateError::other("the integer is too large (128 bits)"))
}

/// `a < b` and the like.
pub fn compare(env: &Env, op: Compare, a: &Value, b: &Value) -> Outcome<bool> {
    if matches!((a, b), (Value::Object(_), _) | (_, Value::Object(_))) && matches!(op, Compare::Eq | Compare::Ne) {
        // Mappings whose members are computed are compared as what they hold: `ansible_facts == {}`.
        let same = a.unrolled_mapping(env)?.equals(&b.unrolled_mapping(env)?)?;
        return Ok(same == matches!(op, Compare::Eq));
    }
    let ordered = |symbol, holds: fn(Ordering) -> bool| Ok(a.order(b, symbol)?.is_some_and(holds));
    match op {
        Compare::Eq => a.equals(b),
        Compare::Ne => Ok(!a.equals(b)?),
        Compare::Lt => ordered("<", Ordering::is_lt),
        Compare::Le => ordered("<=", Ordering::is_le),
        Compare::Gt => ordered(">", Ordering::is_gt),
        Compare::Ge => ordered(">=", Ordering::is_ge),
        Compare::In => contains(env, b, a),
        Compare::NotIn => Ok(!contains(env, b, a)?),
    }
}

fn contains(env: &Env, container: &Value, item: &Value) -> Outcome<bool> {
    container.defined()?;
    container.contains(env, item)
}

/// Arithmetic.
pub fn binary(env: &Env, op: Binary, a: &Value, b: &Value) -> Outcome<Value> {
    a.defined()?;
    b.defined()?;
    if let (Some(x), Some(y)) = (a.as_int(), b.as_int()) {
        return integers(op, x, y);
    }
    if let (Some(x), Some(y)) = (a.as_float(), b.as_float()) {
        return floats(op, x, y);
    }
    let done = match op {
        Binary::Add => add(env, a, b)?,
        Binary::Sub => subtract(a, b)?,
        Binary::Mul => multiply(env, a, b)?,
        Binary::Mod => match a {
            Value::Str(t) => Some(Value::Str(Text::new(format::percent(env, t.as_str(), b)?).tainted_like(t))),
            _ => None,
        },
        Binary::Div | Binary::FloorDiv => durations(op, a, b)?,
        Binary::Pow => None,
    };
    done.ok_or_else(|| unsupported(op, a, b))
}

fn symbol(op: Binary) -> &'static str {
    match op {
        Binary::Add => "+",
        Binary::Sub => "-",
        Binary::Mul => "*",
        Binary::Div => "/",
        Binary::FloorDiv => "//",
        Binary::Mod => "%",
        Binary::Pow => "** or pow()",
    }
}

fn unsupported(op: Binary, a: &Value, b: &Value) -> TemplateError {
    let message = match (op, a) {
        (Binary::Add, Value::Str(_) | Value::List(_) | Value::Tuple(_)) => {
            let (this, other) = (a.type_name(), b.type_name());
            format!("can only concatenate {this} (not \"{other}\") to {this}")
        }
        (Binary::Mul, Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Bytes(_)) => {
            format!("can't multiply sequence by non-int of type '{}'", b.type_name())
        }
        _ => format!("unsupported operand type(s) for {}: '{}' and '{}'", symbol(op), a.type_name(), b.type_name()),
    };
    TemplateError::other(message)
}

fn integers(op: Binary, a: i128, b: i128) -> Outcome<Value> {
    let zero = |what: &str| Err(TemplateError::other(what));
    match op {
        Binary::Add => checked(a.checked_add(b)),
        Binary::Sub => checked(a.checked_sub(b)),
        Binary::Mul => checked(a.checked_mul(b)),
        Binary::Div if b == 0 => zero("division by zero"),
        Binary::Div => Ok(Value::Float(a as f64 / b as f64)),
        Binary::FloorDiv if b == 0 => zero("integer division or modulo by zero"),
        Binary::FloorDiv => checked(floor_div(a, b)),
        Binary::Mod if b == 0 => zero("integer modulo by zero"),
        Binary::Mod => checked(floor_div(a, b).and_then(|q| a.checked_sub(q.checked_mul(b)?))),
        Binary::Pow if b < 0 && a == 0 => zero("0.0 cannot be raised to a negative power"),
        Binary::Pow if b < 0 => Ok(Value::Float((a as f64).powf(b as f64))),
        Binary::Pow => match a {
            // These never grow, whatever the exponent.
            0 | 1 => Ok(Value::Int(if b == 0 { 1 } else { a })),
            -1 => Ok(Value::Int(if b % 2 == 0 { 1 } else { -1 })),
            _ => checked(u32::try_from(b).ok().and_then(|b| a.checked_pow(b))),
        },
    }
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let q = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
}

fn floats(op: Binary, a: f64, b: f64) -> Outcome<Value> {
    let zero = |what: &str| Err(TemplateError::other(what));
    Ok(Value::Float(match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div if b == 0.0 => return zero("float division by zero"),
        Binary::Div => a / b,
        Binary::FloorDiv if b == 0.0 => return zero("float floor division by zero"),
        Binary::FloorDiv => ((a - float_mod(a, b)) / b).round(),
        Binary::Mod if b == 0.0 => return zero("float modulo"),
        Binary::Mod => float_mod(a, b),
        Binary::Pow if a == 0.0 && b < 0.0 => return zero("0.0 cannot be raised to a negative power"),
        Binary::Pow if a < 0.0 && b.fract() != 0.0 => return zero("complex numbers are not supported"),
        Binary::Pow => {
            let power = a.powf(b);
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return zero("(34, 'Numerical result out of range')");
            }
            power
        }
    }))
}

/// Python's `%`: the sign of the divisor.
fn float_mod(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest == 0.0 {
        return 0.0_f64.copysign(b);
    }
    if (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

fn add(env: &Env, a: &Value, b: &Value) -> Outcome<Option<Value>> {
    Ok(Some(match (a, b) {
        (Value::Str(x), Value::Str(y)) => {
            env.check_size(x.as_str().len() + y.as_str().len())?;
            let joined = Text::new(format!("{}{}", x.as_str(), y.as_str()));
            Value::Str(joined.tainted_like(x).tainted_like(y))
        }
        (Value::Bytes(x), Value::Bytes(y)) => Value::bytes([&x[..], &y[..]].concat()),
        (Value::List(x), Value::List(y)) => {
            let mut items = x.borrow().clone();
            items.extend(y.borrow().iter().cloned());
            env.check_size(items.len().saturating_mul(16))?;
            Value::list(items)
        }
        (Value::Tuple(x), Value::Tuple(y)) => {
            env.check_size((x.len() + y.len()).saturating_mul(16))?;
            Value::tuple([&x[..], &y[..]].concat())
        }
        (Value::Delta(x), Value::Delta(y)) => Value::Delta(x.checked_add(*y).ok_or_else(too_late)?),
        (Value::Time(t), Value::Delta(d)) | (Value::Delta(d), Value::Time(t)) => shift(t, *d)?,
        _ => return Ok(None),
    }))
}

fn too_late() -> TemplateError {
    TemplateError::other("date value out of range")
}

fn shift(t: &crate::plan::Timestamp, delta: i64) -> Outcome<Value> {
    let micros = time::local_micros(t).checked_add(delta).ok_or_else(too_late)?;
    let moved = time::from_local_micros(micros, t.clock.and_then(|c| c.offset)).ok_or_else(too_late)?;
    Ok(Value::Time(match t.clock {
        Some(_) => moved,
        // A date moves by whole days.
        None => {
            let whole = delta.div_euclid(86_400_000_000) * 86_400_000_000;
            let micros = time::local_micros(t).checked_add(whole).ok_or_else(too_late)?;
            let mut day = time::from_local_micros(micros, None).ok_or_else(too_late)?;
            day.clock = None;
            day
        }
    }))
}

fn subtract(a: &Value, b: &Value) -> Outcome<Option<Value>> {
    Ok(Some(match (a, b) {
        (Value::Set(x), Value::Set(y)) => {
            let (x, y) = (x.borrow(), y.borrow());
            Value::set(x.iter().filter(|v| !y.contains(*v)).cloned().collect::<Vec<_>>())?
        }
        (Value::Delta(x), Value::Delta(y)) => Value::Delta(x.checked_sub(*y).ok_or_else(too_late)?),
        (Value::Time(x), Value::Time(y)) if x.clock.is_some() == y.clock.is_some() => {
            let aware = |t: &crate::plan::Timestamp| t.clock.is_some_and(|c| c.offset.is_some());
            if aware(x) != aware(y) {
                return Err(TemplateError::other("can't subtract offset-naive and offset-aware datetimes"));
            }
            Value::Delta(time::micros(x) - time::micros(y))
        }
        (Value::Time(t), Value::Delta(d)) => shift(t, d.checked_neg().ok_or_else(too_late)?)?,
        _ => return Ok(None),
    }))
}

fn multiply(env: &Env, a: &Value, b: &Value) -> Outcome<Option<Value>> {
    let (sequence, times) = match (a.as_int(), b.as_int()) {
        (None, Some(n)) => (a, n),
        (Some(n), None) => (b, n),
        _ => return Ok(None),
    };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    let bounded = |len: usize, each: usize| {
        let size = len.saturating_mul(times).saturating_mul(each);
        env.check_size(size)?;
        env.charge((size / each / 64) as u64)
    };
    Ok(Some(match sequence {
        Value::Str(t) => {
            bounded(t.as_str().len(), 1)?;
            Value::Str(Text::new(t.as_str().repeat(times)).tainted_like(t))
        }
        Value::Bytes(bytes) => {
            bounded(bytes.len(), 1)?;
            Value::bytes(bytes.repeat(times))
        }
        Value::List(l) => {
            let items = l.borrow().clone();
            bounded(items.len(), 16)?;
            Value::list(repeat(&items, times))
        }
        Value::Tuple(t) => {
            bounded(t.len(), 16)?;
            Value::tuple(repeat(t, times))
        }
        Value::Delta(d) => {
            let times = i64::try_from(a.as_int().or(b.as_int()).unwrap_or(0)).map_err(|_| too_late())?;
            Value::Delta(d.checked_mul(times).ok_or_else(too_late)?)
        }
        _ => return Ok(None),
    }))
}

fn repeat(items: &[Value], times: usize) -> Vec<Value> {
    if items.is_empty() { Vec::new() } else { items.iter().cycle().take(items.len() * times).cloned().collect() }
}

fn durations(op: Binary, a: &Value, b: &Value) -> Outcome<Option<Value>> {
    let zero = || TemplateError::other("division by zero");
    Ok(Some(match (a, b, op) {
        (Value::Delta(_), Value::Delta(0) | Value::Int(0), _) => return Err(zero()),
        (Value::Delta(x), Value::Delta(y), Binary::Div) => Value::Float(*x as f64 / *y as f64),
        (Value::Delta(x), Value::Delta(y), _) => checked(floor_div(i128::from(*x), i128::from(*y)))?,
        (Value::Delta(x), Value::Int(n), _) => {
            let quotient = floor_div(i128::from(*x), *n).and_then(|q| i64::try_from(q).ok());
            Value::Delta(quotient.ok_or_else(too_late)?)
        }
        _ => return Ok(None),
    }))
}
