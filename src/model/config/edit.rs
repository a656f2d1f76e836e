//! Changes of the dynamic configuration, as `patronictl edit-config` makes them.

use crate::input::source_map::SourceId;
use crate::parse::python;
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};
use crate::parse::yaml;

/// What `patronictl edit-config` is asked to do; done in this order.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// `--replace`: the whole new configuration.
    pub replace: Option<Node>,
    /// `--apply`: settings to put over it; null takes one away.
    pub apply: Option<Node>,
    /// `--set`: `KEY=VALUE`, the key with dots, the value in YAML; null takes the setting away.
    pub set: Vec<String>,
}

/// Why an edit cannot be made; whoever wrote it is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum EditError {
    /// No `=`.
    #[error("a setting without =: write KEY=VALUE")]
    NoPair,
    /// A value that PyYAML refuses.
    #[error("the value of {key} is no YAML: {message}")]
    NotYaml {
        /// The key as it was written.
        key: String,
        /// What PyYAML minds.
        message: String,
    },
    /// A configuration that is no mapping.
    #[error("a dynamic configuration is a mapping, and this is none")]
    NotMapping,
    /// A value that JSON does not know, which patronictl then fails with.
    #[error("patronictl cannot write a {0} to the DCS")]
    Unwritable(&'static str),
}

/// The text that `patronictl edit-config` writes to `/config`.
///
/// Source: patroni/ctl.py, `edit_config`, `apply_config_changes` and `apply_yaml_file`, and patroni/utils.py, `patch_config`,
/// 2.0.0 to 4.1.5.
///
/// # Errors
///
/// The edits make no sense, as patronictl would say, too.
pub fn edited(config: &Node, edits: &Edits) -> Result<String, EditError> {
    let mapping = |node: &Node| node.as_mapping().cloned().ok_or(EditError::NotMapping);
    let mut changed = match &edits.replace {
        Some(replacement) => {
            let mut empty = Mapping::default();
            patch(&mut empty, &mapping(replacement)?);
            empty
        }
        None => mapping(config)?,
    };
    if let Some(applied) = &edits.apply {
        patch(&mut changed, &mapping(applied)?);
    }
    for pair in &edits.set {
        let (key, value) = pair.split_once('=').ok_or(EditError::NoPair)?;
        let key = python::strip(key);
        let value = yaml::parse(NOWHERE, value)
            .map_err(|error| EditError::NotYaml { key: key.to_owned(), message: error.message })?;
        let path: Vec<&str> = key.split('.').collect();
        // Names of PostgreSQL's parameters may hold dots themselves.
        match path.as_slice() {
            ["postgresql", "parameters", _, _, ..] => {
                set(&mut changed, &["postgresql", "parameters", &path[2..].join(".")], value);
            }
            path => set(&mut changed, path, value),
        }
    }
    json(&Value::Mapping(changed)).map(|json| json.to_string())
}

/// The source of what is written nowhere.
const NOWHERE: SourceId = SourceId(u32::MAX);

fn node(value: Value) -> Node {
    Node { value, span: Span::new(NOWHERE, 0, 0), style: Style::Plain }
}

fn put(mapping: &mut Mapping, key: Value, value: Node) {
    mapping.entries.push(Entry { key: node(key), value, merged: false });
}

fn take(mapping: &mut Mapping, key: &Value) {
    mapping.entries.retain(|entry| entry.key.value != *key);
}

/// `set_path_value`
fn set(config: &mut Mapping, path: &[&str], value: Node) {
    let Some((first, rest)) = path.split_first() else { return };
    let key = Value::String((*first).to_owned());
    if rest.is_empty() {
        match value.value {
            Value::Null => take(config, &key),
            _ => put(config, key, value),
        }
        return;
    }
    let mut below = config.get(first).and_then(Node::as_mapping).cloned().unwrap_or_default();
    set(&mut below, rest, value);
    match below.entries.is_empty() {
        true => take(config, &key),
        false => put(config, key, node(Value::Mapping(below))),
    }
}

