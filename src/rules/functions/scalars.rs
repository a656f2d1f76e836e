//! Scalars that YAML 1.1 reads as another type than a person meant.

use std::borrow::Cow;

use crate::model::config::schema::{Kind, Truth};
use crate::model::postgresql::parameter::{Kind as PostgresKind, Parameter};
use crate::parse::python;
use crate::parse::tree::{Node, Span, Style, Value};
use crate::rules::facts::Subject;
use crate::rules::functions::{Hit, schema, shown};

type Found = Result<Vec<Hit>, Vec<String>>;

/// A part of a setting's place: a key, or an index of a list.
type Step<'a> = Cow<'a, str>;

/// Plain scalars with colons that became base-60 numbers.
pub fn sexagesimal_integers(subject: &Subject<'_>) -> Found {
    Ok(scalars(subject, |path, node, raw| {
        let is_number = matches!(node.value, Value::Int(_) | Value::Float(_));
        // The text of a part of a variable is that of the whole variable.
        let is_base_60 = raw.contains(':') && raw.bytes().all(|byte| byte.is_ascii_digit() || b"+-_:.".contains(&byte));
        (is_number && node.style == Style::Plain && is_base_60).then(|| described(path, node, raw))
    }))
}

/// Plain scalars with a leading zero that became octal numbers of another value.
pub fn octal_integers(subject: &Subject<'_>) -> Found {
    Ok(scalars(subject, |path, node, raw| {
        let Value::Int(number) = node.value else { return None };
        let digits = raw.trim_start_matches(['+', '-']);
        let is_octal = node.style == Style::Plain
            && digits.len() > 1
            && digits.starts_with('0')
            && digits.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
        let same = digits.replace('_', "").parse::<i128>().is_ok_and(|decimal| decimal == number.abs());
        let key = path.last().map_or("", AsRef::as_ref);
        let is_mode = key.ends_with("mode") || key.ends_with("permissions");
        (is_octal && !same && !is_mode).then(|| described(path, node, raw))
    }))
}

/// Secrets that are numbers, booleans or dates.
pub fn secrets_of_other_types(subject: &Subject<'_>) -> Found {
    Ok(scalars(subject, |path, node, _| {
        let Value::Secret(secret) = &node.value else { return None };
        let is_other =
            matches!(secret.expose(), Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Timestamp(_));
        let hit = || Hit::at(node.span, "").with("path", path.join("."));
        is_other.then(|| hit().with("type", python::type_name(secret.expose())))
    }))
}

/// Names that are numbers, booleans or dates.
pub fn float_identifiers(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    schema::visit(subject, &mut |spot| {
        let node = &spot.entry.value;
        let is_other = matches!(node.value, Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Timestamp(_));
        if is_other && spot.key.is_some_and(|key| key.kind == Kind::Name) {
            let hit = Hit::at(node.span, "").with("path", spot.shown()).with("raw", raw(subject, node).to_owned());
            hits.push(hit.with("meaning", shown(node)));
        }
    });
    Ok(hits)
}

/// Dates that no person meant as such.
pub fn date_scalars(subject: &Subject<'_>) -> Found {
    Ok(scalars(subject, |path, node, raw| {
        let is_stored = path.first().is_some_and(|section| section == "tags")
            || path.iter().any(|part| part == "labels")
            || matches!(path, [first, second, ..] if first == "bootstrap" && second == "dcs");
        let hit = || described(path, node, raw).with("is_stored", is_stored);
        matches!(node.value, Value::Timestamp(_)).then(hit)
    }))
}

/// Keys that are no strings.
pub fn boolean_keys(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    if let Some(document) = subject.configuration.and_then(|configuration| configuration.document.as_ref()) {
        collect_keys(subject, document, &mut hits);
    }
    Ok(hits)
}

fn collect_keys(subject: &Subject<'_>, node: &Node, hits: &mut Vec<Hit>) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| collect_keys(subject, item, hits)),
        Value::Mapping(mapping) => {
            for entry in mapping.entries.iter().filter(|entry| !entry.merged) {
                if !matches!(entry.key.value, Value::String(_)) {
                    let hit = Hit::at(entry.key.span, "").with("raw", raw(subject, &entry.key));
                    hits.push(hit.with("meaning", shown(&entry.key)));
                }
                collect_keys(subject, &entry.value, hits);
            }
        }
        _ => {}
    }
}

/// Characters that look like a blank, a quote or a hyphen, or like nothing, in keys and settings; in free texts, and where
/// an escape spells them, they are meant.
pub fn suspicious_characters(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    let mut look = |node: &Node, path: &str, is_key: bool| {
        let written = suspicious(raw(subject, node)).map(|(at, character, name)| {
            let start = node.span.start + at;
            (Span { start, end: start + character.len_utf8(), ..node.span }, character, name)
        });
        // Patroni writes escapes for all letters beyond ASCII into the DCS.
        let is_stored = subject.configuration.is_none();
        let escaped = || suspicious(node.as_str().filter(|_| is_stored)?).map(|(_, one, name)| (node.span, one, name));
        let Some((span, character, name)) = written.or_else(escaped) else { return };
        let hit = Hit::at(span, name).with("path", path).with("name", name).with("is_key", is_key);
        hits.push(hit.with("character", format!("U+{:04X}", u32::from(character))));
    };
    schema::visit(subject, &mut |spot| {
        let parameter = matches!(spot.section(), ["postgresql", "parameters"]).then(|| spot.name());
        let is_free = match (parameter, spot.key.map(|key| key.kind)) {
            (Some(name), _) => {
                let kind = Parameter::definitions(name).last().map(|parameter| parameter.kind);
                kind.is_none_or(|kind| kind == PostgresKind::Text) && !name.ends_with("_command")
            }
            (None, Some(Kind::Text | Kind::Any | Kind::Map(_) | Kind::Section) | None) => true,
            (None, Some(_)) => false,
        };
        // A name of one's own may be what it is.
        let is_variable = spot.entry.key.span == spot.entry.value.span;
        let is_own = parameter.is_none() && spot.key.is_some_and(|key| key.path.ends_with('*'));
        if !is_variable && !is_own {
            look(&spot.entry.key, &spot.shown(), true);
        }
        if !is_free {
            each_scalar(&spot.entry.value, &mut |node| look(node, &spot.shown(), false));
        }
    });
    Ok(hits)
}

