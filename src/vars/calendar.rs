//! `strftime` and `strptime` in the C locale, on broken-down times.

use super::time::{civil_from_days, days_from_civil};
use crate::plan::{Clock, Timestamp};
use crate::sys::zone::Offset;
use std::fmt::Write;

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A moment as local clocks show it.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Seconds from the epoch.
    pub instant: i64,
    /// Microseconds of the second.
    pub micro: u32,
    /// The offset from UTC; `None` for a naive datetime.
    pub offset: Option<Offset>,
}

impl Moment {
    fn local(&self) -> i64 {
        self.instant + self.offset.as_ref().map_or(0, |o| i64::from(o.seconds))
    }
}

/// `time.strftime(format, moment)`; `None` outside years 1 to 9999.
pub fn strftime(format: &str, moment: &Moment) -> Option<String> {
    let local = moment.local();
    let days = local.div_euclid(86_400);
    let seconds = local.rem_euclid(86_400);
    let (year, month, day) = civil_from_days(days)?;
    let fields = Fields {
        year,
        month,
        day,
        weekday: (days + 4).rem_euclid(7),
        yearday: days - days_from_civil(year, 1, 1),
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        moment,
    };
    let mut out = String::with_capacity(format.len() * 2);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let rest = chars.as_str();
        let Some(mut directive) = chars.next() else {
            out.push('%');
            break;
        };
        let mut flag = None;
        if matches!(directive, '-' | '_' | '0' | '^' | '#') {
            flag = Some(directive);
            let Some(next) = chars.next() else {
                out.push('%');
                out.push_str(rest);
                break;
            };
            directive = next;
        }
        if matches!(directive, 'E' | 'O') {
            directive = chars.next().unwrap_or(directive);
        }
        fields.directive(directive, flag, &mut out)?;
    }
    Some(out)
}

struct Fields<'m> {
    year: i32,
    month: u8,
    day: u8,
    /// 0 is Sunday.
    weekday: i64,
    /// 0 is January 1.
    yearday: i64,
    hour: i64,
    minute: i64,
    second: i64,
    moment: &'m Moment,
}

