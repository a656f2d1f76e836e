//! The same texts given to PyYAML (recorded by `tests/pyyaml/record.py`) and to `parse::yaml`.

#[path = "../examples/readings.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use serde_json::Value as Json;

const CASES: &str = include_str!("../fixtures/pyyaml/cases.jsonl");

/// Where we differ on purpose: the text, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("-99999999999999999999999999999999999999999", SATURATED),
    ("k: -99999999999999999999999999999999999999999", SATURATED),
];

const SATURATED: &str = "integers beyond 128 bits saturate";

#[test]
fn reads_what_pyyaml_reads() {
    let mut disagreements = Vec::new();
    let mut count = 0;
    for line in CASES.lines().skip(1) {
        let case: Json = serde_json::from_str(line).expect("every line of the fixture is JSON");
        let text = case["text"].as_str().expect("every case has a text");
        let difference = example::yaml_difference(&case);
        count += 1;
        let is_known = DIFFERENCES.iter().any(|(known, _)| *known == text);
        if difference.is_some() != is_known {
            disagreements.push(difference.unwrap_or_else(|| format!("{text:?} no longer differs")));
        }
    }
    assert!(500 < count, "only {count} cases");
    assert!(disagreements.is_empty(), "{} of {count}:\n{}", disagreements.len(), disagreements.join("\n"));
}
