//! What a change of the configuration does to the running cluster: when it takes effect, and what it needs for that.

pub mod cluster;
pub mod parameters;
pub mod restarts;
pub mod steps;
pub mod transition;

use std::collections::{BTreeMap, BTreeSet};

use crate::decision::change::parameters::parameter;
use crate::model::config::effective::{Because, COPIED, Effective, Layer, Origin, Setting, Unused};
use crate::model::config::schema::{self, Apply, Document, Kind};
use crate::model::postgresql::version::PostgresVersion;
use crate::model::version::PatroniVersion;
use crate::parse::tree::Value;

/// A node with the configuration that its Patroni uses.
#[derive(Clone, Copy, Debug)]
pub struct Configured<'a> {
    /// What it uses.
    pub effective: &'a Effective,
    /// Its release.
    pub version: PatroniVersion,
    /// Its PostgreSQL, if that is known.
    pub postgres: Option<PostgresVersion>,
}

/// A setting with another value than before.
#[derive(Clone, Debug)]
pub struct Change {
    /// The setting, as a route of keys.
    pub path: Vec<String>,
    /// What it was; `None`: not set.
    pub before: Option<Value>,
    /// What it is going to be; `None`: not set.
    pub after: Option<Value>,
    /// Where the value before comes from; `None`: not set.
    pub from: Option<Origin>,
    /// Where the value after comes from; `None`: not set.
    pub to: Option<Origin>,
    /// Which configuration it is changed in.
    pub place: Place,
    /// What it takes until it counts.
    pub effect: Effect,
    /// What else there is to say of it.
    pub remark: Option<String>,
}

/// Which configuration a setting is changed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `/config` in the DCS: each node sees it in its next HA loop.
    Dynamic,
    /// The node's own, which a reload makes Patroni read.
    Local,
}

/// What it takes until a change counts, the most disruptive first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A restart of Patroni.
    RestartPatroni,
    /// A restart of PostgreSQL, for which Patroni sets the flag "pending restart"; in which order, if that matters.
    RestartPostgresql(Option<Order>),
    /// Patroni itself carries it out on standbys, and there restarts PostgreSQL if that is what it takes; `None`: the version
    /// of PostgreSQL decides, and is not known.
    Standbys(Option<bool>),
    /// A reload of Patroni, which reloads PostgreSQL if need be.
    Reload,
    /// Nothing: it happens in the next HA loop.
    Live,
    /// It waits until a cluster is initialised or a replica created.
    Bootstrap,
    /// Nothing comes of it.
    Nothing(Reason),
}

/// In which order nodes are restarted for a parameter that a standby needs at least as large as its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// It grows: the standbys come first.
    StandbysFirst,
    /// It shrinks: the primary comes first.
    PrimaryFirst,
}

/// Why nothing comes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The value is written, and not used.
    Unused(Because),
    /// No release knows such a key.
    UnknownKey,
    /// This release does not read it; others do, as the text says.
    OtherReleases(String),
    /// PostgreSQL takes both values for the same.
    SameValue,
    /// Patroni leaves the parameter out, before as after.
    LeftOut,
    /// No configuration can set this parameter.
    Preset,
}

