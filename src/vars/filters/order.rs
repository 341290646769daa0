//! Sorting as Python sorts: stable, by `<` alone, and an error where two values have no order.

use crate::vars::{Outcome, Value};
use std::cmp::Ordering;

/// `sorted(items, key=key)`.
pub fn sorted<T>(items: Vec<T>, mut key: impl FnMut(&T) -> Outcome<Value>) -> Outcome<Vec<T>> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((key(&item)?, item));
    }
    Ok(merge_sort(keyed)?.into_iter().map(|(_, item)| item).collect())
}

/// `a < b`.
pub fn less(a: &Value, b: &Value) -> Outcome<bool> {
    Ok(a.order(b, "<")? == Some(Ordering::Less))
}

/// The standard library's sort panics where comparisons contradict each other, as those of NaN and sets do.
fn merge_sort<T>(mut items: Vec<(Value, T)>) -> Outcome<Vec<(Value, T)>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = merge_sort(items.split_off(items.len() / 2))?;
    let left = merge_sort(items)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if less(&b.0, &a.0)? { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
