//! The examples on rule pages, which are their tests.
//!
//! Below a heading that starts with `Bad` or `Good`, every fenced block is an input, named by its info string:
//!
//! - `yaml patroni.yml`: a configuration file, to which what every file needs is added where it lacks it;
//!   `yaml patroni.yml whole`: the file as it stands; `yaml b.yml part`: a further file of the directory of the one above;
//! - `text patroni.env`: the environment variables of the node whose file stands above;
//! - `text dcs:/service/demo`: keys of a DCS, one per line, the key relative to the scope, a blank, the value;
//! - `json rest:pg2`: the body of `GET /patroni` of a member; `text rest:pg2 unreachable`: the reason why it has none.
//!
//! A line of blanks and `^` marks what the finding underlines in the line above it, and is no part of the input. A
//! heading may name a release to assume: `## Bad (Patroni 3.1.2)`, `## Bad (PostgreSQL 16)`.

use crate::input::source_map::SourceMap;
use crate::model::config::effective::Environment;
use crate::model::postgresql::version::PostgresVersion;
use crate::model::snapshot::{
    ClusterSnapshot, Dcs, DcsKey, DcsKind, LocalConfiguration, MadeOf, RawValue, RestAnswer, Snapshot,
};
use crate::model::version::PatroniVersion;
use crate::parse::dump::reading::read_servers;
use crate::parse::tree::{Node, Value};
use crate::parse::{json, secrets, yaml};

/// One example of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Example {
    /// The heading it stands below.
    pub heading: String,
    /// Whether the rule must fire.
    pub is_bad: bool,
    /// The Patroni release to assume, if the heading names one.
    pub patroni_version: Option<String>,
    /// The version of PostgreSQL to assume, if the heading names one.
    pub postgres_version: Option<PostgresVersion>,
    /// The inputs: name and text.
    pub inputs: Vec<(String, String)>,
    /// What must be underlined: name of the source, line, first column and the column after the last one, all from 1.
    pub marks: Vec<(String, usize, usize, usize)>,
}

/// The examples of a page's prose.
pub fn examples(markdown: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_example = false;
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            is_example = heading.starts_with("Bad") || heading.starts_with("Good");
            if is_example {
                let named = |software| Some(heading.split_once(software)?.1.split_once(')')?.0);
                examples.push(Example {
                    heading: heading.to_owned(),
                    is_bad: heading.starts_with("Bad"),
                    patroni_version: named("(Patroni ").map(str::to_owned),
                    postgres_version: named("(PostgreSQL ").and_then(|version| version.parse().ok()),
                    ..Example::default()
                });
            }
        } else if let Some(info) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let (true, Some(example), Some((_, name))) = (is_example, examples.last_mut(), info.split_once(' ')) {
                example.add(name.trim(), &block);
            }
        }
    }
    examples
}

impl Example {
    fn add(&mut self, name: &str, block: &[&str]) {
        let mut kept: Vec<&str> = Vec::new();
        for line in block {
            let is_mark = line.contains('^') && line.bytes().all(|byte| matches!(byte, b' ' | b'^'));
            if !is_mark {
                kept.push(line);
                continue;
            }
            let start = line.find('^').unwrap_or(0) + 1;
            let end = line.len() + 1;
            let above = kept.last().copied().unwrap_or_default();
            let mark = match above.split_once(' ') {
                Some((key, _)) if name.starts_with("dcs:") => {
                    let indent = key.len() + 1;
                    (format!("{name}/{key}"), 1, start.saturating_sub(indent), end.saturating_sub(indent))
                }
                _ => {
                    let name = name.trim_end_matches(" whole").trim_end_matches(" part");
                    (name.to_owned(), kept.len(), start, end)
                }
            };
            self.marks.push(mark);
        }
        self.inputs.push((name.to_owned(), kept.join("\n") + "\n"));
    }

    /// The example as input. All clusters have the scope `demo`.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let mut cluster =
            ClusterSnapshot { namespace: "service".to_owned(), scope: "demo".to_owned(), ..ClusterSnapshot::default() };
        for (name, text) in &self.inputs {
            if name.starts_with("dcs:") {
                let (name, incomplete) = match name.strip_suffix(" incomplete") {
                    Some(name) => (name, Some("it holds fewer keys than it tells of".to_owned())),
                    None => (name.as_str(), None),
                };
                let (name, doubts) = match name.strip_suffix(" doubted") {
                    Some(name) => (name, vec!["/service/demo/leader changed while it was read".to_owned()]),
                    None => (name, Vec::new()),
                };
                let keys = text.lines().filter_map(|line| line.split_once(' '));
                let keys = keys.map(|(key, value)| (key.to_owned(), dcs_key(&mut snapshot.sources, name, key, value)));
                let keys = keys.collect();
                cluster.dcs =
                    Some(Dcs { kind: DcsKind::Etcd3, revision: None, keys, servers: Vec::new(), incomplete, doubts });
            } else if name == "servers" {
                let (_, json) = parsed_json(&mut snapshot.sources, name, text);
                let servers = json.as_ref().and_then(read_servers);
                cluster.dcs.iter_mut().for_each(|dcs| dcs.servers = servers.clone().unwrap_or_default());
            } else if let Some(member) = name.strip_prefix("rest:") {
                let (member, answer) = match member.strip_suffix(" unreachable") {
                    Some(member) => (member, RestAnswer::Unreachable { reason: text.trim().to_owned() }),
                    None => {
                        let (source, json) = parsed_json(&mut snapshot.sources, name, text);
                        (member, RestAnswer::Answered { source, json })
                    }
                };
                cluster.rest.insert(member.to_owned(), answer);
            } else if name.ends_with(".env") {
                let environment = Environment::read(&mut snapshot.sources, name, text);
                let release = self.patroni_version.as_deref().and_then(|version| version.parse().ok());
                let release = release.unwrap_or_else(PatroniVersion::newest);
                let files = snapshot.configurations.pop();
                snapshot.configurations.push(LocalConfiguration::with_environment(files, environment, release));
            } else {
                let (name, is_part) = match name.strip_suffix(" part") {
                    Some(name) => (name, true),
                    None => (name.as_str(), false),
                };
                let (name, text) = match name.strip_suffix(" whole") {
                    _ if is_part => (name, text.clone()),
                    Some(name) => (name, text.clone()),
                    None => (name, completed(text, snapshot.configurations.len() + 1)),
                };
                let configuration = configuration(&mut snapshot.sources, name, &text);
                let first = snapshot.configurations.pop_if(|_| is_part);
                snapshot.configurations.push(match first {
                    Some(first) => LocalConfiguration::of_files(first.source, vec![first, configuration]),
                    None => configuration,
                });
            }
        }
        if cluster.dcs.is_some() || !cluster.rest.is_empty() {
            snapshot.clusters.push(cluster);
        }
        snapshot
    }
}

