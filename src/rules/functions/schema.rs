//! The keys of configurations, looked up in the schema.

use crate::model::config::schema::{self, Document, Key, Section};
use crate::parse::tree::{Entry, Mapping, Node, Value};
use crate::rules::facts::{Subject, bootstrap};

/// Where a misplaced key belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The dynamic configuration (`patronictl edit-config`).
    Dynamic,
    /// A section of the same text.
    Below(&'static str),
}

/// A key of a configuration, with what the schema tells of it.
pub struct Spot<'a, 'p> {
    /// Which configuration it stands in.
    pub document: Document,
    /// Its place below the root of that configuration; `[]` for the items of a list.
    pub path: &'p [&'a str],
    /// What stands above the root: `bootstrap.dcs.` or nothing.
    prefix: &'static str,
    /// The key and its value.
    pub entry: &'a Entry,
    /// The row of the schema; `None`: Patroni knows no such key there.
    pub key: Option<&'static Key>,
}

impl<'a> Spot<'a, '_> {
    /// The key's name.
    pub fn name(&self) -> &'a str {
        self.path.last().copied().unwrap_or_default()
    }

    /// The names above the key.
    pub fn section(&self) -> &[&'a str] {
        &self.path[..self.path.len() - 1]
    }

    /// The place for people, such as `bootstrap.dcs.ttl` or `kubernetes.ports[].name`.
    pub fn shown(&self) -> String {
        self.shown_path(self.path)
    }

    /// The place of the section for people; empty: the root.
    pub fn shown_section(&self) -> String {
        self.shown_path(self.section()).trim_end_matches('.').to_owned()
    }

    fn shown_path(&self, path: &[&str]) -> String {
        format!("{}{}", self.prefix, path.join(".").replace(".[]", "[]"))
    }
}

/// Looks at every key of a subject's configurations: of the file and its `bootstrap.dcs`, or of what is in the DCS.
///
/// Not looked at: what a merge key brought, as it stands elsewhere, and what lies below an unknown key.
pub fn visit<'a>(subject: &Subject<'a>, look: &mut dyn FnMut(&Spot<'a, '_>)) {
    match (subject.configuration, subject.dynamic) {
        (Some(file), _) => {
            let Some(document) = &file.document else { return };
            Visit::new(Document::Local, "", look).node(document, Section::of(Document::Local));
            if let Some(bootstrap) = bootstrap(file) {
                Visit::new(Document::Dynamic, "bootstrap.dcs.", look)
                    .node(bootstrap.node, Section::of(Document::Dynamic));
            }
        }
        (None, Some(dynamic)) => {
            Visit::new(Document::Dynamic, "", look).node(dynamic.node, Section::of(Document::Dynamic));
        }
        (None, None) => {}
    }
}

/// A walk through one configuration.
struct Visit<'a, 'l> {
    document: Document,
    prefix: &'static str,
    path: Vec<&'a str>,
    look: &'l mut dyn FnMut(&Spot<'a, '_>),
}

impl<'a, 'l> Visit<'a, 'l> {
    fn new(document: Document, prefix: &'static str, look: &'l mut dyn FnMut(&Spot<'a, '_>)) -> Self {
        Self { document, prefix, path: Vec::new(), look }
    }

    fn node(&mut self, node: &'a Node, section: &'static Section) {
        match &node.value {
            Value::Sequence(items) => {
                let Some(item) = section.below("[]") else { return };
                self.path.push("[]");
                items.iter().for_each(|node| self.node(node, item));
                self.path.pop();
            }
            Value::Mapping(mapping) if section.is_section() => {
                for entry in mapping.effective().filter(|entry| !entry.merged) {
                    let Some(name) = entry.key.as_str() else { continue };
                    let is_named = is_method(self.document, &self.path, entry, mapping);
                    self.path.push(name);
                    let below = section.below(name).filter(|below| {
                        below.key.is_some_and(|key| {
                            (is_named || !is_method_row(self.document, &self.path, key))
                                && !is_below_method(self.document, &self.path, key)
                        })
                    });
                    let (document, prefix, path) = (self.document, self.prefix, self.path.as_slice());
                    let key = below.and_then(|below| below.key);
                    (self.look)(&Spot { document, path, prefix, entry, key });
                    if let Some(below) = below {
                        self.node(&entry.value, below);
                    }
                    self.path.pop();
                }
            }
            _ => {}
        }
    }
}

/// Whether the row stands for any custom way to initialise a cluster or create a replica.
fn is_method_row(document: Document, path: &[&str], key: &Key) -> bool {
    let is_place = matches!(path, ["bootstrap", _] if document == Document::Local) || matches!(path, ["postgresql", _]);
    is_place && key.path.ends_with(".*")
}

/// Whether the row stands for what such a way takes, but the section above the key has rows of its own.
fn is_below_method(document: Document, path: &[&str], key: &Key) -> bool {
    let is_any = 2 < path.len() && key.path.split('.').nth(1) == Some("*");
    let is_own = |row: &Key| {
        let mut segments = row.path.split('.');
        segments.next() == Some(path[0]) && segments.next() == Some(path[1]) && segments.next().is_some()
    };
    is_any && schema::keys_of(document).any(is_own)
}

