//! Python's values while a template runs: shared, mutable where Python's are, callable.
//!
//! Whatever is stored or handed on is [`Data`](crate::plan::Data); `convert` goes there and back. Comparison is in
//! `compare`, text forms in `repr`, attributes and methods in `access` and `methods`.

use super::error::{Outcome, TemplateError};
use super::object::Object;
use crate::plan::{Hashing, Timestamp};
use indexmap::{IndexMap, IndexSet};
use std::cell::{Ref, RefCell, RefMut};
use std::rc::Rc;

/// A dictionary's contents. Keys must be hashable: insert with [`Value::dict_insert`] or after [`Value::check_key`].
pub type Dict = IndexMap<Value, Value, Hashing>;
/// A set's contents; members must be hashable.
pub type Set = IndexSet<Value>;

/// One value. Cloning is cheap and shares lists, dictionaries and sets, as assignment does in Python.
#[derive(Clone, Default)]
pub enum Value {
    /// `None`.
    #[default]
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer; beyond 128 bits is an error where it arises.
    Int(i128),
    /// A double.
    Float(f64),
    /// Text.
    Str(Text),
    /// Bytes.
    Bytes(Rc<[u8]>),
    /// A list.
    List(Rc<List>),
    /// A tuple.
    Tuple(Rc<Tuple>),
    /// A set.
    Set(Rc<RefCell<Set>>),
    /// A dictionary, in the order of insertion.
    Dict(Rc<Mapping>),
    /// `datetime.date` or `datetime.datetime`.
    Time(Timestamp),
    /// `datetime.timedelta`, in microseconds.
    Delta(i64),
    /// `range(start, stop, step)`.
    Range(Rc<Range>),
    /// What can only be iterated: dictionary views, generators, iterators.
    View(Rc<View>),
    /// A method of a value that is not called yet.
    Method(Rc<Method>),
    /// Undefined, which is an error when it is used.
    Undefined(Rc<Undefined>),
    /// Functions, macros, namespaces, `loop`, `hostvars` and the like.
    Object(Rc<dyn Object>),
}

/// Text, and whether it came from outside: then it is never templated again.
///
/// Bytes that are not UTF-8 (Python's surrogateescape) stand in it as one character each, `U+10FF00 + byte`;
/// [`Text::from_bytes`] and [`Text::to_bytes`] are inverse for every input.
#[derive(Clone)]
pub struct Text {
    text: Rc<str>,
    tainted: bool,
    /// Made by a filter that makes text (`to_json`): never read as a list or dictionary.
    literal: bool,
    /// As the author wrote it (`AnsibleUnicode`).
    author: bool,
}

/// The first character that stands for a byte which is not UTF-8, less 0x80.
const ESCAPE: u32 = 0x10_FF00;

/// The byte that `c` stands for, where it stands for one.
pub fn escaped_byte(c: char) -> Option<u8> {
    let code = c as u32;
    (ESCAPE + 0x80..=ESCAPE + 0xFF).contains(&code).then_some((code & 0xFF) as u8)
}

impl Text {
    /// Text of the author's: it may be a template.
    pub fn new(text: impl Into<Rc<str>>) -> Text {
        Text { text: text.into(), tainted: false, literal: false, author: false }
    }

    /// Text from outside, never to be templated.
    pub fn tainted(text: impl Into<Rc<str>>) -> Text {
        Text { text: text.into(), tainted: true, literal: false, author: false }
    }

