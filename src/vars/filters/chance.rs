//! `random` and `shuffle`: with a seed, what CPython draws from it.

use super::args::{integer, unless_none};
use super::sequence::{choice, system_choice};
use crate::vars::random::{Seed, Source, System, Twister};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// The generator that `random.Random(seed)` makes.
pub fn seeded(seed: &Value) -> Outcome<Twister> {
    Ok(match seed.defined()? {
        Value::Str(text) => Twister::new(&Seed::Bytes(&text.to_bytes())),
        Value::Bytes(bytes) => Twister::new(&Seed::Bytes(bytes)),
        Value::Float(f) => Twister::new(&Seed::Int(hash_float(*f))),
        other => match other.as_int() {
            Some(number) => Twister::new(&Seed::Int(number)),
            None => {
                return Err(TemplateError::other(
                    "The only supported seed types are: None,\nint, float, str, bytes, and bytearray.",
                ));
            }
        },
    })
}

/// Python's `hash` of a double: the number modulo 2^61-1.
fn hash_float(f: f64) -> i128 {
    const PRIME: i128 = (1 << 61) - 1;
    if f.is_infinite() {
        return if f > 0.0 { 314_159 } else { -314_159 };
    }
    if !f.is_finite() || f == 0.0 {
        return 0;
    }
    let bits = f.to_bits();
    let exponent = i64::from((bits >> 52 & 0x7ff) as u32);
    let fraction = i128::from(bits & 0xf_ffff_ffff_ffff);
    let (mantissa, power) = match exponent {
        0 => (fraction, -1074),
        e => (fraction | 1 << 52, e - 1075),
    };
    // Two to the 61st is one modulo the prime.
    let hash = (mantissa << power.rem_euclid(61)) % PRIME;
    if f < 0.0 { -hash } else { hash }
}

fn failed(e: &std::io::Error) -> TemplateError {
    TemplateError::other(format!("reading random numbers: {e}"))
}

pub fn random(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [start, step, seed] = args.bind("rand", ["start", "step", "seed"], 0)?;
    let mut twister = unless_none(seed).map(|s| seeded(&s)).transpose()?;
    if let Some(end) = value.defined()?.as_int() {
        let start = integer(unless_none(start), 0)?;
        let step = match integer(unless_none(step), 1)? {
            0 => 1,
            step => step,
        };
        let width = end.saturating_sub(start);
        let n = if step > 0 { width + (step - 1) } else { width + (step + 1) };
        let count = n.checked_div(step).filter(|c| *c > 0).ok_or_else(|| {
            let message = match step {
                1 => format!("empty range for randrange() ({start}, {end}, {width})"),
                _ => "empty range for randrange()".to_owned(),
            };
            TemplateError::other(message)
        })?;
        let drawn = match &mut twister {
            Some(twister) => twister.below(count.unsigned_abs()),
            None => System.below(count.unsigned_abs()),
        };
        let drawn = drawn.map_err(|e| failed(&e))?;
        return Ok(Value::Int(start + step * drawn as i128));
    }
    if !value.is_iterable() {
        return Err(TemplateError::other("random can only be used on sequences and integers"));
    }
    let asked = |v: &Option<Value>| v.as_ref().map_or(Ok(false), Value::truthy);
    if asked(&start)? || asked(&step)? {
        return Err(TemplateError::other("start and step can only be used with integer values"));
    }
    if value.is_mapping() || matches!(value, Value::View(_)) {
        let name = value.type_name();
        return Err(TemplateError::other(format!("'{name}' object is not subscriptable")));
    }
    let items = value.iterate(env)?;
    match &mut twister {
        Some(twister) => choice(env, &items, twister),
        None => system_choice(env, &items),
    }
}

pub fn shuffle(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [seed] = args.bind("randomize_list", ["seed"], 0)?;
    // What cannot be shuffled comes back as it was.
    let Ok(mut items) = value.iterate(env) else { return Ok(value) };
    let shuffled = match seed {
        Some(seed) if seed.truthy()? => match seeded(&seed) {
            Ok(mut twister) => twister.shuffle(&mut items),
            Err(_) => Ok(()),
        },
        _ => System.shuffle(&mut items),
    };
    shuffled.map_err(|e| failed(&e))?;
    Ok(Value::list(items))
}
