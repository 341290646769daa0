//! Frames: what surrounds a task, from the play inwards. A frame is a play, a role, a block or an include; tasks look
//! outwards along the chain for keywords, variables and files.

use super::role::Instance;
use crate::plan::{Keywords, Map};
use std::borrow::Cow;
use std::rc::Rc;

/// What a frame stands for.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// The play; its variables are a level of their own.
    Play,
    /// A role's entry: `vars:` there are role variables, not block variables.
    Role,
    /// `block:`, or `apply:` of an include.
    Block,
    /// A static import: keywords are inherited, `vars:` are include parameters.
    Import,
    /// A dynamic include: only its variables reach what is included.
    Include,
}

/// One link of the chain.
#[derive(Debug)]
pub(super) struct Frame<'p> {
    pub parent: Option<Rc<Frame<'p>>>,
    pub kind: Kind,
    pub keywords: Cow<'p, Keywords>,
    /// Include parameters (precedence 21).
    pub params: Map,
    /// The role whose tasks stand here.
    pub role: Option<Rc<Instance<'p>>>,
    /// Directory of the task file, in the source tree.
    pub dir: String,
    /// How many includes lie around it.
    pub depth: usize,
}

impl<'p> Frame<'p> {
    /// The outermost frame.
    pub fn play(keywords: &'p Keywords, dir: String) -> Rc<Frame<'p>> {
        Rc::new(Frame {
            parent: None,
            kind: Kind::Play,
            keywords: Cow::Borrowed(keywords),
            params: Map::default(),
            role: None,
            dir,
            depth: 0,
        })
    }

    /// A frame inside `self`, in the same role and file.
    pub fn inner(self: &Rc<Self>, kind: Kind, keywords: Cow<'p, Keywords>) -> Frame<'p> {
        let deeper = matches!(kind, Kind::Include | Kind::Import | Kind::Role);
        Frame {
            parent: Some(Rc::clone(self)),
            kind,
            keywords,
            params: Map::default(),
            role: self.role.clone(),
            dir: self.dir.clone(),
            depth: self.depth + usize::from(deeper),
        }
    }

    /// This frame and those around it, from the inside out.
    pub fn chain<'s>(self: &'s Rc<Self>) -> impl Iterator<Item = &'s Frame<'p>> {
        std::iter::successors(Some(self.as_ref()), |f| f.parent.as_deref())
    }

    /// Frames whose keywords a task here inherits, from the inside out.
    pub fn inherited(self: &Rc<Self>) -> impl Iterator<Item = &Keywords> {
        self.chain().filter(|f| !matches!(f.kind, Kind::Include)).map(|f| f.keywords.as_ref())
    }
}
