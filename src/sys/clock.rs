//! The node's local time, as the C library reads it from /etc/localtime. UTC needs none of this.

use std::ffi::CStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// A moment in the node's time zone.
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
    /// Daylight saving time is in force.
    pub dst: bool,
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
#[expect(unsafe_code, reason = "localtime_r is the only reader of the zone database that every libc agrees with")]
pub fn local(seconds: i64) -> Local {
    let time: nix::libc::time_t = seconds;
    // SAFETY: both pointers are to live, initialised values of the right types, and an all-zero `tm` is valid;
    // `tm_zone` points to storage of the C library that lives as long as the process.
    let (tm, zone) = unsafe {
        let mut tm: nix::libc::tm = std::mem::zeroed();
        nix::libc::localtime_r(&raw const time, &raw mut tm);
        let zone = match tm.tm_zone.is_null() {
            true => String::new(),
            false => CStr::from_ptr(tm.tm_zone).to_string_lossy().into_owned(),
        };
        (tm, zone)
    };
    Local {
        year: tm.tm_year + 1900,
        month: small(tm.tm_mon + 1),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
        weekday: small(tm.tm_wday),
        yearday: u16::try_from(tm.tm_yday).unwrap_or_default(),
        offset: i32::try_from(tm.tm_gmtoff).unwrap_or_default(),
        dst: tm.tm_isdst > 0,
        zone,
    }
}

fn small(value: i32) -> u8 {
    u8::try_from(value).unwrap_or_default()
}

impl Local {
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
