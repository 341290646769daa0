//! Methods and properties of numbers, dates, datetimes and timedeltas.

use super::unknown;
use crate::plan::{Clock, Timestamp};
use crate::sys::zone::Offset;
use crate::vars::calendar::{self, Moment};
use crate::vars::env::Env;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::object::CallArgs;
use crate::vars::time;
use crate::vars::value::Value;

/// Methods of integers and bools.
pub const INT: &[&str] = &["as_integer_ratio", "bit_count", "bit_length", "conjugate", "to_bytes"];
/// Methods of floats.
pub const FLOAT: &[&str] = &["as_integer_ratio", "conjugate", "hex", "is_integer"];
/// Methods of dates.
pub const DATE: &[&str] =
    &["ctime", "isocalendar", "isoformat", "isoweekday", "replace", "strftime", "timetuple", "toordinal", "weekday"];
/// Methods of datetimes.
pub const DATETIME: &[&str] = &[
    "astimezone",
    "ctime",
    "date",
    "dst",
    "isocalendar",
    "isoformat",
    "isoweekday",
    "replace",
    "strftime",
    "time",
    "timestamp",
    "timetuple",
    "toordinal",
    "tzname",
    "utcoffset",
    "weekday",
];
/// Methods of timedeltas.
pub const DELTA: &[&str] = &["total_seconds"];

fn wrong(message: impl Into<String>) -> TemplateError {
    TemplateError::other(message)
}

/// A property that is not a method.
pub fn property(value: &Value, name: &str) -> Option<Value> {
    const DAY: i64 = 86_400_000_000;
    let number = |n: i64| Some(Value::Int(i128::from(n)));
    match (value, name) {
        (Value::Int(_) | Value::Float(_), "real") => Some(value.clone()),
        (Value::Bool(b), "real" | "numerator") => Some(Value::Int(i128::from(*b))),
        (Value::Int(_), "numerator") => Some(value.clone()),
        (Value::Int(_) | Value::Bool(_), "imag") => Some(Value::Int(0)),
        (Value::Float(_), "imag") => Some(Value::Float(0.0)),
        (Value::Int(_) | Value::Bool(_), "denominator") => Some(Value::Int(1)),
        (Value::Time(t), "year") => number(i64::from(t.year)),
        (Value::Time(t), "month") => number(i64::from(t.month)),
        (Value::Time(t), "day") => number(i64::from(t.day)),
        (Value::Time(Timestamp { clock: Some(c), .. }), _) => match name {
            "hour" => number(i64::from(c.hour)),
            "minute" => number(i64::from(c.minute)),
            "second" => number(i64::from(c.second)),
            "microsecond" => number(i64::from(c.micro)),
            "tzinfo" if c.offset.is_none() => Some(Value::None),
            "fold" => number(0),
            _ => None,
        },
        (Value::Delta(d), "days") => number(d.div_euclid(DAY)),
        (Value::Delta(d), "seconds") => number(d.rem_euclid(DAY) / 1_000_000),
        (Value::Delta(d), "microseconds") => number(d.rem_euclid(DAY) % 1_000_000),
        (Value::Range(r), "start") => Some(Value::Int(r.start)),
        (Value::Range(r), "stop") => Some(Value::Int(r.stop)),
        (Value::Range(r), "step") => Some(Value::Int(r.step)),
        _ => None,
    }
}

