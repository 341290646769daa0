//! The node's time zone: `/etc/localtime` as zoneinfo files are laid out (RFC 9636), without the C library's help.

use super::clock::{civil_from_days, days_from_civil};
use std::cell::RefCell;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

/// Bytes of a zoneinfo file; the largest known is 4 kB.
const ZONE_FILE: u64 = 256 << 10;
/// Guesses at an instant until only a skipped hour is left to explain them.
const ROUNDS: usize = 6;

/// One kind of local time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Seconds east of UTC.
    pub seconds: i32,
    /// Abbreviation, such as `CET`.
    pub name: String,
}

/// A time zone's history, and its rule for the future.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    transitions: Vec<(i64, usize)>,
    kinds: Vec<Offset>,
    rule: Option<Rule>,
}

/// Daylight saving time as POSIX writes it: `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Clone, Debug)]
struct Rule {
    standard: Offset,
    summer: Option<(Offset, Turn, Turn)>,
}

/// When clocks change: a day of the year and seconds into it.
#[derive(Clone, Copy, Debug)]
struct Turn {
    day: Day,
    seconds: i64,
}

#[derive(Clone, Copy, Debug)]
enum Day {
    /// `Mm.w.d`
    Week(u8, u8, u8),
    /// `Jn`: 1 to 365, February 29 never counted.
    Julian(i64),
    /// `n`: 0 to 365.
    Zero(i64),
}

thread_local! {
    /// The zone that was read last, and of which file it is.
    static KNOWN: RefCell<Option<(Stamp, Rc<Zone>)>> = const { RefCell::new(None) };
}

/// What tells one zoneinfo file from another, and from what it was before.
#[derive(PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Stamp {
        Stamp { file: (meta.dev(), meta.ino()), changed: (meta.ctime(), meta.ctime_nsec()) }
    }
}

/// The zone of this node: `TZ`, else `/etc/localtime`, else UTC. A task may change it while others run.
pub fn local() -> Rc<Zone> {
    let path = match std::env::var("TZ") {
        Ok(name) if name.is_empty() => return Rc::new(Zone::utc()),
        Ok(name) => {
            let name = name.trim_start_matches(':').to_owned();
            if let Some(rule) = (!name.contains('/')).then(|| Rule::parse(&name)).flatten() {
                return Rc::new(Zone { rule: Some(rule), ..Zone::default() });
            }
            if name.starts_with('/') { name } else { format!("/usr/share/zoneinfo/{name}") }
        }
        Err(_) => "/etc/localtime".to_owned(),
    };
    let Some(meta) = fs::metadata(&path).ok().filter(|m| m.len() <= ZONE_FILE) else { return Rc::new(Zone::utc()) };
    let stamp = Stamp::of(&meta);
    KNOWN.with_borrow_mut(|known| match known {
        Some((of, zone)) if *of == stamp => Rc::clone(zone),
        _ => {
            let read = fs::read(&path).ok().and_then(|bytes| Zone::parse(&bytes));
            let zone = Rc::new(read.unwrap_or_else(Zone::utc));
            *known = Some((stamp, Rc::clone(&zone)));
            zone
        }
    })
}

impl Zone {
    /// Coordinated Universal Time.
    pub fn utc() -> Zone {
        let kinds = vec![Offset { seconds: 0, name: "UTC".to_owned() }];
        Zone { kinds, ..Zone::default() }
    }

    /// Reads a zoneinfo file; `None` where it is not one.
    pub fn parse(bytes: &[u8]) -> Option<Zone> {
        let first = Header::read(bytes)?;
        if first.version == 0 {
            return first.zone(bytes, 4);
        }
        let second = bytes.get(44 + first.size(4)..)?;
        let header = Header::read(second)?;
        let mut zone = header.zone(second, 8)?;
        let footer = second.get(44 + header.size(8)..).and_then(|f| std::str::from_utf8(f).ok());
        zone.rule = footer.and_then(|f| Rule::parse(f.trim_matches('\n')));
        Some(zone)
    }

    /// Local time's offset at an instant.
    pub fn at(&self, instant: i64) -> Offset {
        let passed = self.transitions.partition_point(|(when, _)| *when <= instant);
        if passed == self.transitions.len()
            && let Some(rule) = &self.rule
        {
            return rule.at(instant);
        }
        let kind = passed.checked_sub(1).map_or(0, |last| self.transitions[last].1);
        self.kinds.get(kind).cloned().unwrap_or(Offset { seconds: 0, name: "UTC".to_owned() })
    }

