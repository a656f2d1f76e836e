//! Files that PyYAML refuses or reads as something else than a person meant.

use crate::model::config::schema::{self, Document};
use crate::model::postgresql::parameter::Parameter;
use crate::model::snapshot::LocalConfiguration;
use crate::parse::tree::{Entry, Node, Value};
use crate::rules::facts::Subject;
use crate::rules::finding::Label;
use crate::rules::functions::scalars::suspicious;
use crate::rules::functions::{Hit, shown};
use crate::rules::place;

/// The file cannot be loaded.
pub fn parse_error(subject: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    let Some(error) = subject.configuration.and_then(|configuration| configuration.error.as_ref()) else {
        return Ok(Vec::new());
    };
    // A line before the one that PyYAML stumbles at may be the reason.
    let source = subject.scene.snapshot.sources.get(error.span.source);
    let stumbled = source.position(error.span.start).line;
    let line = |number: usize| source.line(number).map(|(_, text)| text);
    let strange = (1..=stumbled).rev().take(3).find_map(|number| Some((number, suspicious(line(number)?)?)));
    let strange = strange
        .map(|(number, (_, character, name))| format!("line {number} holds {name} (U+{:04X})", u32::from(character)));
    let hit = Hit::at(error.span, "").with("problem", error.message.clone());
    let hit = hit.with("strange", strange.unwrap_or_default());
    Ok(vec![hit.with("remedy", error.help.clone().unwrap_or_default())])
}

/// The file is empty, or its root is no mapping.
pub fn not_a_mapping(subject: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    let mut hits = Vec::new();
    for file in files(subject) {
        let kind = match file.document.as_ref().map(|document| &document.value) {
            None | Some(Value::Mapping(_)) => continue,
            Some(Value::Null) => "empty",
            Some(Value::Sequence(_)) => "a list",
            Some(_) => "a single value",
        };
        hits.push(Hit::at(place::whole(subject.scene, file.source), "").with("kind", kind));
    }
    Ok(hits)
}

/// A key that stands twice in one mapping.
pub fn duplicate_keys(subject: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    let mut hits = Vec::new();
    for document in files(subject).iter().filter_map(|file| file.document.as_ref()) {
        collect_duplicates(document, &mut hits);
    }
    Ok(hits)
}

/// Sections with nothing below them, whose keys stand beside them.
pub fn empty_sections(subject: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    let mut hits = Vec::new();
    for document in files(subject).iter().filter_map(|file| file.document.as_ref()) {
        collect_empty_sections(document, &Section { document: Document::Local, path: Vec::new() }, "", &mut hits);
    }
    Ok(hits)
}

/// A section of the schema.
struct Section<'a> {
    document: Document,
    path: Vec<&'a str>,
}

impl<'a> Section<'a> {
    /// The section of this name below this one.
    fn below(&self, name: &'a str) -> Self {
        match (self.document, self.path.as_slice(), name) {
            (Document::Local, ["bootstrap"], "dcs") => Section { document: Document::Dynamic, path: Vec::new() },
            _ => Section { document: self.document, path: [self.path.as_slice(), &[name]].concat() },
        }
    }

    fn knows(&self, name: &str) -> bool {
        let is_parameter =
            matches!(self.path.as_slice(), ["postgresql", "parameters"]) && !Parameter::definitions(name).is_empty();
        is_parameter || schema::names_below(self.document, &self.path).contains(&name)
    }
}

fn collect_empty_sections<'a>(node: &'a Node, section: &Section<'a>, shown_section: &str, hits: &mut Vec<Hit>) {
    let Some(mapping) = node.as_mapping().filter(|_| !schema::names_below(section.document, &section.path).is_empty())
    else {
        return;
    };
    for entry in mapping.effective().filter(|entry| !entry.merged) {
        let Some(name) = entry.key.as_str() else { continue };
        let (below, path) = (section.below(name), format!("{shown_section}{name}"));
        if entry.value.value != Value::Null {
            collect_empty_sections(&entry.value, &below, &format!("{path}."), hits);
            continue;
        }
        let belongs_below = |sibling: &&Entry| {
            let follows = entry.key.span.start < sibling.key.span.start && !sibling.merged;
            follows && sibling.key.as_str().is_some_and(|name| below.knows(name) && !section.knows(name))
        };
        let strays: Vec<&Entry> = mapping.effective().filter(belongs_below).collect();
        if strays.is_empty() {
            continue;
        }
        let mut hit = Hit::at(entry.key.span, "nothing stands below it").with("path", path.clone());
        hit.labels.extend(
            strays.iter().map(|stray| Label { span: stray.key.span, text: format!("one of the keys of {path}") }),
        );
        let names: Vec<String> = strays.iter().map(|stray| shown(&stray.key)).collect();
        hits.push(hit.with("strays", names));
    }
}

/// The files of the subject's configuration.
fn files<'a>(subject: &Subject<'a>) -> &'a [LocalConfiguration] {
    subject.configuration.and_then(LocalConfiguration::files).unwrap_or_default()
}

fn collect_duplicates(node: &Node, hits: &mut Vec<Hit>) {
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| collect_duplicates(item, hits)),
        Value::Mapping(mapping) => {
            for (dropped, kept) in mapping.repeated() {
                let mut hit = Hit::at(kept.key.span, "this one counts")
                    .with("key", shown(&kept.key))
                    .with("same_value", dropped.value == kept.value);
                hit.labels.push(Label { span: dropped.key.span, text: "this one is dropped".to_owned() });
                hits.push(hit);
            }
            mapping
                .entries
                .iter()
                .filter(|entry| !entry.merged)
                .for_each(|entry| collect_duplicates(&entry.value, hits));
        }
        _ => {}
    }
}
