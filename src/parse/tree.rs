//! The value tree that YAML and JSON are parsed into: Python's values, each with its place in the text.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;

use crate::input::source_map::SourceId;

/// A byte range `start..end` of one source's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The source that the offsets belong to.
    pub source: SourceId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end` of `source`.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        Self { source, start, end }
    }

    /// Says that the ids of its sources have grown by so much.
    pub fn renumber(&mut self, by: u32) {
        self.source = self.source.renumbered(by);
    }
}

/// The start of the character at a byte offset, or the end of the text if it is shorter.
pub(super) fn character_start(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|start| text.is_char_boundary(*start)).unwrap_or(0)
}

/// A value and where it stands.
///
/// Equality compares the values alone: two documents that mean the same are equal wherever their parts stand.
#[derive(Clone)]
pub struct Node {
    /// What the text means to Patroni.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
    /// How the scalar was written; collections have [`Style::Plain`].
    pub style: Style,
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: the YAML resolver decides the type. Also every JSON value but strings, and every collection.
    Plain,
    /// In single or double quotes: always a string.
    Quoted,
    /// A literal (`|`) or folded (`>`) block: always a string.
    Block,
}

/// A value as Python holds it after `yaml.safe_load` or `json.loads`.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `None`
    Null,
    /// `True` or `False`
    Bool(bool),
    /// An integer. Python's are unbounded; what does not fit saturates, which no decision can tell apart.
    Int(i128),
    /// A float, `nan` and infinities included.
    Float(f64),
    /// A string.
    String(String),
    /// A date or datetime that YAML resolved from a plain scalar, as written.
    Timestamp(String),
    /// `!!binary`.
    Binary(Vec<u8>),
    /// A list.
    Sequence(Vec<Node>),
    /// A dictionary.
    Mapping(Mapping),
    /// A secret: no output shows it. The value as it was is kept to tell its type.
    Secret(Secret),
}

/// A dictionary in the order of the text, with the repeated keys that Python drops.
#[derive(Clone, Default)]
pub struct Mapping {
    /// Every entry of the text, merge keys (`<<`) already applied. Of equal keys the last one counts.
    pub entries: Vec<Entry>,
}

/// One `key: value` of a [`Mapping`].
#[derive(Clone)]
pub struct Entry {
    /// The key, of any hashable type.
    pub key: Node,
    /// The value.
    pub value: Node,
    /// Whether a merge key (`<<`) brought it here.
    pub merged: bool,
}

/// A value that is never shown.
#[derive(Clone, PartialEq)]
pub struct Secret(Box<Value>);

impl Secret {
    /// Hides `value`.
    pub fn new(value: Value) -> Self {
        Self(Box::new(value))
    }

    /// The hidden value, for its type; it must not reach any output.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(***)")
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self.last_by_key(), other.last_by_key());
        let has_equal = |(key, index): (&Key<'_>, &usize)| {
            two.get(key).is_some_and(|other_index| self.entries[*index].value == other.entries[*other_index].value)
        };
        one.len() == two.len() && one.iter().all(has_equal)
    }
}

impl Mapping {
    /// The value of the string key `name`; of repeated keys the last one, as Python keeps it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The entry of the string key `name`; of repeated keys the last one.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| matches!(&entry.key.value, Value::String(key) if key == name))
    }

    /// The value of a key of any type; of repeated keys the last one.
    pub fn get_value(&self, key: &Value) -> Option<&Node> {
        self.entries.iter().rev().find(|entry| Key::of(&entry.key.value) == Key::of(key)).map(|entry| &entry.value)
    }

    /// The entry of a key of any type, to change; of repeated keys the last one.
    pub fn entry_mut(&mut self, key: &Value) -> Option<&mut Entry> {
        self.entries.iter_mut().rev().find(|entry| Key::of(&entry.key.value) == Key::of(key))
    }

    /// Takes a key of any type out, wherever it stands.
    pub fn remove(&mut self, key: &Value) {
        self.entries.retain(|entry| Key::of(&entry.key.value) != Key::of(key));
    }

    /// The entries that Python keeps: the last one of each key, in order of first appearance.
    pub fn effective(&self) -> impl Iterator<Item = &Entry> {
        let mut last = (!self.is_plain()).then(|| self.last_by_key());
        self.entries.iter().filter_map(move |entry| match &mut last {
            None => Some(entry),
            Some(last) => last.remove(&Key::of(&entry.key.value)).map(|index| &self.entries[index]),
        })
    }

    /// Whether it is small enough to see at once that no key is repeated; most are.
    fn is_plain(&self) -> bool {
        const FEW: usize = 16;
        let is_first = |(index, entry): (usize, &Entry)| {
            let key = Key::of(&entry.key.value);
            self.entries[..index].iter().all(|before| Key::of(&before.key.value) != key)
        };
        self.entries.len() <= FEW && self.entries.iter().enumerate().all(is_first)
    }

    /// Gives equal keys the form of the first of them, as Python's dictionaries keep it: `{1: a, true: b}` is `{1: b}`.
    pub fn unify_keys(&mut self) {
        let is_text = |entry: &Entry| matches!(entry.key.value, Value::String(_));
        if self.entries.iter().all(is_text) {
            return;
        }
        let mut first: HashMap<Key<'_>, usize> = HashMap::new();
        let mut later: Vec<(usize, usize)> = Vec::new();
        for (index, entry) in self.entries.iter().enumerate().filter(|(_, entry)| !is_text(entry)) {
            match first.entry(Key::of(&entry.key.value)) {
                Slot::Occupied(known) => later.push((index, *known.get())),
                Slot::Vacant(slot) => {
                    slot.insert(index);
                }
            }
        }
        for (index, known) in later {
            self.entries[index].key.value = self.entries[known].key.value.clone();
        }
    }

    /// The entries that Python drops because the same key follows, each with the entry that takes its place; entries
    /// that a merge key brought do not count.
    pub fn repeated(&self) -> Vec<(&Entry, &Entry)> {
        let mut later: HashMap<Key<'_>, &Entry> = HashMap::new();
        let written = self.entries.iter().rev().filter(|entry| !entry.merged);
        let mut repeated: Vec<_> =
            written.filter_map(|entry| Some((entry, later.insert(Key::of(&entry.key.value), entry)?))).collect();
        repeated.reverse();
        repeated
    }

    /// The index of the last entry of each key.
    fn last_by_key(&self) -> HashMap<Key<'_>, usize> {
        self.entries.iter().enumerate().map(|(index, entry)| (Key::of(&entry.key.value), index)).collect()
    }
}

/// A key as Python's dictionaries compare it: `1`, `1.0` and `True` are one key.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Null,
    Number(i128),
    Float(u64),
    Text(&'a str),
    Timestamp(&'a str),
    Binary(&'a [u8]),
    /// No collection is a key in Python.
    Collection,
}

impl<'a> Key<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Number(i128::from(*value)),
            Value::Int(value) => Self::Number(*value),
            Value::Float(value) if *value as i128 as f64 == *value => Self::Number(*value as i128),
            Value::Float(value) => Self::Float(value.to_bits()),
            Value::String(value) => Self::Text(value),
            Value::Timestamp(value) => Self::Timestamp(value),
            Value::Binary(value) => Self::Binary(value),
            Value::Sequence(_) | Value::Mapping(_) => Self::Collection,
            Value::Secret(secret) => Self::of(secret.expose()),
        }
    }
}

impl Node {
    /// The mapping, if this is one.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The list, if this is one.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The string, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value below a string key, if this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.as_mapping()?.get(name)
    }

    /// Says that the tree was read from `source`.
    pub fn rebase(&mut self, source: SourceId) {
        self.each_span(&mut |span| span.source = source);
    }

    /// Says that the ids of the tree's sources have grown by so much.
    pub fn renumber(&mut self, by: u32) {
        self.each_span(&mut |span| span.renumber(by));
    }

    /// Says that the tree's text starts at byte `offset` of its source.
    pub fn shift(&mut self, offset: usize) {
        if 0 < offset {
            self.each_span(&mut |span| *span = Span::new(span.source, span.start + offset, span.end + offset));
        }
    }

    /// Says that the whole tree stands at `place`.
    pub fn place(&mut self, place: Span) {
        self.each_span(&mut |span| *span = place);
    }

    fn each_span(&mut self, change: &mut impl FnMut(&mut Span)) {
        change(&mut self.span);
        match &mut self.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| item.each_span(change)),
            Value::Mapping(mapping) => mapping.entries.iter_mut().for_each(|entry| {
                entry.key.each_span(change);
                entry.value.each_span(change);
            }),
            _ => {}
        }
    }

    /// The value at a route of string keys.
    pub fn at(&self, route: &[&str]) -> Option<&Node> {
        route.iter().try_fold(self, |node, name| node.get(name))
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("None"),
            Self::Bool(value) => value.fmt(formatter),
            Self::Int(value) => value.fmt(formatter),
            Self::Float(value) => value.fmt(formatter),
            Self::String(value) => value.fmt(formatter),
            Self::Timestamp(value) => write!(formatter, "Timestamp({value})"),
            Self::Binary(value) => write!(formatter, "Binary({} bytes)", value.len()),
            Self::Sequence(value) => value.fmt(formatter),
            Self::Mapping(value) => value.fmt(formatter),
            Self::Secret(value) => value.fmt(formatter),
        }
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.entries.iter().map(|entry| (&entry.key, &entry.value))).finish()
    }
}
