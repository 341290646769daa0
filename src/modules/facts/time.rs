//! Facts about time: the clock, the load, how long the node is up.

use super::super::params::{int, map, text};
use super::Source;
use crate::plan::{Data, Map};
use crate::sys::clock::{self, Local};

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) fn date_time(_: &Source) -> Map {
    let (seconds, micros) = clock::now();
    let now = clock::local(seconds);
    let utc = clock::utc(seconds);
    let monday_based = (i32::from(now.weekday) + 6) % 7;
    let week = (i32::from(now.yearday) + 7 - monday_based) / 7;
    let date = format!("{:04}-{:02}-{:02}", now.year, now.month, now.day);
    let clock = format!("{:02}:{:02}:{:02}", now.hour, now.minute, now.second);
    let short = format!("{}T{}", date.replace('-', ""), clock.replace(':', ""));
    let utc_text = utc.with_micros(0).replace(' ', "T");
    let (minutes, sign) = (now.offset.abs() / 60, if now.offset < 0 { '-' } else { '+' });
    let facts = map([
        ("year", text(now.year.to_string())),
        ("month", text(format!("{:02}", now.month))),
        ("weekday", text(DAYS[usize::from(now.weekday) % 7])),
        ("weekday_number", text(now.weekday.to_string())),
        ("weeknumber", text(format!("{week:02}"))),
        ("day", text(format!("{:02}", now.day))),
        ("hour", text(format!("{:02}", now.hour))),
        ("minute", text(format!("{:02}", now.minute))),
        ("second", text(format!("{:02}", now.second))),
        ("epoch", text(seconds.to_string())),
        ("epoch_int", text(seconds.to_string())),
        ("date", text(date)),
        ("time", text(clock)),
        ("iso8601_micro", text(format!("{utc_text}.{micros:06}Z"))),
        ("iso8601", text(format!("{utc_text}Z"))),
        ("iso8601_basic", text(format!("{short}{micros:06}"))),
        ("iso8601_basic_short", text(short)),
        ("tz", text(now.zone.clone())),
        ("tz_dst", text(summer_zone(&now, seconds))),
        ("tz_offset", text(format!("{sign}{:02}{:02}", minutes / 60, minutes % 60))),
    ]);
    map([("date_time", Data::Map(facts))])
}

/// The name that the zone has when its clocks are furthest ahead (Python's `time.tzname[1]`).
fn summer_zone(now: &Local, seconds: i64) -> String {
    let january = seconds - i64::from(now.yearday) * 86400;
    let winter = clock::local(january);
    let summer = clock::local(january + 182 * 86400);
    if winter.offset > summer.offset { winter.zone } else { summer.zone }
}

pub(super) fn loadavg(source: &Source) -> Map {
    let text = source.text("/proc/loadavg").unwrap_or_default();
    let mut loads = text.split(' ').map(|l| Data::Float(l.parse().unwrap_or_default()));
    let mut next = || loads.next().unwrap_or_default();
    let facts = map([("1m", next()), ("5m", next()), ("15m", next())]);
    map([("loadavg", Data::Map(facts))])
}

pub(super) fn uptime(source: &Source) -> Map {
    let text = source.text("/proc/uptime").unwrap_or_default();
    match text.split(['.', ' ']).next().and_then(|s| s.parse::<i64>().ok()) {
        Some(seconds) => map([("uptime_seconds", int(seconds))]),
        None => Map::default(),
    }
}