    /// The instant at which clocks here show `shown`, in seconds as if they ran on UTC. Of two such instants it is the
    /// one that glibc's `mktime` finds; clocks that skip `shown` count as if they had been put forward already.
    pub fn instant(&self, shown: i64) -> i64 {
        let guess = |instant: i64| shown - i64::from(self.at(instant).seconds);
        let (mut before, mut found) = (shown, guess(shown));
        for _ in 0..ROUNDS {
            let next = guess(found);
            if next == found {
                return found;
            }
            (before, found) = (found, next);
        }
        found.max(before)
    }
}

struct Header {
    version: u8,
    counts: [usize; 6],
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        if bytes.get(..4)? != b"TZif" {
            return None;
        }
        let mut counts = [0; 6];
        for (i, count) in counts.iter_mut().enumerate() {
            *count = u32::from_be_bytes(bytes.get(20 + 4 * i..24 + 4 * i)?.try_into().ok()?) as usize;
        }
        (counts.iter().all(|c| *c < 10_000)).then_some(Header { version: bytes[4], counts })
    }

    fn size(&self, width: usize) -> usize {
        let [utc, standard, leap, times, kinds, letters] = self.counts;
        times * (width + 1) + kinds * 6 + letters + leap * (width + 4) + standard + utc
    }

    fn zone(&self, bytes: &[u8], width: usize) -> Option<Zone> {
        let [_, _, _, times, kinds, letters] = self.counts;
        let body = bytes.get(44..44 + self.size(width))?;
        let (instants, rest) = body.split_at(times * width);
        let (indices, rest) = rest.split_at(times);
        let (types, rest) = rest.split_at(kinds * 6);
        let names = rest.get(..letters)?;
        let instant = |b: &[u8]| match width {
            4 => Some(i64::from(i32::from_be_bytes(b.try_into().ok()?))),
            _ => Some(i64::from_be_bytes(b.try_into().ok()?)),
        };
        let transitions = instants.chunks(width).zip(indices).map(|(b, i)| Some((instant(b)?, usize::from(*i))));
        let kind = |b: &[u8]| {
            let name = names.get(usize::from(b[5])..)?.split(|c| *c == 0).next()?;
            let seconds = i32::from_be_bytes(b[..4].try_into().ok()?);
            Some(Offset { seconds, name: String::from_utf8_lossy(name).into_owned() })
        };
        Some(Zone {
            transitions: transitions.collect::<Option<_>>()?,
            kinds: types.chunks(6).map(kind).collect::<Option<_>>()?,
            rule: None,
        })
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Rule> {
        let (zone, turns) = text.split_once(',').map_or((text, None), |(z, t)| (z, Some(t)));
        let (name, rest) = zone_name(zone)?;
        let (west, rest) = clock(rest)?;
        let standard = Offset { seconds: i32::try_from(-west).ok()?, name };
        if rest.is_empty() {
            return Some(Rule { standard, summer: None });
        }
        let (name, rest) = zone_name(rest)?;
        let seconds = match rest {
            "" => standard.seconds + 3600,
            rest => i32::try_from(-clock(rest)?.0).ok()?,
        };
        let (start, end) = turns.unwrap_or("M3.2.0,M11.1.0").split_once(',')?;
        Some(Rule { standard, summer: Some((Offset { seconds, name }, Turn::parse(start)?, Turn::parse(end)?)) })
    }

    fn at(&self, instant: i64) -> Offset {
        let Some((summer, start, end)) = &self.summer else { return self.standard.clone() };
        let local = instant + i64::from(self.standard.seconds);
        let Some((year, ..)) = civil_from_days(local.div_euclid(86_400)) else {
            return self.standard.clone();
        };
        let begins = start.instant(year) - i64::from(self.standard.seconds);
        let ends = end.instant(year) - i64::from(summer.seconds);
        let inside = match begins < ends {
            true => (begins..ends).contains(&instant),
            false => !(ends..begins).contains(&instant),
        };
        if inside { summer.clone() } else { self.standard.clone() }
    }
}

