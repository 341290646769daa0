//! Runs a program over a text, as Python's engine does: first match wins, and what fails is taken back step by step.
//!
//! Bounded in time and memory: a pattern that backtracks without end is an error.

use super::node::{At, Bounds, One};
use super::program::{Op, Program, Whole};
use super::unicode;

/// Steps after which a search is given up, and those that each byte of the text adds.
const STEPS: usize = 25_000_000;
const STEPS_OF_BYTE: usize = 32;
/// Places to come back to, at once.
const FRAMES: usize = 500_000;
/// A slot that was not set.
const UNSET: usize = usize::MAX;

/// What to do when the way taken fails.
enum Frame {
    /// Go on with this instruction at this place.
    Retry(usize, usize),
    /// Set a slot back, and fail on.
    Restore(usize, usize),
    /// Give back a character of the run at this instruction, down to the place; it reached the other.
    Shorter(usize, usize, usize),
    /// Take another character for the lazy run at this instruction; it has so many.
    Longer(usize, usize, u32),
}

/// One search.
pub(super) struct Search<'s> {
    program: &'s Program,
    text: &'s str,
    slots: Vec<usize>,
    frames: Vec<Frame>,
    /// Steps that are left.
    steps: usize,
    /// An empty match here was found before.
    not_empty_at: Option<usize>,
    start: usize,
}

