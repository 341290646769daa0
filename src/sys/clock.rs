//! The time: now, on the node's clocks, and by the calendar.

use super::zone::{self, Offset, Zone};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The first and the last second of which every zone knows the date, within the years 1 to 9999.
const DATED: [i64; 2] = [-62_135_510_400, 253_402_214_399];

/// A moment as the clocks of a time zone show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Year.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month.
    pub day: u8,
    /// Hour.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
    /// Day of the week, Sunday is 0.
    pub weekday: u8,
    /// Day of the year, January 1st is 0.
    pub yearday: u16,
    /// Seconds east of UTC.
    pub offset: i32,
    /// Name of the zone.
    pub zone: String,
}

/// Seconds since the epoch, and microseconds.
pub fn now() -> (i64, u32) {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(d) => (i64::try_from(d.as_secs()).unwrap_or(i64::MAX), d.subsec_micros()),
        Err(_) => (0, 0),
    }
}

/// `seconds` since the epoch in the node's time zone.
pub fn local(seconds: i64) -> Local {
    Local::new(seconds, zone::local().at(seconds))
}

/// `seconds` since the epoch in Coordinated Universal Time.
pub fn utc(seconds: i64) -> Local {
    Local::new(seconds, Zone::utc().at(seconds))
}

/// Year, month (1 to 12), day, hour, minute, second of the node's time zone as seconds since the epoch; Python's
/// `time.mktime`, which takes the second before the epoch for a failure.
pub fn from_local([year, month, day, hour, minute, second]: [i32; 6]) -> Option<i64> {
    let days = days_from_civil(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    let shown = days * DAY + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(zone::local().instant(shown)).filter(|seconds| *seconds != -1)
}

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

impl Local {
    fn new(seconds: i64, zone: Offset) -> Local {
        let [first, last] = DATED;
        let shown = seconds.clamp(first, last) + i64::from(zone.seconds);
        let (days, of_day) = (shown.div_euclid(DAY), shown.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days).unwrap_or((1970, 1, 1));
        let small = |value: i64| u8::try_from(value).unwrap_or_default();
        Local {
            year,
            month,
            day,
            hour: small(of_day / 3600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
            // 1970-01-01 was a Thursday.
            weekday: small((days + 4).rem_euclid(7)),
            yearday: u16::try_from(days - days_from_civil(year, 1, 1)).unwrap_or_default(),
            offset: zone.seconds,
            zone: zone.name,
        }
    }

    /// `2026-11-22 11:02:39.123456`, as Python prints a datetime.
    pub fn with_micros(&self, micros: u32) -> String {
        let date = format!("{:04}-{:02}-{:02}", self.year, self.month, self.day);
        let time = format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second);
        match micros {
            0 => format!("{date} {time}"),
            micros => format!("{date} {time}.{micros:06}"),
        }
    }
}
