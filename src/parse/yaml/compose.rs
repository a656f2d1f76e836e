//! Tokens to a graph of nodes, each with its tag; aliases lead to the node that they name.
//!
//! Source: yaml/parser.py, `Parser`, and yaml/composer.py, `Composer`, PyYAML 6.0.3.

use std::collections::HashMap;

use super::scan::{Kind, MAX_DEPTH, Token};
use super::{Refusal, advice};
use crate::parse::tree::Style;

/// A node of the graph by its index in [`Graph::nodes`].
pub(super) type NodeId = usize;

/// One document.
pub(super) struct Graph {
    pub nodes: Vec<GraphNode>,
    /// `None` for a text without a document.
    pub root: Option<NodeId>,
}

pub(super) struct GraphNode {
    /// The tag as written, its handle replaced by the prefix; `None` when the value has to tell.
    pub tag: Option<String>,
    pub content: Content,
    pub start: usize,
    pub end: usize,
}

pub(super) enum Content {
    Scalar { text: String, style: Style },
    Sequence(Vec<NodeId>),
    Mapping(Vec<(NodeId, NodeId)>),
}

/// Composes the only document of a text.
pub(super) fn graph(text: &str, tokens: Vec<Token>) -> Result<Graph, Refusal> {
    let mut composer =
        Composer { text, tokens, next: 0, nodes: Vec::new(), anchors: HashMap::new(), tag_prefixes: HashMap::new() };
    let root = composer.document()?;
    Ok(Graph { nodes: composer.nodes, root })
}

/// Which collections without brackets may stand at a place.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Inside of brackets: none.
    Flow,
    /// Any that is indented.
    Block,
    /// Also a list at its key's own column.
    BlockOrIndentless,
}

/// What may stand before a value.
struct Properties {
    anchor: Option<String>,
    tag: Option<String>,
    /// Where they end, if there are any.
    end: Option<usize>,
}

struct Composer<'a> {
    text: &'a str,
    /// Ends with [`Kind::StreamEnd`], which is never stepped over.
    tokens: Vec<Token>,
    next: usize,
    nodes: Vec<GraphNode>,
    anchors: HashMap<String, NodeId>,
    tag_prefixes: HashMap<String, String>,
}