impl Fields<'_> {
    fn directive(&self, directive: char, flag: Option<char>, out: &mut String) -> Option<()> {
        let number = |out: &mut String, value: i64, width: usize, pad: char| {
            let _ = match flag.unwrap_or(pad) {
                '-' => write!(out, "{value}"),
                '_' => write!(out, "{value:width$}"),
                _ => write!(out, "{value:0width$}"),
            };
        };
        let name = |out: &mut String, text: &str| match flag {
            Some('^' | '#') => out.push_str(&text.to_uppercase()),
            _ => out.push_str(text),
        };
        let again = |out: &mut String, format: &str| -> Option<()> {
            out.push_str(&strftime(format, self.moment)?);
            Some(())
        };
        let twelve = if self.hour % 12 == 0 { 12 } else { self.hour % 12 };
        let month = usize::from(self.month) - 1;
        match directive {
            'Y' => number(out, i64::from(self.year), 1, '-'),
            'C' => number(out, i64::from(self.year / 100), 2, '0'),
            'y' => number(out, i64::from(self.year % 100), 2, '0'),
            'm' => number(out, i64::from(self.month), 2, '0'),
            'd' => number(out, i64::from(self.day), 2, '0'),
            'e' => number(out, i64::from(self.day), 2, '_'),
            'H' => number(out, self.hour, 2, '0'),
            'k' => number(out, self.hour, 2, '_'),
            'I' => number(out, twelve, 2, '0'),
            'l' => number(out, twelve, 2, '_'),
            'M' => number(out, self.minute, 2, '0'),
            'S' => number(out, self.second, 2, '0'),
            'j' => number(out, self.yearday + 1, 3, '0'),
            'f' => number(out, i64::from(self.moment.micro), 6, '0'),
            'w' => number(out, self.weekday, 1, '0'),
            'u' => number(out, (self.weekday + 6) % 7 + 1, 1, '0'),
            'U' => number(out, (self.yearday + 7 - self.weekday) / 7, 2, '0'),
            'W' => number(out, (self.yearday + 7 - (self.weekday + 6) % 7) / 7, 2, '0'),
            'V' => number(out, self.iso_week().1, 2, '0'),
            'G' => number(out, self.iso_week().0, 1, '-'),
            'g' => number(out, self.iso_week().0 % 100, 2, '0'),
            's' => number(out, self.moment.instant, 1, '-'),
            'p' if flag == Some('#') => out.push_str(if self.hour < 12 { "am" } else { "pm" }),
            'p' => name(out, if self.hour < 12 { "AM" } else { "PM" }),
            'P' => out.push_str(if self.hour < 12 { "am" } else { "pm" }),
            'a' => name(out, &DAYS[self.weekday as usize][..3]),
            'A' => name(out, DAYS[self.weekday as usize]),
            'b' | 'h' => name(out, &MONTHS[month][..3]),
            'B' => name(out, MONTHS[month]),
            'D' | 'x' => again(out, "%m/%d/%y")?,
            'T' | 'X' => again(out, "%H:%M:%S")?,
            'R' => again(out, "%H:%M")?,
            'r' => again(out, "%I:%M:%S %p")?,
            'F' => again(out, "%Y-%m-%d")?,
            'c' => again(out, "%a %b %e %H:%M:%S %Y")?,
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '%' => out.push('%'),
            'z' => {
                if let Some(offset) = &self.moment.offset {
                    let minutes = offset.seconds.abs() / 60;
                    let sign = if offset.seconds < 0 { '-' } else { '+' };
                    let _ = write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60);
                }
            }
            'Z' => {
                if let Some(offset) = &self.moment.offset {
                    name(out, &offset.name);
                }
            }
            // The C library writes what it does not know as it stands.
            other => {
                out.push('%');
                out.extend(flag);
                out.push(other);
            }
        }
        Some(())
    }

    /// The year and week of ISO 8601.
    fn iso_week(&self) -> (i64, i64) {
        let monday_first = (self.weekday + 6) % 7;
        let week = (self.yearday - monday_first + 10) / 7;
        let weeks_in = |year: i64| {
            let first = (days_from_civil(year as i32, 1, 1) + 4).rem_euclid(7);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            if first == 4 || (first == 3 && leap) { 53 } else { 52 }
        };
        let year = i64::from(self.year);
        match week {
            0 => (year - 1, weeks_in(year - 1)),
            w if w > weeks_in(year) => (year + 1, 1),
            w => (year, w),
        }
    }
}

/// What `strptime` has read.
#[derive(Default)]
struct Parsed {
    year: Option<i32>,
    month: Option<u8>,
    day: Option<u8>,
    yearday: Option<i64>,
    hour: i64,
    twelve: Option<i64>,
    afternoon: Option<bool>,
    minute: u8,
    second: u8,
    micro: u32,
    offset: Option<i32>,
}

/// `datetime.strptime(text, format)`, with its messages.
pub fn strptime(text: &str, format: &str) -> Result<Timestamp, String> {
    let mut parsed = Parsed::default();
    let mismatch = || format!("time data {} does not match format {}", quoted(text), quoted(format));
    let mut rest = text;
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            let trimmed = rest.trim_start();
            if trimmed.len() == rest.len() {
                return Err(mismatch());
            }
            // Python reads any run of blanks where the format has any.
            while chars.as_str().starts_with(char::is_whitespace) {
                chars.next();
            }
            rest = trimmed;
        } else if c != '%' {
            let mut next = rest.chars();
            let hit = next.next().is_some_and(|n| n.to_lowercase().eq(c.to_lowercase()));
            if !hit {
                return Err(mismatch());
            }
            rest = next.as_str();
        } else {
            let Some(directive) = chars.next() else {
                return Err(format!("stray % in format '{format}'"));
            };
            rest = match parsed.read(directive, rest) {
                Read::To(rest) => rest,
                Read::Mismatch => return Err(mismatch()),
                Read::Unknown => {
                    return Err(format!("'{directive}' is a bad directive in format '{format}'"));
                }
            };
        }
    }
    if !rest.is_empty() {
        return Err(format!("unconverted data remains: {rest}"));
    }
    parsed.finish()
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    super::repr_text(&mut out, text);
    out
}

enum Read<'t> {
    To(&'t str),
    Mismatch,
    Unknown,
}

