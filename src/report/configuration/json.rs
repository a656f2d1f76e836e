//! The effective configuration for programs; `schemas/show-config.schema.json` describes it.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::input::source_map::SourceMap;
use crate::model::config::effective::{DynamicUse, Effective, Layer, Origin, Setting, Unused};
use crate::parse::python;
use crate::parse::tree::Value;
use crate::report::configuration::{Shown, because, key, origin};

/// Version of the form; it grows when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// Writes the configuration of nodes, or of it what one key names, as one JSON object.
///
/// # Errors
///
/// The writer fails.
pub fn write(nodes: &[Shown<'_>], asked: Option<&str>, sources: &SourceMap, out: &mut impl Write) -> io::Result<()> {
    let nodes = nodes.iter().map(|shown| node(shown, asked, sources)).collect();
    serde_json::to_writer_pretty(&mut *out, &Document { schema_version: SCHEMA_VERSION, nodes })?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    nodes: Vec<NodeDocument<'a>>,
}

#[derive(Serialize)]
struct NodeDocument<'a> {
    name: Option<&'a str>,
    patroni_version: String,
    patroni_version_assumed: bool,
    files: Vec<&'a str>,
    environment: Option<&'a str>,
    /// Which dynamic configuration counts.
    dynamic: Option<&'static str>,
    /// Why Patroni rejects the dynamic configuration.
    dynamic_rejected: Option<String>,
    /// Why Patroni does not start.
    refused: Option<String>,
    settings: Vec<SettingDocument>,
    unused: Vec<UnusedDocument>,
}

#[derive(Serialize)]
struct SettingDocument {
    key: String,
    path: Vec<String>,
    value: Json,
    origin: OriginDocument,
    overrode: Vec<UnusedDocument>,
}

#[derive(Serialize)]
struct OriginDocument {
    kind: &'static str,
    text: String,
    source: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    variable: Option<String>,
}

#[derive(Serialize)]
struct UnusedDocument {
    key: String,
    path: Vec<String>,
    value: Json,
    origin: OriginDocument,
    because: String,
}

fn node<'a>(shown: &'a Shown<'_>, asked: Option<&str>, sources: &'a SourceMap) -> NodeDocument<'a> {
    let effective = shown.effective.as_ref().ok();
    let (dynamic, rejected) = match effective.map(|effective| &effective.dynamic) {
        None => (None, None),
        Some(DynamicUse::Stored) => (Some("config"), None),
        Some(DynamicUse::Bootstrap) => (Some("bootstrap.dcs"), None),
        Some(DynamicUse::Unknown) => (Some("defaults"), None),
        Some(DynamicUse::Rejected(raised)) => (Some("defaults"), Some(raised.to_string())),
    };
    let route: Option<Vec<String>> = asked.map(|asked| {
        let found = effective.and_then(|effective| effective.find(asked)).map(|(path, _)| path);
        found.unwrap_or_else(|| asked.split('.').map(str::to_owned).collect())
    });
    let is_asked = |path: &[String]| {
        route.as_ref().is_none_or(|route| {
            route.len() <= path.len()
                && route.iter().zip(path).all(|(one, two)| one.to_lowercase() == two.to_lowercase())
        })
    };
    let mut found = effective.map(|effective| effective.settings.leaves()).unwrap_or_default();
    found.retain(|(path, _)| is_asked(path));
    let unused = effective.map(|effective| effective.unused.as_slice()).unwrap_or_default();
    let files = shown.node.files.iter().flatten();
    NodeDocument {
        name: shown.node.name.as_deref(),
        patroni_version: shown.node.version.to_string(),
        patroni_version_assumed: !shown.node.is_version_told,
        files: files.map(|file| sources.get(file.source).name.as_str()).collect(),
        environment: shown.node.environment.map(|environment| sources.get(environment.source()).name.as_str()),
        dynamic,
        dynamic_rejected: rejected,
        refused: shown.effective.as_ref().err().map(ToString::to_string),
        settings: found
            .iter()
            .filter_map(|(path, setting)| Some(setting_document(path, setting, effective?, sources)))
            .collect(),
        unused: unused
            .iter()
            .filter(|unused| is_asked(&unused.path))
            .map(|unused| unused_document(unused, sources))
            .collect(),
    }
}

fn setting_document(path: &[String], setting: &Setting, effective: &Effective, sources: &SourceMap) -> SettingDocument {
    SettingDocument {
        key: key(path),
        value: value(&setting.value()),
        origin: origin_document(&setting.origin, sources),
        overrode: effective.unused_at(path).map(|unused| unused_document(unused, sources)).collect(),
        path: path.to_vec(),
    }
}

fn unused_document(unused: &Unused, sources: &SourceMap) -> UnusedDocument {
    UnusedDocument {
        key: key(&unused.path),
        path: unused.path.clone(),
        value: value(&unused.setting.value()),
        origin: origin_document(&unused.setting.origin, sources),
        because: because(&unused.because, sources, ""),
    }
}

fn origin_document(from: &Origin, sources: &SourceMap) -> OriginDocument {
    let text = origin(from, sources);
    let (kind, span, variable) = match from {
        Origin::Default => ("default", None, None),
        Origin::Computed(_) => ("patroni", None, None),
        Origin::Written { layer, span } => match layer {
            Layer::File => ("file", Some(span), None),
            Layer::Environment(variable) => ("environment", Some(span), Some(variable.clone())),
            Layer::ConfigurationVariable => ("environment", Some(span), Some("PATRONI_CONFIGURATION".to_owned())),
            Layer::Dynamic => ("dynamic", Some(span), None),
            Layer::Bootstrap => ("bootstrap", Some(span), None),
        },
    };
    let source = span.map(|span| sources.get(span.source));
    let position = span.zip(source).map(|(span, source)| source.position(span.start));
    OriginDocument {
        kind,
        text,
        source: source.map(|source| source.name.clone()),
        line: position.map(|position| position.line),
        column: position.map(|position| position.column),
        variable,
    }
}

/// A value in JSON; what JSON does not know is written as Python prints it, secrets as asterisks.
pub(in crate::report) fn value(given: &Value) -> Json {
    match given {
        Value::Null => Json::Null,
        Value::Bool(truth) => json!(truth),
        Value::Int(number) => i64::try_from(*number).map_or_else(|_| json!(number.to_string()), |number| json!(number)),
        Value::Float(number) if number.is_finite() => json!(number),
        Value::String(text) => json!(text),
        Value::Sequence(items) => items.iter().map(|item| value(&item.value)).collect(),
        Value::Mapping(mapping) => {
            let entries = mapping.effective();
            Json::Object(
                entries.map(|entry| (python::str(&entry.key.value), value(&entry.value.value))).collect::<Map<_, _>>(),
            )
        }
        Value::Secret(_) => json!("***"),
        Value::Float(_) | Value::Timestamp(_) | Value::Binary(_) => json!(python::str(given)),
    }
}
