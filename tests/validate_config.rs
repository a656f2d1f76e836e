//! What `patroni --validate-config` says is said here, too; the recording is by `tests/python/record_validate.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use patrolint::input::RawFile;
use patrolint::model::snapshot::Snapshot;
use patrolint::parse::tree::{Node, Span, Value};
use patrolint::rules::finding::{Finding, Outcome};
use patrolint::rules::registry::Registry;
use patrolint::rules::{Options, check};
use serde_json::Value as Json;

const RECORDED: &[u8] = include_bytes!("../fixtures/schema/validate.jsonl.gz");

/// What patrolint says and the validator does not, with the reasons.
const DOCUMENT: &str = include_str!("../docs/validate-config.md");

/// Every so many cases are judged, unless `VALIDATE_CONFIG=all` asks for all of them, as `tests/run` does; a prime, so that every
/// value meets many keys.
const STEP: usize = 7;

/// Configurations and their errors, each a path and a message.
fn cases() -> Vec<(Json, Vec<(String, String)>)> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(RECORDED).read_to_string(&mut text).expect("the fixture is gzip");
    let mut bases: BTreeMap<String, Json> = BTreeMap::new();
    let mut cases = Vec::new();
    let step = if std::env::var("VALIDATE_CONFIG").is_ok_and(|cases| cases == "all") { 1 } else { STEP };
    for (index, line) in text.lines().skip(1).enumerate() {
        let line: Json = serde_json::from_str(line).expect("every line is JSON");
        if let Some(name) = line["base"].as_str() {
            cases.push((line["config"].clone(), Vec::new()));
            bases.insert(name.to_owned(), line["config"].clone());
            continue;
        }
        if index % step != 0 {
            continue;
        }
        let mut config = bases[line["of"].as_str().expect("a name")].clone();
        for change in line["changes"].as_array().expect("a list") {
            apply(&mut config, change[0].as_array().expect("a path"), change.get(1));
        }
        let errors = line["errors"].as_array().expect("a list").iter();
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        cases.push((config, errors.map(|error| (text(&error[0]), text(&error[1]))).collect()));
    }
    cases
}

fn apply(config: &mut Json, path: &[Json], value: Option<&Json>) {
    let (last, above) = path.split_last().expect("a path is not empty");
    let mut parent = config;
    for part in above {
        parent = match part {
            Json::String(name) => &mut parent[name],
            index => &mut parent[index.as_u64().expect("an index") as usize],
        };
    }
    match (last, value) {
        (Json::String(name), Some(value)) => parent[name] = value.clone(),
        (Json::String(name), None) => drop(parent.as_object_mut().expect("a mapping").remove(name)),
        (index, value) => {
            let index = index.as_u64().expect("an index") as usize;
            let list = parent.as_array_mut().expect("a list");
            match value {
                Some(value) => list[index] = value.clone(),
                None => drop(list.remove(index)),
            }
        }
    }
}

/// Block-style YAML; scalars as JSON, which YAML reads the same way.
fn yaml(value: &Json, indent: usize, text: &mut String) {
    let blanks = " ".repeat(indent);
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            for (name, value) in entries {
                text.push_str(&format!("\n{blanks}{name}:"));
                yaml(value, indent + 2, text);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&format!("\n{blanks}-"));
                yaml(item, indent + 2, text);
            }
        }
        scalar => text.push_str(&format!(" {scalar}")),
    }
}

struct Judged {
    snapshot: Snapshot,
    findings: Vec<Finding>,
    text: String,
}

fn judge(registry: &Registry, config: &Json) -> Judged {
    let mut text = String::new();
    yaml(config, 0, &mut text);
    let file = RawFile { name: "patroni.yml".to_owned(), bytes: text.clone().into_bytes(), named: true, unread: None };
    let snapshot = Snapshot::assemble(vec![file]).expect("a configuration");
    let judgements =
        check(registry, &snapshot, &Options { patroni_version: Some("4.1.5".to_owned()), ..Options::default() });
    let findings = judgements.into_iter().flat_map(|(_, _, outcome)| match outcome {
        Outcome::Checked(findings) => findings,
        _ => Vec::new(),
    });
    Judged { findings: findings.collect(), text, snapshot }
}