/// A number of at most `width` digits between two bounds, as greedily as the bounds let.
fn digits(text: &str, width: usize, bounds: std::ops::RangeInclusive<i64>) -> Option<(i64, &str)> {
    let most = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
    (1..=most).rev().find_map(|n| {
        let value = text[..n].parse().ok().filter(|v| bounds.contains(v))?;
        Some((value, &text[n..]))
    })
}

/// The index of the name that `text` starts with, whatever its case.
fn named<'t>(text: &'t str, names: &[&str], length: Option<usize>) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(i, name)| {
        let name = &name[..length.unwrap_or(name.len())];
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| (i, &text[name.len()..]))
    })
}

impl Parsed {
    fn read<'t>(&mut self, directive: char, text: &'t str) -> Read<'t> {
        let read = match directive {
            'Y' => {
                let year = text.get(..4).filter(|y| y.bytes().all(|b| b.is_ascii_digit()));
                year.and_then(|y| y.parse().ok()).map(|y| {
                    self.year = Some(y);
                    &text[4..]
                })
            }
            'y' => text.get(..2).filter(|y| y.bytes().all(|b| b.is_ascii_digit())).map(|y| {
                let year: i32 = y.parse().unwrap_or(0);
                self.year = Some(if year <= 68 { 2000 + year } else { 1900 + year });
                &text[2..]
            }),
            'm' => digits(text, 2, 1..=12).map(|(n, rest)| {
                self.month = Some(n as u8);
                rest
            }),
            'd' => {
                // One blank may stand for the leading zero.
                let text = text.strip_prefix(' ').unwrap_or(text);
                digits(text, 2, 1..=31).map(|(n, rest)| {
                    self.day = Some(n as u8);
                    rest
                })
            }
            'j' => digits(text, 3, 1..=366).map(|(n, rest)| {
                self.yearday = Some(n);
                rest
            }),
            'H' => digits(text, 2, 0..=23).map(|(n, rest)| {
                self.hour = n;
                rest
            }),
            'I' => digits(text, 2, 1..=12).map(|(n, rest)| {
                self.twelve = Some(n);
                rest
            }),
            'p' => named(text, &["AM", "PM"], None).map(|(i, rest)| {
                self.afternoon = Some(i == 1);
                rest
            }),
            'M' => digits(text, 2, 0..=59).map(|(n, rest)| {
                self.minute = n as u8;
                rest
            }),
            'S' => digits(text, 2, 0..=61).map(|(n, rest)| {
                self.second = n as u8;
                rest
            }),
            'f' => {
                let count = text.bytes().take(6).take_while(u8::is_ascii_digit).count();
                (count > 0).then(|| {
                    self.micro = format!("{:0<6}", &text[..count]).parse().unwrap_or(0);
                    &text[count..]
                })
            }
            'a' => named(text, &DAYS, Some(3)).map(|(_, rest)| rest),
            'A' => named(text, &DAYS, None).map(|(_, rest)| rest),
            'b' | 'B' => named(text, &MONTHS, (directive == 'b').then_some(3)).map(|(i, rest)| {
                self.month = Some(i as u8 + 1);
                rest
            }),
            'z' => self.zone(text),
            'Z' => named(text, &["UTC", "GMT"], None).map(|(_, rest)| rest),
            'w' | 'u' => digits(text, 1, 0..=7).map(|(_, rest)| rest),
            'U' | 'W' => digits(text, 2, 0..=53).map(|(_, rest)| rest),
            'x' | 'D' => return self.several("%m/%d/%y", text),
            'X' | 'T' => return self.several("%H:%M:%S", text),
            'c' => return self.several("%a %b %d %H:%M:%S %Y", text),
            '%' => text.strip_prefix('%'),
            _ => return Read::Unknown,
        };
        read.map_or(Read::Mismatch, Read::To)
    }

    fn several<'t>(&mut self, format: &str, mut text: &'t str) -> Read<'t> {
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c == '%' {
                match self.read(chars.next().unwrap_or('%'), text) {
                    Read::To(rest) => text = rest,
                    other => return other,
                }
            } else {
                match text.strip_prefix(c) {
                    Some(rest) => text = rest,
                    None => return Read::Mismatch,
                }
            }
        }
        Read::To(text)
    }

    fn zone<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z') {
            self.offset = Some(0);
            return Some(rest);
        }
        let sign = match text.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours: i32 = text.get(1..3)?.parse().ok()?;
        let after = text.get(3..)?;
        let after = after.strip_prefix(':').unwrap_or(after);
        let minutes: i32 = after.get(..2)?.parse().ok().filter(|m| *m < 60)?;
        self.offset = Some(sign * (hours * 3600 + minutes * 60));
        Some(&after[2..])
    }

    fn finish(self) -> Result<Timestamp, String> {
        let year = self.year.unwrap_or(1900);
        let mut month = self.month.unwrap_or(1);
        let mut day = self.day.unwrap_or(1);
        if let (Some(n), None, None) = (self.yearday, self.month, self.day) {
            let date = civil_from_days(days_from_civil(year, 1, 1) + n - 1);
            (_, month, day) = date.ok_or("year is out of range")?;
        }
        // A day that the month lacks comes out as another month.
        if !(1..=9999).contains(&year) {
            return Err(format!("year {year} is out of range"));
        }
        if civil_from_days(days_from_civil(year, month, day)) != Some((year, month, day)) {
            return Err("day is out of range for month".to_owned());
        }
        let hour = match (self.twelve, self.afternoon) {
            (None, _) => self.hour,
            (Some(h), Some(true)) => h % 12 + 12,
            (Some(h), Some(false)) => h % 12,
            (Some(h), None) => h,
        };
        if self.second > 59 {
            return Err("second must be in 0..59".to_owned());
        }
        let clock = Clock {
            hour: hour as u8,
            minute: self.minute,
            second: self.second,
            micro: self.micro,
            offset: self.offset,
        };
        Ok(Timestamp { year, month, day, clock: Some(clock) })
    }
}

