//! Settings that one layer of a node's configuration writes and another one overrides.

use crate::input::source_map::SourceId;
use crate::model::config::effective::{Because, Layer, NodeConfiguration, Origin, Setting};
use crate::model::config::schema as model;
use crate::model::snapshot::{LocalConfiguration, MadeOf};
use crate::parse::tree::{Span, Value};
use crate::rules::facts::Subject;
use crate::rules::finding::Label;
use crate::rules::functions::Hit;

type Found = Result<Vec<Hit>, Vec<String>>;

/// Settings of a configuration file that a variable overrides.
pub fn overriding_variables(subject: &Subject<'_>) -> Found {
    Ok(overridden(subject, |by| match by {
        Origin::Written { layer: Layer::Environment(name), .. } => Some(("name", name.clone())),
        _ => None,
    }))
}

/// Settings of a file that a later file of the directory overrides.
pub fn overridden_parts(subject: &Subject<'_>) -> Found {
    let name = |source: SourceId| subject.scene.snapshot.sources.get(source).name.clone();
    Ok(overridden(subject, |by| match by {
        Origin::Written { layer: Layer::File, span } => Some(("file", name(span.source))),
        _ => None,
    }))
}

/// Settings of files that give way to others, as far as `by` tells what of those.
fn overridden(subject: &Subject<'_>, by: impl Fn(&Origin) -> Option<(&'static str, String)>) -> Vec<Hit> {
    // One file has no layers.
    let has_layers = |configuration: &&LocalConfiguration| !matches!(configuration.made_of, MadeOf::OneFile);
    let Some(configuration) = subject.configuration.filter(has_layers) else { return Vec::new() };
    let node = NodeConfiguration::new(subject.scene.snapshot, configuration, subject.scene.given_version);
    let Ok(effective) = node.effective() else { return Vec::new() };
    let mut hits = Vec::new();
    for unused in &effective.unused {
        let (Because::Overridden(origin) | Because::Removed(origin), Some(written)) =
            (&unused.because, written_in_file(&unused.setting))
        else {
            continue;
        };
        let (Some((name, value)), Origin::Written { span, .. }) = (by(origin), origin) else { continue };
        if span.source == written.source {
            continue;
        }
        let first = unused.path.first().map_or("", String::as_str);
        let is_weighty = matches!(first, "name" | "scope" | "namespace")
            || model::DCS_SECTIONS.contains(&first)
            || matches!(unused.setting.content_value(), Some(Value::Secret(_)));
        let mut hit = Hit::at(written, "not used");
        hit.labels.push(Label { span: *span, text: "this counts".to_owned() });
        hits.push(hit.with("path", unused.path.join(".")).with(name, value).with("is_weighty", is_weighty));
    }
    hits
}

/// Where a setting is written, if that is in a file.
fn written_in_file(setting: &Setting) -> Option<Span> {
    match &setting.origin {
        Origin::Written { layer: Layer::File, span } => Some(*span),
        _ => None,
    }
}
