//! Loops: what there is to loop over, and what each item can see.

use super::Run;
use super::files::TaskFiles;
use super::frame::Frame;
use super::result::{Done, boolean};
use super::scope::Scope;
use crate::plan::{Data, Loop, Map, Task};
use crate::vars::Value;
use std::rc::Rc;

/// Loops whose value must be a list; the others take one value as a list of one.
const LISTS_ONLY: &[&str] = &["list", "indexed_items"];

impl<'p> Run<'p> {
    /// The items of a task's loop; `None` where it has none.
    pub(super) fn loop_items(
        &self,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
    ) -> Result<Option<Vec<Data>>, String> {
        let Some(wanted) = &task.loop_ else { return Ok(None) };
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        let wrong = |e: crate::vars::TemplateError| e.to_string();
        let Some(lookup) = &wanted.with else {
            return match templar.value(&wanted.items).map_err(wrong)? {
                Data::List(list) | Data::Tuple(list) | Data::Set(list) => Ok(Some(list)),
                other => Err(format!(
                    "Invalid data passed to 'loop', it requires a list, got this instead: {}. Hint: If \
                     you passed a list/dict of just one element, try adding wantlist=True to your lookup invocation or \
                     use q/query instead of lookup.",
                    Value::from_data(&other).text().unwrap_or_default()
                )),
            };
        };
        let terms = match (&wanted.items, lookup.as_str()) {
            // Candidates that name something undefined are no candidates: the lookup sees them as they are written.
            (items, "first_found" | "ansible.builtin.first_found") => {
                match templar.value_leniently(items).map_err(wrong)? {
                    Data::List(list) => list,
                    one => vec![one],
                }
            }
            (items, _) => match templar.value(items).map_err(wrong)? {
                Data::List(list) => list,
                _ if LISTS_ONLY.iter().any(|name| lookup.trim_start_matches("ansible.builtin.") == *name) => {
                    let name = lookup.trim_start_matches("ansible.builtin.");
                    return Err(format!("with_{name} expects a list"));
                }
                one => vec![one],
            },
        };
        let listed = |item: Data| match item {
            // What a lookup gives as a tuple is a list once it is an item.
            Data::Tuple(parts) => Data::List(parts),
            other => other,
        };
        let items = templar.lookup(lookup, terms, Map::default()).map_err(wrong)?;
        Ok(Some(items.into_iter().map(listed).collect()))
    }

    /// Sets an item's variables: `item`, the index, `ansible_loop`.
    pub(super) fn bind_item(
        &self,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
        (items, index): (&[Data], usize),
    ) -> Result<(), String> {
        let Some(control) = &task.loop_ else { return Ok(()) };
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        let name = |data: &Option<Data>| -> Result<Option<String>, String> {
            let Some(data) = data else { return Ok(None) };
            let value = templar.value(data).map_err(|e| e.to_string())?;
            Ok(value.as_str().map(str::to_owned))
        };
        let var = name(&control.var)?.unwrap_or_else(|| "item".to_owned());
        let index_var = name(&control.index_var)?;
        let flag = |data: &Option<Data>, otherwise: bool| -> Result<bool, String> {
            let Some(data) = data else { return Ok(otherwise) };
            Ok(boolean(&templar.value(data).map_err(|e| e.to_string())?))
        };
        let (extended, all) = (flag(&control.extended, false)?, flag(&control.extended_allitems, true)?);
        let pause = match &control.pause {
            Some(pause) if index > 0 => match templar.value(pause).map_err(|e| e.to_string())? {
                Data::Int(n) => n as f64,
                Data::Float(f) => f,
                other => other.as_str().and_then(|s| s.parse().ok()).unwrap_or(0.0),
            },
            _ => 0.0,
        };
        if pause > 0.0 {
            self.pause(std::time::Duration::from_secs_f64(pause.min(3600.0)), self.world.options.deadline);
        }
        scope.set_local("ansible_loop_var", Data::str(var.as_str()));
        if let Some(index_var) = index_var {
            scope.set_local("ansible_index_var", Data::str(index_var.as_str()));
            scope.set_local(&index_var, Data::Int(index as i128));
        }
        if extended {
            scope.set_local("ansible_loop", Data::Map(extended_loop(items, index, all)));
        }
        match control.with {
            // What a lookup gave is foreign.
            Some(_) => scope.set_local(&var, items[index].clone()),
            None => scope.set_item(&var, items[index].clone()),
        }
        Ok(())
    }

    /// Puts into an item's result what Ansible puts there, and gives the label to show.
    pub(super) fn describe_item(
        &self,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
        item: &Data,
        done: &mut Done,
    ) -> Data {
        let locals = scope.locals();
        let text = |name: &str| locals.get(&crate::plan::Key(name)).cloned();
        if let Some(var) = text("ansible_loop_var") {
            if let Some(name) = var.as_str() {
                done.put(name, item.clone());
            }
            done.put("ansible_loop_var", var);
        }
        if let Some(var) = text("ansible_index_var") {
            if let Some((name, value)) = var.as_str().and_then(|n| Some((n, text(n)?))) {
                done.put(name, value);
            }
            done.put("ansible_index_var", var);
        }
        if let Some(extended) = text("ansible_loop") {
            done.put("ansible_loop", extended);
        }
        let Some(Loop { label: Some(label), .. }) = &task.loop_ else { return item.clone() };
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        match templar.value(label) {
            Ok(label) => label,
            Err(e) => {
                done.put("failed", Data::Bool(true));
                done.put("changed", Data::Bool(false));
                done.put("msg", Data::Unsafe(format!("Failed to template loop_control.label: {e}")));
                label.clone()
            }
        }
    }
}

/// `ansible_loop` of `extended: true`.
fn extended_loop(items: &[Data], index: usize, all: bool) -> Map {
    let count = items.len() as i128;
    let at = index as i128;
    let mut map = Map::default();
    let mut put = |name: &str, value: Data| {
        map.insert(Data::str(name), value);
    };
    if all {
        put("allitems", Data::List(items.to_vec()));
    }
    put("index", Data::Int(at + 1));
    put("index0", Data::Int(at));
    put("first", Data::Bool(index == 0));
    put("last", Data::Bool(at + 1 == count));
    put("length", Data::Int(count));
    put("revindex", Data::Int(count - at));
    put("revindex0", Data::Int(count - at - 1));
    if let Some(next) = items.get(index + 1) {
        put("nextitem", next.clone());
    }
    if let Some(previous) = index.checked_sub(1).and_then(|i| items.get(i)) {
        put("previtem", previous.clone());
    }
    map
}
