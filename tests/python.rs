//! The same values given to Python and Patroni (recorded by `tests/python/record.py`) and to `parse::python`, and the same
//! times given to python-dateutil (`tests/python/record_times.py`) and to `model::time`.

use patrolint::input::source_map::SourceId;
use patrolint::model::time::{ParsedTime, parse_time};
use patrolint::parse::{python, yaml};
use serde_json::{Value as Json, json};

const CASES: &str = include_str!("../fixtures/python/cases.jsonl");
const TIMES: &str = include_str!("../fixtures/python/times.jsonl");

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

#[test]
fn reads_times_as_dateutil() {
    let mut disagreements = Vec::new();
    for line in TIMES.lines().skip(1) {
        let case: Json = serde_json::from_str(line).expect("every line of the fixture is JSON");
        let text = case["text"].as_str().expect("a text");
        let (kind, iso) = match parse_time(text) {
            ParsedTime::Zoned { iso, .. } => ("zoned", Some(iso)),
            ParsedTime::Naive(iso) => ("naive", Some(iso)),
            ParsedTime::BadOffset => ("bad offset", None),
            ParsedTime::Invalid => ("invalid", None),
        };
        let ours = json!({"text": text, "kind": kind, "iso": iso});
        if ours != case {
            disagreements.push(format!("dateutil: {case}\nhere:     {ours}\n"));
        }
    }
    assert!(disagreements.is_empty(), "{}:\n{}", disagreements.len(), disagreements.join("\n"));
}
