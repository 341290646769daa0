//! The order in which CPython's sets give back integers: that of a hash table's slots, which roles see in the results of
//! `difference` and its kind. Text has no order to follow, because Python salts its hashes anew in each process.
//!
//! Source of the rules: CPython 3.11, Objects/setobject.c (open addressing, nine linear probes, growth at three fifths).

use super::{Set, Value};

const PROBES: usize = 9;
const SHIFT: u32 = 5;
/// Python hashes an integer by its remainder to this prime.
const MODULUS: i128 = (1 << 61) - 1;

/// A set of integers in Python's own layout.
#[derive(Clone)]
pub struct HashSet {
    slots: Vec<Option<Value>>,
    used: usize,
}

/// Which of the four operators.
#[derive(Clone, Copy)]
pub enum Operator {
    /// `|`
    Union,
    /// `&`
    Intersection,
    /// `-`
    Difference,
    /// `^`
    Symmetric,
}

/// What `set(a) OP set(b)` gives, in Python's order; `None` where an item's hash is not known here.
pub fn combined(a: &Set, b: &Set, operator: Operator) -> Option<Vec<Value>> {
    let known = |item: &&Value| item.as_int().is_some();
    // What is taken away has no place in the result: there it need not be known.
    let strangers = b.iter().filter(|item| !known(item)).count();
    if !a.iter().all(|item| known(&item)) || (strangers > 0 && !matches!(operator, Operator::Difference)) {
        return None;
    }
    let (a, b) = (HashSet::of(a.iter()), HashSet::of(b.iter().filter(known)));
    let result = match operator {
        Operator::Union => a.union(&b),
        Operator::Intersection if b.used > a.used => HashSet::of(a.items().filter(|item| b.has(item))),
        Operator::Intersection => HashSet::of(b.items().filter(|item| a.has(item))),
        Operator::Difference if a.used / 4 > b.used + strangers => a.without(&b),
        Operator::Difference => HashSet::of(a.items().filter(|item| !b.has(item))),
        Operator::Symmetric => {
            let mut result = b.copy().without(&a);
            a.items().filter(|item| !b.has(item)).for_each(|item| result.add(item));
            result
        }
    };
    Some(result.items().cloned().collect())
}

impl HashSet {
    fn new(slots: usize) -> HashSet {
        HashSet { slots: vec![None; slots], used: 0 }
    }

    fn of<'v>(items: impl Iterator<Item = &'v Value>) -> HashSet {
        let mut set = HashSet::new(8);
        items.for_each(|item| set.add(item));
        set
    }

    fn items(&self) -> impl Iterator<Item = &Value> {
        self.slots.iter().flatten()
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// The slot that holds an item, or the free one where it would go.
    fn place(&self, item: &Value) -> usize {
        let hash = hash(item);
        let mut perturb = hash as u64;
        let mut slot = hash as usize & self.mask();
        loop {
            let end = if slot + PROBES <= self.mask() { slot + PROBES } else { slot };
            for at in slot..=end {
                match &self.slots[at] {
                    Some(other) if other.as_int() != item.as_int() => {}
                    _ => return at,
                }
            }
            perturb >>= SHIFT;
            slot = (slot.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb as usize)) & self.mask();
        }
    }

    fn has(&self, item: &Value) -> bool {
        self.slots[self.place(item)].is_some()
    }

    fn add(&mut self, item: &Value) {
        let at = self.place(item);
        if self.slots[at].is_none() {
            self.slots[at] = Some(item.clone());
            self.used += 1;
            if self.used * 5 >= self.mask() * 3 {
                self.resize(self.used * 4);
            }
        }
    }

    fn resize(&mut self, wanted: usize) {
        let mut size = 8;
        while size <= wanted {
            size *= 2;
        }
        let old = std::mem::replace(&mut self.slots, vec![None; size]);
        for item in old.into_iter().flatten() {
            let at = self.place(&item);
            self.slots[at] = Some(item);
        }
    }

    /// A set made from another: a table of its own size, filled in the other's order.
    fn copy(&self) -> HashSet {
        HashSet::new(8).union(self)
    }

    fn union(mut self, other: &HashSet) -> HashSet {
        if (self.used + other.used) * 5 >= self.mask() * 3 {
            self.resize((self.used + other.used) * 2);
        }
        if self.used == 0 && self.mask() == other.mask() {
            return other.clone();
        }
        other.items().for_each(|item| self.add(item));
        self
    }

    /// Items taken out leave their slots as they are.
    fn without(mut self, other: &HashSet) -> HashSet {
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|item| other.has(item)) {
                *slot = None;
                self.used -= 1;
            }
        }
        self
    }
}

/// Python's `hash(int)`.
fn hash(item: &Value) -> i64 {
    match (item.as_int().unwrap_or_default() % MODULUS) as i64 {
        -1 => -2,
        hash => hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(a: &[i128], b: &[i128], operator: Operator) -> Vec<i128> {
        let set = |items: &[i128]| items.iter().copied().map(Value::Int).collect::<Set>();
        combined(&set(a), &set(b), operator).unwrap().iter().filter_map(Value::as_int).collect()
    }

    #[test]
    fn integers_come_as_python_has_them() {
        // As CPython 3.11 prints list(set(a) OP set(b)).
        assert_eq!(ordered(&[3, 1, 2], &[1], Operator::Difference), [2, 3]);
        assert_eq!(ordered(&[9, 1], &[3, 2], Operator::Union), [9, 2, 3, 1]);
        assert_eq!(ordered(&[16, 8, 0, 24], &[], Operator::Union), [16, 8, 0, 24]);
        assert_eq!(ordered(&[-1, -2, 5], &[5, 100], Operator::Symmetric), [100, -1, -2]);
        assert_eq!(ordered(&[70, 35, 7, 14], &[14, 7, 70, 1], Operator::Intersection), [7, 70, 14]);
    }

    #[test]
    fn text_has_no_order_to_follow() {
        let set: Set = [Value::str("a")].into_iter().collect();
        assert!(combined(&set, &set, Operator::Union).is_none());
    }
}
