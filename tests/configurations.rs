//! Recorded configurations as Patroni's class `Config` merges them: each release has to come to the same here.
//!
//! `tests/python/record_config.py` makes the record; `examples/readings.rs` compares.

#[path = "../examples/readings.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use std::fs::File;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use serde_json::Value as Json;

#[test]
fn configurations_merge_as_in_recorded_patroni() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/python/configurations.jsonl.gz");
    let file = File::open(path).expect("the record can be read");
    let mut lines = BufReader::new(GzDecoder::new(file)).lines().map(|line| {
        let line = line.expect("the record is text");
        serde_json::from_str::<Json>(&line).expect("every line of the record is JSON")
    });
    let head = lines.next().expect("the first line names the releases");
    let releases = head["patroni"].as_array().expect("a list").len();
    assert!(9 <= releases, "only {releases} releases are recorded");
    let records: Vec<Json> = lines.collect();
    assert!(300 <= records.len(), "only {} configurations are recorded", records.len());
    let starts = |record: &&Json| {
        record["answers"].as_array().is_some_and(|all| all.iter().any(|one| one.get("value").is_some()))
    };
    assert!(records.len() / 3 <= records.iter().filter(starts).count(), "most configurations are refused");
    let differences: Vec<String> = records.iter().filter_map(example::configuration_difference).collect();
    let shown = &differences[..differences.len().min(20)];
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), shown.join("\n"));
}
