//! What a configuration change does, for people and for programs.

pub mod json;
pub mod text;

use crate::decision::change::cluster::{ClusterChanges, Standing};
use crate::decision::change::steps::{Step, steps};
use crate::decision::change::transition::Transition;
use crate::decision::change::{Change, Effect, Place, Reason};
use crate::input::source_map::SourceMap;
use crate::model::config::effective::Origin;
use crate::model::snapshot::{LocalConfiguration, Overlaid, Snapshot, Start};
use crate::report::configuration;
use crate::rules::comparison::Comparison;
use crate::rules::finding::{Finding, Severity};

/// Everything that `patrolint diff` tells.
#[derive(Debug)]
pub struct Report<'a> {
    /// What the user calls the two inputs.
    pub names: [String; 2],
    /// The first input.
    pub before: &'a Snapshot,
    /// What the second one makes of it.
    pub after: &'a Overlaid,
    /// What changes.
    pub cluster: ClusterChanges,
    /// Which findings appear and vanish.
    pub findings: Comparison,
    /// What to do.
    pub steps: Vec<Step>,
}

/// A change with the nodes that have it.
#[derive(Debug)]
pub struct Row<'a> {
    /// The change.
    pub change: &'a Change,
    /// The nodes.
    pub nodes: Vec<&'a str>,
    /// The change as each of them has it, which tells where its values are written.
    pub changes: Vec<&'a Change>,
}

/// Settings that synchronous replication hangs on.
const OF_SYNCHRONOUS_MODE: [&str; 4] =
    ["synchronous_mode", "synchronous_mode_strict", "synchronous_node_count", "maximum_lag_on_syncnode"];

impl<'a> Report<'a> {
    /// Puts it together; `edit` is what patronictl edit-config has to be told, if it is known.
    pub fn new(
        names: [String; 2],
        before: &'a Snapshot,
        after: &'a Overlaid,
        cluster: ClusterChanges,
        findings: Comparison,
        edit: Option<&str>,
    ) -> Self {
        let steps = steps(&cluster, edit);
        Self { names, before, after, cluster, findings, steps }
    }

