//! `community.general.filesize`: a file of a given size, made, grown or cut with `dd`. For `apply` only: a node's files
//! come with its image.

use crate::modules::attributes::{AttrDiff, Wanted};
use crate::modules::exec;
use crate::modules::params::{Params, change, int, map, plain, text};
use crate::modules::{Context, Failure, Outcome};
use crate::plan::Data;
use crate::spec::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Suffixes of sizes, and which power of 1000 or 1024 they are.
const UNITS: [(&str, u32); 4] = [("k", 1), ("M", 2), ("G", 3), ("T", 4)];
/// Larger than any file system takes.
const LARGEST: f64 = 9.0e18;

/// A number with its unit.
struct Amount {
    value: f64,
    /// Bytes of the unit; `None` where there is no unit.
    unit: Option<u128>,
    bytes: u128,
}

/// How large the file is to be.
struct Size {
    blocks: u128,
    block: u128,
}

impl Size {
    fn bytes(&self) -> u128 {
        self.blocks * self.block
    }
}

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let path = PathBuf::from(args.os("path").unwrap_or_default());
    let (force, sparse) = (args.flag("force"), args.flag("sparse"));
    if sparse && force {
        return Err(Failure::new("parameters values are mutually exclusive: force=true|sparse=true"));
    }
    let Some(parent) = path.parent().filter(|p| p.exists()) else {
        return Err(Failure::new("parent directory of the file must exist prior to run this module"));
    };
    let size = wanted(args, parent)?;
    let before = current(&path)?;
    let mut result = map([("path", text(path.to_string_lossy())), ("filesize", described(&size))]);
    let mut outcome = Outcome { changed: force, ..Outcome::default() };
    let grows = |now: u128| signed(now) - before.map_or(0, signed);
    result.insert(Data::str("size_diff"), int(grows(size.bytes())));
    if before != Some(size.bytes()) || force {
        let argv = command(ctx, args, &size, before)?;
        let shown: Vec<String> = argv.iter().map(|a| a.to_string_lossy().into_owned()).collect();
        result.insert(Data::str("cmd"), text(shown.join(" ")));
        outcome.changes.push(change("content", path.to_string_lossy()));
        outcome.changed = true;
        if !ctx.check {
            let ran = exec::change(ctx, argv)?;
            result.insert(Data::str("rc"), int(ran.rc));
            result.insert(Data::str("stderr"), text(ran.err()));
            let now = current(&path)?;
            result.insert(Data::str("size_diff"), now.map_or(Data::Null, |now| int(grows(now))));
            outcome.changed = force || now != before;
            check(args, &size, now, ran.rc).map_err(|msg| Failure { result: result.clone(), ..Failure::new(msg) })?;
        }
    }
    finish(ctx, args, (&path, before, &size), Outcome { result, ..outcome })
}

/// Sees to owner, mode and the like, and says what is different.
fn finish(
    ctx: &Context,
    args: &Args,
    (path, before, size): (&Path, Option<u128>, &Size),
    mut outcome: Outcome,
) -> Result<Outcome, Failure> {
    // dd follows links.
    let real = if path.is_symlink() { crate::modules::paths::realpath(path) } else { path.to_owned() };
    outcome.result.insert(Data::str("path"), text(real.to_string_lossy()));
    let mut diff = AttrDiff::default();
    if real.exists() {
        outcome.changed |= Wanted::from_args(ctx, args, &real).apply(ctx, &mut diff)?;
        outcome.changes.extend(diff.changes(ctx, &real));
    }
    diff.note("size", before.map_or(Data::Null, |b| int(signed(b))), int(signed(size.bytes())));
    outcome.result.insert(Data::str("diff"), Data::Map(diff.into_map()));
    Ok(outcome)
}

fn check(args: &Args, size: &Size, now: Option<u128>, rc: i32) -> Result<(), String> {
    let shown = |name: &str| args.value(name).map(plain).unwrap_or_default();
    let which = format!("{} with size {} from source {}", shown("path"), shown("size"), shown("source"));
    match now {
        _ if rc != 0 => Err(format!("dd error while creating file {which}: see stderr for details")),
        Some(now) if now == size.bytes() => Ok(()),
        now => {
            let now = now.unwrap_or_default();
            Err(format!("module error while creating file {which}: file is {now} bytes long"))
        }
    }
}

