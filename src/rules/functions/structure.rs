//! Files that PyYAML refuses or reads as something else than a person meant.

use crate::parse::tree::{Node, Value};
use crate::rules::facts::Subject;
use crate::rules::finding::Label;
use crate::rules::functions::{Hit, shown};
use crate::rules::place;

/// The file cannot be loaded.
pub fn parse_error(subject: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    let Some(error) = subject.configuration.and_then(|configuration| configuration.error.as_ref()) else {
        return Ok(Vec::new());
    };
    let hit = Hit::at(error.span, "").with("problem", error.message.clone());
    Ok(vec![hit.with("remedy", error.help.clone().unwrap_or_default())])
}

/// The file is empty, or its root is no mapping.
pub fn not_a_mapping(subject: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    let Some(configuration) = subject.configuration else { return Ok(Vec::new()) };
    let kind = match configuration.document.as_ref().map(|document| &document.value) {
        None | Some(Value::Mapping(_)) => return Ok(Vec::new()),
        Some(Value::Null) => "empty",
        Some(Value::Sequence(_)) => "a list",
        Some(_) => "a single value",
    };
    Ok(vec![Hit::at(place::whole(subject.scene, configuration.source), "").with("kind", kind)])
}

/// A key that stands twice in one mapping.
pub fn duplicate_keys(subject: &Subject<'_>) -> Result<Vec<Hit>, Vec<String>> {
    let mut hits = Vec::new();
    if let Some(document) = subject.configuration.and_then(|configuration| configuration.document.as_ref()) {
        collect_duplicates(document, &mut hits);
    }
    Ok(hits)
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
