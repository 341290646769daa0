//! Dates and times of day: order and arithmetic of the proleptic Gregorian calendar.

use super::error::{Outcome, TemplateError};
use crate::plan::{Clock, Timestamp};
use std::cmp::Ordering;

/// Days from 1970-01-01 to a date.
pub fn days_from_civil(year: i32, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = (i64::from(month) + 9) % 12;
    let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that is `days` after 1970-01-01; `None` outside years 1 to 9999.
pub fn civil_from_days(days: i64) -> Option<(i32, u8, u8)> {
    let days = days.checked_add(719_468)?;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = u8::try_from(of_year - (153 * shifted + 2) / 5 + 1).ok()?;
    let month = u8::try_from(if shifted < 10 { shifted + 3 } else { shifted - 9 }).ok()?;
    let year = i32::try_from(year + era * 400 + i64::from(month <= 2)).ok()?;
    (1..=9999).contains(&year).then_some((year, month, day))
}

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
