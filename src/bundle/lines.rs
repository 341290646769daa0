//! Text of lines that differ from those above in their numbers alone, as `/etc/hosts` of a cluster does: each line is told
//! by the differences, which deflate to a tenth of what the lines do. `docs/export.md` describes the form.
//!
//! What is expanded here was verified before; it is bounded all the same.

/// Digits of a number; a longer run is text.
const DIGITS: usize = 15;
/// Marks a line that stands as it is.
const AS_IS: u8 = b'=';

/// A piece of a line.
enum Piece<'l> {
    Text(&'l [u8]),
    /// As it is written, its value, and how many digits it has at least.
    Number(&'l [u8], i64, usize),
}

/// The pieces of a line in turn.
fn pieces(line: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    line.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).map(|run| {
        if !run[0].is_ascii_digit() || run.len() > DIGITS {
            return Piece::Text(run);
        }
        let value = run.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        Piece::Number(run, value, if run[0] == b'0' { run.len() } else { 0 })
    })
}

/// Adds the line that a record tells, after the line `before`; `None` where it tells none.
fn tell(before: &[u8], record: &[u8], line: &mut Vec<u8>) -> Option<()> {
    if let Some((&AS_IS, whole)) = record.split_first() {
        line.extend_from_slice(whole);
        return Some(());
    }
    let mut differences = std::str::from_utf8(record).ok()?.split(',');
    for piece in pieces(before) {
        match piece {
            Piece::Text(text) => line.extend_from_slice(text),
            Piece::Number(written, value, width) => {
                let difference = match differences.next() {
                    None | Some("") => 0,
                    Some(number) => number.parse().ok()?,
                };
                match difference {
                    // Most of them: a node has ten thousand lines of these to write.
                    0 => line.extend_from_slice(written),
                    _ => write_number(value.checked_add(difference)?.try_into().ok()?, width, line),
                }
            }
        }
    }
    // One that is empty tells a line like the one above, which may have no number.
    differences.next().is_none_or(|rest| rest.is_empty() && record.is_empty()).then_some(())
}

fn write_number(mut value: u64, width: usize, line: &mut Vec<u8>) {
    let start = line.len();
    while value > 0 || line.len() < start + width.max(1) {
        line.push(b'0' + (value % 10) as u8);
        value /= 10;
    }
    line[start..].reverse();
}

/// The text that records tell, which must have `size` bytes.
pub fn expand(records: &[u8], size: u64) -> Option<Vec<u8>> {
    let (mut text, mut before, mut line) = (Vec::new(), Vec::new(), Vec::new());
    for (number, record) in records.split(|b| *b == b'\n').enumerate() {
        if number > 0 {
            text.push(b'\n');
        }
        line.clear();
        tell(&before, record, &mut line)?;
        text.extend_from_slice(&line);
        if text.len() as u64 > size {
            return None;
        }
        std::mem::swap(&mut before, &mut line);
    }
    (text.len() as u64 == size).then_some(text)
}

/// Tells a text by records.
#[cfg(feature = "builder")]
pub fn contract(text: &[u8]) -> Vec<u8> {
    let (mut records, mut before): (Vec<u8>, &[u8]) = (Vec::new(), &[]);
    for (number, now) in text.split(|b| *b == b'\n').enumerate() {
        if number > 0 {
            records.push(b'\n');
        }
        let mut told = Vec::with_capacity(now.len());
        let record = differences(before, now).filter(|record| tell(before, record, &mut told).is_some() && told == now);
        records.extend(record.unwrap_or_else(|| [&[AS_IS], now].concat()));
        before = now;
    }
    records
}

/// The differences of the numbers of two lines; whether they tell the line is for the caller to see.
#[cfg(feature = "builder")]
fn differences(before: &[u8], now: &[u8]) -> Option<Vec<u8>> {
    let values = |line: &[u8]| -> Vec<i64> {
        let number = |piece| if let Piece::Number(_, value, _) = piece { Some(value) } else { None };
        pieces(line).filter_map(number).collect()
    };
    let (old, new) = (values(before), values(now));
    if old.len() != new.len() {
        return None;
    }
    let shown = |(old, new): (&i64, &i64)| if old == new { String::new() } else { (new - old).to_string() };
    let all: Vec<String> = old.iter().zip(&new).map(shown).collect();
    Some(all.join(",").trim_end_matches(',').as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::{contract, expand};

    #[test]
    fn any_text_is_told_to_the_byte() {
        for text in [
            "",
            "\n",
            "a",
            "10.0.0.1 n1\n10.0.0.2 n2\n10.0.0.3 n3\n",
            "n008\nn009\nn010\nn011\nn099\nn100\nn099\n",
            "=1\n=2\n,\n-1\n\n\n 5\n",
            "1\n18446744073709551616\n999999999999999\n1000000000000000\n0\n00\n0\n",
            "a 1\nb 2\na 3 4\na 3\n\r\n\u{e9}1\n\u{e9}2",
        ] {
            let records = contract(text.as_bytes());
            let told = expand(&records, text.len() as u64).unwrap();
            assert_eq!(String::from_utf8(told).unwrap(), text);
        }
        let bytes: Vec<u8> = (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(expand(&contract(&bytes), 5000).unwrap(), bytes);
    }

    #[test]
    fn regular_lines_are_told_by_next_to_nothing() {
        let text: String = (0..1000).map(|n| format!("10.0.{}.{} n{n}.cluster n{n}\n", n / 250, n % 250)).collect();
        assert!(contract(text.as_bytes()).len() < 10_000);
    }

    #[test]
    fn what_tells_nothing_is_refused() {
        for (records, size) in [
            ("=a1\nx", 4),
            ("=a1\n1,1", 5),
            ("=a1\n-2", 5),
            ("=a1\n9223372036854775807", 99),
            ("=a1\n1", 4),
            ("=a1\n1", 6),
            ("=a", 0),
            ("1", 0),
        ] {
            assert_eq!(expand(records.as_bytes(), size), None, "{records:?}");
        }
        // Records are short and lines are long: it ends at the size that the index says.
        let many = format!("={}{}", "a".repeat(1000), "\n".repeat(100_000));
        assert_eq!(expand(many.as_bytes(), 5000), None);
    }
}
