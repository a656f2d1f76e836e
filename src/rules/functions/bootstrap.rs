//! How a cluster is initialised and a replica created: options that Patroni does not pass on.

use crate::parse::python;
use crate::parse::tree::{Entry, Mapping, Node, Span, Value};
use crate::rules::facts::Subject;
use crate::rules::functions::{Hit, shown};
use crate::rules::place;

type Found = Result<Vec<Hit>, Vec<String>>;

/// Options that Patroni gives initdb itself.
///
/// Source: patroni/postgresql/bootstrap.py, `Bootstrap._initdb`, 2.0.0 to 4.1.5.
const OF_INITDB: &[&str] = &["pgdata", "nosync", "pwfile", "sync-only", "version"];

/// Options that Patroni gives pg_basebackup itself.
///
/// Source: patroni/postgresql/bootstrap.py, `Bootstrap.basebackup`, 2.0.0 to 4.1.5; `compress` depends on the version of
/// PostgreSQL since 3.3.9.
const OF_BASEBACKUP: &[&str] = &[
    "pgdata",
    "format",
    "wal-method",
    "xlog-method",
    "gzip",
    "version",
    "dbname",
    "host",
    "port",
    "username",
    "password",
];

/// Options of initdb on which Patroni raises an exception.
pub fn initdb_options(subject: &Subject<'_>) -> Found {
    Ok(unusable(subject, &["bootstrap", "initdb"], OF_INITDB))
}

/// Options of pg_basebackup that Patroni drops.
pub fn basebackup_options(subject: &Subject<'_>) -> Found {
    Ok(unusable(subject, &["postgresql", "basebackup"], OF_BASEBACKUP))
}

/// Source: patroni/postgresql/bootstrap.py, `Bootstrap.process_user_options`, 2.0.0 to 4.1.5.
fn unusable(subject: &Subject<'_>, path: &[&str], forbidden: &[&str]) -> Vec<Hit> {
    let document = subject.configuration.and_then(|file| file.document.as_ref());
    let Some(options) = document.and_then(|document| document.at(path)) else { return Vec::new() };
    let forbids = |name: &str| forbidden.contains(&name);
    let reserved = |span, name: &str| hit(span, format!("{name} is not allowed"), name, "").with("is_forbidden", true);
    let mut hits = Vec::new();
    match &options.value {
        Value::Sequence(items) => {
            for item in items {
                match &item.value {
                    Value::String(name) if forbids(name) => hits.push(reserved(item.span, name)),
                    Value::String(_) => {}
                    Value::Mapping(mapping) => hits.extend(of_item(subject, mapping, forbids, reserved)),
                    _ => {
                        let problem = format!("{} is neither a text nor a mapping", shown(item));
                        hits.push(hit(place::head(subject.scene, item), problem, "option", &shown(item)));
                    }
                }
            }
        }
        Value::Mapping(mapping) => {
            for entry in mapping.effective() {
                let name = python::str(&entry.key.value);
                if forbids(&name) && python::truthy(&entry.value.value) {
                    hits.push(reserved(entry.key.span, &name));
                } else if python::truthy(&entry.value.value) {
                    hits.extend(no_text(entry, &name));
                }
            }
        }
        _ => {}
    }
    hits
}

fn of_item(
    subject: &Subject<'_>,
    mapping: &Mapping,
    forbids: impl Fn(&str) -> bool,
    reserved: impl Fn(Span, &str) -> Hit,
) -> Option<Hit> {
    let entries: Vec<&Entry> = mapping.effective().collect();
    match entries.as_slice() {
        [entry] => {
            let name = python::str(&entry.key.value);
            if entry.value.as_str().is_some() && forbids(&name) {
                return Some(reserved(entry.key.span, &name));
            }
            no_text(entry, &name)
        }
        [_, second, ..] => {
            let name = python::str(&second.key.value);
            let span = place::head(subject.scene, &second.key);
            Some(hit(span, format!("{name} stands in the item of another option"), &name, &shown(&second.value)))
        }
        [] => None,
    }
}

/// The finding that the value of an option is no text.
fn no_text(entry: &Entry, name: &str) -> Option<Hit> {
    let value = |node: &Node| hit(node.span, format!("the value of {name} is no text"), name, &shown(node));
    match &entry.value.value {
        Value::String(_) | Value::Secret(_) => None,
        Value::Null => Some(hit(entry.key.span, format!("{name} has no value"), name, "")),
        _ => Some(value(&entry.value)),
    }
}

fn hit(span: Span, problem: String, name: &str, value: &str) -> Hit {
    let hit = Hit::at(span, "").with("problem", problem).with("name", name).with("value", value);
    hit.with("is_forbidden", false)
}
