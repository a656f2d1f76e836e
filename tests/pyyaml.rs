//! The same texts given to PyYAML (recorded by `tests/pyyaml/record.py`) and to `parse::yaml`.

use patrolint::input::source_map::SourceId;
use patrolint::parse::python;
use patrolint::parse::tree::Value;
use patrolint::parse::yaml;
use serde_json::{Value as Json, json};

const CASES: &str = include_str!("../fixtures/pyyaml/cases.jsonl");

/// Where we differ on purpose: the text, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("-99999999999999999999999999999999999999999", SATURATED),
    ("k: -99999999999999999999999999999999999999999", SATURATED),
    ("{1: a, 1.0: b, true: c}", FIRST_KEY),
    ("k:\n  - {1: a, 1.0: b, true: c}", FIRST_KEY),
];

const SATURATED: &str = "integers beyond 128 bits saturate";
const FIRST_KEY: &str =
    "a dictionary keeps the first of several equal keys and the last value; an entry here has both from the last";

#[test]
fn reads_what_pyyaml_reads() {
    let mut disagreements = Vec::new();
    let mut count = 0;
    for line in CASES.lines().skip(1) {
        let case: Json = serde_json::from_str(line).expect("every line of the fixture is JSON");
        let text = case["text"].as_str().expect("every case has a text");
        let ours = yaml::parse(SourceId(0), text);
        let agrees = match (&ours, case.get("value")) {
            (Ok(node), Some(value)) => tagged(&node.value) == *value,
            // A value that holds itself, which a tree cannot hold.
            (Err(_), None) => true,
            _ => false,
        };
        count += 1;
        let is_known = DIFFERENCES.iter().any(|(known, _)| *known == text);
        if agrees == is_known {
            let ours = ours.map(|node| tagged(&node.value).to_string()).map_err(|error| error.message);
            disagreements.push(format!("{text:?}\n   PyYAML: {case}\n   here:   {ours:?}"));
        }
    }
    assert!(500 < count, "only {count} cases");
    assert!(disagreements.is_empty(), "{} of {count}:\n{}", disagreements.len(), disagreements.join("\n"));
}

/// The form in which `record.py` writes values.
fn tagged(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!({ "int": value.to_string() }),
        Value::Float(_) => json!({ "float": python::str(value) }),
        Value::String(value) => json!(value),
        Value::Timestamp(_) => json!({ "timestamp": python::str(value) }),
        Value::Binary(bytes) => json!({ "binary": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
        Value::Sequence(items) => items.iter().map(|item| tagged(&item.value)).collect(),
        Value::Mapping(mapping) => {
            let pairs = mapping.effective().map(|entry| json!([tagged(&entry.key.value), tagged(&entry.value.value)]));
            json!({ "map": pairs.collect::<Json>() })
        }
        Value::Secret(_) => unreachable!("nothing was concealed"),
    }
}
