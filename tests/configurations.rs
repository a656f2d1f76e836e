//! Recorded configurations as Patroni's class `Config` merges them: each release has to come to the same here.
//!
//! `tests/python/record_config.py` makes the record; `examples/readings.rs` compares.

#[path = "../examples/readings.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use std::fs::File;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use patrolint::model::behaviour::{Behaviour, Behaviours, TABLE};
use serde_json::Value as Json;

#[test]
fn configurations_merge_as_in_recorded_patroni() {
    let records = records();
    let starts = |record: &&Json| {
        record["answers"].as_array().is_some_and(|all| all.iter().any(|one| one.get("value").is_some()))
    };
    assert!(300 <= records.len(), "only {} configurations are recorded", records.len());
    assert!(records.len() / 3 <= records.iter().filter(starts).count(), "most configurations are refused");
    let differences: Vec<String> = records.iter().filter_map(example::configuration_difference).collect();
    let shown = &differences[..differences.len().min(20)];
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), shown.join("\n"));
}

/// A behaviour of the configuration that is the other way round in every release must be missed.
#[test]
fn every_row_of_the_configuration_is_needed() {
    let records = records();
    let is_missed = |behaviour: Behaviour| {
        let flipped = |release| Behaviours::of(release).flipped(behaviour);
        records.iter().any(|record| example::configuration_difference_with(record, flipped).is_some())
    };
    let rows = TABLE.iter().filter(|row| row.is_of_configuration());
    let unseen: Vec<&str> = rows.filter(|row| !is_missed(row.behaviour)).map(|row| row.name).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

fn records() -> Vec<Json> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/python/configurations.jsonl.gz");
    let file = File::open(path).expect("the record can be read");
    let mut lines = BufReader::new(GzDecoder::new(file)).lines().map(|line| {
        let line = line.expect("the record is text");
        serde_json::from_str::<Json>(&line).expect("every line of the record is JSON")
    });
    let head = lines.next().expect("the first line names the releases");
    let releases = head["patroni"].as_array().expect("a list").len();
    assert!(9 <= releases, "only {releases} releases are recorded");
    lines.collect()
}