/// Whether a section below `bootstrap` or `postgresql` is a way of the user's own.
fn is_method(document: Document, section: &[&str], entry: &Entry, mapping: &Mapping) -> bool {
    let name = entry.key.as_str().unwrap_or_default();
    let named = |list: &str| match mapping.get(list).map(|node| &node.value) {
        Some(Value::Sequence(names)) => names.iter().any(|item| item.as_str() == Some(name)),
        Some(Value::String(method)) => method == name,
        _ => false,
    };
    let has_command = || entry.value.get("command").is_some();
    match section {
        ["bootstrap"] if document == Document::Local => has_command() || named("method"),
        ["postgresql"] => has_command() || named("create_replica_methods") || named("create_replica_method"),
        _ => false,
    }
}

/// Where a key that its section does not know belongs.
pub fn home(document: Document, section: &[&str], key: &str) -> Option<Home> {
    let knows = |document, section: &[&str]| schema::names_below(document, section).contains(&key);
    let is_dynamic = knows(Document::Dynamic, &[]) && key != "postgresql";
    let is_tag = knows(Document::Local, &["tags"]);
    match (document, section) {
        (Document::Local, []) if is_dynamic => Some(Home::Dynamic),
        (Document::Local, ["postgresql"]) if is_dynamic || key == "use_slots" => Some(Home::Dynamic),
        (Document::Local, ["bootstrap"]) if is_dynamic || key == "postgresql" => Some(Home::Below("bootstrap.dcs")),
        (Document::Local, ["postgresql"]) if matches!(key, "initdb" | "post_init" | "post_bootstrap") => {
            Some(Home::Below("bootstrap"))
        }
        (Document::Local, []) if is_tag => Some(Home::Below("tags")),
        (Document::Local, []) if key == "initdb" => Some(Home::Below("bootstrap")),
        (Document::Local, []) if knows(Document::Local, &["postgresql"]) || key == "use_slots" => {
            Some(Home::Below("postgresql"))
        }
        (Document::Dynamic, []) if knows(Document::Dynamic, &["postgresql"]) => Some(Home::Below("postgresql")),
        (Document::Dynamic, []) if matches!(key, "initdb" | "users" | "method") => Some(Home::Below("bootstrap")),
        (Document::Dynamic, []) if knows(Document::Local, &[]) => Some(Home::Below("the root of patroni.yml")),
        (Document::Dynamic, []) if is_tag => Some(Home::Below("tags of patroni.yml")),
        (Document::Dynamic, ["postgresql"]) if knows(Document::Dynamic, &[]) => {
            Some(Home::Below("the root of the dynamic configuration"))
        }
        (Document::Dynamic, ["postgresql"]) if knows(Document::Local, &["postgresql"]) => {
            Some(Home::Below("postgresql of patroni.yml"))
        }
        _ => None,
    }
}

/// Whether people rely on the key for their data or for failover.
pub fn protects(key: &str) -> bool {
    key.starts_with("synchronous_")
        || matches!(
            key,
            "failsafe_mode" | "slots" | "permanent_slots" | "watchdog" | "tags" | "maximum_lag_on_failover"
        )
        || schema::names_below(Document::Local, &["tags"]).contains(&key)
}

/// The known name that is most alike, if one is alike at all: at most two letters differ.
pub fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let candidates = known.iter().map(|name| (strsim::levenshtein(key, name), *name));
    candidates.filter(|(distance, name)| *distance <= 2 && 2 * distance < name.len()).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_name() {
        let known = schema::names_below(Document::Dynamic, &[]);
        let check = |key: &str, expected: Option<&str>| assert_eq!(nearest(key, &known), expected, "{key}");
        check("maximum_lag_on_failver", Some("maximum_lag_on_failover"));
        check("syncronous_mode", Some("synchronous_mode"));
        check("tl", Some("ttl"));
        check("t", None);
        check("tttl", Some("ttl"));
        check("anything", None);
    }

    #[test]
    fn knows_where_keys_belong() {
        let check = |document, section: &[&str], key: &str, expected: Option<Home>| {
            assert_eq!(home(document, section, key), expected, "{section:?} {key}");
        };
        check(Document::Local, &["postgresql"], "synchronous_mode", Some(Home::Dynamic));
        check(Document::Local, &[], "ttl", Some(Home::Dynamic));
        check(Document::Local, &[], "nofailover", Some(Home::Below("tags")));
        check(Document::Dynamic, &[], "parameters", Some(Home::Below("postgresql")));
        check(Document::Dynamic, &[], "tags", Some(Home::Below("the root of patroni.yml")));
        check(Document::Local, &["bootstrap"], "ttl", Some(Home::Below("bootstrap.dcs")));
        check(Document::Local, &["bootstrap"], "postgresql", Some(Home::Below("bootstrap.dcs")));
        check(Document::Local, &["postgresql"], "post_init", Some(Home::Below("bootstrap")));
        check(Document::Local, &[], "something", None);
    }
}
