//! JSON Schemas (draft-07) of the configurations, for editors.

use serde_json::{Map, Value, json};

use crate::model::config::schema::{self, Document, Key, Kind, Number, Reading, Standing, Truth};
use crate::model::version::PatroniVersion;

/// The schema of a configuration as a release reads it.
///
/// No key is required: the environment, or another file of the same directory, may supply any.
pub fn json_schema(document: Document, version: PatroniVersion) -> Value {
    let (name, what) = match document {
        Document::Local => ("local", "patroni.yml"),
        Document::Dynamic => ("dynamic", "dynamic configuration"),
    };
    let mut root = section(document, &[], version);
    if document == Document::Local {
        // Anchors to be merged elsewhere.
        root.insert("patternProperties".to_owned(), json!({ "^(x|_|\\.)": {} }));
    }
    let mut head = Map::new();
    head.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
    head.insert("$id".to_owned(), format!("urn:patrolint:patroni:{version}:{name}").into());
    head.insert("title".to_owned(), format!("Patroni {version}: {what}").into());
    head.extend(root);
    Value::Object(head)
}

/// An object with the keys of a section, and no others unless the schema takes any name there.
fn section(document: Document, path: &[&str], version: PatroniVersion) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut others = Value::Bool(false);
    for name in schema::names_below(document, path) {
        let path = [path, &[name]].concat();
        let Some(key) = schema::find(document, &path).filter(|key| key.is_in(version)) else { continue };
        match name {
            "*" => others = property(document, &path, key, version),
            _ => drop(properties.insert(name.to_owned(), property(document, &path, key, version))),
        }
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("additionalProperties".to_owned(), others);
    object
}

fn property(document: Document, path: &[&str], key: &Key, version: PatroniVersion) -> Value {
    let mut object = match (document, path) {
        (Document::Local, ["bootstrap", "dcs"]) => section(Document::Dynamic, &[], version),
        _ => kind(document, path, &key.kind, version),
    };
    object.insert("description".to_owned(), description(key).into());
    if !key.default.is_empty() {
        object.insert("default".to_owned(), default(key.default));
    }
    if key.standing != Standing::Current {
        object.insert("deprecated".to_owned(), true.into());
    }
    if key.is_secret() {
        object.insert("writeOnly".to_owned(), true.into());
    }
    Value::Object(object)
}

fn description(key: &Key) -> String {
    let mut text = key.summary.to_owned();
    match key.standing {
        Standing::Current => {}
        Standing::Renamed(to) => text.push_str(&format!(" Renamed to {to}.")),
        Standing::Deprecated(instead) => text.push_str(&format!(" Deprecated: {instead}.")),
    }
    format!("{text} Changes take effect {}.", key.apply.text())
}

/// A default, which the table holds as YAML.
fn default(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| match text {
        "[basebackup]" => json!(["basebackup"]),
        text => text.trim_matches('\'').into(),
    })
}

fn kind(document: Document, path: &[&str], asked: &Kind, version: PatroniVersion) -> Map<String, Value> {
    let below = |kinds: &mut dyn Iterator<Item = &Kind>| -> Vec<Value> {
        kinds.map(|one| Value::Object(kind(document, path, one, version))).collect()
    };
    let schema = match asked {
        Kind::Any => json!({}),
        Kind::Boolean(Truth::Python) => json!({ "type": "boolean" }),
        Kind::Boolean(Truth::Parsed) => json!({ "anyOf": [
            { "type": "boolean" },
            { "enum": [0, 1] },
            { "type": "string", "pattern": any_case(&["on", "off", "true", "false", "yes", "no", "1", "0"]) },
        ] }),
        Kind::Integer(asked) => number(asked),
        Kind::Text | Kind::Name | Kind::Path | Kind::Ip => json!({ "type": "string" }),
        Kind::Address { needs_port: true } | Kind::Listen { needs_port: true, .. } => {
            json!({ "type": "string", "pattern": "^[^/]+:[0-9]+$" })
        }
        Kind::Address { .. } | Kind::Listen { .. } => json!({ "type": "string", "pattern": "^[^/]+$" }),
        Kind::Addresses => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
        }
        Kind::Enum { values, any_case: true, .. } => json!({ "anyOf": [
            { "enum": values },
            { "type": "string", "pattern": any_case(values) },
        ] }),
        Kind::Enum { values, also, .. } => {
            let mut values: Vec<Value> = values.iter().map(|value| Value::from(*value)).collect();
            if values.contains(&Value::from("off")) {
                // What YAML makes of `off` without quotes.
                values.push(Value::Bool(false));
            }
            match also.is_empty() {
                true => json!({ "enum": values }),
                false => json!({ "anyOf": [{ "enum": values }, { "type": "string", "pattern": any_case(also) }] }),
            }
        }
        Kind::List(item) => {
            let path = [path, &["[]"]].concat();
            json!({ "type": "array", "items": kind(document, &path, item, version) })
        }
        Kind::Map(item) => {
            let object = section(document, path, version);
            match object["properties"].as_object().is_some_and(Map::is_empty) && object["additionalProperties"] == false
            {
                true => json!({ "type": "object", "additionalProperties": kind(document, path, item, version) }),
                false => Value::Object(object),
            }
        }
        Kind::Section => Value::Object(section(document, path, version)),
        Kind::Or(kinds) => json!({ "anyOf": below(&mut kinds.iter()) }),
        Kind::Lenient(strict, others) => {
            json!({ "anyOf": below(&mut std::iter::once(*strict).chain(others.iter())) })
        }
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn number(asked: &Number) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), if asked.reading == Reading::Float { "number" } else { "integer" }.into());
    let limits = [("minimum", asked.minimum), ("maximum", asked.maximum), ("multipleOf", asked.multiple_of)];
    for (name, limit) in limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))) {
        schema.insert(name.to_owned(), limit.into());
    }
    if asked.reading == Reading::AsIs || asked.exact && asked.base_unit.is_none() {
        return Value::Object(schema);
    }
    let pattern = match asked.base_unit {
        Some(_) => "^ *[+-]?[0-9.]+ *[A-Za-z]* *$",
        None => "^ *[+-]?[0-9]+ *$",
    };
    json!({ "anyOf": [schema, { "type": "string", "pattern": pattern }] })
}

/// A pattern for these words in any case of letters.
fn any_case(words: &[&str]) -> String {
    let letters = |word: &&str| -> String {
        let letter = |letter: char| match letter.is_ascii_alphabetic() {
            true => format!("[{}{}]", letter.to_ascii_lowercase(), letter.to_ascii_uppercase()),
            false => letter.to_string(),
        };
        word.chars().map(letter).collect()
    };
    format!("^({})$", words.iter().map(letters).collect::<Vec<_>>().join("|"))
}
