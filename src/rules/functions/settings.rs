//! Settings that Patroni replaces, drops or writes as nobody meant.

use std::collections::BTreeSet;

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::config::effective::{CONTROLLED, Check, Controlled, Judged};
use crate::model::config::schema::{self, Document, Kind, Reading};
use crate::model::postgresql::parameter::Parameter;
use crate::parse::python;
use crate::parse::tree::{Node, Span, Value};
use crate::rules::facts::Subject;
use crate::rules::functions::{Hit, documents, shown};

type Found = Result<Vec<Hit>, Vec<String>>;

/// Numbers that Patroni cannot read and replaces by their defaults.
pub fn unreadable_integers(subject: &Subject<'_>) -> Found {
    let Some(dynamic) = subject.dynamic else { return Ok(Vec::new()) };
    let mut hits = Vec::new();
    for key in schema::keys_of(Document::Dynamic) {
        let (Kind::Integer(number), Some(node)) = (key.kind, dynamic.node.get(key.path)) else { continue };
        let is_read = number.reading != Reading::Parsed || python::parse_int(&node.value, number.base_unit).is_some();
        if node.value != Value::Null && !is_read {
            let default = format!("{} {}", key.default, number.unit).trim_end().to_owned();
            let hit = Hit::at(node.span, format!("counts as {default}")).with("key", key.path).with("default", default);
            hits.push(hit.with("value", shown(node)));
        }
    }
    Ok(hits)
}

/// What counts when nothing is set, for people.
fn default(controlled: &Controlled) -> String {
    match (controlled.check, controlled.default) {
        (Check::Elsewhere(setting), _) => format!("from {setting}"),
        (_, Some(default)) => python::str(&default.value()),
        (_, None) => String::new(),
    }
}

/// Whether a file's `postgresql.listen` or `scope` says of a parameter what is written for it.
pub(super) fn says_the_same(file: Option<&Node>, name: &str, written: &str) -> bool {
    let told = |path: &[&str]| file.and_then(|file| file.at(path)).map(shown);
    let listen = || {
        told(&["postgresql", "listen"]).map(|listen| match listen.rsplit_once(':') {
            Some((hosts, port)) => (hosts.trim_matches(['[', ']']).to_owned(), port.to_owned()),
            None => (listen, "5432".to_owned()),
        })
    };
    let hosts = |text: &str| {
        let hosts = text.split(',').map(|host| host.trim().replace("0.0.0.0", "*").replace("::", "*"));
        hosts.collect::<BTreeSet<_>>()
    };
    match name {
        "listen_addresses" => listen().is_some_and(|(listening, _)| hosts(&listening) == hosts(written)),
        "port" => listen().is_some_and(|(_, port)| port == written),
        "cluster_name" => told(&["scope"]).is_some_and(|scope| scope == written),
        _ => false,
    }
}

/// Parameters in the node's own file that count in the dynamic configuration only.
pub fn controlled_parameters(subject: &Subject<'_>) -> Found {
    let Some(file) = subject.configuration.and_then(|configuration| configuration.document.as_ref()) else {
        return Ok(Vec::new());
    };
    let Some(parameters) = file.at(&["postgresql", "parameters"]).and_then(Node::as_mapping) else {
        return Ok(Vec::new());
    };
    let dynamic = subject.dynamic.and_then(|dynamic| dynamic.node.at(&["postgresql", "parameters"]));
    let mut hits = Vec::new();
    for entry in parameters.effective() {
        let Some(controlled) = entry.key.as_str().and_then(Controlled::find) else { continue };
        let (name, default) = (controlled.name, default(controlled));
        let value = shown(&entry.value);
        let in_effect = dynamic.and_then(|dynamic| dynamic.get(name)).map(shown);
        let is_same = in_effect.as_ref().unwrap_or(&default).eq_ignore_ascii_case(&value)
            || says_the_same(Some(file), name, &value);
        hits.push(
            Hit::at(entry.key.span, "")
                .with("name", name)
                .with("value", value)
                .with("is_same", is_same)
                .with("needs_restart", Parameter::definitions(name).last().is_some_and(Parameter::needs_restart))
                .with("is_settable", !matches!(controlled.check, Check::Elsewhere(_)))
                .with("default", default)
                .with("in_effect", in_effect.unwrap_or_default()),
        );
    }
    Ok(hits)
}

/// Parameters in the dynamic configuration that Patroni replaces by their defaults.
pub fn rejected_parameters(subject: &Subject<'_>) -> Found {
    let Some(parameters) = subject.dynamic.and_then(|dynamic| dynamic.node.at(&["postgresql", "parameters"])) else {
        return Ok(Vec::new());
    };
    let behaviours = Behaviours::of(subject.scene.version());
    let mut hits = Vec::new();
    for controlled in CONTROLLED {
        let Some(node) = parameters.get(controlled.name) else { continue };
        let (accepted, is_number) = match controlled.check {
            Check::Elsewhere(_) | Check::On => continue,
            Check::AtLeast { min, unit } => {
                (format!("{min}{}", unit.unwrap_or_default()), python::parse_int(&node.value, unit).is_some())
            }
            Check::WalLevel => ("hot_standby, replica, logical".to_owned(), false),
            Check::Bool => ("on or off".to_owned(), false),
            Check::OnUntil4 if behaviours.has(Behaviour::WalLogHintsMayBeOff) => ("on or off".to_owned(), false),
            Check::OnUntil4 => continue,
        };
        let judged = controlled.judge(&node.value, behaviours);
        if matches!(judged, Ok(Judged::Used(_))) {
            continue;
        }
        let default = default(controlled);
        let spoils_all = judged.is_err();
        let text = if spoils_all { String::new() } else { format!("{default} is used instead") };
        hits.push(
            Hit::at(node.span, text)
                .with("name", controlled.name)
                .with("value", shown(node))
                .with("accepted", accepted)
                .with("has_minimum", matches!(controlled.check, Check::AtLeast { .. }))
                .with("is_number", is_number)
                .with("spoils_all", spoils_all)
                .with("default", default),
        );
    }
    Ok(hits)
}