/// `dd` with what makes, grows or cuts the file.
fn command(ctx: &Context, args: &Args, size: &Size, before: Option<u128>) -> Result<Vec<OsString>, Failure> {
    let seek = match before {
        _ if args.flag("sparse") => size.blocks,
        _ if args.flag("force") => 0,
        None => 0,
        Some(before) if before > size.bytes() => size.blocks,
        Some(before) => (before / size.block) + u128::from(!(size.bytes() - before).is_multiple_of(size.block)),
    };
    let named = |option: &str, name: &str| {
        let mut word = OsString::from(option);
        word.push(args.os(name).unwrap_or_default());
        word
    };
    let count = size.blocks.saturating_sub(seek);
    let numbers = [format!("bs={}", size.block), format!("seek={seek}"), format!("count={count}")];
    let files = [exec::program(ctx, "dd")?, named("if=", "source"), named("of=", "path")];
    Ok(files.into_iter().chain(numbers.map(OsString::from)).collect())
}

/// The size of the file that is there.
fn current(path: &Path) -> Result<Option<u128>, Failure> {
    match path.metadata() {
        Ok(meta) if meta.is_file() => Ok(Some(meta.len().into())),
        Ok(_) => Err(Failure::new(format!("{} exists but is not a regular file", path.display()))),
        Err(_) => Ok(None),
    }
}

/// The size that the task asks for, in whole blocks.
fn wanted(args: &Args, parent: &Path) -> Result<Size, Failure> {
    let block = match args.value("blocksize").filter(|v| !matches!(v, Data::Null)) {
        Some(given) => amount(given, Whole::Bytes)?.bytes,
        None => {
            let system = nix::sys::statvfs::statvfs(parent);
            let system = system.map_err(|e| Failure::new(format!("looking at {}: {e}", parent.display())))?;
            u128::from(system.fragment_size())
        }
    };
    if block == 0 {
        return Err(Failure::new("block size cannot be equal to zero"));
    }
    let size = amount(args.value("size").unwrap_or(&Data::Null), Whole::Any)?;
    Ok(match size.unit {
        // A number of blocks.
        None => Size { blocks: bounded(size.value.ceil())?, block },
        Some(unit) => {
            let block = fitting(&size, unit, block)?;
            Size { blocks: size.bytes.div_ceil(block), block }
        }
    })
}

/// A block size of which the bytes are a whole number.
fn fitting(size: &Amount, unit: u128, block: u128) -> Result<u128, Failure> {
    const MEBI: u128 = 1 << 20;
    if size.bytes.is_multiple_of(block) {
        return Ok(block);
    }
    if size.value.fract() == 0.0 {
        return Ok(match unit {
            unit if unit <= MEBI => unit,
            unit if unit % 5 != 0 => MEBI,
            _ => 1_000_000,
        });
    }
    if unit == 1 {
        return Err(Failure::new("byte is the smallest unit and requires an integer value"));
    }
    if (1..block).contains(&size.bytes) {
        return Ok(size.bytes);
    }
    let whole = [1024, 1000, 512, 256, 128, 100, 64, 32, 16, 10, 8, 4, 2];
    Ok(whole.into_iter().find(|b| size.bytes.is_multiple_of(*b)).unwrap_or(1))
}

/// What a number may be.
#[derive(PartialEq, Eq)]
enum Whole {
    /// Whole where it counts bytes.
    Bytes,
    /// Anything.
    Any,
}

