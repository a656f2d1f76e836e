//! Checks JSON against the part of JSON Schema that the files in `schemas/` and `patrolint schema` use.

#![allow(dead_code, reason = "each test uses a part")]

use serde_json::Value;

/// Keywords that say nothing about validity.
const ANNOTATIONS: [&str; 8] =
    ["$schema", "$id", "$defs", "title", "description", "default", "deprecated", "writeOnly"];

/// Asserts that `document` is valid and holds no field that the schema does not name.
#[track_caller]
pub fn assert_valid(schema_file: &str, document: &Value) {
    let path = format!("{}/schemas/{schema_file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the schema can be read");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    let mut errors = Vec::new();
    validate(&schema, &schema, document, "", &mut errors);
    assert!(errors.is_empty(), "{schema_file}: {}", errors.join("\n"));
}

/// Collects what is wrong with `document`. A field that the schema does not name is wrong unless it says more of such fields.
pub fn validate(root: &Value, schema: &Value, document: &Value, at: &str, errors: &mut Vec<String>) {
    let schema = schema.as_object().expect("a schema is an object");
    for (keyword, expected) in schema {
        let holds = match keyword.as_str() {
            "$ref" => {
                let pointer = expected.as_str().and_then(|target| target.strip_prefix('#')).expect("a local reference");
                validate(root, root.pointer(pointer).expect("the reference leads somewhere"), document, at, errors);
                true
            }
            "type" => match expected {
                Value::Array(types) => types.iter().any(|name| has_type(name, document)),
                name => has_type(name, document),
            },
            "const" => document == expected,
            "enum" => expected.as_array().expect("a list").contains(document),
            "anyOf" => expected.as_array().expect("a list").iter().any(|schema| {
                let mut errors = Vec::new();
                validate(root, schema, document, at, &mut errors);
                errors.is_empty()
            }),
            "pattern" => document.as_str().is_none_or(|text| {
                regex::Regex::new(expected.as_str().expect("a text")).expect("a pattern").is_match(text)
            }),
            "maximum" => document.as_f64().is_none_or(|number| number <= expected.as_f64().expect("a number")),
            "multipleOf" => document.as_i64().is_none_or(|number| number % expected.as_i64().expect("a number") == 0),
            "patternProperties" => true,
            "additionalProperties" => {
                let is_named = |name: &str| {
                    schema.get("properties").is_some_and(|properties| properties.get(name).is_some())
                        || schema.get("patternProperties").and_then(Value::as_object).is_some_and(|patterns| {
                            patterns.keys().any(|pattern| regex::Regex::new(pattern).expect("a pattern").is_match(name))
                        })
                };
                for (name, value) in document.as_object().into_iter().flatten().filter(|(name, _)| !is_named(name)) {
                    match expected {
                        Value::Bool(true) => {}
                        Value::Bool(false) => errors.push(format!("{at}/{name} is not in the schema")),
                        others => validate(root, others, value, &format!("{at}/{name}"), errors),
                    }
                }
                true
            }
            "minimum" => document.as_f64().is_none_or(|number| expected.as_f64().expect("a number") <= number),
            "required" => expected.as_array().expect("a list").iter().all(|name| {
                document.as_object().is_none_or(|fields| fields.contains_key(name.as_str().expect("a name")))
            }),
            "properties" => {
                for (name, value) in document.as_object().into_iter().flatten() {
                    match expected.get(name) {
                        Some(schema) => validate(root, schema, value, &format!("{at}/{name}"), errors),
                        None if schema.contains_key("additionalProperties") => {}
                        None => errors.push(format!("{at}/{name} is not in the schema")),
                    }
                }
                true
            }
            "items" => {
                for (index, value) in document.as_array().into_iter().flatten().enumerate() {
                    validate(root, expected, value, &format!("{at}/{index}"), errors);
                }
                true
            }
            name => {
                assert!(ANNOTATIONS.contains(&name), "this check does not know the keyword {name}");
                true
            }
        };
        if !holds {
            errors.push(format!("{at}: {document} is not {keyword} {expected}"));
        }
    }
}

fn has_type(name: &Value, document: &Value) -> bool {
    match name.as_str().expect("a type's name") {
        "object" => document.is_object(),
        "array" => document.is_array(),
        "string" => document.is_string(),
        // A number of more than 64 bits has become a float here, and is an integer all the same.
        "integer" => document.is_i64() || document.is_u64() || document.as_f64().is_some_and(|it| it.fract() == 0.0),
        "number" => document.is_number(),
        "boolean" => document.is_boolean(),
        "null" => document.is_null(),
        other => panic!("this check does not know the type {other}"),
    }
}
