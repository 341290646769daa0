//! Lists of tasks: blocks and tasks in their order, and whole files of them.

use super::context::{Compiler, Scope};
use super::keyword::{BELOW_PLAY, BLOCK, COMMON, all, always_false, pairs};
use crate::plan::{Block, Node as PlanNode, limits};
use crate::source::{Code, Diagnostic};
use crate::yaml::{Content, Node};

impl Compiler<'_> {
    /// The nodes of a list of tasks.
    pub fn nodes(&mut self, scope: &Scope, list: &Node) -> Vec<PlanNode> {
        let items = match &list.content {
            Content::List(items) => items,
            _ if list.is_null() => return Vec::new(),
            _ => {
                self.error(scope, list, Code::NOT_A_PLAYBOOK, "a list of tasks was expected here");
                return Vec::new();
            }
        };
        if scope.depth > limits::INCLUDE_DEPTH {
            self.error(scope, list, Code::INCLUDE_CYCLE, "blocks and imports are nested too deep");
            return Vec::new();
        }
        items.iter().filter_map(|item| self.node(scope, item)).collect()
    }

    fn node(&mut self, scope: &Scope, item: &Node) -> Option<PlanNode> {
        let Content::Map(entries) = &item.content else {
            if !item.is_null() {
                self.error(scope, item, Code::NOT_A_PLAYBOOK, "a task is a dictionary");
            }
            return None;
        };
        let is_block = |name: &str| matches!(name, "block" | "rescue" | "always");
        if entries.iter().any(|(k, _)| k.as_str().is_some_and(is_block)) {
            return self.block(scope, item).map(|b| PlanNode::Block(Box::new(b)));
        }
        self.task(scope, item)
    }

    fn block(&mut self, scope: &Scope, node: &Node) -> Option<Block> {
        let mut block = Block { span: self.span(&scope.file, node.start), ..Block::default() };
        let entries = pairs(self, scope, node);
        for (name, key, value) in &entries {
            match *name {
                "name" => block.name = self.text(scope, value, "name").map(|d| crate::spec::python_str(&d)),
                "block" | "rescue" | "always" => {}
                "notify" => block.keywords.notify = self.notify(scope, value),
                name if self.common(scope, name, value, &mut block.keywords) => {}
                "loop" => self.not_here(
                    scope,
                    key,
                    "a block cannot loop",
                    "put the tasks into a file and loop over include_tasks",
                ),
                name if name.starts_with("with_") => {
                    self.not_here(
                        scope,
                        key,
                        "a block cannot loop",
                        "put the tasks into a file and loop over include_tasks",
                    );
                }
                _ => self.unknown_keyword(scope, key, "block", &all(&[BLOCK, COMMON, BELOW_PLAY])),
            }
        }
        if node.get("block").is_none() {
            self.error(scope, node, Code::NO_ACTION, "`rescue` and `always` need a `block`");
        }
        let inner = self.beneath(scope, node, &block.keywords.vars);
        let inner = Scope {
            never: scope.never || always_false(&block.keywords.when),
            foreseen: scope.foreseen || super::keyword::foreseen(&block.keywords),
            depth: scope.depth + 1,
            ..inner
        };
        if !self.delegation(&inner, node, &block.keywords, None) {
            return None;
        }
        for (name, _, value) in entries {
            match name {
                "block" => {
                    let foreseen = inner.foreseen || node.get("rescue").is_some();
                    block.block = self.nodes(&Scope { foreseen, ..inner.clone() }, value);
                }
                "rescue" => block.rescue = self.nodes(&inner, value),
                "always" => block.always = self.nodes(&inner, value),
                _ => {}
            }
        }
        Some(block)
    }

    /// Reports a keyword that has no business where it stands.
    pub fn not_here(&mut self, scope: &Scope, key: &Node, message: &str, hint: &str) {
        self.error_hint(scope, key, Code::NOT_HERE, (message.to_owned(), hint.to_owned()));
    }

    /// The nodes of a file of tasks.
    pub fn task_file(&mut self, scope: &Scope) -> Vec<PlanNode> {
        let Some(root) = self.yaml(&scope.file) else { return Vec::new() };
        if root.is_null() {
            let message = "this file holds no tasks";
            self.bag.push(Diagnostic::warning(Code::EMPTY_FILE, &scope.file, message));
        }
        self.nodes(scope, &root)
    }
}