impl Composer<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &Kind {
        &self.peek().kind
    }

    /// Steps over the next token when it is of this kind; its end.
    fn eat(&mut self, kind: &Kind) -> Option<usize> {
        (self.kind() == kind).then(|| {
            self.next += 1;
            self.tokens[self.next - 1].end
        })
    }

    /// Takes the next token, leaving an empty one.
    fn take(&mut self) -> Token {
        let (start, end) = (self.peek().start, self.peek().end);
        let index = self.next.min(self.tokens.len() - 1);
        self.next += 1;
        std::mem::replace(&mut self.tokens[index], Token { kind: Kind::StreamEnd, start, end })
    }

    fn unexpected(&self, expected: &str) -> Refusal {
        let token = self.peek();
        let (start, end) = (token.start, token.end);
        let is_quoted = |before: &Token| self.text[..before.end].ends_with(['"', '\'']) && before.start < before.end;
        let follows_quote =
            self.next.checked_sub(1).and_then(|before| self.tokens.get(before)).filter(|before| is_quoted(before));
        if let (Some(before), Kind::Scalar { .. }) = (follows_quote, &token.kind)
            && !self.text[before.end..start].contains('\n')
        {
            return Refusal::new("more text after a closing quote".to_owned(), start, end)
                .help("quote the whole value, in the other kind of quotes if it contains some");
        }
        let refusal = Refusal::new(format!("expected {expected}, but found {}", token.kind.name()), start, end);
        match advice(self.text, start) {
            Some(help) => refusal.help(help),
            None => refusal,
        }
    }

    fn document(&mut self) -> Result<Option<NodeId>, Refusal> {
        for (handle, prefix) in [("!", "!"), ("!!", "tag:yaml.org,2002:")] {
            self.tag_prefixes.insert(handle.to_owned(), prefix.to_owned());
        }
        let is_directive = |kind: &Kind| {
            matches!(kind, Kind::VersionDirective { .. } | Kind::TagDirective { .. } | Kind::OtherDirective)
        };
        let is_explicit = is_directive(self.kind()) || *self.kind() == Kind::DocumentStart;
        let root = if is_explicit {
            self.directives()?;
            let Some(end) = self.eat(&Kind::DocumentStart) else {
                return Err(self.unexpected("'---' after the % directives"));
            };
            match self.kind() {
                Kind::DocumentStart | Kind::DocumentEnd | Kind::StreamEnd => self.empty(end),
                kind if is_directive(kind) => self.empty(end),
                _ => self.node(Place::Block, 0)?,
            }
        } else if *self.kind() == Kind::StreamEnd {
            return Ok(None);
        } else {
            self.node(Place::Block, 0)?
        };
        while self.eat(&Kind::DocumentEnd).is_some() {}
        match self.kind() {
            Kind::StreamEnd => Ok(Some(root)),
            Kind::DocumentStart => {
                let token = self.peek();
                Err(Refusal::new("a second document ('---')".to_owned(), token.start, token.end)
                    .help("keep one document in the file, or several files in a directory"))
            }
            _ => Err(self.unexpected("the end of the document")),
        }
    }

    fn directives(&mut self) -> Result<(), Refusal> {
        let mut has_version = false;
        let mut handles = Vec::new();
        loop {
            let (start, end) = (self.peek().start, self.peek().end);
            let refuse = |message: &str| Err(Refusal::new(message.to_owned(), start, end));
            match self.kind() {
                Kind::VersionDirective { .. } if has_version => return refuse("a second %YAML directive"),
                Kind::VersionDirective { major: Some(1) } => has_version = true,
                Kind::VersionDirective { .. } => return refuse("this YAML version is not supported; only 1.x is"),
                Kind::TagDirective { handle, .. } if handles.contains(handle) => {
                    return refuse("a second %TAG directive for the same handle");
                }
                Kind::TagDirective { handle, prefix } => {
                    handles.push(handle.clone());
                    self.tag_prefixes.insert(handle.clone(), prefix.clone());
                }
                Kind::OtherDirective => {}
                _ => return Ok(()),
            }
            self.next += 1;
        }
    }

    fn node(&mut self, place: Place, depth: usize) -> Result<NodeId, Refusal> {
        let (start, end) = (self.peek().start, self.peek().end);
        if MAX_DEPTH < depth {
            return Err(Refusal::new(format!("the document is nested more than {MAX_DEPTH} deep"), start, end));
        }
        if let Kind::Alias(name) = self.kind() {
            let target = self.anchors.get(name).copied();
            self.next += 1;
            return target.ok_or_else(|| {
                let message = "'*' refers to an anchor ('&') that is not defined above".to_owned();
                let help = advice(self.text, start)
                    .unwrap_or_else(|| "define the anchor, or quote the value if '*' belongs to it".to_owned());
                Refusal::new(message, start, end).help(help)
            });
        }
        let Properties { anchor, tag, end: properties_end } = self.properties()?;
        if anchor.as_ref().is_some_and(|anchor| self.anchors.contains_key(anchor)) {
            return Err(Refusal::new("an anchor ('&') is defined a second time".to_owned(), start, end)
                .help("give each anchor its own name"));
        }
        let token_start = self.peek().start;
        let is_scalar = matches!(self.kind(), Kind::Scalar { .. });
        let content = match self.kind() {
            Kind::BlockEntry if place == Place::BlockOrIndentless => Content::Sequence(Vec::new()),
            Kind::SequenceStart => Content::Sequence(Vec::new()),
            Kind::BlockSequenceStart if place != Place::Flow => Content::Sequence(Vec::new()),
            Kind::MappingStart => Content::Mapping(Vec::new()),
            Kind::BlockMappingStart if place != Place::Flow => Content::Mapping(Vec::new()),
            Kind::Scalar { .. } => Content::Scalar { text: String::new(), style: Style::Plain },
            _ if properties_end.is_some() => Content::Scalar { text: String::new(), style: Style::Plain },
            _ => return Err(self.unexpected("a value")),
        };
        let start =
            properties_end.filter(|_| matches!(content, Content::Scalar { .. }) && !is_scalar).unwrap_or(token_start);
        let id = self.add(tag, content, start, start);
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, id);
        }
        if is_scalar {
            let token = self.take();
            if let Kind::Scalar { text, style } = token.kind {
                self.nodes[id].content = Content::Scalar { text, style };
                self.nodes[id].end = token.end;
            }
            return Ok(id);
        }
        match self.nodes[id].content {
            Content::Scalar { .. } => {}
            Content::Sequence(_) => {
                let (items, end) = match self.kind() {
                    Kind::SequenceStart => self.flow_sequence(depth)?,
                    Kind::BlockEntry => self.block_sequence(false, depth)?,
                    _ => {
                        self.next += 1;
                        self.block_sequence(true, depth)?
                    }
                };
                self.nodes[id].content = Content::Sequence(items);
                self.nodes[id].end = end.max(start);
            }
            Content::Mapping(_) => {
                let is_flow = *self.kind() == Kind::MappingStart;
                self.next += 1;
                let (pairs, end) = if is_flow { self.flow_mapping(start, depth)? } else { self.block_mapping(depth)? };
                self.nodes[id].content = Content::Mapping(pairs);
                self.nodes[id].end = end.max(start);
            }
        }
        Ok(id)
    }

    /// Anchor and tag in either order, and where they end.
    fn properties(&mut self) -> Result<Properties, Refusal> {
        let (mut anchor, mut tag, mut properties_end) = (None, None, None);
        loop {
            let Token { kind, start, end } = self.peek();
            match kind {
                Kind::Anchor(name) if anchor.is_none() => anchor = Some(name.clone()),
                Kind::Tag { handle: None, suffix } if tag.is_none() => tag = Some(suffix.clone()),
                Kind::Tag { handle: Some(handle), suffix } if tag.is_none() => match self.tag_prefixes.get(handle) {
                    Some(prefix) => tag = Some(format!("{prefix}{suffix}")),
                    None => return Err(Refusal::new("a tag's handle has no %TAG directive".to_owned(), *start, *end)),
                },
                _ => return Ok(Properties { anchor, tag, end: properties_end }),
            }
            properties_end = Some(*end);
            self.next += 1;
        }
    }

    fn add(&mut self, tag: Option<String>, content: Content, start: usize, end: usize) -> NodeId {
        self.nodes.push(GraphNode { tag, content, start, end });
        self.nodes.len() - 1
    }

    fn empty(&mut self, at: usize) -> NodeId {
        self.add(None, Content::Scalar { text: String::new(), style: Style::Plain }, at, at)
    }

    /// A list of `- ` entries; the end is that of the last entry.
    fn block_sequence(&mut self, is_indented: bool, depth: usize) -> Result<(Vec<NodeId>, usize), Refusal> {
        let mut items = Vec::new();
        let mut last_end = 0;
        while let Some(end) = self.eat(&Kind::BlockEntry) {
            let item = match self.kind() {
                Kind::BlockEntry | Kind::BlockEnd => self.empty(end),
                Kind::Key | Kind::Value if !is_indented => self.empty(end),
                _ => self.node(Place::Block, depth + 1)?,
            };
            items.push(item);
            last_end = end.max(self.end_of(item, end));
        }
        if is_indented && self.eat(&Kind::BlockEnd).is_none() {
            return Err(self.unexpected("another list entry ('- ') or a smaller indentation"));
        }
        Ok((items, last_end))
    }

    /// The end of a node that was composed after `from`; `from` for an alias to a node further up.
    fn end_of(&self, id: NodeId, from: usize) -> usize {
        let node = &self.nodes[id];
        if from <= node.start {
            node.end
        } else {
            self.tokens[self.next.saturating_sub(1).min(self.tokens.len() - 1)].end
        }
    }

    fn block_mapping(&mut self, depth: usize) -> Result<(Vec<(NodeId, NodeId)>, usize), Refusal> {
        let mut pairs = Vec::new();
        let mut last_end = 0;
        loop {
            let is_over = |kind: &Kind| matches!(kind, Kind::Key | Kind::Value | Kind::BlockEnd);
            let Some(mut end) = self.eat(&Kind::Key) else { break };
            let key = match self.kind() {
                kind if is_over(kind) => self.empty(end),
                _ => self.node(Place::BlockOrIndentless, depth + 1)?,
            };
            end = end.max(self.end_of(key, end));
            let value = match self.eat(&Kind::Value) {
                Some(value_end) => {
                    end = value_end;
                    match self.kind() {
                        kind if is_over(kind) => self.empty(end),
                        _ => self.node(Place::BlockOrIndentless, depth + 1)?,
                    }
                }
                None => self.empty(end),
            };
            last_end = end.max(self.end_of(value, end));
            pairs.push((key, value));
        }
        if self.eat(&Kind::BlockEnd).is_none() {
            return Err(self.unexpected("another key or a smaller indentation"));
        }
        Ok((pairs, last_end))
    }

    fn flow_sequence(&mut self, depth: usize) -> Result<(Vec<NodeId>, usize), Refusal> {
        let open = self.peek().start;
        self.next += 1;
        let mut items = Vec::new();
        loop {
            if let Some(end) = self.eat(&Kind::SequenceEnd) {
                return Ok((items, end));
            }
            if !items.is_empty() {
                if self.eat(&Kind::FlowEntry).is_none() {
                    return Err(self.unclosed(open, '[', ']'));
                }
                if let Some(end) = self.eat(&Kind::SequenceEnd) {
                    return Ok((items, end));
                }
            }
            let start = self.peek().start;
            items.push(if let Some(end) = self.eat(&Kind::Key) {
                let (key, value, end) = self.flow_pair(end, &Kind::SequenceEnd, depth + 1)?;
                self.add(None, Content::Mapping(vec![(key, value)]), start, end)
            } else {
                self.node(Place::Flow, depth + 1)?
            });
        }
    }

    /// What follows a [`Kind::Key`] inside of brackets, and where it ends.
    fn flow_pair(&mut self, end: usize, close: &Kind, depth: usize) -> Result<(NodeId, NodeId, usize), Refusal> {
        let is_over = |kind: &Kind| *kind == Kind::FlowEntry || kind == close;
        let key = match self.kind() {
            kind if *kind == Kind::Value || is_over(kind) => self.empty(end),
            _ => self.node(Place::Flow, depth + 1)?,
        };
        let end = end.max(self.end_of(key, end));
        let (value, end) = match self.eat(&Kind::Value) {
            Some(end) if is_over(self.kind()) => (self.empty(end), end),
            Some(end) => {
                let value = self.node(Place::Flow, depth + 1)?;
                (value, end.max(self.end_of(value, end)))
            }
            None => (self.empty(end), end),
        };
        Ok((key, value, end))
    }

    fn flow_mapping(&mut self, open: usize, depth: usize) -> Result<(Vec<(NodeId, NodeId)>, usize), Refusal> {
        let mut pairs = Vec::new();
        loop {
            if let Some(end) = self.eat(&Kind::MappingEnd) {
                return Ok((pairs, end));
            }
            if !pairs.is_empty() {
                if self.eat(&Kind::FlowEntry).is_none() {
                    return Err(self.unclosed(open, '{', '}'));
                }
                if let Some(end) = self.eat(&Kind::MappingEnd) {
                    return Ok((pairs, end));
                }
            }
            let start = self.peek().start;
            pairs.push(if let Some(end) = self.eat(&Kind::Key) {
                let (key, value, _) = self.flow_pair(end, &Kind::MappingEnd, depth)?;
                (key, value)
            } else {
                let key = self.node(Place::Flow, depth + 1)?;
                let end = self.end_of(key, start);
                (key, self.empty(end))
            });
        }
    }

    fn unclosed(&self, open: usize, bracket: char, close: char) -> Refusal {
        let token = self.peek();
        let found = token.kind.name();
        let refusal = if token.kind == Kind::StreamEnd {
            Refusal::new(format!("'{bracket}' is never closed"), open, open + 1)
        } else {
            let message = format!("expected ',' or '{close}' to go on with '{bracket}', but found {found}");
            Refusal::new(message, token.start, token.end)
        };
        match advice(self.text, open) {
            Some(help) => refusal.help(help),
            None => refusal.help(format!("quote the value if '{bracket}' belongs to it")),
        }
    }
}
