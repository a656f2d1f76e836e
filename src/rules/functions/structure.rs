//! Files that PyYAML refuses or reads as something else than a person meant.

use crate::model::snapshot::LocalConfiguration;
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