impl<'s> Search<'s> {
    /// Prepares a search of `text`.
    pub fn new(program: &'s Program, text: &'s str) -> Search<'s> {
        let slots = vec![UNSET; program.slots];
        let steps = STEPS + STEPS_OF_BYTE * text.len();
        Search { program, text, slots, frames: Vec::new(), steps, not_empty_at: None, start: 0 }
    }

    /// The first match at or behind `from`; `advance` wants more than nothing where it starts at `from`.
    pub fn find(&mut self, from: usize, advance: bool) -> Result<bool, String> {
        self.not_empty_at = advance.then_some(from);
        let mut at = from;
        loop {
            if self.matches_at(at)? {
                return Ok(true);
            }
            match self.next_start(at) {
                Some(next) => at = next,
                None => return Ok(false),
            }
        }
    }

    /// The next place behind `at` where a match can start, where none starts at `at`.
    fn next_start(&self, at: usize) -> Option<usize> {
        let (failed, at) = (at, at + self.text[at..].chars().next()?.len_utf8());
        let rest = &self.text[at..];
        match self.program.ops.iter().find(|op| !matches!(op, Op::Save(_)))? {
            Op::One(first) => Some(at + rest.find(|c| first.takes(c))?),
            Op::Run(first, Bounds { min: 1.., .. }) => Some(at + rest.find(|c| first.takes(c))?),
            // What a leading `.*` could reach has been tried, up to the end of the line.
            Op::Run(One::NoNewline, Bounds { max: u32::MAX, .. }) if !self.program.refers => {
                Some(failed + self.text[failed..].find('\n')? + 1)
            }
            _ => Some(at),
        }
    }

    /// Whether the pattern matches at `at`.
    pub fn matches_at(&mut self, at: usize) -> Result<bool, String> {
        self.slots.fill(UNSET);
        self.pay(self.slots.len() / 64);
        self.frames.clear();
        self.start = at;
        let Some(end) = self.run(0, at)? else { return Ok(false) };
        (self.slots[0], self.slots[1]) = (at, end);
        Ok(true)
    }

    /// Where group `number` is.
    pub fn span(&self, number: usize) -> Option<(usize, usize)> {
        let (start, end) = (self.slots[2 * number], self.slots[2 * number + 1]);
        (start != UNSET && end != UNSET).then_some((start, end))
    }

    /// Runs from an instruction to [`Op::Done`]; frames below those of its own are left alone.
    fn run(&mut self, from: usize, at: usize) -> Result<Option<usize>, String> {
        let base = self.frames.len();
        let outermost = from == 0;
        let (mut pc, mut at) = (from, at);
        loop {
            if self.steps == 0 || self.frames.len() > FRAMES {
                return Err("the pattern backtracks without end".to_owned());
            }
            self.steps -= 1;
            let next = match &self.program.ops[pc] {
                Op::Done if outermost && self.not_empty_at == Some(at) && at == self.start => None,
                Op::Done => return Ok(Some(at)),
                op => self.step(op, pc, at)?,
            };
            match next.or_else(|| self.take_back(base)) {
                Some(next) => (pc, at) = next,
                None => return Ok(None),
            }
        }
    }

    /// Takes what a single step costs beyond the usual, about as many characters or slots as are gone through.
    fn pay(&mut self, more: usize) {
        self.steps = self.steps.saturating_sub(more);
    }

    /// One instruction: the next one and where; `None` where it fails.
    fn step(&mut self, op: &'s Op, pc: usize, at: usize) -> Result<Option<(usize, usize)>, String> {
        let then = |holds: bool| holds.then_some((pc + 1, at));
        Ok(match op {
            Op::One(one) => self.one(one, at).map(|at| (pc + 1, at)),
            Op::Run(one, bounds) => self.many(one, *bounds, pc, at),
            Op::At(place) => then(self.is_at(*place, at)),
            Op::Save(slot) => {
                self.set(*slot, at);
                // A group that starts anew has no end until it is closed, unless it had one.
                then(true)
            }
            Op::Jump(to) => Some((*to, at)),
            Op::Fork(other) => {
                self.frames.push(Frame::Retry(*other, at));
                then(true)
            }
            Op::Count(slot) => {
                self.set(*slot, 0);
                self.set(slot + 1, UNSET);
                then(true)
            }
            Op::Turn { slot, bounds, out } => Some(self.turn(*slot, *bounds, *out, (pc, at))),
            Op::Again { slot, bounds } => then(self.another(*slot, *bounds, at)),
            Op::Reference(number, fold) => {
                let Some((start, end)) = self.span(*number) else { return Ok(None) };
                self.pay(end - start);
                let mut rest = self.text[at..].chars();
                let same = self.text[start..end].chars().all(|a| rest.next().is_some_and(|b| fold.equal(a, b)));
                same.then(|| (pc + 1, self.text.len() - rest.as_str().len()))
            }
            Op::Unless(number, other) => {
                let set = self.span(*number).is_some();
                Some((if set { pc + 1 } else { *other }, at))
            }
            Op::Whole { kind, then } => self.whole(*kind, pc, at)?.map(|at| (*then, at)),
            Op::Done => None,
        })
    }

    fn set(&mut self, slot: usize, value: usize) {
        let old = std::mem::replace(&mut self.slots[slot], value);
        self.frames.push(Frame::Restore(slot, old));
    }

    fn one(&self, one: &One, at: usize) -> Option<usize> {
        let c = self.text[at..].chars().next()?;
        one.takes(c).then(|| at + c.len_utf8())
    }

    /// A run of one character: as many as there are, or as few as will do.
    fn many(&mut self, one: &One, bounds: Bounds, pc: usize, at: usize) -> Option<(usize, usize)> {
        let (mut end, mut least) = (at, at);
        let most = if bounds.lazy { bounds.min } else { bounds.max };
        let mut count = 0;
        while count < most {
            let Some(next) = self.one(one, end) else { break };
            (end, count) = (next, count + 1);
            if count == bounds.min {
                least = end;
            }
        }
        // A long run takes its time, too.
        self.pay(count as usize);
        if count < bounds.min {
            return None;
        }
        if bounds.lazy {
            self.frames.push(Frame::Longer(pc, end, count));
        } else if end > least {
            self.frames.push(Frame::Shorter(pc, least, end));
        }
        Some((pc + 1, end))
    }

    /// At the head of a counted loop.
    fn turn(&mut self, slot: usize, bounds: Bounds, out: usize, here: (usize, usize)) -> (usize, usize) {
        let (pc, at) = here;
        let count = self.slots[slot];
        if count < bounds.min as usize {
            self.set(slot, count + 1);
            return (pc + 2, at);
        }
        if bounds.lazy {
            self.frames.push(Frame::Retry(pc + 1, at));
            return (out, at);
        }
        // Behind the frame come those that set the slots back.
        self.frames.push(Frame::Retry(out, at));
        if self.another(slot, bounds, at) {
            return (pc + 2, at);
        }
        self.frames.pop();
        (out, at)
    }

    /// Counts another turn, unless there have been enough or the last one led nowhere.
    fn another(&mut self, slot: usize, bounds: Bounds, at: usize) -> bool {
        let count = self.slots[slot];
        if (bounds.max != u32::MAX && count >= bounds.max as usize) || self.slots[slot + 1] == at {
            return false;
        }
        self.set(slot, count + 1);
        self.set(slot + 1, at);
        true
    }

    /// Matches what follows as a whole; gives where to go on.
    fn whole(&mut self, kind: Whole, pc: usize, at: usize) -> Result<Option<usize>, String> {
        let (Whole::Ahead(back) | Whole::Not(back)) = kind else {
            return self.sealed(pc + 1, at);
        };
        let start = match back {
            0 => Some(at),
            back => self.text[..at].char_indices().nth_back(back - 1).map(|(start, _)| start),
        };
        self.pay(back.min(at));
        let base = self.frames.len();
        let found = match start {
            Some(start) => self.sealed(pc + 1, start)?.is_some(),
            None => false,
        };
        if kind == Whole::Not(back) {
            while self.frames.len() > base {
                self.undo_last();
            }
            return Ok((!found).then_some(at));
        }
        Ok(found.then_some(at))
    }

    /// Runs up to [`Op::Done`], and forgets the other ways that there were; what it saved can still be taken back.
    fn sealed(&mut self, pc: usize, at: usize) -> Result<Option<usize>, String> {
        let base = self.frames.len();
        let end = self.run(pc, at)?;
        let mut kept = base;
        for index in base..self.frames.len() {
            if matches!(self.frames[index], Frame::Restore(..)) {
                self.frames.swap(kept, index);
                kept += 1;
            }
        }
        self.frames.truncate(kept);
        Ok(end)
    }

    fn undo_last(&mut self) {
        if let Some(Frame::Restore(slot, old)) = self.frames.pop() {
            self.slots[slot] = old;
        }
    }

    /// Takes back what failed, down to the frames below `base`: where to go on, if anywhere.
    fn take_back(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.frames.len() > base {
            match self.frames.pop()? {
                Frame::Retry(pc, at) => return Some((pc, at)),
                Frame::Restore(slot, old) => self.slots[slot] = old,
                Frame::Shorter(pc, least, end) => {
                    let end = self.text[..end].char_indices().next_back().map_or(least, |(at, _)| at);
                    if end > least {
                        self.frames.push(Frame::Shorter(pc, least, end));
                    }
                    return Some((pc + 1, end));
                }
                Frame::Longer(pc, end, count) => {
                    let Op::Run(one, bounds) = &self.program.ops[pc] else { continue };
                    if count >= bounds.max {
                        continue;
                    }
                    let Some(end) = self.one(one, end) else { continue };
                    self.frames.push(Frame::Longer(pc, end, count.saturating_add(1)));
                    return Some((pc + 1, end));
                }
            }
        }
        None
    }

    fn is_at(&self, place: At, at: usize) -> bool {
        let (before, behind) = (&self.text.as_bytes()[..at], &self.text.as_bytes()[at..]);
        match place {
            At::Start => before.is_empty(),
            At::End => behind.is_empty(),
            At::LastLine => behind.is_empty() || behind == b"\n",
            At::LineStart => before.last().is_none_or(|c| *c == b'\n'),
            At::LineEnd => behind.first().is_none_or(|c| *c == b'\n'),
            At::Boundary { negated, ascii } => {
                let word = |c: Option<char>| c.is_some_and(|c| (c.is_ascii() || !ascii) && unicode::word(c));
                let edge = word(self.text[..at].chars().next_back()) != word(self.text[at..].chars().next());
                // In an empty text Python 3.11 finds neither kind.
                edge != negated && !self.text.is_empty()
            }
        }
    }
}