/// Calls a method of a number.
pub fn call(_: &Env, receiver: &Value, name: &str, args: CallArgs) -> Outcome<Value> {
    match (receiver, name) {
        (Value::Float(f), "is_integer") => Ok(Value::Bool(f.is_finite() && f.fract() == 0.0)),
        (Value::Float(_), "conjugate") => Ok(receiver.clone()),
        (Value::Float(f), "as_integer_ratio") if f.is_finite() => {
            let mut denominator = 1i128;
            let mut value = *f;
            while value.fract() != 0.0 && denominator < 1 << 80 {
                value *= 2.0;
                denominator *= 2;
            }
            Ok(Value::tuple(vec![Value::Int(value as i128), Value::Int(denominator)]))
        }
        (_, "conjugate") => Ok(Value::Int(receiver.as_int().unwrap_or_default())),
        (_, "bit_length") => {
            let bits = 128 - receiver.as_int().unwrap_or_default().unsigned_abs().leading_zeros();
            Ok(Value::Int(i128::from(bits)))
        }
        (_, "bit_count") => {
            let ones = receiver.as_int().unwrap_or_default().unsigned_abs().count_ones();
            Ok(Value::Int(i128::from(ones)))
        }
        (Value::Int(_) | Value::Bool(_), "as_integer_ratio") => {
            Ok(Value::tuple(vec![Value::Int(receiver.as_int().unwrap_or_default()), Value::Int(1)]))
        }
        (_, "to_bytes") => {
            let [length, order] = args.bind(name, ["length", "byteorder"], 0)?;
            let length = length.and_then(|l| l.as_int()).unwrap_or(1);
            let value = receiver.as_int().unwrap_or_default();
            let bytes = value.to_be_bytes();
            let length = usize::try_from(length).ok().filter(|l| *l <= bytes.len());
            let length = length.ok_or_else(|| wrong("int too big to convert"))?;
            if value < 0 || bytes[..bytes.len() - length].iter().any(|b| *b != 0) {
                return Err(wrong("int too big to convert"));
            }
            let mut out = bytes[bytes.len() - length..].to_vec();
            if order.is_some_and(|o| o.as_str() == Some("little")) {
                out.reverse();
            }
            Ok(Value::bytes(out))
        }
        _ => Err(unknown(receiver.type_name(), name)),
    }
}

/// `strftime` of a date or datetime.
pub fn strftime(t: &Timestamp, format: &str) -> Outcome<String> {
    let micros = time::micros(t);
    let offset = t.clock.and_then(|c| c.offset).map(|seconds| Offset { seconds, name: offset_name(seconds) });
    let moment = Moment {
        instant: micros.div_euclid(1_000_000),
        micro: u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0),
        offset,
    };
    calendar::strftime(format, &moment).ok_or_else(|| wrong("year is out of range"))
}