/// The place of a path, or of the nearest section above that is there: from its key to the end of its value.
fn place(document: &Node, path: &str) -> (Span, bool) {
    let (mut node, mut span, mut is_whole) = (document, document.span, true);
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let next = match &node.value {
            Value::Mapping(mapping) => mapping.entry(name).map(|entry| (entry.key.span.start, &entry.value)),
            Value::Sequence(items) => {
                name.parse::<usize>().ok().and_then(|index| items.get(index)).map(|item| (item.span.start, item))
            }
            _ => None,
        };
        let Some((start, value)) = next else {
            is_whole = false;
            break;
        };
        span = Span { start, end: value.span.end.max(start), ..value.span };
        node = value;
    }
    (span, is_whole)
}

/// Whether a finding speaks of what the validator complains about.
fn covers(finding: &Finding, span: Span, is_there: bool, path: &str) -> bool {
    let touches = finding.labels.iter().any(|label| label.span.start <= span.end && span.start <= label.span.end);
    let name = path.rsplit('.').next().unwrap_or_default();
    touches && (is_there || finding.message.contains(name))
}

/// What the two say differently about some of the cases.
#[derive(Default)]
struct Differences {
    /// Errors that no finding covers, each with a text that it is about.
    missed: BTreeMap<String, String>,
    /// Rules that fired on what the validator accepts.
    fired: BTreeSet<String>,
    wrongly_refused: BTreeSet<String>,
    compared: usize,
}

fn compare(registry: &Registry, cases: &[(Json, Vec<(String, String)>)]) -> Differences {
    let mut differences = Differences::default();
    for (config, errors) in cases {
        let judged = judge(registry, config);
        let document = judged.snapshot.configurations[0].document.as_ref().expect("valid YAML");
        if errors.is_empty() {
            let refused = judged.findings.iter().filter(|finding| finding.code == "PTL125");
            differences.wrongly_refused.extend(refused.map(|finding| finding.message.clone()));
            differences.fired.extend(judged.findings.iter().map(|finding| finding.code.clone()));
        }
        for (path, message) in errors {
            differences.compared += 1;
            let (span, is_there) = place(document, path);
            if !judged.findings.iter().any(|finding| covers(finding, span, is_there, path)) {
                let value = &judged.text[span.start..span.end.min(span.start + 60)];
                differences.missed.entry(format!("{path}: {message}")).or_insert_with(|| value.to_owned());
            }
        }
    }
    differences
}

#[test]
fn what_the_validator_reports_is_reported_and_the_rest_is_documented() {
    let cases = cases();
    let registry = Registry::builtin();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<Differences> = std::thread::scope(|scope| {
        let chunks = cases.chunks(cases.len().div_ceil(threads));
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(|| compare(&registry, chunk))).collect();
        running.into_iter().map(|thread| thread.join().expect("comparing does not panic")).collect()
    });
    let mut all = Differences::default();
    for part in parts {
        all.missed.extend(part.missed);
        all.fired.extend(part.fired);
        all.wrongly_refused.extend(part.wrongly_refused);
        all.compared += part.compared;
    }
    let Differences { missed, fired, wrongly_refused, compared } = all;
    assert!(1000 <= compared, "{compared}");
    let missed: Vec<String> = missed.into_iter().map(|(error, value)| format!("{error}\n  {value:?}")).collect();
    assert!(wrongly_refused.is_empty(), "{wrongly_refused:#?}\nmissed: {}", missed.join("\n"));
    assert!(missed.is_empty(), "{} of {compared}:\n{}", missed.len(), missed.join("\n"));
    let rows: BTreeSet<&str> =
        DOCUMENT.lines().filter_map(|line| line.strip_prefix("| PTL").map(|_| &line[2..8])).collect();
    let undocumented: Vec<&String> = fired.iter().filter(|code| !rows.contains(code.as_str())).collect();
    assert!(undocumented.is_empty(), "not in docs/validate-config.md: {undocumented:?}");
}
