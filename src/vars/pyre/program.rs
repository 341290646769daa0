//! A pattern's tree as instructions for the engine. Repetition is counted, not unrolled: a program is as long as its
//! pattern.

use super::node::{At, Bounds, Fold, Node, One};

/// One instruction; addresses are indices into the program.
#[derive(Debug)]
pub(super) enum Op {
    /// One character.
    One(One),
    /// One character many times: the most common loop, without a frame for each turn.
    Run(One, Bounds),
    /// A place.
    At(At),
    /// Notes the position in a slot.
    Save(usize),
    /// Goes on there.
    Jump(usize),
    /// Goes on behind it, and there where that fails.
    Fork(usize),
    /// Starts to count turns in a slot; the next slot holds where the last turn began.
    Count(usize),
    /// Another turn (two instructions on) or the way out.
    Turn { slot: usize, bounds: Bounds, out: usize },
    /// Behind [`Op::Turn`]: another turn of a lazy loop, whose way out failed.
    Again { slot: usize, bounds: Bounds },
    /// The text of a group once more.
    Reference(usize, Fold),
    /// Goes there where a group has not matched.
    Unless(usize, usize),
    /// What follows up to [`Op::Done`] is matched as a whole, or must not match; then it goes on at `then`.
    Whole { kind: Whole, then: usize },
    /// The end of a whole, or of the pattern.
    Done,
}

/// What is matched without being entered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// `(?>a)`
    Atomic,
    /// `(?=a)` and `(?<=a)`, so many characters back.
    Ahead(usize),
    /// `(?!a)` and `(?<!a)`
    Not(usize),
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Program {
    /// The instructions, [`Op::Done`] at last.
    pub ops: Vec<Op>,
    /// Slots: two for the whole and each group, two for each counted loop.
    pub slots: usize,
    /// What matches can depend on what a group has matched.
    pub refers: bool,
}

/// Compiles a pattern with so many groups.
pub(super) fn compile(node: &Node, groups: usize) -> Program {
    let mut program = Program { ops: Vec::new(), slots: 2 * (groups + 1), refers: false };
    program.node(node);
    program.ops.push(Op::Done);
    program.refers = program.ops.iter().any(|op| matches!(op, Op::Reference(..) | Op::Unless(..)));
    program
}

impl Program {
    fn push(&mut self, op: Op) -> usize {
        self.ops.push(op);
        self.ops.len() - 1
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Sequence(all) => all.iter().for_each(|node| self.node(node)),
            Node::Either(all) => self.either(all),
            Node::One(one) => drop(self.push(Op::One(one.clone()))),
            Node::At(at) => drop(self.push(Op::At(*at))),
            Node::Group(number, inner) => {
                self.push(Op::Save(2 * number));
                self.node(inner);
                self.push(Op::Save(2 * number + 1));
            }
            Node::Repeat(inner, bounds) => self.repeat(inner, *bounds),
            Node::Atomic(inner) => self.whole(Whole::Atomic, inner),
            Node::Look { inner, negated, back } => {
                self.whole(if *negated { Whole::Not(*back) } else { Whole::Ahead(*back) }, inner);
            }
            Node::Reference(number, fold) => drop(self.push(Op::Reference(*number, *fold))),
            Node::Conditional(number, yes, no) => {
                let unless = self.push(Op::Unless(*number, 0));
                self.node(yes);
                let jump = self.push(Op::Jump(0));
                self.ops[unless] = Op::Unless(*number, self.ops.len());
                self.node(no);
                self.ops[jump] = Op::Jump(self.ops.len());
            }
        }
    }

    fn either(&mut self, all: &[Node]) {
        let mut jumps = Vec::new();
        for (at, node) in all.iter().enumerate() {
            if at + 1 == all.len() {
                self.node(node);
                break;
            }
            let fork = self.push(Op::Fork(0));
            self.node(node);
            jumps.push(self.push(Op::Jump(0)));
            self.ops[fork] = Op::Fork(self.ops.len());
        }
        for jump in jumps {
            self.ops[jump] = Op::Jump(self.ops.len());
        }
    }

    fn repeat(&mut self, inner: &Node, bounds: Bounds) {
        if let Node::One(one) = inner {
            self.push(Op::Run(one.clone(), bounds));
            return;
        }
        let slot = self.slots;
        self.slots += 2;
        self.push(Op::Count(slot));
        let turn = self.push(Op::Turn { slot, bounds, out: 0 });
        self.push(Op::Again { slot, bounds });
        self.node(inner);
        self.push(Op::Jump(turn));
        self.ops[turn] = Op::Turn { slot, bounds, out: self.ops.len() };
    }

    fn whole(&mut self, kind: Whole, inner: &Node) {
        let whole = self.push(Op::Whole { kind, then: 0 });
        self.node(inner);
        self.push(Op::Done);
        self.ops[whole] = Op::Whole { kind, then: self.ops.len() };
    }
}