fn offset_name(seconds: i32) -> String {
    if seconds == 0 {
        return "UTC".to_owned();
    }
    let a = seconds.abs();
    format!("UTC{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, a / 3600, a / 60 % 60)
}

/// Calls a method of a date or datetime.
pub fn call_time(t: &Timestamp, name: &str, args: CallArgs) -> Outcome<Value> {
    let days = time::days_from_civil(t.year, t.month, t.day);
    // 1970-01-01 was a Thursday; Monday is 0.
    let weekday = (days + 3).rem_euclid(7);
    let int = |n: i64| Ok(Value::Int(i128::from(n)));
    match name {
        "strftime" => {
            let [format] = args.bind(name, ["format"], 1)?;
            let format = format.unwrap_or_default();
            let format = format.defined()?.as_str().ok_or_else(|| wrong("strftime() argument 1 must be str"))?;
            strftime(t, format).map(Value::from)
        }
        "isoformat" => {
            let [separator] = args.bind(name, ["sep"], 0)?;
            let separator = separator.map_or(Ok("T".to_owned()), |s| s.text())?;
            Ok(Value::from(t.to_string().replacen(' ', &separator, 1)))
        }
        "ctime" => strftime(t, "%a %b %e %H:%M:%S %Y").map(Value::from),
        "weekday" => int(weekday),
        "isoweekday" => int(weekday + 1),
        "toordinal" => int(days + 719_163),
        "isocalendar" => {
            let part = |f: &str| strftime(t, f).and_then(|s| s.parse().map_err(|_| wrong("bad date")));
            Ok(Value::tuple(vec![Value::Int(part("%G")?), Value::Int(part("%V")?), Value::Int(part("%u")?)]))
        }
        "date" => Ok(Value::Time(Timestamp { clock: None, ..*t })),
        "time" => Ok(Value::from(t.to_string().split(' ').nth(1).unwrap_or_default().to_owned())),
        "timestamp" => {
            let mut micros = time::micros(t);
            if t.clock.is_some_and(|c| c.offset.is_none()) {
                // A naive time is the node's local time.
                let local = crate::sys::clock::local(micros.div_euclid(1_000_000));
                micros -= i64::from(local.offset) * 1_000_000;
            }
            Ok(Value::Float(micros as f64 / 1e6))
        }
        "utcoffset" => {
            let offset = t.clock.and_then(|c| c.offset);
            Ok(offset.map_or(Value::None, |o| Value::Delta(i64::from(o) * 1_000_000)))
        }
        "tzname" => Ok(t.clock.and_then(|c| c.offset).map_or(Value::None, |o| Value::from(offset_name(o)))),
        "dst" => Ok(Value::None),
        "replace" => replace(t, args),
        "timetuple" => {
            let clock = t.clock.unwrap_or(Clock { hour: 0, minute: 0, second: 0, micro: 0, offset: None });
            let yearday = days - time::days_from_civil(t.year, 1, 1) + 1;
            let parts = [
                i64::from(t.year),
                i64::from(t.month),
                i64::from(t.day),
                i64::from(clock.hour),
                i64::from(clock.minute),
                i64::from(clock.second),
                weekday,
                yearday,
                -1,
            ];
            Ok(Value::tuple(parts.iter().map(|n| Value::Int(i128::from(*n))).collect()))
        }
        other => Err(unknown(Value::Time(*t).type_name(), other)),
    }
}

fn replace(t: &Timestamp, mut args: CallArgs) -> Outcome<Value> {
    let mut out = *t;
    let no_zone = args.take("tzinfo");
    let [year, month, day, hour, minute, second, micro] =
        args.bind("replace", ["year", "month", "day", "hour", "minute", "second", "microsecond"], 0)?;
    let number = |v: Option<Value>, old: i64, range: std::ops::RangeInclusive<i64>, what: &str| match v {
        None => Ok(old),
        Some(v) => v
            .as_int()
            .and_then(|n| i64::try_from(n).ok())
            .filter(|n| range.contains(n))
            .ok_or_else(|| wrong(format!("{what} must be in {}..{}", range.start(), range.end()))),
    };
    let narrow = |n: i64| u8::try_from(n).map_err(|_| wrong("value out of range"));
    out.year = i32::try_from(number(year, t.year.into(), 1..=9999, "year")?).map_err(|_| wrong("year out of range"))?;
    out.month = narrow(number(month, t.month.into(), 1..=12, "month")?)?;
    out.day = narrow(number(day, t.day.into(), 1..=31, "day")?)?;
    let round = time::civil_from_days(time::days_from_civil(out.year, out.month, out.day));
    if round != Some((out.year, out.month, out.day)) {
        return Err(wrong("day is out of range for month"));
    }
    if let Some(c) = &mut out.clock {
        c.hour = narrow(number(hour, c.hour.into(), 0..=23, "hour")?)?;
        c.minute = narrow(number(minute, c.minute.into(), 0..=59, "minute")?)?;
        c.second = narrow(number(second, c.second.into(), 0..=59, "second")?)?;
        let micro = number(micro, c.micro.into(), 0..=999_999, "microsecond")?;
        c.micro = u32::try_from(micro).map_err(|_| wrong("microsecond out of range"))?;
        if no_zone.is_some_and(|z| z.is_none()) {
            c.offset = None;
        }
    }
    Ok(Value::Time(out))
}

/// Calls a method of a timedelta.
pub fn call_delta(micros: i64, name: &str, _: CallArgs) -> Outcome<Value> {
    match name {
        "total_seconds" => Ok(Value::Float(micros as f64 / 1e6)),
        other => Err(unknown("timedelta", other)),
    }
}
