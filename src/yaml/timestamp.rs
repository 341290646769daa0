//! YAML 1.1 timestamps as PyYAML's resolver recognises and its constructor builds them.

use crate::plan::{Clock, Timestamp};

/// A cursor over the text of a timestamp.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    /// Between `least` and `most` digits, as a number.
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let n = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        if n < least {
            return None;
        }
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        Some(head.iter().fold(0, |sum, b| sum * 10 + u32::from(b - b'0')))
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn blanks(&mut self) -> usize {
        let n = self.0.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.0 = &self.0[n..];
        n
    }
}

/// The parts of a timestamp, not yet checked against the calendar.
struct Parts {
    date: [u32; 3],
    time: Option<[u32; 3]>,
    micro: u32,
    offset: Option<i32>,
}

fn date(scan: &mut Scan, least: usize) -> Option<[u32; 3]> {
    let year = scan.digits(4, 4)?;
    scan.eat(b'-')?;
    let month = scan.digits(least, 2)?;
    scan.eat(b'-')?;
    Some([year, month, scan.digits(least, 2)?])
}

fn parts(text: &str) -> Option<Parts> {
    let mut scan = Scan(text.as_bytes());
    // A date alone needs both digits of month and day; with a time of day one will do.
    if let Some(date) = date(&mut scan, 2)
        && scan.0.is_empty()
    {
        return Some(Parts { date, time: None, micro: 0, offset: None });
    }
    let mut scan = Scan(text.as_bytes());
    let date = date(&mut scan, 1)?;
    if scan.eat(b'T').or_else(|| scan.eat(b't')).is_none() && scan.blanks() == 0 {
        return None;
    }
    let hour = scan.digits(1, 2)?;
    scan.eat(b':')?;
    let minute = scan.digits(2, 2)?;
    scan.eat(b':')?;
    let second = scan.digits(2, 2)?;
    let mut micro = 0;
    if scan.eat(b'.').is_some() {
        let n = scan.0.iter().take_while(|b| b.is_ascii_digit()).count();
        micro = (0..6).fold(0, |sum, i| sum * 10 + if i < n { u32::from(scan.0[i] - b'0') } else { 0 });
        scan.0 = &scan.0[n..];
    }
    let offset = zone(&mut scan)?;
    scan.0.is_empty().then_some(Parts { date, time: Some([hour, minute, second]), micro, offset })
}

/// The zone, in seconds east of UTC; the outer `None` is a mistake.
#[expect(clippy::option_option, reason = "absent and wrong are two things")]
fn zone(scan: &mut Scan) -> Option<Option<i32>> {
    if scan.0.is_empty() {
        return Some(None);
    }
    scan.blanks();
    if scan.eat(b'Z').is_some() {
        return Some(Some(0));
    }
    let sign = if scan.eat(b'-').is_some() { -1 } else { scan.eat(b'+').map(|()| 1)? };
    let hours = scan.digits(1, 2)?;
    let minutes = if scan.eat(b':').is_some() { scan.digits(2, 2)? } else { 0 };
    Some(Some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?))
}

/// Whether a plain scalar is a timestamp.
pub fn matches(text: &str) -> bool {
    text.as_bytes().get(4) == Some(&b'-') && parts(text).is_some()
}

/// The date or datetime that the text names.
pub fn parse(text: &str) -> Result<Timestamp, String> {
    let p = parts(text).ok_or_else(|| format!("not a timestamp: {text:?}"))?;
    let [year, month, day] = p.date;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    let small = |n: u32, low: u32, high: u32, what: &str| match u8::try_from(n) {
        Ok(n) if (low..=high).contains(&u32::from(n)) => Ok(n),
        _ => Err(format!("{what} must be in {low}..{high}")),
    };
    if year == 0 {
        return Err("year 0 is out of range".to_owned());
    }
    let (month, day) = (small(month, 1, 12, "month")?, small(day, 1, days, "day")?);
    let year = i32::try_from(year).map_err(|e| e.to_string())?;
    let Some([hour, minute, second]) = p.time else { return Ok(Timestamp { year, month, day, clock: None }) };
    if p.offset.is_some_and(|o| o.abs() >= 86_400) {
        return Err("an offset from UTC must be less than a day".to_owned());
    }
    let clock = Clock {
        hour: small(hour, 0, 23, "hour")?,
        minute: small(minute, 0, 59, "minute")?,
        second: small(second, 0, 59, "second")?,
        micro: p.micro,
        offset: p.offset,
    };
    Ok(Timestamp { year, month, day, clock: Some(clock) })
}