fn amount(given: &Data, whole: Whole) -> Result<Amount, Failure> {
    if !matches!(given, Data::Int(_) | Data::Float(_) | Data::Bool(_) | Data::Str(_) | Data::Unsafe(_) | Data::Made(..))
    {
        let kind = given.type_name();
        let msg = format!("invalid value type (<class '{kind}'>): size must be integer, float or string");
        return Err(Failure::new(msg));
    }
    let shown = plain(given);
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let name: String = shown.chars().filter(|c| !digits(*c)).collect();
    let name = name.trim();
    let number = if name.is_empty() { shown.clone() } else { shown.replace(name, "") };
    let value: f64 =
        number.trim().parse().map_err(|_| Failure::new(format!("could not convert {shown:?} to a size")))?;
    if whole == Whole::Bytes && matches!(name, "" | "B") && value.fract() != 0.0 {
        return Err(Failure::new("invalid blocksize value: bytes require an integer value"));
    }
    if name.is_empty() {
        return Ok(Amount { value, unit: None, bytes: bounded(value.round_ties_even())? });
    }
    let unit = unit(name).ok_or_else(|| Failure::new(format!("invalid size unit ({name}): unit must be one of B, k, K, kB, KB, KiB, m, M, mB, MB, MiB, g, G, gB, GB, GiB, t, T, tB, TB, TiB, or none.")))?;
    #[expect(clippy::cast_precision_loss, reason = "as Python's float")]
    let bytes = bounded((value * unit as f64).round_ties_even())?;
    Ok(Amount { value, unit: Some(unit), bytes })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is checked first")]
fn bounded(value: f64) -> Result<u128, Failure> {
    match (0.0..LARGEST).contains(&value) {
        true => Ok(value as u128),
        false => Err(Failure::new(format!("a size of {value} is not possible"))),
    }
}

/// Bytes of a unit: `kB` is 1000, `K` and `KiB` are 1024.
fn unit(name: &str) -> Option<u128> {
    let (letter, rest) = name.split_at_checked(1)?;
    if name == "B" {
        return Some(1);
    }
    let (_, power) = UNITS.iter().find(|(u, _)| u.eq_ignore_ascii_case(letter))?;
    match rest {
        "B" => Some(1000_u128.pow(*power)),
        "" => Some(1024_u128.pow(*power)),
        "iB" if letter.chars().all(char::is_uppercase) => Some(1024_u128.pow(*power)),
        _ => None,
    }
}

fn signed(bytes: u128) -> i128 {
    i128::try_from(bytes).unwrap_or(i128::MAX)
}

fn described(size: &Size) -> Data {
    let pairs = map([
        ("blocks", int(signed(size.blocks))),
        ("blocksize", int(signed(size.block))),
        ("bytes", int(signed(size.bytes()))),
        ("iec", text(human(size.bytes(), 1024, "iB"))),
        ("si", text(human(size.bytes(), 1000, "B"))),
    ]);
    Data::Map(pairs)
}

/// A size with the largest unit that it is at least one of.
fn human(bytes: u128, base: u128, suffix: &str) -> String {
    let largest = UNITS.iter().rev().find(|(_, power)| bytes >= base.pow(*power));
    let Some((letter, power)) = largest else { return format!("{bytes} B") };
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let value = bytes as f64 / base.pow(*power) as f64;
    let value = (value * 100.0).round_ties_even() / 100.0;
    let letter = if *letter == "k" && base == 1024 { "K" } else { letter };
    format!("{} {letter}{suffix}", crate::vars::float_repr(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(given: &str) -> Option<u128> {
        amount(&Data::str(given), Whole::Any).ok().map(|a| a.bytes)
    }

    #[test]
    fn sizes_have_the_units_of_dd() {
        for (given, wanted) in
            [("10M", 10 << 20), ("1.5 kB", 1500), ("2GiB", 2 << 30), ("3 gB", 3_000_000_000), ("7", 7)]
        {
            assert_eq!(bytes(given), Some(wanted), "{given}");
        }
        for wrong in ["", "M", "1 miB", "1X", "-1", "1e99", "99999999T"] {
            assert!(bytes(wrong).is_none(), "{wrong}");
        }
        assert!(amount(&Data::str("1.5"), Whole::Bytes).is_err() && amount(&Data::List(vec![]), Whole::Any).is_err());
    }

    #[test]
    fn blocks_fit_the_size() {
        let fit = |given: &str| {
            let size = amount(&Data::str(given), Whole::Any).unwrap_or_else(|e| panic!("{}", e.msg));
            fitting(&size, size.unit.unwrap_or(1), 4096).unwrap_or_else(|e| panic!("{}", e.msg))
        };
        assert_eq!((fit("1M"), fit("8kB"), fit("3GB"), fit("5.5kB"), fit("100B")), (4096, 1000, 1_000_000, 100, 1));
        assert_eq!(human(20 << 20, 1024, "iB"), "20.0 MiB");
        assert_eq!(human(20 << 20, 1000, "B"), "20.97 MB");
        assert_eq!((human(999, 1000, "B"), human(2048, 1024, "iB")), ("999 B".to_owned(), "2.0 KiB".to_owned()));
    }
}
