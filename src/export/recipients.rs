//! To whom each host's secrets are sealed: a directory with a file for each host, or one file with a line for each.
//!
//! A file of the directory is named `<short host name>` with any one ending (`n1.pub`) and holds lines as the file of
//! recipients does, without the host: `age1... [expires=YYYY-MM-DD]`. Lines that start with `#` are remarks.

use super::scope::{Scope, World};
use crate::bundle::age::Recipient;
use crate::plan::limits;
use crate::sys::ahead;
use crate::sys::file::read_bounded;
use crate::vars::Templar;
use crate::vars::time::{civil_from_days, days_from_civil};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The variable with which an inventory may name a host's recipient, as a line of a file does without the host.
pub const VARIABLE: &str = "compute_init_recipient";

/// Recipients by short host name.
#[derive(Clone, Debug, Default)]
pub struct Recipients(BTreeMap<String, Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    recipient: Recipient,
    /// The first second at which it is not used any more, and the day as it was written.
    expires: Option<u64>,
}

impl Recipients {
    /// Reads a directory or a file. Every mistake is one line `file:line: what`.
    pub fn load(path: &Path) -> Result<Recipients, Vec<String>> {
        let mut reader = Reader::default();
        match path.is_dir() {
            true => reader.directory(path),
            false => parse(path, None).into_iter().for_each(|line| reader.take(line)),
        }
        if reader.mistakes.is_empty() { Ok(Recipients(reader.found)) } else { Err(reader.mistakes) }
    }

    /// Adds one, over what is there for the host.
    pub fn insert(&mut self, host: &str, recipient: Recipient) {
        self.0.insert(host.to_owned(), Entry { recipient, expires: None });
    }

    /// Adds those that the inventory names ([`VARIABLE`]) for hosts that have none yet. Every mistake is one line
    /// `file:line: what`.
    pub fn add_inventorys(&mut self, world: &Rc<World>, hosts: &[u32]) -> Result<(), Vec<String>> {
        let inventory = &world.inventory;
        let Some(name) = inventory.name_id(VARIABLE) else { return Ok(()) };
        let mut reader = Reader::default();
        for host in hosts {
            let short = super::short(inventory.name(*host));
            let Some(definition) = inventory.get(*host, name).filter(|_| !self.0.contains_key(short)) else { continue };
            let scope = Scope { world: Rc::clone(world), host: *host };
            let value = Templar::new(&scope, &**world).value(inventory.value(definition.value));
            let text = value.map_err(|e| e.to_string());
            let text = text.and_then(|value| value.as_str().map(str::to_owned).ok_or("it is no text".to_owned()));
            let entry = text.and_then(|text| recipient(&text, Some(short)));
            if let Err(why) = entry.and_then(|(host, entry)| reader.insert(&host, entry)) {
                let place = inventory.place(definition.place);
                reader.mistakes.push(format!("{place}: {VARIABLE} of {short}: {why}"));
            }
        }
        self.0.extend(reader.found);
        if reader.mistakes.is_empty() { Ok(()) } else { Err(reader.mistakes) }
    }

    /// Whether it names nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// To whom to seal what is `host`'s at the time `now`, or why nobody.
    pub fn of(&self, host: &str, now: u64) -> Result<Recipient, String> {
        match self.0.get(host) {
            None => Err(format!("{host} has no recipient")),
            Some(Entry { expires: Some(end), .. }) if *end <= now => {
                Err(format!("the recipient of {host} expired {} days ago", (now - end) / 86_400))
            }
            Some(entry) => Ok(entry.recipient),
        }
    }
}

#[derive(Default)]
struct Reader {
    found: BTreeMap<String, Entry>,
    mistakes: Vec<String>,
}

impl Reader {
    fn directory(&mut self, path: &Path) {
        let names =
            fs::read_dir(path).and_then(|dir| dir.map(|e| Ok(e?.file_name())).collect::<std::io::Result<Vec<_>>>());
        let mut names = match names {
            Err(e) => return self.mistakes.push(format!("{}: {e}", path.display())),
            Ok(names) => names,
        };
        names.sort();
        let files: Vec<(PathBuf, String)> = names
            .iter()
            .filter_map(|n| n.to_str())
            .filter(|n| !n.starts_with('.'))
            .map(|n| (path.join(n), n.split('.').next().unwrap_or(n).to_owned()))
            .collect();
        let parse = |(path, host): &(PathBuf, String)| parse(path, Some(host));
        let end: Result<(), Infallible> = ahead::in_order(&files, parse, |lines| {
            lines.into_iter().for_each(|line| self.take(line));
            Ok(())
        });
        match end {
            Ok(()) => {}
        }
    }

    fn take(&mut self, (place, line): Line) {
        if let Err(why) = line.and_then(|(host, entry)| self.insert(&host, entry)) {
            self.mistakes.push(format!("{place}: {why}"));
        }
    }