/// `pg_hba` and `pg_ident` that are no lists of texts.
///
/// Source: patroni/postgresql/config.py, `ConfigWriter.writelines`, 4.1.5.
pub fn rule_lists(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    for (key, node) in sections(subject, "pg_hba").into_iter().chain(sections(subject, "pg_ident")) {
        match &node.value {
            Value::String(_) => {
                hits.push(Hit::at(first_line(subject, node), "").with("key", key).with("is_text", true))
            }
            Value::Sequence(items) => {
                let wrong = items.iter().filter(|item| !matches!(item.value, Value::String(_) | Value::Null));
                for item in wrong {
                    hits.push(Hit::at(first_line(subject, item), "").with("key", key).with("is_text", false));
                }
            }
            _ => {}
        }
    }
    Ok(hits)
}

/// Lines of `pg_hba` that let remote users in without a password.
pub fn trusting_rules(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    for (_, node) in sections(subject, "pg_hba") {
        for item in node.as_sequence().unwrap_or_default() {
            let Some(line) = item.as_str() else { continue };
            let fields: Vec<&str> = line.split_whitespace().take_while(|field| !field.starts_with('#')).collect();
            let [kind, _, _, address, rest @ ..] = fields.as_slice() else { continue };
            let is_remote = kind.starts_with("host")
                && !["127.", "::1", "localhost", "samehost"].iter().any(|local| address.starts_with(local));
            if is_remote && rest.contains(&"trust") {
                let everybody = matches!(*address, "0.0.0.0/0" | "::/0" | "all" | "0.0.0.0" | "::");
                hits.push(Hit::at(item.span, "").with("address", *address).with("everybody", everybody));
            }
        }
    }
    Ok(hits)
}

/// Parameters that make PostgreSQL lose what it has acknowledged.
pub fn unsafe_durability(subject: &Subject<'_>) -> Found {
    let is_synchronous = subject.global.as_ref().is_some_and(|global| global.synchronous_mode);
    let mut hits = Vec::new();
    for (name, values, needs_sync) in [
        ("fsync", &["off", "false", "no", "0"][..], false),
        ("full_page_writes", &["off", "false", "no", "0"][..], false),
        ("synchronous_commit", &["off", "false", "no", "0", "local"][..], true),
    ] {
        for (_, node) in sections(subject, "parameters") {
            let Some(node) = node.get(name) else { continue };
            let value = shown(node).to_lowercase();
            if values.contains(&value.as_str()) && (is_synchronous || !needs_sync) {
                let value = if node.value == Value::Bool(false) { "off".to_owned() } else { value };
                hits.push(Hit::at(node.span, "").with("name", name).with("value", value).with("is_fatal", !needs_sync));
            }
        }
    }
    Ok(hits)
}

/// Members that replicate from one another in a circle, or from themselves.
///
/// Source: patroni/postgresql/sync.py, `_ReplicaList._should_cascade`, 3.3.7 and 4.0.6 to 4.1.5.
pub fn replication_circles(subject: &Subject<'_>) -> Found {
    let (Some(model), Some(name)) = (subject.scene.model(), subject.member) else { return Ok(Vec::new()) };
    let upstream = |name: &str| model.member(name)?.tags.as_ref().ok()?.replicatefrom.as_deref();
    let mut circle = vec![name.to_owned()];
    let mut current = name;
    for _ in 0..model.members.len() {
        let Some(next) = upstream(current).filter(|next| model.member(next).is_some()) else { return Ok(Vec::new()) };
        circle.push(next.to_owned());
        if next == name {
            return Ok(vec![Hit::default().with("circle", circle)]);
        }
        current = next;
    }
    Ok(Vec::new())
}

/// The settings of this name below `postgresql` in the file, in its `bootstrap.dcs` or in the dynamic configuration.
fn sections<'a>(subject: &Subject<'a>, key: &'static str) -> Vec<(&'static str, &'a Node)> {
    documents(subject).into_iter().filter_map(|node| Some((key, node.at(&["postgresql", key])?))).collect()
}

fn first_line(subject: &Subject<'_>, node: &Node) -> Span {
    let text = subject.scene.snapshot.sources.get(node.span.source).slice(node.span.start, node.span.end);
    let end = text.find('\n').unwrap_or(text.len());
    Span { end: node.span.start + text[..end].trim_end().len(), ..node.span }
}
