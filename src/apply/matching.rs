//! Which lines two texts have in common, as Python's `difflib.SequenceMatcher` finds it, because that is what
//! ansible-playbook's differences are made of: the longest run of equal lines first, then the same on either side of it.

use crate::sys::order;
use std::collections::HashMap;
use std::ops::Range;

/// From this many lines on, a line that is frequent in the new text anchors nothing.
const POPULAR_FROM: usize = 200;
/// Pairs of lines up to which runs are looked for. Larger texts are compared at their ends only: a difference is for
/// people, and the time for it must be bounded.
const PAIRS: usize = 1 << 24;

/// A stretch of both texts: equal in both, or the new lines stand for the old ones (either may be empty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub equal: bool,
    pub old: Range<usize>,
    pub new: Range<usize>,
}

/// A run of equal lines: where it starts in the old text, where in the new one, how long it is.
type Run = (usize, usize, usize);

/// Both texts from beginning to end, equal and differing stretches in turn.
pub(super) fn stretches(old: &[&str], new: &[&str]) -> Vec<Stretch> {
    let mut found = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (a, b, size) in runs(old, new) {
        if i < a || j < b {
            found.push(Stretch { equal: false, old: i..a, new: j..b });
        }
        (i, j) = (a + size, b + size);
        if size > 0 {
            found.push(Stretch { equal: true, old: a..i, new: b..j });
        }
    }
    found
}

/// The runs in order, none of them touching the next; last an empty one at the end of both.
fn runs(old: &[&str], new: &[&str]) -> Vec<Run> {
    let mut found = match old.len().saturating_mul(new.len()) > PAIRS {
        true => ends(old, new),
        false => Matcher::new(old, new).all(),
    };
    order::ascending(&mut found);
    let mut joined: Vec<Run> = Vec::new();
    for (a, b, size) in found {
        match joined.last_mut() {
            Some(last) if last.0 + last.2 == a && last.1 + last.2 == b => last.2 += size,
            _ => joined.push((a, b, size)),
        }
    }
    joined.push((old.len(), new.len(), 0));
    joined
}

/// What is the same at the beginning and at the end.
fn ends(old: &[&str], new: &[&str]) -> Vec<Run> {
    let first = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old[first..].iter().rev().zip(new[first..].iter().rev());
    let last = rest.take_while(|(a, b)| a == b).count();
    [(0, 0, first), (old.len() - last, new.len() - last, last)].into_iter().filter(|r| r.2 > 0).collect()
}

struct Matcher<'t> {
    old: &'t [&'t str],
    new: &'t [&'t str],
    /// Where each line of the new text stands.
    places: HashMap<&'t str, Vec<usize>>,
}

impl<'t> Matcher<'t> {
    fn new(old: &'t [&'t str], new: &'t [&'t str]) -> Matcher<'t> {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, line) in new.iter().enumerate() {
            places.entry(line).or_default().push(at);
        }
        if new.len() >= POPULAR_FROM {
            places.retain(|_, at| at.len() <= new.len() / 100 + 1);
        }
        Matcher { old, new, places }
    }

    fn all(&self) -> Vec<Run> {
        let mut found = Vec::new();
        let mut open = vec![(0..self.old.len(), 0..self.new.len())];
        while let Some((old, new)) = open.pop() {
            let (a, b, size) = self.longest(&old, &new);
            if size == 0 {
                continue;
            }
            found.push((a, b, size));
            if old.start < a && new.start < b {
                open.push((old.start..a, new.start..b));
            }
            if a + size < old.end && b + size < new.end {
                open.push((a + size..old.end, b + size..new.end));
            }
        }
        found
    }

    /// The longest run within both ranges, the first of several.
    fn longest(&self, old: &Range<usize>, new: &Range<usize>) -> Run {
        let (mut a, mut b, mut size) = (old.start, new.start, 0);
        // Lengths of the runs that end at the line before, by where they end in the new text.
        let mut before: HashMap<usize, usize> = HashMap::new();
        for i in old.clone() {
            let mut now = HashMap::new();
            for &j in self.places.get(self.old[i]).into_iter().flatten() {
                if j < new.start {
                    continue;
                }
                if j >= new.end {
                    break;
                }
                let length = 1 + j.checked_sub(1).and_then(|j| before.get(&j)).copied().unwrap_or(0);
                now.insert(j, length);
                if length > size {
                    (a, b, size) = (i + 1 - length, j + 1 - length, length);
                }
            }
            before = now;
        }
        // Frequent lines start no run, but belong to one that they touch.
        while a > old.start && b > new.start && self.old[a - 1] == self.new[b - 1] {
            (a, b, size) = (a - 1, b - 1, size + 1);
        }
        while a + size < old.end && b + size < new.end && self.old[a + size] == self.new[b + size] {
            size += 1;
        }
        (a, b, size)
    }
}
