//! Routes like `dynamic.ttl` become places in texts, as late as possible.

use crate::input::source_map::SourceId;
use crate::model::snapshot::RestAnswer;
use crate::parse::tree::{Entry, Mapping, Node, Span, Value};
use crate::rules::facts::{Scene, Subject};

/// The place that a route names; a part that does not exist is replaced by its nearest existing parent.
///
/// Roots: `dynamic`, `configuration`, `member` and `rest` (of the subject), and the keys of the DCS by name. `@key` at
/// the end names the key instead of its value.
///
/// The truth value tells whether the place is the one named, not a parent.
pub fn resolve(subject: &Subject<'_>, route: &str) -> Option<(Span, bool)> {
    let (route, wants_key) = match route.strip_suffix("@key") {
        Some(route) => (route, true),
        None => (route, false),
    };
    let mut parts = route.split('.');
    let root = parts.next()?;
    let path: Vec<&str> = parts.collect();
    let scene = subject.scene;
    match root {
        "dynamic" => match subject.dynamic {
            Some(dynamic) => Some(walk(scene, dynamic.node, &path, wants_key)),
            None => place_in_key(scene, "config", &path, wants_key),
        },
        "configuration" => match &subject.configuration?.document {
            Some(document) => Some(walk(scene, document, &path, wants_key)),
            None => Some((whole(scene, subject.configuration?.source), true)),
        },
        "member" => place_in_key(scene, &format!("members/{}", subject.member?), &path, wants_key),
        "rest" => match scene.rest(subject.member?)? {
            RestAnswer::Answered { json: Some(json), .. } => Some(walk(scene, json, &path, wants_key)),
            RestAnswer::Answered { source, .. } => Some((whole(scene, *source), path.is_empty())),
            RestAnswer::Unreachable { .. } => None,
        },
        name => place_in_key(scene, name, &path, wants_key),
    }
}

/// A place in a key of the DCS; `None` if the key does not exist.
pub fn key(scene: &Scene<'_>, name: &str, path: &[&str]) -> Option<Span> {
    place_in_key(scene, name, path, false).map(|(span, _)| span)
}

/// A place in a document, or of its nearest existing parent.
pub fn within(scene: &Scene<'_>, document: &Node, path: &[&str]) -> Span {
    walk(scene, document, path, false).0
}

fn place_in_key(scene: &Scene<'_>, name: &str, path: &[&str], wants_key: bool) -> Option<(Span, bool)> {
    let source = scene.key_source(name)?;
    match scene.key_json(name) {
        Some(json) if !path.is_empty() => Some(walk(scene, json, path, wants_key)),
        _ => Some((whole(scene, source), path.is_empty())),
    }
}

/// The place of a node: of a collection below a key, that key, so that what is underlined fits on a line.
fn walk(scene: &Scene<'_>, root: &Node, path: &[&str], wants_key: bool) -> (Span, bool) {
    let mut place = head(scene, root);
    let mut node = root;
    for (index, part) in path.iter().enumerate() {
        let is_last = index + 1 == path.len();
        match &node.value {
            Value::Mapping(mapping) => match mapping.entry(part) {
                Some(entry) => {
                    let shows_key = is_last && wants_key || is_long(scene, &entry.value) || is_empty(&entry.value);
                    place = if shows_key { entry.key.span } else { entry.value.span };
                    node = &entry.value;
                }
                None => return (place, false),
            },
            Value::Sequence(items) => match part.parse::<usize>().ok().and_then(|index| items.get(index)) {
                Some(item) => {
                    place = head(scene, item);
                    node = item;
                }
                None => return (place, false),
            },
            _ => return (place, false),
        }
    }
    (place, true)
}

/// A part of an entry's value, by its beginning: of a collection or of nothing at all the key.
pub fn beginning(scene: &Scene<'_>, node: &Node, entry: &Entry) -> Span {
    let is_whole = std::ptr::eq(node, &entry.value);
    if is_empty(node) || is_whole && is_long(scene, node) { entry.key.span } else { head(scene, node) }
}

/// A node that may span lines, by its beginning.
pub fn head(scene: &Scene<'_>, node: &Node) -> Span {
    let text = scene.snapshot.sources.get(node.span.source).slice(node.span.start, node.span.end);
    if !text.trim_end().contains('\n') {
        return Span { end: node.span.start + text.trim_end().len(), ..node.span };
    }
    match &node.value {
        Value::Mapping(Mapping { entries }) => entries.first().map_or(node.span, |entry| entry.key.span),
        Value::Sequence(items) => items.first().map_or(node.span, |item| head(scene, item)),
        _ => {
            let line = text.find('\n').unwrap_or(text.len());
            Span { end: node.span.start + line, ..node.span }
        }
    }
}

/// Whether a node would underline too much: a mapping, or a list over several lines.
fn is_long(scene: &Scene<'_>, node: &Node) -> bool {
    let text = scene.snapshot.sources.get(node.span.source).slice(node.span.start, node.span.end);
    match node.value {
        Value::Mapping(_) => true,
        Value::Sequence(_) => text.contains('\n'),
        _ => false,
    }
}

fn is_empty(node: &Node) -> bool {
    node.span.start == node.span.end
}

/// The whole of a text, or its first line.
pub fn whole(scene: &Scene<'_>, source: SourceId) -> Span {
    let text = &scene.snapshot.sources.get(source).text;
    let line = text.trim_end().find('\n').unwrap_or(text.trim_end().len());
    Span::new(source, 0, line)
}