impl PartialOrd for Reason {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// All reasons are alike.
impl Ord for Reason {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

/// What changes on a node, the most disruptive first.
///
/// Values that read the same to Patroni are no change (patroni/config.py, `deep_compare`).
pub fn changes(before: &Configured<'_>, after: &Configured<'_>) -> Vec<Change> {
    let (old, new) = (settings(before.effective), settings(after.effective));
    let paths: BTreeSet<&Vec<String>> = old.keys().chain(new.keys()).collect();
    let mut found: Vec<Change> = Vec::new();
    for path in paths {
        let (old, new) = (old.get(path), new.get(path));
        if let Some(change) = change(path, old, new, after) {
            found.push(change);
        }
    }
    found.extend(without_effect(before.effective, after.effective, &found));
    sort(&mut found);
    found
}

/// Says of what a reload does not bring that it takes a restart of Patroni; `reloaded` is what the node uses after a reload.
///
/// What waits for a new cluster or replica, or comes to nothing, does so all the same.
pub fn leave_to_restart(changes: &mut [Change], reloaded: &Effective) {
    let reloaded = settings(reloaded);
    for change in changes.iter_mut().filter(|change| change.place == Place::Local) {
        let value = reloaded.get(&change.path).map(|setting| setting.value());
        if change.effect < Effect::Bootstrap && !is_same(value.as_ref(), change.after.as_ref()) {
            change.effect = Effect::RestartPatroni;
        }
    }
    sort(changes);
}

fn sort(changes: &mut [Change]) {
    changes.sort_by(|one, other| one.effect.cmp(&other.effect).then_with(|| one.path.cmp(&other.path)));
}

/// The settings that somebody can change, by their routes; names of parameters in lower case.
fn settings(effective: &Effective) -> BTreeMap<Vec<String>, &Setting> {
    let is_copy = |path: &[String], setting: &Setting| match path {
        [section, name, ..] if section == "postgresql" && COPIED.contains(&name.as_str()) => {
            let route: Vec<&str> = path[1..].iter().map(String::as_str).collect();
            effective.settings.at(&route).is_some_and(|original| original.origin == setting.origin)
        }
        _ => false,
    };
    let is_derived = |setting: &Setting| {
        let adjusted = |reason: &str| reason.starts_with("adjusted");
        matches!(&setting.origin, Origin::Computed(reason) if !adjusted(reason))
    };
    let leaves = effective.settings.leaves().into_iter();
    let own = leaves.filter(|(path, setting)| {
        setting.section().is_none() && !setting.is_null() && !is_copy(path, setting) && !is_derived(setting)
    });
    own.map(|(mut path, setting)| {
        if let [section, parameters, name] = path.as_mut_slice()
            && section == "postgresql"
            && parameters == "parameters"
        {
            *name = name.to_lowercase();
        }
        (path, setting)
    })
    .collect()
}

fn change(path: &[String], old: Option<&&Setting>, new: Option<&&Setting>, node: &Configured<'_>) -> Option<Change> {
    let (before, after) = (old.map(|setting| setting.value()), new.map(|setting| setting.value()));
    if is_same(before.as_ref(), after.as_ref()) || is_of_bootstrap(old, new) {
        return None;
    }
    let is_local = |setting: &&&Setting| {
        let of_node =
            |layer: &Layer| matches!(layer, Layer::File | Layer::Environment(_) | Layer::ConfigurationVariable);
        matches!(&setting.origin, Origin::Written { layer, .. } if of_node(layer))
    };
    let place = if old.iter().chain(new.iter()).any(is_local) { Place::Local } else { Place::Dynamic };
    let (effect, remark) = effect(path, before.as_ref(), after.as_ref(), place, node);
    let origin = |setting: Option<&&Setting>| setting.map(|setting| setting.origin.clone());
    let (from, to) = (origin(old), origin(new));
    Some(Change { path: path.to_vec(), before, after, from, to, place, effect, remark })
}

/// Whether Patroni takes two values for the same: those that Python prints alike.
fn is_same(one: Option<&Value>, other: Option<&Value>) -> bool {
    let exposed = |value: &Value| match value {
        Value::Secret(secret) => crate::parse::python::str(secret.expose()),
        value => crate::parse::python::str(value),
    };
    match (one, other) {
        (Some(one), Some(other)) => one == other || exposed(one) == exposed(other),
        (None, None) => true,
        _ => false,
    }
}

/// Whether a value only seems to change: `bootstrap.dcs` stands in for a dynamic configuration that is not known.
fn is_of_bootstrap(old: Option<&&Setting>, new: Option<&&Setting>) -> bool {
    let is_bootstrap = |setting: &Setting| matches!(&setting.origin, Origin::Written { layer: Layer::Bootstrap, .. });
    let stands_in = |setting: Option<&&Setting>| {
        setting.is_none_or(|setting| {
            is_bootstrap(setting) || matches!(setting.origin, Origin::Default | Origin::Computed(_))
        })
    };
    let is_there = old.iter().chain(new.iter()).any(|setting| is_bootstrap(setting));
    is_there && stands_in(old) && stands_in(new)
}

/// What it takes until a change counts, by the table of keys and by PostgreSQL's own tables.
fn effect(
    path: &[String],
    before: Option<&Value>,
    after: Option<&Value>,
    place: Place,
    node: &Configured<'_>,
) -> (Effect, Option<String>) {
    match path {
        [section, parameters, name] if section == "postgresql" && parameters == "parameters" => {
            return parameter(name, before, after, place, node);
        }
        [section, recovery, name] if section == "postgresql" && recovery == "recovery_conf" => {
            return (Effect::Standbys(parameters::restarts_standby(name, node.postgres)), None);
        }
        _ => {}
    }
    let document = match place {
        Place::Dynamic => Document::Dynamic,
        Place::Local => Document::Local,
    };
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    if let ["bootstrap", "dcs", ..] = names.as_slice() {
        return (Effect::Bootstrap, Some("/config in the DCS stays as it is".to_owned()));
    }
    let whole = schema::find(document, &names);
    // A mapping whose keys are free has no rows for them.
    let above = || {
        let above = (1..names.len()).rev().find_map(|length| schema::find(document, &names[..length]))?;
        (above.kind != Kind::Section).then_some(above)
    };
    let Some(key) = whole.or_else(above) else { return (Effect::Nothing(Reason::UnknownKey), None) };
    if !key.is_in(node.version) {
        return (Effect::Nothing(Reason::OtherReleases(key.releases_text())), None);
    }
    (of_key(key.apply, place), None)
}

/// What a change of a key takes where it is changed.
fn of_key(apply: Apply, place: Place) -> Effect {
    match (apply, place) {
        (Apply::Live, _) | (Apply::Reload, Place::Dynamic) => Effect::Live,
        (Apply::Reload, Place::Local) => Effect::Reload,
        (Apply::Restart, _) => Effect::RestartPatroni,
        (Apply::RestartPostgresql, _) => Effect::RestartPostgresql(None),
        (Apply::Bootstrap, _) => Effect::Bootstrap,
    }
}

/// What is written otherwise than before and not used, before or after.
fn without_effect(before: &Effective, after: &Effective, found: &[Change]) -> Vec<Change> {
    let is_told = |unused: &&Unused| {
        let is_written = matches!(unused.setting.origin, Origin::Written { .. });
        let is_elsewhere = matches!(unused.because, Because::Initialized | Because::Rejected);
        is_written && !is_elsewhere && !found.iter().any(|change| change.path == unused.path)
    };
    let layer = |unused: &Unused| origin_layer(&unused.setting);
    let same_place = |one: &Unused, other: &Unused| one.path == other.path && layer(one) == layer(other);
    let place = |unused: &Unused| match layer(unused) {
        Some(Layer::Dynamic | Layer::Bootstrap) => Place::Dynamic,
        _ => Place::Local,
    };
    // What is not used now may have been used before.
    let row = |old: Option<&Unused>, new: Option<&Unused>| {
        let shown = new.or(old)?;
        let route: Vec<&str> = shown.path.iter().map(String::as_str).collect();
        let written = |unused: Option<&Unused>, effective: &Effective| {
            let used = effective.settings.at(&route).filter(|setting| origin_layer(setting) == layer(shown));
            unused.map(|unused| &unused.setting).or(used).cloned()
        };
        let (old, new) = (written(old, before), written(new, after));
        let (before, after) = (old.as_ref().map(Setting::value), new.as_ref().map(Setting::value));
        let is_changed = !is_same(before.as_ref(), after.as_ref());
        is_changed.then(|| Change {
            path: shown.path.clone(),
            before,
            after,
            from: old.map(|setting| setting.origin),
            to: new.map(|setting| setting.origin),
            place: place(shown),
            effect: Effect::Nothing(Reason::Unused(shown.because.clone())),
            remark: None,
        })
    };
    let find = |all: &'_ [Unused], wanted: &Unused| all.iter().find(|unused| same_place(unused, wanted)).cloned();
    let mut rows = Vec::new();
    for new in after.unused.iter().filter(is_told) {
        rows.extend(row(find(&before.unused, new).as_ref(), Some(new)));
    }
    for old in before.unused.iter().filter(is_told) {
        // What was unused and is used now has a row already.
        if find(&after.unused, old).is_none() {
            rows.extend(row(Some(old), None));
        }
    }
    rows
}

/// What a setting is written in, if it is.
fn origin_layer(setting: &Setting) -> Option<Layer> {
    match &setting.origin {
        Origin::Written { layer, .. } => Some(layer.clone()),
        Origin::Default | Origin::Computed(_) => None,
    }
}

impl Change {
    /// Whether another change is the same, wherever its values are written.
    pub fn is_alike(&self, other: &Self) -> bool {
        let kind = |change: &Self| (change.is_from_default(), change.is_to_default(), change.place);
        self.path == other.path
            && self.before == other.before
            && self.after == other.after
            && kind(self) == kind(other)
            && self.effect == other.effect
            && self.remark == other.remark
    }