fn each_scalar<'a>(node: &'a Node, look: &mut dyn FnMut(&'a Node)) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| each_scalar(item, look)),
        Value::Mapping(mapping) => mapping.effective().for_each(|entry| each_scalar(&entry.value, look)),
        _ => look(node),
    }
}

/// The first character of a text that is none that people type on purpose: where, which, and what it is.
pub(super) fn suspicious(text: &str) -> Option<(usize, char, &'static str)> {
    let name = |character| match character {
        '\u{a0}' | '\u{2007}' | '\u{202f}' => Some("a no-break space"),
        '\u{2000}'..='\u{200a}' | '\u{3000}' => Some("a wide or narrow space"),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => {
            Some("an invisible character")
        }
        '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => Some("a typographic quote"),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some("a dash"),
        _ => None,
    };
    text.char_indices().find_map(|(at, character)| Some((at, character, name(character)?)))
}

/// Texts that mean "no" to people and true to Python.
pub fn strings_used_as_booleans(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    schema::visit(subject, &mut |spot| {
        let Value::String(text) = &spot.entry.value.value else { return };
        let is_tested_by_truth = spot.key.is_some_and(|key| key.kind == Kind::Boolean(Truth::Python));
        if is_tested_by_truth && !text.is_empty() && python::parse_bool(&spot.entry.value.value) != Some(true) {
            let is_variable = spot.entry.key.span == spot.entry.value.span;
            let hit = Hit::at(spot.entry.value.span, "").with("path", spot.shown()).with("text", text.clone());
            hits.push(hit.with("is_variable", is_variable));
        }
    });
    Ok(hits)
}

/// Placeholders of templates in settings that no shell and no PostgreSQL replaces.
pub fn template_leftovers(subject: &Subject<'_>) -> Found {
    Ok(scalars(subject, |path, node, _| {
        let text = node.as_str()?;
        let mark = [("{{", "}}"), ("${", "}"), ("$(", ")"), ("<%", "%>")].into_iter().find_map(|(open, close)| {
            let start = text.find(open)?;
            let length = text[start..].find(close)? + close.len();
            Some(text[start..start + length].to_owned())
        })?;
        let is_setting = is_identifier(path) || is_address(path);
        is_setting.then(|| Hit::at(node.span, "").with("path", path.join(".")).with("mark", mark))
    }))
}

/// Whether the setting names something.
fn is_identifier(path: &[Step<'_>]) -> bool {
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    matches!(path.as_slice(), ["name" | "scope" | "namespace"] | ["postgresql", "data_dir" | "bin_dir"])
        || matches!(
            path.as_slice(),
            ["postgresql", "authentication", _, "username"] | [_, "authentication", "username"]
        )
}

/// Whether the setting is an address, or a list of them.
fn is_address(path: &[Step<'_>]) -> bool {
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    matches!(
        path.as_slice(),
        ["postgresql" | "restapi", "listen" | "connect_address"]
            | ["etcd" | "etcd3" | "consul" | "zookeeper" | "exhibitor", "host" | "hosts" | "url", ..]
            | ["raft", "self_addr" | "bind_addr" | "partner_addrs", ..]
    )
}

fn described(path: &[Step<'_>], node: &Node, raw: &str) -> Hit {
    let hit = Hit::at(node.span, "").with("path", path.join(".")).with("raw", raw.to_owned());
    hit.with("meaning", shown(node))
}

/// Every scalar of the configuration file for which `find` finds something.
fn scalars(subject: &Subject<'_>, find: impl Fn(&[Step<'_>], &Node, &str) -> Option<Hit>) -> Vec<Hit> {
    let mut hits = Vec::new();
    if let Some(document) = subject.configuration.and_then(|configuration| configuration.document.as_ref()) {
        visit(subject, document, &mut Vec::new(), &mut |path, node, raw| hits.extend(find(path, node, raw)));
    }
    hits
}

fn visit<'a>(
    subject: &Subject<'_>,
    node: &'a Node,
    path: &mut Vec<Step<'a>>,
    look: &mut dyn FnMut(&[Step<'a>], &Node, &str),
) {
    match &node.value {
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string().into());
                visit(subject, item, path, look);
                path.pop();
            }
        }
        Value::Mapping(mapping) => {
            for entry in mapping.effective().filter(|entry| !entry.merged) {
                path.push(entry.key.as_str().map_or_else(|| python::str(&entry.key.value).into(), Cow::Borrowed));
                visit(subject, &entry.value, path, look);
                path.pop();
            }
        }
        _ => look(path, node, raw(subject, node)),
    }
}

fn raw<'a>(subject: &Subject<'a>, node: &Node) -> &'a str {
    subject.scene.snapshot.sources.get(node.span.source).slice(node.span.start, node.span.end)
}