    fn insert(&mut self, host: &str, entry: Entry) -> Result<(), String> {
        if self.found.insert(host.to_owned(), entry).is_some() {
            return Err(format!("{host} has a recipient already"));
        }
        Ok(())
    }
}

/// A line: its place, and the host's recipient or what is wrong.
type Line = (String, Result<(String, Entry), String>);

/// The lines of a file.
fn parse(path: &Path, host: Option<&str>) -> Vec<Line> {
    let limit = if host.is_some() { limits::IDENTITY } else { limits::EXPORT_FILE };
    let whole = |why: String| vec![(path.display().to_string(), Err(why))];
    let text = read_bounded(path, limit).map_err(|e| e.to_string());
    let text = match text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())) {
        Ok(text) => text,
        Err(e) => return whole(e),
    };
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            lines.push((format!("{}:{}", path.display(), number + 1), recipient(line, host)));
        }
    }
    if lines.is_empty() && host.is_some() { whole("it holds no recipient".to_owned()) } else { lines }
}

/// What a line says; with `host`, it says nothing of the host.
fn recipient(line: &str, host: Option<&str>) -> Result<(String, Entry), String> {
    let mut words = line.split_whitespace();
    let host = host.or_else(|| words.next()).unwrap_or_default();
    let host = host.split('.').next().unwrap_or_default();
    let recipient = words.next().ok_or("wanted is HOST age1... [expires=YYYY-MM-DD]")?;
    let recipient = Recipient::parse(recipient).map_err(|e| e.to_string())?;
    let mut expires = None;
    for word in words {
        let day = word.strip_prefix("expires=").ok_or_else(|| format!("{word:?} is not expires=YYYY-MM-DD"))?;
        expires = Some(end_of(day).ok_or_else(|| format!("{day:?} is not a day YYYY-MM-DD"))?);
    }
    Ok((host.to_owned(), Entry { recipient, expires }))
}

/// The second after a day's last, in UTC.
pub fn end_of(day: &str) -> Option<u64> {
    let mut parts = day.split('-');
    let (year, month, date) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let days = days_from_civil(year, month, date);
    let real = civil_from_days(days) == Some((year, month, date));
    if !real || parts.next().is_some() || day.len() != 10 {
        return None;
    }
    u64::try_from(days + 1).ok()?.checked_mul(86_400)
}

#[cfg(test)]
mod tests {
    use super::Recipients;
    use crate::bundle::age::Identity;
    use std::fs;

    fn someone(n: u8) -> String {
        Identity::from_random([n; 32]).recipient().to_string()
    }

    #[test]
    fn a_file_or_a_directory_says_to_whom() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("all");
        let text = format!("# ours\nn0 {}\nn1.cluster {} expires=2026-11-22\n", someone(1), someone(2));
        fs::write(&file, text).unwrap();
        let all = Recipients::load(&file).unwrap();
        assert_eq!(all.of("n0", 0).unwrap().to_string(), someone(1));
        let end = 1_795_392_000;
        assert_eq!(all.of("n1", end - 1).unwrap().to_string(), someone(2));
        assert!(all.of("n1", end).unwrap_err().contains("expired 0 days ago"));
        assert!(all.of("n2", 0).unwrap_err().contains("no recipient"));
        let many = dir.path().join("many");
        fs::create_dir(&many).unwrap();
        fs::write(many.join("n0.pub"), someone(3) + "\n").unwrap();
        assert_eq!(Recipients::load(&many).unwrap().of("n0", 0).unwrap().to_string(), someone(3));
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("all");
        let good = someone(1);
        let secret = Identity::from_random([9; 32]).reveal();
        let text = format!(
            "n0\nn1 age1xyz\nn2 {secret}\nn3 {good} expires=soon\nn4 {good} now\nn5 {good}\nn5 {good}\nn6 {good} expires=2026-02-30\n"
        );
        fs::write(&file, text).unwrap();
        let mistakes = Recipients::load(&file).unwrap_err();
        let lines: Vec<&str> = mistakes.iter().map(|m| m.rsplit("all:").next().unwrap()).collect();
        assert_eq!(lines.len(), 7, "{mistakes:#?}");
        assert!(
            lines.iter().zip(["1:", "2:", "3:", "4:", "5:", "7:", "8:"]).all(|(l, n)| l.starts_with(n)),
            "{lines:?}"
        );
        assert!(!mistakes.concat().contains(&secret));
        assert!(Recipients::load(&dir.path().join("none")).is_err());
        let many = dir.path().join("many");
        fs::create_dir(&many).unwrap();
        fs::write(many.join("n0.pub"), "# nothing\n").unwrap();
        assert!(Recipients::load(&many).unwrap_err()[0].contains("no recipient"));
    }
}
