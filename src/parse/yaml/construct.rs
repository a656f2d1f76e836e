//! The graph of nodes to Python's values: tags, merge keys, aliases.
//!
//! Source: yaml/constructor.py, `SafeConstructor`, PyYAML 6.0.3.

use super::Refusal;
use super::compose::{Content, Graph, NodeId};
use super::scalar::{self, Tag};
use super::scan::MAX_DEPTH;
use crate::input::source_map::SourceId;
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};

/// What aliases and merge keys may add to a document, in bytes of memory. PyYAML shares what an alias repeats, this tree
/// copies it: a small text must not become a large tree.
const MAX_ALIAS_BYTES: usize = 16 << 20;

/// About the memory of one node without its text.
const NODE_BYTES: usize = 100;

/// Constructs the value of a document.
pub(super) fn value(source: SourceId, text: &str, graph: &Graph) -> Result<Node, Refusal> {
    let count = graph.nodes.len();
    let mut constructor =
        Constructor { source, text, graph, is_active: vec![false; count], is_seen: vec![false; count], alias_bytes: 0 };
    match graph.root {
        Some(root) => constructor.node(root, 0),
        None => Ok(Node { value: Value::Null, span: Span::new(source, text.len(), text.len()), style: Style::Plain }),
    }
}

struct Constructor<'a> {
    source: SourceId,
    text: &'a str,
    graph: &'a Graph,
    /// Nodes that are being constructed further up.
    is_active: Vec<bool>,
    /// Nodes that were constructed before: coming back to one is an alias.
    is_seen: Vec<bool>,
    alias_bytes: usize,
}

/// A pair of a mapping with its merge keys applied.
struct Pair {
    key: NodeId,
    value: NodeId,
    merged: bool,
}

