//! `access_time` and `modification_time`.

use super::{Request, State};
use crate::modules::attributes::AttrDiff;
use crate::modules::params::failure;
use crate::modules::{Context, Failure, paths};
use crate::plan::Data;
use crate::sys::clock;
use crate::sys::utime::{self, Stamp};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What becomes of a file's two times.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    access: Stamp,
    modification: Stamp,
}

impl Times {
    /// What `request` says of them; each state has its own default.
    pub fn of(request: &Request, state: State) -> Result<Times, Failure> {
        let stamp = |i: usize| -> Result<Stamp, Failure> {
            match request.times[i].as_deref() {
                None if state == State::Touch => Ok(Stamp::Now),
                None | Some("preserve") => Ok(Stamp::Keep),
                Some("now") => Ok(Stamp::Now),
                Some(text) => parse(text, &request.formats[i]).map(Stamp::At).map_err(|why| {
                    let format = &request.formats[i];
                    Failure::new(format!(
                        "Error while obtaining timestamp for time {text} using format {format}: {why}"
                    ))
                }),
            }
        };
        Ok(Times { access: stamp(0)?, modification: stamp(1)? })
    }

    /// Sets them where they differ; links are followed.
    pub fn apply(&self, ctx: &Context, path: &Path, diff: &mut AttrDiff) -> Result<bool, Failure> {
        if (self.access, self.modification) == (Stamp::Keep, Stamp::Keep) {
            return Ok(false);
        }
        let failed = |e: std::io::Error| {
            let msg = format!("Error while updating modification or access time: {e}");
            failure(msg, [("path", paths::shown(path))])
        };
        let meta = path.metadata().map_err(failed)?;
        let (old_access, old_modification) = (seconds(&meta, true), seconds(&meta, false));
        let (access, modification) = (value(self.access, old_access), value(self.modification, old_modification));
        let both_now = (self.access, self.modification) == (Stamp::Now, Stamp::Now);
        if !both_now && access == old_access && modification == old_modification {
            return Ok(false);
        }
        if !ctx.check {
            utime::set(path, self.access, self.modification).map_err(failed)?;
        }
        if modification != old_modification {
            diff.note("mtime", Data::Float(old_modification), Data::Float(modification));
        }
        if access != old_access {
            diff.note("atime", Data::Float(old_access), Data::Float(access));
        }
        Ok(true)
    }
}

/// A time of a file as Python's `os.stat` gives it.
fn seconds(meta: &Metadata, access: bool) -> f64 {
    let (whole, nanos) = if access { (meta.atime(), meta.atime_nsec()) } else { (meta.mtime(), meta.mtime_nsec()) };
    whole as f64 + nanos as f64 * 1e-9
}

fn value(stamp: Stamp, old: f64) -> f64 {
    match stamp {
        Stamp::Keep => old,
        Stamp::Now => {
            let (seconds, micros) = clock::now();
            seconds as f64 + f64::from(micros) * 1e-6
        }
        Stamp::At(seconds) => seconds as f64,
    }
}

/// The numeric directives of `time.strptime`, read in the node's time zone.
fn parse(text: &str, format: &str) -> Result<i64, String> {
    let mismatch = || format!("time data '{text}' does not match format '{format}'");
    let mut civil = [1900, 1, 1, 0, 0, 0];
    let (mut rest, mut wanted) = (text.as_bytes(), format.chars());
    while let Some(c) = wanted.next() {
        if c.is_ascii_whitespace() {
            rest = rest.trim_ascii_start();
            continue;
        }
        if c != '%' {
            let mut bytes = [0; 4];
            rest = rest.strip_prefix(c.encode_utf8(&mut bytes).as_bytes()).ok_or_else(mismatch)?;
            continue;
        }
        let (slot, width, range) = match wanted.next() {
            Some('Y') => (0, 4, 0..=9999),
            Some('y') => (0, 2, 0..=99),
            Some('m') => (1, 2, 1..=12),
            Some('d') => (2, 2, 1..=31),
            Some('H') => (3, 2, 0..=23),
            Some('M') => (4, 2, 0..=59),
            Some('S') => (5, 2, 0..=61),
            Some(other) => return Err(format!("'%{other}' is not a directive that is supported here")),
            None => return Err(format!("stray % in format '{format}'")),
        };
        let (number, short) = digits(&mut rest, width).ok_or_else(mismatch)?;
        if !range.contains(&number) || (width == 4 && short) {
            return Err(mismatch());
        }
        let century = if width == 2 && slot == 0 { if number < 69 { 2000 } else { 1900 } } else { 0 };
        civil[slot] = number + century;
    }
    if !rest.is_empty() {
        return Err(format!("unconverted data remains: {}", String::from_utf8_lossy(rest)));
    }
    let days = clock::days_from_civil(civil[0], civil[1] as u8, civil[2] as u8);
    let exists = clock::civil_from_days(days)
        .is_some_and(|(_, month, day)| (i32::from(month), i32::from(day)) == (civil[1], civil[2]));
    if !exists {
        return Err("day is out of range for month".to_owned());
    }
    clock::from_local(civil).ok_or_else(|| "mktime argument out of range".to_owned())
}

/// Up to `width` digits off the front, and whether there were fewer.
fn digits(rest: &mut &[u8], width: usize) -> Option<(i32, bool)> {
    let count = rest.iter().take(width).take_while(|b| b.is_ascii_digit()).count();
    let (number, tail) = rest.split_at(count);
    *rest = tail;
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, count < width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_strptime_reads_them() {
        let format = "%Y%m%d%H%M.%S";
        let good = parse("202611221103.05", format).unwrap();
        assert_eq!(parse("2026-11-22 11:03:05", "%Y-%m-%d %H:%M:%S"), Ok(good));
        assert_eq!(parse("26/11/22 11 03 5", "%y/%m/%d %H %M %S"), Ok(good));
        for bad in ["", "2026", "202613221103.05", "202602301103.05", "202611221103.05x", "x"] {
            assert!(parse(bad, format).is_err(), "{bad}");
        }
        assert!(parse("Nov", "%b").unwrap_err().contains("not a directive"));
        assert!(parse("1", "%").unwrap_err().contains("stray"));
    }
}