impl Turn {
    fn parse(text: &str) -> Option<Turn> {
        let (day, time) = text.split_once('/').map_or((text, None), |(d, t)| (d, Some(t)));
        let seconds = time.map_or(Some(7200), |t| clock(t).map(|(s, _)| s))?;
        let day = if let Some(week) = day.strip_prefix('M') {
            let mut parts = week.split('.').map(str::parse::<u8>);
            let (month, week, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
            let valid = (1..=12).contains(&month) && (1..=5).contains(&week) && day < 7;
            valid.then_some(Day::Week(month, week, day))?
        } else if let Some(julian) = day.strip_prefix('J') {
            Day::Julian(julian.parse().ok().filter(|d| (1..=365).contains(d))?)
        } else {
            Day::Zero(day.parse().ok().filter(|d| (0..=365).contains(d))?)
        };
        Some(Turn { day, seconds })
    }

    /// Seconds from the epoch to this turn in `year`, as local clocks read.
    fn instant(&self, year: i32) -> i64 {
        let first = days_from_civil(year, 1, 1);
        let days = match self.day {
            Day::Zero(n) => first + n,
            Day::Julian(n) => {
                let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                first + n - 1 + i64::from(leap && n >= 60)
            }
            Day::Week(month, week, day) => {
                let start = days_from_civil(year, month, 1);
                // 1970-01-01 was a Thursday.
                let weekday = (start + 4).rem_euclid(7);
                let mut found = start + (i64::from(day) - weekday).rem_euclid(7) + 7 * (i64::from(week) - 1);
                let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                while found >= days_from_civil(next_year, next, 1) {
                    found -= 7;
                }
                found
            }
        };
        days * 86_400 + self.seconds
    }
}

fn zone_name(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('<') {
        let (name, rest) = rest.split_once('>')?;
        return Some((name.to_owned(), rest));
    }
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    (end >= 3).then(|| (text[..end].to_owned(), &text[end..]))
}

/// `[+-]hh[:mm[:ss]]` as seconds, and what follows it.
fn clock(text: &str) -> Option<(i64, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(text.len());
    let mut seconds = 0;
    for (part, unit) in text[..end].split(':').zip([3600, 60, 1]) {
        seconds += part.parse::<i64>().ok().filter(|n| *n <= 200)? * unit;
    }
    Some((sign * seconds, &text[end..]))
}

#[cfg(test)]
mod tests {
    //! Expected values: zoneinfo of CPython 3.11.
    use super::{Offset, Rule, Zone};

    #[test]
    fn summer_time_follows_the_rule() {
        let rule = Rule::parse("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
        let at = |t: i64| rule.at(t);
        let (winter, summer) = (("CET", 3600), ("CEST", 7200));
        for (instant, (name, seconds)) in
            [(1_711_846_799, winter), (1_711_846_800, summer), (1_729_990_799, summer), (1_729_990_800, winter)]
        {
            assert_eq!(at(instant), Offset { seconds, name: name.to_owned() }, "{instant}");
        }
        // The south has its winter in the middle of the year.
        let south = Rule::parse("<-03>3<-02>,M10.1.0/0,M2.3.0/0").expect("a rule");
        assert_eq!(south.at(1_719_792_000).seconds, -10_800);
        assert_eq!(south.at(1_704_067_200).seconds, -7_200);
    }

    #[test]
    fn clocks_are_read_as_mktime_reads_them() {
        let zone = |rule: &str| Zone { rule: Rule::parse(rule), ..Zone::default() };
        let (berlin, york) = (zone("CET-1CEST,M3.5.0,M10.5.0/3"), zone("EST5EDT,M3.2.0,M11.1.0"));
        // 2024: an ordinary day, the hour that is skipped, and the hour that comes twice.
        let (day, half) = (86_400, 2 * 3600 + 1800);
        let (june, march, october) = (19_875 * day, 19_813 * day + half, 20_023 * day + half);
        assert_eq!([june, march, october].map(|t| berlin.instant(t)), [1_717_192_800, 1_711_848_600, 1_729_992_600]);
        let (march, november) = (19_792 * day + half, 20_030 * day + half - 3600);
        assert_eq!([june, march, november].map(|t| york.instant(t)), [1_717_214_400, 1_710_055_800, 1_730_611_800]);
        assert_eq!(Zone::utc().instant(june), june);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        assert!(Zone::parse(b"TZif2").is_none());
        assert!(Zone::parse(&[b"TZif2", &[0xff; 80][..]].concat()).is_none());
        assert!(Rule::parse("X").is_none());
        assert!(Rule::parse("CET-1CEST,M13.1.0,M1.1.0").is_none());
        assert_eq!(Zone::utc().at(0).seconds, 0);
    }
}