    /// The changes, alike ones together, the most disruptive first.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        for node in &self.cluster.nodes {
            for change in &node.changes {
                match rows.iter_mut().find(|row| row.change.is_alike(change)) {
                    Some(row) => {
                        row.nodes.push(&node.name);
                        row.changes.push(change);
                    }
                    None => rows.push(Row { change, nodes: vec![&node.name], changes: vec![change] }),
                }
            }
        }
        rows.sort_by(|one, other| {
            one.change.effect.cmp(&other.change.effect).then(one.change.path.cmp(&other.change.path))
        });
        rows
    }

    /// Whether a finding that appears is at least this bad.
    pub fn reaches(&self, severity: Severity) -> bool {
        self.findings.appeared.iter().any(|finding| severity <= finding.severity)
    }

    /// Whether not a single node could be compared.
    pub fn is_uncompared(&self) -> bool {
        !self.cluster.nodes.iter().any(|node| node.is_compared())
    }

    /// Whether Patroni does not take a new configuration.
    pub fn is_refused(&self) -> bool {
        let is_refused = |standing: &Standing| matches!(standing, Standing::Refused(_) | Standing::Rejected(_));
        self.cluster.nodes.iter().any(|node| is_refused(&node.standing))
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        let Comparison { appeared, vanished, .. } = &self.findings;
        self.cluster.nodes.iter().all(|node| node.changes.is_empty() && !matches!(node.standing, Standing::New))
            && !self.is_refused()
            && appeared.is_empty()
            && vanished.is_empty()
    }

    /// What becomes of margins and synchronous replication, or why that is not known; `None`: nothing.
    pub fn transition(&self) -> Option<Result<&Transition, &str>> {
        match &self.cluster.transition {
            Ok(transition) => transition.is_any().then_some(Ok(transition)),
            Err(missing) => {
                let is_asked = |change: &Change| {
                    let is_used = !matches!(change.effect, Effect::Nothing(_));
                    let first = change.path.first().map(String::as_str).unwrap_or_default();
                    is_used && (OF_SYNCHRONOUS_MODE.contains(&first) || first == "tags")
                };
                let is_asked = self.cluster.nodes.iter().flat_map(|node| &node.changes).any(is_asked);
                is_asked.then_some(Err(missing.as_str()))
            }
        }
    }

    /// What could not be compared, or was taken from the first input, in words.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let named = |is_meant: &dyn Fn(&Standing) -> bool| -> Option<String> {
            let nodes = self.cluster.nodes.iter().filter(|node| is_meant(&node.standing));
            let names: Vec<&str> = nodes.map(|node| node.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let [before, after] = &self.names;
        if let Some(names) = named(&|standing| *standing == Standing::New) {
            remarks.push(format!("{names}: a configuration in {after} alone, compared with nothing"));
        }
        if let Some(names) = named(&|standing| *standing == Standing::DynamicAlone) {
            remarks.push(format!(
                "{names}: no configuration file in the input, which could override the dynamic configuration"
            ));
        }
        if self.after.is_newer.contains(&true)
            && let Some(names) = named(&|standing| *standing == Standing::Whole { is_newer: false })
        {
            remarks.push(format!("{names}: no configuration file in {after}: the one in {before} is taken to stay"));
        }
        if !self.after.has_dynamic && self.before.clusters.iter().any(|cluster| cluster.dcs.is_some()) {
            remarks.push(format!("the dynamic configuration is that of {before}: {after} holds none"));
        }
        for node in &self.cluster.nodes {
            let [start, new_start] = node.starts.map(started_with);
            if start != new_start {
                remarks.push(format!(
                    "{}: Patroni was started with {start} and is to be started with {new_start}; a reload reads what it was \
                     started with",
                    node.name
                ));
            } else if node.changes.iter().any(is_left_by_reload) {
                remarks.push(format!(
                    "{}: Patroni reads its environment when it starts, and a reload does not read it again",
                    node.name
                ));
            }
            if let Standing::RefusedBefore(raised) = &node.standing {
                remarks.push(format!(
                    "{}: Patroni does not start with what {before} holds ({raised}), so there is nothing to compare with",
                    node.name
                ));
            }
            if !node.masked.is_empty() {
                remarks.push(format!("{}: whether a secret changes inside of {}", node.name, node.masked.join(", ")));
            }
        }
        remarks
    }
}

/// Whether a reload would do if the value were in a file.
fn is_left_by_reload(change: &Change) -> bool {
    change.effect == Effect::RestartPatroni && change.is_of_environment()
}

fn started_with(start: Start) -> &'static str {
    match start {
        Start::File => "a file",
        Start::Directory => "a directory",
        Start::Environment => "its environment alone",
    }
}

