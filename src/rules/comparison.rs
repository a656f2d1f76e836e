//! Which findings appear and which vanish between two inputs.

use crate::model::snapshot::{LocalConfiguration, RestAnswer, Snapshot};
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
///
/// What a node's files and its environment say is about the node, whichever of them says it.
fn place(snapshot: &Snapshot, span: Span) -> (String, Vec<String>) {
    let route = |document: Option<&Node>| document.and_then(|document| route(document, span)).unwrap_or_default();
    for configuration in &snapshot.configurations {
        let file = configuration.files().unwrap_or_default().iter().find(|file| file.source == span.source);
        let route = match file {
            Some(file) => route(file.document.as_ref()),
            None if is_of_environment(configuration, span) => match route(configuration.document.as_ref()) {
                nowhere if nowhere.is_empty() => variable(configuration, span).into_iter().collect(),
                route => route,
            },
            None => continue,
        };
        return (format!("node {}", name(snapshot, configuration)), route);
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

/// The name of a node; of one without a name that of its file, if there are others.
fn name<'a>(snapshot: &'a Snapshot, configuration: &'a LocalConfiguration) -> &'a str {
    match (&configuration.node, snapshot.configurations.as_slice()) {
        (Some(name), _) => name,
        (None, [_]) => "",
        (None, _) => {
            let file = &snapshot.sources.get(configuration.source).name;
            file.rsplit('/').next().unwrap_or(file)
        }
    }
}

fn is_of_environment(configuration: &LocalConfiguration, span: Span) -> bool {
    configuration.environment.as_ref().is_some_and(|environment| {
        let document = environment.document().and_then(|document| document.as_ref().ok());
        environment.source() == span.source || document.is_some_and(|document| document.span.source == span.source)
    })
}

/// The environment variable whose value stands there.
fn variable(configuration: &LocalConfiguration, span: Span) -> Option<String> {
    let mut variables = configuration.environment.as_ref()?.variables();
    variables.find(|variable| holds(variable.span, span)).map(|variable| variable.name.clone())
}

/// Whether a place lies in another one.
fn holds(outer: Span, inner: Span) -> bool {
    outer.source == inner.source && outer.start <= inner.start && inner.end <= outer.end
}

/// The keys on the way to the innermost node that holds a span; the parts of a document may stand in several texts.
fn route(node: &Node, span: Span) -> Option<Vec<String>> {
    let below = |key: String, value: &Node| {
        let mut route = route(value, span)?;
        route.insert(0, key);
        Some(route)
    };
    let found = match &node.value {
        Value::Mapping(mapping) => mapping.entries.iter().find_map(|entry| {
            let key = || entry.key.as_str().map_or_else(|| format!("{:?}", entry.key), str::to_owned);
            below(key(), &entry.value).or_else(|| holds(entry.key.span, span).then(|| vec![key()]))
        }),
        Value::Sequence(items) => items.iter().enumerate().find_map(|(index, item)| below(index.to_string(), item)),
        _ => None,
    };
    found.or_else(|| holds(node.span, span).then(Vec::new))
}