    /// Text of bytes as Python's `decode('utf-8', 'surrogateescape')` makes it.
    pub fn from_bytes(bytes: &[u8]) -> Text {
        let mut out = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                push_escaping(&mut out, c);
            }
            for b in chunk.invalid() {
                push_byte(&mut out, *b);
            }
        }
        Text::new(out)
    }

    /// The bytes: UTF-8, with escaped bytes as themselves.
    pub fn to_bytes(&self) -> Vec<u8> {
        text_to_bytes(&self.text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether bytes that are not UTF-8 stand in it.
    pub fn has_raw_bytes(&self) -> bool {
        // Every escape starts with this byte in UTF-8, and hardly any other character does.
        self.text.as_bytes().contains(&0xF4) && self.text.chars().any(|c| escaped_byte(c).is_some())
    }

    /// Whether it came from outside (`AnsibleUnsafeText`).
    pub fn is_tainted(&self) -> bool {
        self.tainted
    }

    /// Whether it stays text whatever it looks like (`NativeJinjaText`).
    pub fn is_literal(&self) -> bool {
        self.literal
    }

    /// The same text, as the author wrote it.
    pub fn by_author(mut self) -> Text {
        self.author = true;
        self
    }

    /// Python's name of its class.
    pub fn class(&self) -> &'static str {
        match (self.tainted, self.literal, self.author) {
            (true, true, _) => "NativeJinjaUnsafeText",
            (true, false, _) => "AnsibleUnsafeText",
            (false, true, _) => "NativeJinjaText",
            (false, false, true) => "AnsibleUnicode",
            (false, false, false) => "str",
        }
    }

    /// The same text, never to be read as a list or dictionary.
    pub fn literal(mut self) -> Text {
        self.literal = true;
        self
    }

    /// The same text, tainted if `also` is.
    pub fn tainted_like(mut self, also: &Text) -> Text {
        self.tainted |= also.tainted;
        self
    }
}

fn push_byte(out: &mut String, b: u8) {
    out.push(char::from_u32(ESCAPE + u32::from(b)).expect("plane 16 ends at U+10FFFF"));
}

fn push_escaping(out: &mut String, c: char) {
    if escaped_byte(c).is_some() {
        // A real character where our escapes live: its bytes are kept one by one, so that nothing is lost.
        let mut buffer = [0; 4];
        for b in c.encode_utf8(&mut buffer).bytes() {
            push_byte(out, b);
        }
    } else {
        out.push(c);
    }
}

/// The bytes of text whose escapes stand for bytes.
pub fn text_to_bytes(text: &str) -> Vec<u8> {
    if !text.as_bytes().contains(&0xF4) {
        return text.as_bytes().to_vec();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match escaped_byte(c) {
            Some(b) => out.push(b),
            None => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    out
}

/// A list's cell.
#[derive(Default)]
pub struct List(RefCell<Vec<Value>>);

/// A tuple's items.
#[derive(Default)]
pub struct Tuple(Vec<Value>);

/// A dictionary's cell.
#[derive(Default)]
pub struct Mapping(RefCell<Dict>);

impl Mapping {
    /// A cell with these members.
    pub fn new(members: Dict) -> Mapping {
        Mapping(RefCell::new(members))
    }
}

impl List {
    /// The items, to look at.
    pub fn borrow(&self) -> Ref<'_, Vec<Value>> {
        self.0.borrow()
    }

    /// The items, to change. Evaluate, compare and convert nothing while it is held.
    pub fn borrow_mut(&self) -> RefMut<'_, Vec<Value>> {
        self.0.borrow_mut()
    }
}

impl Mapping {
    /// The members, to look at.
    pub fn borrow(&self) -> Ref<'_, Dict> {
        self.0.borrow()
    }

    /// The members, to change. Evaluate and convert nothing while it is held.
    pub fn borrow_mut(&self) -> RefMut<'_, Dict> {
        self.0.borrow_mut()
    }
}

impl std::ops::Deref for Tuple {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl Drop for List {
    fn drop(&mut self) {
        discard(self.0.get_mut().drain(..));
    }
}

impl Drop for Tuple {
    fn drop(&mut self) {
        discard(self.0.drain(..));
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        discard(self.0.get_mut().drain(..).map(|(_, v)| v));
    }
}

impl Drop for View {
    fn drop(&mut self) {
        discard(self.items.drain(..));
    }
}

thread_local! {
    static DISCARDING: RefCell<(usize, Vec<Value>)> = const { RefCell::new((0, Vec::new())) };
}

/// Drops values without a stack frame per level: a list nested a million deep must not end the process.
fn discard(values: impl Iterator<Item = Value>) {
    const LEVELS: usize = 64;
    let nested: Vec<Value> = values.filter(Value::is_container).collect();
    if nested.is_empty() {
        return;
    }
    let level = DISCARDING.try_with(|d| {
        let mut d = d.borrow_mut();
        d.0 += 1;
        d.0
    });
    let Ok(level) = level else { return };
    if level > LEVELS {
        DISCARDING.with(|d| {
            let mut d = d.borrow_mut();
            d.0 -= 1;
            d.1.extend(nested);
        });
        return;
    }
    drop(nested);
    if level == 1 {
        while let Some(value) = DISCARDING.with(|d| d.borrow_mut().1.pop()) {
            drop(value);
        }
    }
    DISCARDING.with(|d| d.borrow_mut().0 -= 1);
}

/// `range()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First number.
    pub start: i128,
    /// The number it stops before.
    pub stop: i128,
    /// Never zero.
    pub step: i128,
}