#[cfg(test)]
mod tests {
    //! Expected values: `time.strftime` and `datetime.strptime` of CPython 3.11 in the C locale.
    use super::{Moment, strftime, strptime};
    use crate::sys::zone::Offset;

    fn at(instant: i64) -> Moment {
        Moment { instant, micro: 0, offset: Some(Offset { seconds: 0, name: "UTC".to_owned() }) }
    }

    #[test]
    fn writes_as_the_c_library_does() {
        let all = "%Y %C %y %m %d %e|%H %I %k %l %M %S %p %P|%j %U %W %V %G %g %u %w|%a %A %b %B %h|%c|%x|%X|%D %F %R %r %T|%s %z %Z %%|%-d %_d %^a %#p %q";
        for (instant, expected) in STRFTIME {
            assert_eq!(strftime(all, &at(instant)).as_deref(), Some(expected));
        }
        assert_eq!(strftime("%", &at(0)).as_deref(), Some("%"));
        assert_eq!(strftime("%Y", &at(i64::MAX / 2)), None);
    }

    #[test]
    fn reads_as_python_does() {
        let read = |text: &str, format: &str| match strptime(text, format) {
            Ok(t) => {
                let c = t.clock.expect("strptime gives a datetime");
                format!(
                    "{}-{}-{} {}:{}:{}.{} {:?}",
                    t.year, t.month, t.day, c.hour, c.minute, c.second, c.micro, c.offset
                )
            }
            Err(e) => e,
        };
        for (text, format, expected) in STRPTIME {
            assert_eq!(read(text, format), expected, "{text} {format}");
        }
    }
    const STRFTIME: [(i64, &str); 8] = [
        (
            0,
            "1970 19 70 01 01  1|00 12  0 12 00 00 AM am|001 00 00 01 1970 70 4 4|Thu Thursday Jan January Jan|Thu Jan  1 00:00:00 1970|01/01/70|00:00:00|01/01/70 1970-01-01 00:00 12:00:00 AM 00:00:00|0 +0000 UTC %|1  1 THU am %q",
        ),
        (
            1704067199,
            "2023 20 23 12 31 31|23 11 23 11 59 59 PM pm|365 53 52 52 2023 23 7 0|Sun Sunday Dec December Dec|Sun Dec 31 23:59:59 2023|12/31/23|23:59:59|12/31/23 2023-12-31 23:59 11:59:59 PM 23:59:59|1704067199 +0000 UTC %|31 31 SUN pm %q",
        ),
        (
            1704067200,
            "2024 20 24 01 01  1|00 12  0 12 00 00 AM am|001 00 01 01 2024 24 1 1|Mon Monday Jan January Jan|Mon Jan  1 00:00:00 2024|01/01/24|00:00:00|01/01/24 2024-01-01 00:00 12:00:00 AM 00:00:00|1704067200 +0000 UTC %|1  1 MON am %q",
        ),
        (
            1735689599,
            "2024 20 24 12 31 31|23 11 23 11 59 59 PM pm|366 52 53 01 2025 25 2 2|Tue Tuesday Dec December Dec|Tue Dec 31 23:59:59 2024|12/31/24|23:59:59|12/31/24 2024-12-31 23:59 11:59:59 PM 23:59:59|1735689599 +0000 UTC %|31 31 TUE pm %q",
        ),
        (
            1230768000,
            "2009 20 09 01 01  1|00 12  0 12 00 00 AM am|001 00 00 01 2009 09 4 4|Thu Thursday Jan January Jan|Thu Jan  1 00:00:00 2009|01/01/09|00:00:00|01/01/09 2009-01-01 00:00 12:00:00 AM 00:00:00|1230768000 +0000 UTC %|1  1 THU am %q",
        ),
        (
            951782400,
            "2000 20 00 02 29 29|00 12  0 12 00 00 AM am|060 09 09 09 2000 00 2 2|Tue Tuesday Feb February Feb|Tue Feb 29 00:00:00 2000|02/29/00|00:00:00|02/29/00 2000-02-29 00:00 12:00:00 AM 00:00:00|951782400 +0000 UTC %|29 29 TUE am %q",
        ),
        (
            1609459200,
            "2021 20 21 01 01  1|00 12  0 12 00 00 AM am|001 00 00 53 2020 20 5 5|Fri Friday Jan January Jan|Fri Jan  1 00:00:00 2021|01/01/21|00:00:00|01/01/21 2021-01-01 00:00 12:00:00 AM 00:00:00|1609459200 +0000 UTC %|1  1 FRI am %q",
        ),
        (
            1700000005,
            "2023 20 23 11 14 14|22 10 22 10 13 25 PM pm|318 46 46 46 2023 23 2 2|Tue Tuesday Nov November Nov|Tue Nov 14 22:13:25 2023|11/14/23|22:13:25|11/14/23 2023-11-14 22:13 10:13:25 PM 22:13:25|1700000005 +0000 UTC %|14 14 TUE pm %q",
        ),
    ];
    const STRPTIME: [(&str, &str, &str); 21] = [
        ("2024-02-29 03:04:05", "%Y-%m-%d %H:%M:%S", "2024-2-29 3:4:5.0 None"),
        ("2023-02-29", "%Y-%m-%d", "day is out of range for month"),
        ("24/1/5", "%y/%m/%d", "2024-1-5 0:0:0.0 None"),
        ("69", "%y", "1969-1-1 0:0:0.0 None"),
        ("12 PM", "%I %p", "1900-1-1 12:0:0.0 None"),
        ("12 am", "%I %p", "1900-1-1 0:0:0.0 None"),
        ("060 2024", "%j %Y", "2024-2-29 0:0:0.0 None"),
        ("Mon Jan  1 00:00:00 2024", "%c", "2024-1-1 0:0:0.0 None"),
        ("2024-01-01T00:00:00.5+0130", "%Y-%m-%dT%H:%M:%S.%f%z", "2024-1-1 0:0:0.500000 Some(5400)"),
        ("2024-01-01T00:00:00Z", "%Y-%m-%dT%H:%M:%S%z", "2024-1-1 0:0:0.0 Some(0)"),
        ("x", "%Y", "time data 'x' does not match format '%Y'"),
        ("2024 ", "%Y", "unconverted data remains:  "),
        ("2024", "%Y-", "time data '2024' does not match format '%Y-'"),
        ("2024", "%q", "'q' is a bad directive in format '%q'"),
        ("2024", "%", "stray % in format '%'"),
        ("January 5", "%B %d", "1900-1-5 0:0:0.0 None"),
        ("may 5", "%b %d", "1900-5-5 0:0:0.0 None"),
        ("13", "%m", "unconverted data remains: 3"),
        ("1  2", "%m %d", "1900-1-2 0:0:0.0 None"),
        ("24:00", "%H:%M", "time data '24:00' does not match format '%H:%M'"),
        ("5%", "%d%%", "1900-1-5 0:0:0.0 None"),
    ];
}