/// `patch_config`
fn patch(config: &mut Mapping, data: &Mapping) {
    for entry in data.effective() {
        let key = &entry.key.value;
        match (&entry.value.value, config.get_value(key).map(|node| node.value.clone())) {
            (Value::Null, _) => take(config, key),
            (Value::Mapping(new), Some(Value::Mapping(mut old))) => {
                patch(&mut old, new);
                put(config, key.clone(), node(Value::Mapping(old)));
            }
            // What reads the same stays as it is.
            (new, Some(old)) if !matches!(new, Value::Mapping(_)) && python::str(&old) == python::str(new) => {}
            _ => put(config, key.clone(), entry.value.clone()),
        }
    }
}

/// `json.dumps`
fn json(value: &Value) -> Result<serde_json::Value, EditError> {
    use serde_json::Value as Json;
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => (*number as f64).into(),
        },
        Value::Float(number) if number.is_finite() => (*number).into(),
        Value::Float(_) => return Err(EditError::Unwritable("number that is not finite")),
        Value::String(text) => Json::String(text.clone()),
        Value::Timestamp(_) => return Err(EditError::Unwritable("date")),
        Value::Binary(_) => return Err(EditError::Unwritable("binary value")),
        Value::Sequence(items) => Json::Array(items.iter().map(|item| json(&item.value)).collect::<Result<_, _>>()?),
        Value::Mapping(mapping) => {
            let entries = mapping.effective().map(|entry| {
                let key = match &entry.key.value {
                    Value::Bool(truth) => truth.to_string(),
                    Value::Null => "null".to_owned(),
                    key => python::str(key),
                };
                Ok((key, json(&entry.value.value)?))
            });
            Json::Object(entries.collect::<Result<_, _>>()?)
        }
        Value::Secret(secret) => json(secret.expose())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Node {
        yaml::parse(SourceId(0), text).expect("valid YAML")
    }

    #[track_caller]
    fn check(config: &str, edits: &Edits, expected: &str) {
        assert_eq!(edited(&read(config), edits).as_deref(), Ok(expected));
    }

    fn set(pairs: &[&str]) -> Edits {
        Edits { set: pairs.iter().map(|pair| (*pair).to_owned()).collect(), ..Edits::default() }
    }

    /// The expected texts are those of `apply_config_changes` of 4.1.5.
    #[test]
    fn settings_are_set_as_patronictl_sets_them() {
        check("{ttl: 30}", &set(&["ttl=20"]), r#"{"ttl":20}"#);
        check("{ttl: 30}", &set(&["synchronous_mode=quorum"]), r#"{"ttl":30,"synchronous_mode":"quorum"}"#);
        check("{ttl: 30, pause: true}", &set(&["pause=null"]), r#"{"ttl":30}"#);
        check("{ttl: 30, pause: true}", &set(&["pause="]), r#"{"ttl":30}"#);
        check("{slots: {a: {type: physical}}, ttl: 30}", &set(&["slots.a.type=null"]), r#"{"ttl":30}"#);
        check("{postgresql: 5}", &set(&["postgresql.use_slots=off"]), r#"{"postgresql":{"use_slots":false}}"#);
        check(
            "{}",
            &set(&["postgresql.parameters.pg_stat_statements.max=5000"]),
            r#"{"postgresql":{"parameters":{"pg_stat_statements.max":5000}}}"#,
        );
        assert_eq!(edited(&read("{}"), &set(&["ttl"])), Err(EditError::NoPair));
        assert!(matches!(edited(&read("{}"), &set(&["ttl=["])), Err(EditError::NotYaml { .. })));
        assert_eq!(edited(&read("{}"), &set(&["ttl=2024-01-01"])), Err(EditError::Unwritable("date")));
    }

    #[test]
    fn files_are_applied_or_replace_everything() {
        let config = "{ttl: 30, postgresql: {parameters: {work_mem: 4MB, max_connections: '100'}}}";
        let file = read("{ttl: null, postgresql: {parameters: {work_mem: 8MB, max_connections: 100}}}");
        check(
            config,
            &Edits { apply: Some(file.clone()), ..Edits::default() },
            r#"{"postgresql":{"parameters":{"work_mem":"8MB","max_connections":"100"}}}"#,
        );
        check(
            config,
            &Edits { replace: Some(file), ..Edits::default() },
            r#"{"postgresql":{"parameters":{"work_mem":"8MB","max_connections":100}}}"#,
        );
        let list = Edits { replace: Some(read("[1]")), ..Edits::default() };
        assert_eq!(edited(&read("{}"), &list), Err(EditError::NotMapping));
    }
}
