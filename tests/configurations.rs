//! Recorded configurations as Patroni's class `Config` merges them: each release has to come to the same here.
//!
//! `tests/python/record_config.py` makes the record; `examples/readings.rs` compares.

#[path = "../examples/readings.rs"]
#[allow(dead_code, reason = "the example's own main is not called")]
mod example;

use std::fs::File;
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use patrolint::input::RawFile;
use patrolint::model::behaviour::{Behaviour, Behaviours, TABLE};
use patrolint::model::config::effective::{self, Given};
use patrolint::model::snapshot::{LocalConfiguration, Snapshot};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::tree::Node;
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

/// The one tree that rules look at means to Patroni what the files mean together.
#[test]
fn the_document_of_several_files_means_what_they_mean() {
    let mut compared = 0;
    for record in records() {
        let Some(texts) = record["files"].as_array().filter(|files| 1 < files.len()) else { continue };
        let mut snapshot = Snapshot::default();
        let files: Vec<LocalConfiguration> = texts
            .iter()
            .map(|file| {
                let bytes = file[1].as_str().unwrap_or_default().as_bytes().to_vec();
                snapshot.read_configuration(RawFile { name: file[0].to_string(), bytes, named: true, unread: None })
            })
            .collect();
        let documents: Vec<&Node> = files.iter().filter_map(|file| file.document.as_ref()).collect();
        // An alias is one dictionary in Python, and a copy in the tree.
        let has_aliases = texts.iter().any(|file| file[1].as_str().is_some_and(|text| text.contains("&id")));
        if has_aliases || documents.len() < files.len() {
            continue;
        }
        let of_files = |documents: &[&Node]| {
            let version = PatroniVersion::newest();
            let behaviours = Behaviours::of(version);
            let given = Given { files: Some(documents), environment: None, dynamic: None, version, behaviours };
            effective::merged(&given).map(|settings| settings.value()).map_err(|raised| raised.class)
        };
        let several = of_files(&documents);
        let is_mapping = documents.iter().all(|document| document.as_mapping().is_some());
        let joined = LocalConfiguration::of_files(files[0].source, files.clone());
        let document = joined.document.expect("no file is refused");
        if is_mapping {
            assert!(several == of_files(&[&document]), "{texts:?}\n{several:?}\n{:?}", of_files(&[&document]));
            compared += 1;
        }
    }
    assert!(30 <= compared, "only {compared} configurations are of several files");
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
