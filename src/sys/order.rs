//! Sorting, once: the standard library's sort is several kilobytes of code for every type and every comparison, and
//! what the executor sorts are short lists of many types.

use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Sorts; equal items keep their order.
pub fn ascending<T: Ord>(items: &mut [T]) {
    by(items, T::cmp);
}

/// Sorts by a comparison; equal items keep their order.
pub fn by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut place = places(items.len(), &mut |a, b| compare(&items[a], &items[b]));
    for at in 0..items.len() {
        while place[at] != at {
            let to = place[at];
            items.swap(at, to);
            place.swap(at, to);
        }
    }
}

/// A set of these. Collecting one would sort first, in code of its own for every type.
pub fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(items);
    set
}

/// Where each of `count` items belongs.
fn places(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..count).collect();
    sorted.sort_by(|a, b| compare(*a, *b));
    let mut place = vec![0; count];
    for (to, from) in sorted.into_iter().enumerate() {
        place[from] = to;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_as_the_standard_library_does() {
        let mut state = 7_u32;
        for length in 0..200 {
            let mut items: Vec<(u32, usize)> = Vec::new();
            for at in 0..length {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                items.push((state >> 28, at));
            }
            let mut wanted = items.clone();
            wanted.sort_by_key(|(key, _)| *key);
            let mut backwards = items.clone();
            by(&mut items, |a, b| a.0.cmp(&b.0));
            assert_eq!(items, wanted);
            ascending(&mut backwards);
            wanted.sort();
            assert_eq!(backwards, wanted);
        }
    }
}