    /// Whether the value before is a default.
    pub fn is_from_default(&self) -> bool {
        self.from == Some(Origin::Default)
    }

    /// Whether the value after is a default.
    pub fn is_to_default(&self) -> bool {
        self.to == Some(Origin::Default)
    }

    /// Whether the environment of Patroni tells one of the values.
    pub fn is_of_environment(&self) -> bool {
        let is_meant = |origin: &Origin| {
            matches!(origin, Origin::Written { layer: Layer::Environment(_) | Layer::ConfigurationVariable, .. })
        };
        self.from.iter().chain(&self.to).any(is_meant)
    }

    /// Whether the change needs a reload of Patroni on the node.
    pub fn needs_reload(&self) -> bool {
        self.place == Place::Local
            && matches!(self.effect, Effect::Reload | Effect::RestartPostgresql(_) | Effect::Standbys(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::source_map::SourceId;
    use crate::parse::tree::Span;

    #[test]
    fn changes_are_alike_if_all_but_their_places_are() {
        let text = |text: &str| Some(Value::String(text.to_owned()));
        let written = |layer: Layer| Some(Origin::Written { span: Span::new(SourceId(0), 0, 0), layer });
        let change = Change {
            path: vec!["ttl".to_owned()],
            before: text("a"),
            after: text("b"),
            from: written(Layer::File),
            to: written(Layer::File),
            place: Place::Local,
            effect: Effect::Reload,
            remark: None,
        };
        let elsewhere = written(Layer::Bootstrap);
        assert!(change.is_alike(&Change { from: elsewhere.clone(), to: elsewhere, ..change.clone() }));
        for other in [
            Change { path: vec!["loop_wait".to_owned()], ..change.clone() },
            Change { before: text("c"), ..change.clone() },
            Change { after: None, ..change.clone() },
            Change { from: Some(Origin::Default), ..change.clone() },
            Change { to: Some(Origin::Default), ..change.clone() },
            Change { place: Place::Dynamic, ..change.clone() },
            Change { effect: Effect::Live, ..change.clone() },
            Change { remark: Some("a remark".to_owned()), ..change.clone() },
        ] {
            assert!(!change.is_alike(&other), "{other:?}");
        }
    }
}