/// A configuration with what every file needs and the example is not about, below [`REST`] what lies deeper; the
/// addresses are those of the node with this number.
fn completed(text: &str, node: usize) -> String {
    let has = |key: &str| text.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')));
    let mut text = text.to_owned();
    for (key, line) in [("name", "name: pg1\n"), ("scope", "scope: demo\n")] {
        if !has(key) {
            text.push_str(line);
        }
    }
    if !["etcd", "etcd3", "consul", "zookeeper", "kubernetes", "raft", "exhibitor"].into_iter().any(has) {
        text.push_str("etcd3:\n  hosts: [10.0.0.11:2379, 10.0.0.12:2379, 10.0.0.13:2379]\n");
    }
    text + &REST.replace("10.0.0.1:", &format!("10.0.0.{node}:"))
}

/// Name of the key that holds what is put into an example's sections; it is no part of the document.
const COMPLETION: &str = "x-completion";

const REST: &str = "\
x-completion:
  restapi: {listen: 'localhost:8008', connect_address: '10.0.0.1:8008'}
  bootstrap: {dcs: {}}
  postgresql:
    listen: '10.0.0.1:5432'
    connect_address: '10.0.0.1:5432'
    data_dir: /data
    authentication: {superuser: {username: postgres}, replication: {username: replicator}}
";

/// Moves what stands below [`COMPLETION`] to where the document lacks it; but no example needs a `bootstrap`.
fn complete(document: &mut Node) {
    let Value::Mapping(root) = &mut document.value else { return };
    let position = root.entries.iter().position(|entry| entry.key.as_str() == Some(COMPLETION));
    let Some(index) = position else { return };
    let mut completion = root.entries.remove(index).value;
    if let (None, Value::Mapping(sections)) = (root.get("bootstrap"), &mut completion.value) {
        sections.entries.retain(|entry| entry.key.as_str() != Some("bootstrap"));
    }
    fill(document, completion);
}

fn fill(node: &mut Node, completion: Node) {
    let (Value::Mapping(mapping), Value::Mapping(more)) = (&mut node.value, completion.value) else { return };
    for entry in more.entries {
        let name = entry.key.as_str().unwrap_or_default().to_owned();
        match mapping.entries.iter_mut().rev().find(|known| known.key.as_str() == Some(&name)) {
            Some(known) => fill(&mut known.value, entry.value),
            None => mapping.entries.push(entry),
        }
    }
}

fn dcs_key(sources: &mut SourceMap, prefix: &str, key: &str, value: &str) -> DcsKey {
    let (source, json) = parsed_json(sources, &format!("{prefix}/{key}"), value);
    DcsKey { source, value: RawValue(value.to_owned()), json, revision: None, lease: None, ttl_seconds: None }
}

fn parsed_json(sources: &mut SourceMap, name: &str, text: &str) -> (crate::input::source_map::SourceId, Option<Node>) {
    let source = sources.add(name, text);
    let mut json = json::parse(source, text).ok();
    let spans = json.as_mut().map(secrets::conceal).unwrap_or_default();
    sources.mask(source, secrets::mask(text, &spans));
    (source, json)
}

fn configuration(sources: &mut SourceMap, name: &str, text: &str) -> LocalConfiguration {
    let source = sources.add(name, text);
    let (mut document, error) = match yaml::parse(source, text) {
        Ok(document) => (Some(document), None),
        Err(error) => (None, Some(error)),
    };
    document.iter_mut().for_each(complete);
    let spans = document.as_mut().map(secrets::conceal).unwrap_or_default();
    sources.mask(source, secrets::mask(text, &spans));
    let field = |name: &str| document.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let (node, scope) = (field("name"), field("scope"));
    LocalConfiguration { source, node, scope, document, error, made_of: MadeOf::OneFile, environment: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_examples() {
        let page = "# T\n\n## Bad (Patroni 3.1.2)\n\n```yaml patroni.yml\na: 1\n   ^\nb: 2\n```\n\n## Good\n\n\
                    ```text dcs:/service/demo\nleader pg1\n       ^^^\n```\n";
        let examples = examples(page);
        assert_eq!(examples.len(), 2);
        assert_eq!(examples[0].patroni_version.as_deref(), Some("3.1.2"));
        assert_eq!(examples[0].inputs, [("patroni.yml".to_owned(), "a: 1\nb: 2\n".to_owned())]);
        assert_eq!(examples[0].marks, [("patroni.yml".to_owned(), 1, 4, 5)]);
        assert_eq!(examples[1].marks, [("dcs:/service/demo/leader".to_owned(), 1, 1, 4)]);
        assert!(examples[0].is_bad && !examples[1].is_bad);
    }
}
