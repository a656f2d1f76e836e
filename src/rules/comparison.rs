//! Which findings appear and which vanish between two inputs.

use crate::model::snapshot::{RestAnswer, Snapshot};
use crate::parse::tree::{Node, Span, Value};
use crate::rules::Judgement;
use crate::rules::finding::{Finding, Outcome};

/// The findings that two inputs do not share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// Found in the second input alone; labels point into its texts.
    pub appeared: Vec<Finding>,
    /// Found in the first input alone; labels point into its texts.
    pub vanished: Vec<Finding>,
    /// How many both have.
    pub remaining: usize,
}

/// Compares findings by code, severity and place: the node or key, and the setting in it, wherever that stands in its text.
///
/// Of several with the same place, those with the same message are the same; and those with the same message in the same text,
/// if the place has moved.
pub fn compare(before: (&Snapshot, &[Judgement]), after: (&Snapshot, &[Judgement])) -> Comparison {
    let (mut old, mut new) = (located(before), located(after));
    let mut remaining = 0;
    let ways: [fn(&Located, &Located) -> bool; 3] = [
        |one, other| one.place == other.place && one.finding.message == other.finding.message,
        |one, other| one.place == other.place,
        |one, other| one.place.0 == other.place.0 && one.finding.message == other.finding.message,
    ];
    for is_same in ways {
        new.retain(|found| {
            let is_known = |known: &Located| {
                let rule = |finding: &Finding| (finding.code.clone(), finding.severity);
                rule(&known.finding) == rule(&found.finding) && is_same(known, found)
            };
            match old.iter().position(is_known) {
                Some(index) => {
                    old.remove(index);
                    remaining += 1;
                    false
                }
                None => true,
            }
        });
    }
    let findings = |located: Vec<Located>| {
        let mut findings: Vec<Finding> = located.into_iter().map(|located| located.finding).collect();
        findings.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.code.cmp(&other.code)));
        findings
    };
    Comparison { appeared: findings(new), vanished: findings(old), remaining }
}

struct Located {
    finding: Finding,
    /// The text, and the route in it.
    place: (String, Vec<String>),
}

fn located((snapshot, judgements): (&Snapshot, &[Judgement])) -> Vec<Located> {
    let checked = judgements.iter().filter_map(|(_, _, outcome)| match outcome {
        Outcome::Checked(findings) => Some(findings),
        _ => None,
    });
    let place = |finding: &Finding| match finding.labels.first() {
        Some(label) => place(snapshot, label.span),
        None => (String::new(), Vec::new()),
    };
    checked.flatten().map(|finding| Located { place: place(finding), finding: finding.clone() }).collect()
}

/// What a text is about, and the route to a place in it.
fn place(snapshot: &Snapshot, span: Span) -> (String, Vec<String>) {
    let route = |document: Option<&Node>| {
        let mut found = Vec::new();
        if let Some(document) = document {
            walk(document, span, &mut found);
        }
        found
    };
    if let Some(file) = snapshot.configurations.iter().find(|file| file.source == span.source) {
        let name = &snapshot.sources.get(file.source).name;
        let node = file.node.as_deref().unwrap_or_else(|| name.rsplit('/').next().unwrap_or(name));
        return (format!("node {node}"), route(file.document.as_ref()));
    }
    for cluster in &snapshot.clusters {
        let mut keys = cluster.dcs.iter().flat_map(|dcs| &dcs.keys);
        if let Some((name, key)) = keys.find(|(_, key)| key.source == span.source) {
            return (format!("{}/{}/{name}", cluster.namespace, cluster.scope), route(key.json.as_ref()));
        }
        for (name, answer) in &cluster.rest {
            if let RestAnswer::Answered { source, json } = answer
                && *source == span.source
            {
                return (format!("rest {name}"), route(json.as_ref()));
            }
        }
    }
    (snapshot.sources.get(span.source).name.clone(), Vec::new())
}

/// The keys on the way to the innermost node that holds a span.
fn walk(node: &Node, span: Span, route: &mut Vec<String>) {
    let holds = |node: &Node| node.span.start <= span.start && span.end <= node.span.end;
    match &node.value {
        Value::Mapping(mapping) => {
            let entry = mapping.entries.iter().find(|entry| holds(&entry.key) || holds(&entry.value));
            if let Some(entry) = entry {
                route.push(entry.key.as_str().map_or_else(|| format!("{:?}", entry.key), str::to_owned));
                if !holds(&entry.key) {
                    walk(&entry.value, span, route);
                }
            }
        }
        Value::Sequence(items) => {
            if let Some((index, item)) = items.iter().enumerate().find(|(_, item)| holds(item)) {
                route.push(index.to_string());
                walk(item, span, route);
            }
        }
        _ => {}
    }
}
