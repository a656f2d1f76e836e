//! Compares what patrolint reads with what was recorded from PyYAML and Patroni's class `Config`: records (JSON lines) on
//! standard input, a line for each difference on standard output.
//!
//! `tests/pyyaml/compare.py` and `tests/python/record_config.py` make the records and run it.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use patrolint::input::source_map::{SourceId, SourceMap};
use patrolint::model::behaviour::Behaviours;
use patrolint::model::config::effective::{self, Environment, Given};
use patrolint::model::version::PatroniVersion;
use patrolint::parse::tree::{Node, Value};
use patrolint::parse::{json, python, yaml};
use serde_json::{Value as Json, json};

/// Where the texts of records would stand; nothing points there.
const NOWHERE: SourceId = SourceId(u32::MAX);

fn main() -> ExitCode {
    let compare = match std::env::args().nth(1).as_deref() {
        Some("yaml") => yaml_difference,
        Some("configurations") => configuration_difference,
        _ => {
            eprintln!("usage: readings yaml|configurations < records.jsonl");
            return ExitCode::from(2);
        }
    };
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let record = line.map_err(|error| error.to_string());
        let record = record.and_then(|line| serde_json::from_str::<Json>(&line).map_err(|error| error.to_string()));
        match record {
            Ok(record) => {
                if let Some(difference) = compare(&record)
                    && writeln!(out, "{difference}").is_err()
                {
                    return ExitCode::from(2);
                }
            }
            Err(error) => {
                eprintln!("error: not a record: {error}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}

/// What differs between a record of `tests/pyyaml/record.py` and what is read here.
pub fn yaml_difference(record: &Json) -> Option<String> {
    let text = record["text"].as_str()?;
    let ours = yaml::parse(NOWHERE, text);
    let agrees = match (&ours, record.get("value")) {
        (Ok(node), Some(value)) => tagged(&node.value) == *value,
        // A value that holds itself, which a tree cannot hold.
        (Err(_), None) => true,
        _ => false,
    };
    let ours = ours.map(|node| tagged(&node.value).to_string()).map_err(|error| error.message);
    (!agrees).then(|| format!("{text:?}\n   PyYAML: {record}\n   here:   {ours:?}"))
}

/// What differs between a record of `tests/python/record_config.py` and what is read here.
pub fn configuration_difference(record: &Json) -> Option<String> {
    configuration_difference_with(record, Behaviours::of)
}

/// The same for releases that behave as `behaviours` says.
pub fn configuration_difference_with(
    record: &Json,
    behaviours: impl Fn(PatroniVersion) -> Behaviours,
) -> Option<String> {
    let mut sources = SourceMap::default();
    let environment = record["environment"].as_str().map(|text| Environment::read(&mut sources, "environment", text));
    let dynamic = record["dynamic"].as_str().and_then(|text| json::parse(NOWHERE, text).ok());
    let mut files = Vec::new();
    for file in record["files"].as_array().into_iter().flatten() {
        files.push(yaml::parse(NOWHERE, file[1].as_str().unwrap_or_default()));
    }
    let refused = files.iter().position(Result::is_err);
    let documents: Vec<&Node> = files.iter().map_while(|file| file.as_ref().ok()).collect();
    for (version, answer) in record["by"].as_object()? {
        let recorded = &record["answers"][answer.as_u64()? as usize];
        let release: PatroniVersion = version.parse().ok()?;
        let given = Given {
            files: record["files"].is_array().then_some(&documents),
            environment: environment.as_ref(),
            dynamic: dynamic.as_ref(),
            version: release,
            behaviours: behaviours(release),
        };
        // Files before the one that PyYAML refuses were read, and may be of no use, too.
        let is_yaml_error = refused.is_some() && documents.iter().all(|document| document.as_mapping().is_some());
        let ours = match effective::merged(&given) {
            _ if is_yaml_error => json!({ "raised": "YAMLError" }),
            Ok(settings) => json!({ "value": sorted(tagged(&settings.value())) }),
            Err(error) => json!({ "raised": error.class }),
        };
        if !agrees(recorded, &ours) {
            let (files, environment, dynamic) = (&record["files"], &record["environment"], &record["dynamic"]);
            let places = places(recorded, &ours, String::new()).join("; ");
            return Some(format!(
                "{version}: {places}\n   files: {files}\n   environment: {environment}\n   dynamic: {dynamic}"
            ));
        }
    }
    None
}

/// Whether two answers are equal. Of a dictionary whose keys are secrets, and so not told here, the number of entries counts.
fn agrees(recorded: &Json, ours: &Json) -> bool {
    match (recorded, ours) {
        (Json::Array(one), Json::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| agrees(one, two))
        }
        (Json::Object(one), Json::Object(two)) => {
            let pairs = |object: &serde_json::Map<String, Json>| object.get("map").and_then(Json::as_array).cloned();
            match (pairs(one), pairs(two)) {
                (Some(one), Some(two)) if two.iter().any(|pair| pair[0].as_str().is_some_and(is_concealed)) => {
                    one.len() == two.len()
                }
                _ => one.len() == two.len() && one.iter().all(|(k, v)| two.get(k).is_some_and(|two| agrees(v, two))),
            }
        }
        _ => recorded == ours,
    }
}

fn is_concealed(key: &str) -> bool {
    key.strip_prefix("***").is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Where two answers differ.
fn places(recorded: &Json, ours: &Json, place: String) -> Vec<String> {
    let pairs = |answer: &Json| answer["map"].as_array().cloned();
    match (pairs(recorded), pairs(ours)) {
        _ if agrees(recorded, ours) => Vec::new(),
        (Some(one), Some(two)) => {
            let find =
                |pairs: &[Json], key: &Json| pairs.iter().find(|pair| pair[0] == *key).map(|pair| pair[1].clone());
            let missing = json!("(missing)");
            let keys = one.iter().chain(two.iter().filter(|pair| find(&one, &pair[0]).is_none())).map(|pair| &pair[0]);
            keys.flat_map(|key| {
                let (one, two) = (find(&one, key), find(&two, key));
                let (one, two) = (one.unwrap_or(missing.clone()), two.unwrap_or(missing.clone()));
                places(&one, &two, format!("{place}.{key}"))
            })
            .collect()
        }
        _ if recorded.get("value").is_some() && ours.get("value").is_some() => {
            places(&recorded["value"], &ours["value"], place)
        }
        _ => vec![format!("{place} Patroni: {recorded}, here: {ours}")],
    }
}

/// The form in which the recorders write values.
pub fn tagged(value: &Value) -> Json {
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
        Value::Secret(secret) => tagged(secret.expose()),
    }
}

/// The same with the entries of dictionaries sorted by key.
fn sorted(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        Json::Object(mut object) => match object.remove("map") {
            Some(Json::Array(pairs)) => {
                let mut pairs: Vec<Json> = pairs.into_iter().map(sorted).collect();
                pairs.sort_by_key(|pair| pair[0].to_string());
                json!({ "map": pairs })
            }
            _ => Json::Object(object),
        },
        other => other,
    }
}
