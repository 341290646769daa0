//! Dates and times of day: order and arithmetic of the proleptic Gregorian calendar.

use super::error::{Outcome, TemplateError};
use crate::plan::{Clock, Timestamp};
pub use crate::sys::clock::{civil_from_days, days_from_civil};
use std::cmp::Ordering;

/// Microseconds since the epoch of the time as it reads, without its offset.
pub fn local_micros(t: &Timestamp) -> i64 {
    let days = days_from_civil(t.year, t.month, t.day);
    let clock = t.clock.map_or(0, |c| {
        let seconds = i64::from(c.hour) * 3600 + i64::from(c.minute) * 60 + i64::from(c.second);
        seconds * 1_000_000 + i64::from(c.micro)
    });
    days * 86_400_000_000 + clock
}

/// Microseconds since the epoch, a naive time taken as UTC.
pub fn micros(t: &Timestamp) -> i64 {
    local_micros(t) - i64::from(t.clock.and_then(|c| c.offset).unwrap_or(0)) * 1_000_000
}

/// The datetime that reads `micros` after the epoch, with that offset.
pub fn from_local_micros(micros: i64, offset: Option<i32>) -> Option<Timestamp> {
    let (year, month, day) = civil_from_days(micros.div_euclid(86_400_000_000))?;
    let rest = micros.rem_euclid(86_400_000_000);
    let seconds = rest / 1_000_000;
    let clock = Clock {
        hour: u8::try_from(seconds / 3600).ok()?,
        minute: u8::try_from(seconds / 60 % 60).ok()?,
        second: u8::try_from(seconds % 60).ok()?,
        micro: u32::try_from(rest % 1_000_000).ok()?,
        offset,
    };
    Some(Timestamp { year, month, day, clock: Some(clock) })
}

/// The order of two dates, or two datetimes of which both or neither has an offset.
pub fn order(a: &Timestamp, b: &Timestamp) -> Outcome<Ordering> {
    let aware = |t: &Timestamp| t.clock.is_some_and(|c| c.offset.is_some());
    if aware(a) != aware(b) {
        return Err(TemplateError::other("can't compare offset-naive and offset-aware datetimes"));
    }
    Ok(micros(a).cmp(&micros(b)))
}
