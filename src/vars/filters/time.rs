//! `strftime` and `to_datetime`.

use super::args::{flag, given, soft, unless_none};
use super::number::parse_float;
use crate::sys::zone::{self, Offset};
use crate::vars::calendar::{self, Moment};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};
use std::time::{SystemTime, UNIX_EPOCH};

pub fn strftime(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [second, utc] = args.bind("strftime", ["second", "utc"], 0)?;
    let Value::Str(format) = value.defined()? else {
        let name = value.type_name();
        return Err(TemplateError::other(format!("strftime() argument 1 must be str, not {name}")));
    };
    let instant = match unless_none(second) {
        None => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()),
        Some(second) => {
            let number = match second.defined()? {
                Value::Str(text) => parse_float(text.as_str()),
                other => other.as_float(),
            };
            let shown = second.text()?;
            number.ok_or_else(|| TemplateError::other(format!("Invalid value for epoch value ({shown})")))?
        }
    };
    if !instant.is_finite() || instant.abs() > 1e15 {
        return Err(TemplateError::other("timestamp out of range for platform time_t"));
    }
    let instant = instant.floor() as i64;
    let offset = match flag(utc)? {
        true => Offset { seconds: 0, name: "UTC".to_owned() },
        false => zone::local().at(instant),
    };
    let text = calendar::strftime(format.as_str(), &Moment { instant, micro: 0, offset: Some(offset) });
    text.map(Value::from).ok_or_else(|| TemplateError::other("year is out of range"))
}

pub fn to_datetime(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [format] = args.bind("to_datetime", ["format"], 0)?;
    let format = match format {
        None => "%Y-%m-%d %H:%M:%S".to_owned(),
        Some(format) => soft(&format)?.as_str().to_owned(),
    };
    let Value::Str(text) = value.defined()? else {
        let name = given(Some(value)).type_name();
        return Err(TemplateError::other(format!("strptime() argument 1 must be str, not {name}")));
    };
    calendar::strptime(text.as_str(), &format).map(Value::Time).map_err(TemplateError::other)
}