impl Range {
    /// How many numbers it has.
    pub fn len(&self) -> u128 {
        let span =
            if self.step > 0 { self.stop.saturating_sub(self.start) } else { self.start.saturating_sub(self.stop) };
        if span <= 0 { 0 } else { (span as u128 - 1) / self.step.unsigned_abs() + 1 }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at `index`, from the end where it is negative.
    pub fn get(&self, index: i128) -> Option<i128> {
        let len = i128::try_from(self.len()).ok()?;
        let at = if index < 0 { index + len } else { index };
        ((0..len).contains(&at)).then(|| self.start + at * self.step)
    }
}

/// What can only be iterated.
pub struct View {
    /// Python's type: `dict_keys`, `dict_values`, `dict_items`, `generator`, `zip`, ...
    pub kind: &'static str,
    /// What it gives.
    pub items: Vec<Value>,
}

/// A method bound to its value.
pub struct Method {
    /// The value.
    pub receiver: Value,
    /// The method's name.
    pub name: Rc<str>,
}

/// Why something is undefined.
#[derive(Debug)]
pub struct Undefined {
    /// `'x' is undefined`, `'dict object' has no attribute 'x'`, or a hint.
    pub message: String,
    /// The templates and variables that led to it.
    pub context: Vec<String>,
    /// The variable's or attribute's name, where it has one.
    pub name: Option<String>,
    /// What an `if` expression without `else` gives: it prints as nothing.
    pub lenient: bool,
}

impl Undefined {
    /// The error of using it.
    pub fn error(&self) -> TemplateError {
        TemplateError { context: self.context.clone(), ..TemplateError::undefined(self.message.clone()) }
    }
}

impl Value {
    /// Text of the author's.
    pub fn str(text: impl Into<Rc<str>>) -> Value {
        Value::Str(Text::new(text))
    }

    /// Text from outside: never templated.
    pub fn tainted(text: impl Into<Rc<str>>) -> Value {
        Value::Str(Text::tainted(text))
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Rc<[u8]>>) -> Value {
        Value::Bytes(bytes.into())
    }

    /// A new list.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(List(RefCell::new(items))))
    }