impl Constructor<'_> {
    fn refuse(&self, id: NodeId, message: impl Into<String>) -> Refusal {
        let node = &self.graph.nodes[id];
        Refusal::new(message.into(), node.start, node.end)
    }

    /// Guards against aliases that lead back to where they stand, and against those that multiply.
    fn enter(&mut self, id: NodeId, depth: usize) -> Result<(), Refusal> {
        if MAX_DEPTH < depth {
            return Err(self.refuse(id, format!("the document is nested more than {MAX_DEPTH} deep")));
        }
        if self.is_active[id] {
            return Err(self.refuse(id, "an anchor ('&') contains an alias ('*') to itself"));
        }
        if self.is_seen[id] {
            let text_bytes = match &self.graph.nodes[id].content {
                Content::Scalar { text, .. } => text.len(),
                _ => 0,
            };
            self.alias_bytes += NODE_BYTES + text_bytes;
            if MAX_ALIAS_BYTES < self.alias_bytes {
                return Err(self.refuse(id, "aliases ('*') repeat too much of the document"));
            }
        }
        self.is_active[id] = true;
        Ok(())
    }

    fn leave(&mut self, id: NodeId) {
        self.is_active[id] = false;
        self.is_seen[id] = true;
    }

    fn node(&mut self, id: NodeId, depth: usize) -> Result<Node, Refusal> {
        self.enter(id, depth)?;
        let graph = self.graph;
        let node = &graph.nodes[id];
        let tag = self.tag(id)?;
        let (value, style) = match (&node.content, tag) {
            (Content::Sequence(items), Tag::Sequence) => (
                Value::Sequence(items.iter().map(|item| self.node(*item, depth + 1)).collect::<Result<_, _>>()?),
                Style::Plain,
            ),
            (Content::Mapping(_), Tag::Mapping | Tag::Set) => {
                let mut mapping = self.mapping(id, depth)?;
                if tag == Tag::Set {
                    mapping.entries.iter_mut().for_each(|entry| entry.value.value = Value::Null);
                }
                (Value::Mapping(mapping), Style::Plain)
            }
            (Content::Sequence(items), Tag::Pairs) => (
                Value::Sequence(items.iter().map(|item| self.pair(*item, depth)).collect::<Result<_, _>>()?),
                Style::Plain,
            ),
            (_, Tag::Sequence | Tag::Mapping | Tag::Set | Tag::Pairs) => {
                return Err(self.refuse(id, "the tag ('!!') does not fit the kind of value that follows it"));
            }
            _ => {
                let (text, style) = self.scalar_text(id, 0)?;
                let value = scalar::value(tag, text).ok_or_else(|| {
                    let refusal = self.refuse(id, format!("{} is not valid", tag.name()));
                    match (tag, &node.tag) {
                        (Tag::Special, None) => refusal.help("quote the value"),
                        (Tag::Timestamp, None) => refusal.help("correct the date, or quote the value if it is none"),
                        _ => refusal,
                    }
                })?;
                (value, style)
            }
        };
        self.leave(id);
        Ok(Node { value, span: Span::new(self.source, node.start, node.end), style })
    }

    fn tag(&self, id: NodeId) -> Result<Tag, Refusal> {
        let node = &self.graph.nodes[id];
        match (&node.tag, &node.content) {
            (Some(tag), _) if tag != "!" => scalar::explicit_tag(tag).ok_or_else(|| {
                let refusal = self.refuse(id, "a tag ('!') that no YAML reader knows without an extension");
                refusal.help("quote the value if '!' belongs to it")
            }),
            // A lone `!` leaves the type to the resolver, whatever the quotes.
            (tag, Content::Scalar { text, style }) => {
                Ok(if *style == Style::Plain || tag.is_some() { scalar::resolve(text) } else { Tag::String })
            }
            (_, Content::Sequence(_)) => Ok(Tag::Sequence),
            (_, Content::Mapping(_)) => Ok(Tag::Mapping),
        }
    }

    /// The text of a scalar; of a mapping with a scalar's tag that of its key `=`.
    fn scalar_text(&self, id: NodeId, depth: usize) -> Result<(&str, Style), Refusal> {
        match &self.graph.nodes[id].content {
            Content::Scalar { text, style } => return Ok((text, *style)),
            Content::Mapping(pairs) if depth < MAX_DEPTH => {
                for (key, value) in pairs {
                    if self.is_value_key(*key) {
                        return self.scalar_text(*value, depth + 1);
                    }
                }
            }
            _ => {}
        }
        Err(self.refuse(id, "the tag ('!!') needs a plain or quoted value"))
    }

    fn is_value_key(&self, key: NodeId) -> bool {
        self.tag(key) == Ok(Tag::Special)
    }

    fn mapping(&mut self, id: NodeId, depth: usize) -> Result<Mapping, Refusal> {
        let mut entries = Vec::new();
        for pair in self.flatten(id, depth)? {
            let key = match self.tag(pair.key)? {
                Tag::Special => self.special_key(pair.key)?,
                _ => self.node(pair.key, depth + 1)?,
            };
            if matches!(key.value, Value::Sequence(_) | Value::Mapping(_)) {
                return Err(self.unhashable(&key));
            }
            let value = self.node(pair.value, depth + 1)?;
            entries.push(Entry { key, value, merged: pair.merged });
        }
        let mut mapping = Mapping { entries };
        mapping.unify_keys();
        Ok(mapping)
    }

    /// The key `=`, which is a string there, though it is refused as a value.
    fn special_key(&self, id: NodeId) -> Result<Node, Refusal> {
        let (text, style) = self.scalar_text(id, 0)?;
        let node = &self.graph.nodes[id];
        Ok(Node { value: Value::String(text.to_owned()), span: Span::new(self.source, node.start, node.end), style })
    }

    fn unhashable(&self, key: &Node) -> Refusal {
        let is_template = key.span.start.checked_sub(1).and_then(|before| self.text.get(before..key.span.start))
            == Some("{")
            && matches!(key.value, Value::Mapping(_));
        if is_template {
            let end = key.span.end + usize::from(self.text[key.span.end..].starts_with('}'));
            return Refusal::new("'{{' starts a mapping in a mapping's key".to_owned(), key.span.start - 1, end)
                .help("a template was left unrendered: render it before Patroni reads the file, or quote the value");
        }
        Refusal::new("a list or mapping cannot be a key".to_owned(), key.span.start, key.span.end)
            .help("quote the key if it is meant as text")
    }

    /// The pairs of a mapping: those that merge keys bring first, then its own.
    ///
    /// Source: `SafeConstructor.flatten_mapping`.
    fn flatten(&mut self, id: NodeId, depth: usize) -> Result<Vec<Pair>, Refusal> {
        let graph = self.graph;
        let Content::Mapping(pairs) = &graph.nodes[id].content else {
            return Err(self.refuse(id, "'<<' merges mappings and lists of mappings only"));
        };
        let (mut merged, mut own) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            let is_merge = self.tag(*key) == Ok(Tag::Merge);
            match &graph.nodes[*value].content {
                _ if !is_merge => own.push(Pair { key: *key, value: *value, merged: false }),
                Content::Sequence(items) => {
                    for item in items.iter().rev() {
                        self.merge(*item, depth, &mut merged)?;
                    }
                }
                _ => self.merge(*value, depth, &mut merged)?,
            }
        }
        merged.extend(own);
        Ok(merged)
    }

    fn merge(&mut self, id: NodeId, depth: usize, merged: &mut Vec<Pair>) -> Result<(), Refusal> {
        self.enter(id, depth)?;
        let pairs = self.flatten(id, depth + 1)?;
        self.leave(id);
        self.alias_bytes += pairs.len() * NODE_BYTES;
        merged.extend(pairs.into_iter().map(|pair| Pair { merged: true, ..pair }));
        Ok(())
    }

    /// One mapping of a single pair, as `!!omap` and `!!pairs` hold them.
    fn pair(&mut self, id: NodeId, depth: usize) -> Result<Node, Refusal> {
        let node = &self.graph.nodes[id];
        match &node.content {
            Content::Mapping(pairs) if pairs.len() == 1 => {
                let (key, value) = pairs[0];
                let items = vec![self.node(key, depth + 1)?, self.node(value, depth + 1)?];
                let span = Span::new(self.source, node.start, node.end);
                Ok(Node { value: Value::Sequence(items), span, style: Style::Plain })
            }
            _ => Err(self.refuse(id, "every entry of !!omap and !!pairs is a mapping with one key")),
        }
    }
}
