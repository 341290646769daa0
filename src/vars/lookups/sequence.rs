//! The sequence lookup: numbers from a start to an end, as a format shows them.

use super::keyvalue::parse;
use super::options::term;
use crate::vars::filters::number::{bounded, parse_int};
use crate::vars::format::percent;
use crate::vars::pyre::{Flags, Regex};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// `[start-]end[/stride][:format]`
const SHORT: &str = "^((0?x?[0-9a-f]+)-)?(0?x?[0-9a-f]+)(/(0?x?[0-9a-f]+))?(:(.+))?$";

struct Numbers {
    start: i128,
    end: Option<i128>,
    count: Option<i128>,
    stride: i128,
    format: String,
}

pub fn sequence(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let flags = Flags { ignore_case: true, ..Flags::default() };
    let short = Regex::new(SHORT, flags).map_err(TemplateError::other)?;
    let mut out = Vec::new();
    for value in &args.positional {
        let text = term(value)?;
        let mut numbers = Numbers { start: 1, end: None, count: None, stride: 1, format: "%d".to_owned() };
        let number = |name: &str, text: &str| {
            parse_int(text, 0).ok_or_else(|| TemplateError::other(format!("can't parse {name}={text} as integer")))
        };
        if let Some(found) = short.match_start(&text).map_err(TemplateError::other)? {
            if let Some(start) = found.get(2) {
                numbers.start = number("start", start)?;
            }
            numbers.end = found.get(3).map(|end| number("end", end)).transpose()?;
            if let Some(stride) = found.get(5) {
                numbers.stride = number("stride", stride)?;
            }
            if let Some(format) = found.get(7) {
                format.clone_into(&mut numbers.format);
            }
        } else {
            for (name, value) in parse(&text).map_err(TemplateError::other)?.options {
                match &*name {
                    "start" => numbers.start = number("start", &value)?,
                    "end" => numbers.end = Some(number("end", &value)?),
                    "count" => numbers.count = Some(number("count", &value)?),
                    "stride" => numbers.stride = number("stride", &value)?,
                    "format" => numbers.format = value,
                    _ => {
                        let message = format!("unrecognized arguments to with_sequence: ['{name}']");
                        return Err(TemplateError::other(message));
                    }
                }
            }
        }
        numbers.write(env, &mut out)?;
    }
    Ok(out)
}

impl Numbers {
    fn write(&self, env: &Env, out: &mut Vec<Value>) -> Outcome<()> {
        let refused = |why: &str| Err(TemplateError::other(why));
        let end = match (self.count, self.end) {
            (None, None) => return refused("must specify count or end in with_sequence"),
            (Some(_), Some(_)) => return refused("can't specify both count and end in with_sequence"),
            (Some(0), None) => return Ok(()),
            (Some(count), None) => count
                .checked_mul(self.stride)
                .and_then(|span| span.checked_add(self.start - 1))
                .ok_or_else(|| TemplateError::other("the sequence is too long"))?,
            (None, Some(end)) => end,
        };
        if self.stride > 0 && end < self.start {
            return refused("to count backwards make stride negative");
        }
        if self.stride < 0 && end > self.start {
            return refused("to count forward don't make stride negative");
        }
        if self.format.matches('%').count() != 1 {
            return refused(&format!("bad formatting string: {}", self.format));
        }
        if self.stride == 0 {
            return Ok(());
        }
        let length = (end - self.start) / self.stride + 1;
        bounded(env, length)?;
        for i in 0..length {
            let number = self.start + i * self.stride;
            let text = percent(env, &self.format, &Value::Int(number))
                .map_err(|_| TemplateError::other(format!("problem formatting {number} with '{}'", self.format)))?;
            out.push(Value::from(text));
        }
        Ok(())
    }
}