    /// A new tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(Rc::new(Tuple(items)))
    }

    /// A new dictionary. The keys must have been checked to be hashable.
    pub fn dict(members: Dict) -> Value {
        Value::Dict(Rc::new(Mapping(RefCell::new(members))))
    }

    /// A new dictionary with text keys.
    pub fn record<K: Into<Rc<str>>>(members: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::dict(members.into_iter().map(|(k, v)| (Value::str(k), v)).collect())
    }

    /// A new set; its members must be hashable.
    pub fn set(members: impl IntoIterator<Item = Value>) -> Outcome<Value> {
        let mut set = Set::new();
        for member in members {
            member.check_key()?;
            set.insert(member);
        }
        Ok(Value::Set(Rc::new(RefCell::new(set))))
    }

    /// What can only be iterated.
    pub fn view(kind: &'static str, items: Vec<Value>) -> Value {
        Value::View(Rc::new(View { kind, items }))
    }

    /// An object of ours.
    pub fn object(object: impl Object + 'static) -> Value {
        Value::Object(Rc::new(object))
    }

    /// The undefined variable `name`.
    pub fn undefined(name: &str) -> Value {
        Value::undefined_because(format!("'{name}' is undefined"), Some(name))
    }

    /// Something undefined, in the words of its error.
    pub fn undefined_because(message: impl Into<String>, name: Option<&str>) -> Value {
        let name = name.map(str::to_owned);
        Value::Undefined(Rc::new(Undefined { message: message.into(), context: Vec::new(), name, lenient: false }))
    }

    /// The variable `name`, in which something undefined was used.
    pub fn undefined_within(error: TemplateError, name: &str) -> Value {
        let TemplateError { message, mut context, .. } = error;
        context.push(format!("in variable '{name}'"));
        Value::Undefined(Rc::new(Undefined { message, context, name: Some(name.to_owned()), lenient: false }))
    }

    /// What `x if false` gives: it prints as nothing.
    pub fn lenient_undefined() -> Value {
        let message = "the inline if-expression evaluated to false and no else section was defined.".to_owned();
        Value::Undefined(Rc::new(Undefined { message, context: Vec::new(), name: None, lenient: true }))
    }

    /// Puts a member into a dictionary's contents; an unhashable key is Python's error.
    pub fn dict_insert(dict: &mut Dict, key: Value, value: Value) -> Outcome<()> {
        key.check_key()?;
        dict.insert(key, value);
        Ok(())
    }

    /// Whether it is undefined.
    pub fn is_undefined(&self) -> bool {
        matches!(self, Value::Undefined(_))
    }

    /// Whether it is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// This value, or the error of using something undefined.
    pub fn defined(&self) -> Outcome<&Value> {
        match self {
            Value::Undefined(u) if !u.lenient => Err(u.error()),
            _ => Ok(self),
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(t) => Some(t.as_str()),
            _ => None,
        }
    }

    /// The integer, if it is one (`True` and `False` are).
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Value::Int(i) => Some(*i),
            Value::Bool(b) => Some(i128::from(*b)),
            _ => None,
        }
    }

    /// The number as a double, if it is one.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(f) => Some(*f),
            other => other.as_int().map(|i| i as f64),
        }
    }

    /// Whether it holds other values.
    pub fn is_container(&self) -> bool {
        matches!(
            self,
            Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::View(_) | Value::Object(_) | Value::Method(_)
        )
    }

    /// Python's `isinstance(x, Mapping)`.
    pub fn is_mapping(&self) -> bool {
        match self {
            Value::Dict(_) => true,
            Value::Object(o) => o.is_mapping(),
            _ => false,
        }
    }

    /// Python's `isinstance(x, Sequence)` without text and bytes: lists, tuples and ranges.
    pub fn is_list_like(&self) -> bool {
        matches!(self, Value::List(_) | Value::Tuple(_) | Value::Range(_))
    }

    /// The member of a dictionary with a text key.
    pub fn member(&self, name: &str) -> Option<Value> {
        match self {
            Value::Dict(d) => d.borrow().get(&super::compare::TextKey(name)).cloned(),
            _ => None,
        }
    }

    /// Python's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Set(_) => "set",
            Value::Dict(_) => "dict",
            Value::Time(t) if t.clock.is_none() => "date",
            Value::Time(_) => "datetime",
            Value::Delta(_) => "timedelta",
            Value::Range(_) => "range",
            Value::View(v) => v.kind,
            Value::Method(_) => "builtin_function_or_method",
            Value::Undefined(u) if u.lenient => "Undefined",
            Value::Undefined(_) => "AnsibleUndefined",
            Value::Object(o) => o.type_name(),
        }
    }

    /// Python's truth value; undefined is an error.
    pub fn truthy(&self) -> Outcome<bool> {
        Ok(match self {
            Value::None => false,
            Value::Bool(b) => *b,
            Value::Int(i) => *i != 0,
            Value::Float(f) => *f != 0.0,
            Value::Str(t) => !t.as_str().is_empty(),
            Value::Bytes(b) => !b.is_empty(),
            Value::List(l) => !l.borrow().is_empty(),
            Value::Tuple(t) => !t.is_empty(),
            Value::Set(s) => !s.borrow().is_empty(),
            Value::Dict(d) => !d.borrow().is_empty(),
            Value::Delta(d) => *d != 0,
            Value::Range(r) => !r.is_empty(),
            // Views have a length, generators are objects like any other.
            Value::View(v) => !v.kind.starts_with("dict_") || !v.items.is_empty(),
            Value::Undefined(u) if u.lenient => false,
            Value::Undefined(u) => return Err(u.error()),
            Value::Object(o) => o.truthy(),
            Value::Time(_) | Value::Method(_) => true,
        })
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.repr() {
            Ok(text) => f.write_str(&text),
            Err(e) => write!(f, "<{}: {e}>", self.type_name()),
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::str(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::str(text)
    }
}

impl From<usize> for Value {
    fn from(n: usize) -> Value {
        Value::Int(n as i128)
    }
}

impl From<i128> for Value {
    fn from(n: i128) -> Value {
        Value::Int(n)
    }
}

impl From<f64> for Value {
    fn from(f: f64) -> Value {
        Value::Float(f)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::list(items)
    }
}