/// Where the values of a change are written, node by node: where the new one is, and where the old one was if that is gone or
/// was written in something else.
fn places(row: &Row<'_>, report: &Report<'_>) -> Vec<String> {
    let (before, after) = (report.before, &report.after.snapshot);
    let newer = || (0..after.configurations.len()).filter(|index| report.after.is_newer[*index]);
    let older = newer().filter_map(|index| report.after.replaces[index]);
    let folders = [
        folder(older.map(|index| &before.configurations[index]), &before.sources),
        folder(newer().map(|index| &after.configurations[index]), &after.sources),
    ];
    let layer = |origin: &Option<Origin>| match origin {
        Some(Origin::Written { layer, .. }) => Some(layer.clone()),
        _ => None,
    };
    let mut places: Vec<String> = Vec::new();
    for change in row.changes.iter().filter(|change| change.place == Place::Local) {
        let written = |origin: &Option<Origin>, sources: &SourceMap, folder: &str| {
            layer(origin).and(origin.as_ref()).map(|origin| configuration::origin_below(origin, sources, folder))
        };
        let from = written(&change.from, &before.sources, &folders[0]);
        let place = match (from, written(&change.to, &after.sources, &folders[1])) {
            (Some(from), Some(to)) if layer(&change.from) != layer(&change.to) => format!("{from} → {to}"),
            (Some(from), None) => format!("was in {from}"),
            (_, Some(to)) => to,
            (None, None) => continue,
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The folder that all files of these nodes lie in, with the slash at its end.
fn folder<'a>(configurations: impl Iterator<Item = &'a LocalConfiguration>, sources: &SourceMap) -> String {
    let files = configurations.flat_map(|configuration| configuration.files().unwrap_or_default());
    let folders = files.map(|file| {
        let name = sources.get(file.source).name.as_str();
        &name[..name.rfind('/').map_or(0, |slash| slash + 1)]
    });
    let common = |one: &'_ str, other: &str| {
        let parts = one.split_inclusive('/').zip(other.split_inclusive('/'));
        parts.take_while(|(one, other)| one == other).map(|(part, _)| part.len()).sum::<usize>()
    };
    folders.reduce(|one, other| &one[..common(one, other)]).unwrap_or_default().to_owned()
}

/// Why nothing comes of a change.
fn reason(reason: &Reason, sources: &SourceMap) -> String {
    match reason {
        Reason::Unused(because) => configuration::because(because, sources, ""),
        Reason::UnknownKey => "no release of Patroni reads this key".to_owned(),
        Reason::OtherReleases(releases) => format!("this release does not read it ({releases})"),
        Reason::SameValue => "the same to PostgreSQL".to_owned(),
        Reason::LeftOut => "Patroni leaves it out of postgresql.conf".to_owned(),
        Reason::Preset => "PostgreSQL does not take it from a configuration".to_owned(),
    }
}

/// The effect of a change in words.
fn effect(change: &Change, sources: &SourceMap) -> String {
    match &change.effect {
        Effect::RestartPatroni => "restart of Patroni".to_owned(),
        Effect::RestartPostgresql(_) => "restart of PostgreSQL, pending until then in patronictl list".to_owned(),
        Effect::Standbys(restarts) => {
            let how = match restarts {
                Some(true) => "Patroni restarts PostgreSQL on standbys by itself",
                Some(false) => "Patroni reloads PostgreSQL on standbys by itself",
                None => "Patroni reloads or restarts PostgreSQL on standbys by itself, by its version",
            };
            match change.place {
                Place::Dynamic => how.to_owned(),
                Place::Local => format!("reload; then {how}"),
            }
        }
        Effect::Reload => "reload".to_owned(),
        Effect::Live => "live: next HA loop".to_owned(),
        Effect::Bootstrap => match change.path.first().is_some_and(|first| first == "bootstrap") {
            true => "nothing until a cluster is initialised".to_owned(),
            false => "when a replica is created next".to_owned(),
        },
        Effect::Nothing(why) => format!("none: {}", reason(why, sources)),
    }
}

/// Findings that say the same, with all their places: `patroni.yml:41`.
fn grouped<'a>(findings: &'a [Finding], sources: &SourceMap) -> Vec<(&'a Finding, Vec<String>)> {
    let mut groups: Vec<(&Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        let is_same = |known: &Finding| known.code == finding.code && known.message == finding.message;
        match groups.iter_mut().find(|(known, _)| is_same(known)) {
            Some((_, places)) => places.extend(place(finding, sources)),
            None => groups.push((finding, place(finding, sources).into_iter().collect())),
        }
    }
    groups
}

/// Where a finding is.
fn place(finding: &Finding, sources: &SourceMap) -> Option<String> {
    let span = finding.labels.first()?.span;
    let source = sources.get(span.source);
    Some(format!("{}:{}", source.name, source.position(span.start).line))
}
