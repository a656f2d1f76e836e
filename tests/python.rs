//! The same values given to Python and Patroni (recorded by `tests/python/record.py`) and to `parse::python`.

use patrolint::input::source_map::SourceId;
use patrolint::parse::{python, yaml};
use serde_json::{Value as Json, json};

const CASES: &str = include_str!("../fixtures/python/cases.jsonl");

#[test]
fn converts_as_python_and_patroni() {
    let mut disagreements = Vec::new();
    for line in CASES.lines().skip(1) {
        let case: Json = serde_json::from_str(line).expect("every line of the fixture is JSON");
        let value = yaml::parse(SourceId(0), case["value"].as_str().expect("a text")).expect("PyYAML read it").value;
        let units = case["parse_int"].as_object().expect("an object").keys();
        let integers = units.map(|unit| {
            let base_unit = (unit != "None").then_some(unit.as_str());
            (unit.clone(), json!(python::parse_int(&value, base_unit).map(|integer| integer.to_string())))
        });
        let ours = json!({
            "value": case["value"],
            "bool": python::truthy(&value),
            "str": python::str(&value),
            "int": python::int(&value).map(|integer| integer.to_string()),
            "parse_bool": python::parse_bool(&value),
            "parse_int": integers.collect::<serde_json::Map<_, _>>(),
        });
        if ours != case {
            disagreements.push(format!("Python: {case}\nhere:   {ours}\n"));
        }
    }
    assert!(disagreements.is_empty(), "{}:\n{}", disagreements.len(), disagreements.join("\n"));
}
