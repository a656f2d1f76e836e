//! Values that are not what the schema asks for, keys that are missing, and keys of other releases.

use crate::model::config::schema::{self as model, Document, Key, Kind, Need, Number, Reading, Standing, Truth};
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Span, Value};
use crate::rules::facts::{Subject, bootstrap};
use crate::rules::functions::schema::{self, Spot};
use crate::rules::functions::{Hit, shown};
use crate::rules::place;

type Found = Result<Vec<Hit>, Vec<String>>;

/// Dynamic settings that other rules judge: the timings and the mode.
const JUDGED_ELSEWHERE: [&str; 4] = ["ttl", "loop_wait", "retry_timeout", "synchronous_mode"];

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// It is of another type, which Patroni cannot use.
    Type(String),
    /// It is of the type, but not one of the values that work.
    Range(String),
    /// It is no address that works.
    Address(String),
    /// It is this IPv6 address without a port, and its last part is taken for one.
    Portless(String),
    /// Patroni takes it, `patroni --validate-config` does not.
    Validator(String),
}

/// Values of another type.
pub fn type_mismatches(subject: &Subject<'_>) -> Found {
    Ok(faults(subject, |fault| match fault {
        Fault::Type(asked) => Some(("asked", asked)),
        _ => None,
    }))
}

/// Values out of range.
pub fn values_out_of_range(subject: &Subject<'_>) -> Found {
    Ok(faults(subject, |fault| match fault {
        Fault::Range(asked) => Some(("asked", asked)),
        _ => None,
    }))
}

/// Addresses that lead nowhere.
pub fn broken_addresses(subject: &Subject<'_>) -> Found {
    Ok(faults(subject, |fault| match fault {
        Fault::Address(problem) => Some(("problem", problem)),
        _ => None,
    }))
}

/// IPv6 addresses whose last part Patroni takes for the port.
///
/// Source: patroni/utils.py, `split_host_port`, 2.0.0 to 4.1.5.
pub fn portless_addresses(subject: &Subject<'_>) -> Found {
    let mut hits = faults(subject, |fault| match fault {
        Fault::Portless(address) => Some(("address", address)),
        _ => None,
    });
    for hit in &mut hits {
        let text = |name: &str| hit.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
        let section = text("path").and_then(|path| path.split('.').next().map(str::to_owned)).unwrap_or_default();
        let port = match section.as_str() {
            "restapi" => "8008",
            "postgresql" | "standby_cluster" => "5432",
            "etcd" | "etcd3" => "2379",
            "consul" => "8500",
            "zookeeper" => "2181",
            _ => "PORT",
        };
        let part = text("address").and_then(|address| address.rsplit(':').next().map(str::to_owned));
        hit.values.push(("port", port.into()));
        hit.values.push(("part", part.unwrap_or_default().into()));
    }
    Ok(hits)
}

/// What `patroni --validate-config` refuses although Patroni runs with it.
pub fn refused_by_the_validator(subject: &Subject<'_>) -> Found {
    let mut hits = faults(subject, |fault| match fault {
        Fault::Validator(reason) => Some(("reason", reason)),
        _ => None,
    });
    let Some(document) = subject.configuration.and_then(|file| file.document.as_ref()) else { return Ok(hits) };
    hits.extend(
        missing(subject, Need::Validator)
            .into_iter()
            // Patroni itself asks for it while there is no dynamic configuration: PTL136.
            .filter(|(path, _)| path != "bootstrap.dcs" || subject.scene.dynamic().is_some())
            .map(|(path, span)| Hit::at(span, "").with("path", path).with("reason", "it is not there")),
    );
    for (section, names) in model::EXCLUSIVE {
        let Some(mapping) = document.at(section).and_then(Node::as_mapping) else { continue };
        if let [Some(_), Some(second)] = names.map(|name| mapping.entry(name)) {
            let path = [section, &[names[1]]].concat().join(".");
            let reason = format!("{} is there, too", names[0]);
            hits.push(Hit::at(second.key.span, "").with("path", path).with("reason", reason));
        }
    }
    Ok(hits)
}

/// What `patroni --validate-config` of some releases refuses by mistake.
///
/// Source: patroni/validator.py, `schema`, each release to 4.1.5.
pub fn refused_by_mistake(subject: &Subject<'_>) -> Found {
    let document = subject.configuration.and_then(|file| file.document.as_ref());
    // A cluster that runs has passed the validator, or does without.
    let Some(document) = document.filter(|_| subject.scene.dynamic().is_none()) else { return Ok(Vec::new()) };
    let mut candidates: Vec<(&str, &Node, &str)> = Vec::new();
    if let Some(mode) = document.at(&["bootstrap", "dcs", "synchronous_mode"]) {
        match mode.as_str() {
            Some(text) if text.eq_ignore_ascii_case("quorum") => {
                candidates.push(("bootstrap.dcs.synchronous_mode", mode, ">= 4.0.0, < 4.0.11 | >= 4.1.0, < 4.1.5"));
            }
            Some(_) if python::parse_bool(&mode.value).is_some() => {
                candidates.push(("bootstrap.dcs.synchronous_mode", mode, ">= 3.1.0, < 4.0.11 | >= 4.1.0, < 4.1.5"));
            }
            _ => {}
        }
    }
    if let Some(size) = document.get("thread_stack_size")
        && let Some(bytes) = python::parse_int(&size.value, Some("B"))
        && bytes % 65_536 == 0
        && bytes % 65_535 != 0
    {
        let releases = ">= 3.3.9, < 4.0.0 | >= 4.0.8, < 4.0.11 | >= 4.1.1, < 4.1.5";
        candidates.push(("thread_stack_size", size, releases));
    }
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let version = version_of(subject).ok_or_else(|| vec!["the Patroni version is not known".to_owned()])?;
    let refuses = |releases: &str| releases.split('|').any(|range| version.fulfils(range) == Ok(true));
    let hit = |(path, node, _): (&str, &Node, &str)| {
        let hit = Hit::at(node.span, "").with("path", path.to_owned()).with("value", shown(node));
        hit.with("version", version.to_string())
    };
    Ok(candidates.into_iter().filter(|(_, _, releases)| refuses(releases)).map(hit).collect())
}

/// Keys that a node does not start without.
pub fn missing_keys(subject: &Subject<'_>) -> Found {
    let hits = missing(subject, Need::Patroni).into_iter().map(|(path, span)| {
        let variable = variable(&path).unwrap_or_default();
        Hit::at(span, "").with("path", path).with("variable", variable)
    });
    Ok(hits.collect())
}

/// Keys that the release does not read.
pub fn keys_of_other_releases(subject: &Subject<'_>) -> Found {
    let version = version_of(subject);
    let mut hits = Vec::new();
    let mut is_unknown = false;
    schema::visit(subject, &mut |spot| {
        let Some(key) = spot.key else { return };
        let always = key.is_in_all();
        let Some(version) = version.filter(|_| !always) else {
            is_unknown |= !always;
            return;
        };
        let is_below_another = model::find(spot.document, spot.section()).is_some_and(|above| !above.is_in(version));
        if !key.is_in(version) && !is_below_another {
            let hit = Hit::at(spot.entry.key.span, "").with("path", spot.shown());
            hits.push(hit.with("version", version.to_string()).with("releases", key.releases_text()));
        }
    });
    if is_unknown && hits.is_empty() { Err(vec!["the Patroni version is not known".to_owned()]) } else { Ok(hits) }
}

/// The release of the node whose file it is, else that of the cluster.
fn version_of(subject: &Subject<'_>) -> Option<PatroniVersion> {
    let of_node = subject.configuration.and_then(|file| subject.scene.member_version(file.node.as_deref()?));
    of_node.or(subject.scene.patroni)
}

/// Keys that have another name now, or will go.
pub fn deprecated_keys(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    schema::visit(subject, &mut |spot| {
        let is_read = |key: &&Key| version_of(subject).is_none_or(|version| key.is_in(version));
        let Some(key) = spot.key.filter(is_read) else { return };
        let hit = || Hit::at(spot.entry.key.span, "").with("path", spot.shown());
        match key.standing {
            Standing::Current => {}
            Standing::Deprecated(instead) => hits.push(hit().with("instead", instead).with("renamed", false)),
            Standing::Renamed(to) => {
                let name = to.rsplit('.').next().unwrap_or(to);
                let newer = model::find(spot.document, &[spot.section(), &[name]].concat());
                if newer.is_some_and(|newer| version_of(subject).is_some_and(|version| !newer.is_in(version))) {
                    return;
                }
                let twin = twin(subject, spot, name);
                let differs = twin.is_some_and(|twin| twin != &spot.entry.value);
                let instead = to.replace("etcd|etcd3", spot.path.first().copied().unwrap_or_default());
                hits.push(hit().with("instead", instead).with("renamed", true).with("differs", differs));
            }
        }
    });
    Ok(hits)
}

/// The value of the newer name beside an older one.
fn twin<'a>(subject: &Subject<'a>, spot: &Spot<'_, '_>, name: &str) -> Option<&'a Node> {
    let root = match (subject.configuration, spot.document) {
        (Some(file), Document::Local) => file.document.as_ref()?,
        (Some(file), Document::Dynamic) => bootstrap(file)?.node,
        (None, _) => subject.dynamic?.node,
    };
    root.at(spot.section())?.get(name)
}

/// Keys that do nothing because another one is missing.
pub fn keys_without_effect(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    let Some(document) = subject.configuration.and_then(|file| file.document.as_ref()) else { return Ok(hits) };
    for (path, needed) in model::DEPENDENT {
        let there = |path: &str| {
            let segments: Vec<&str> = path.split('.').collect();
            let (name, section) = segments.split_last()?;
            document.at(section)?.as_mapping()?.entry(name)
        };
        if let (Some(entry), None) = (there(path).filter(|entry| !entry.merged), there(needed)) {
            hits.push(Hit::at(entry.key.span, "").with("path", path).with("needed", needed));
        }
    }
    Ok(hits)
}

/// The required keys that are not there, each with the place of the section that lacks it.
fn missing(subject: &Subject<'_>, need: Need) -> Vec<(String, Span)> {
    let document = subject.configuration.and_then(|file| file.document.as_ref());
    let Some(document) = document.filter(|document| document.as_mapping().is_some()) else { return Vec::new() };
    let mut found = Vec::new();
    for key in model::keys_of(Document::Local).filter(|key| key.need == need) {
        for path in key.expansions() {
            let Some((name, section)) = path.split_last() else { continue };
            let mut sections = Vec::new();
            sections_at(document, section, place::head(subject.scene, document), &mut sections);
            for (mapping, span) in sections.into_iter().filter(|(mapping, _)| mapping.get(name).is_none()) {
                if !is_in_an_older_place(document, mapping, &path) {
                    found.push((path.join(".").replace(".[]", "[]"), span));
                }
            }
        }
    }
    for (place, section, names, _) in model::ALTERNATIVES.iter().filter(|(_, _, _, needed)| *needed == need) {
        let (prefix, root) = match place {
            Document::Local => ("", Some(document)),
            Document::Dynamic => ("bootstrap.dcs.", document.at(&["bootstrap", "dcs"])),
        };
        let mut sections = Vec::new();
        if let Some(root) = root {
            sections_at(root, section, root.span, &mut sections);
        }
        for (_, span) in
            sections.into_iter().filter(|(mapping, _)| names.iter().all(|name| mapping.get(name).is_none()))
        {
            found.push((format!("{prefix}{}.{}", section.join("."), names.join("|")), span));
        }
    }
    found
}

/// The mappings at a path below `node`, each with the place of its key.
fn sections_at<'a>(node: &'a Node, path: &[&str], span: Span, found: &mut Vec<(&'a Mapping, Span)>) {
    match (path.split_first(), &node.value) {
        (None, Value::Mapping(mapping)) => found.push((mapping, span)),
        (Some((&"[]", rest)), Value::Sequence(items)) => {
            items.iter().for_each(|item| sections_at(item, rest, item.span, found));
        }
        (Some((name, rest)), Value::Mapping(mapping)) => {
            if let Some(entry) = mapping.entry(name) {
                sections_at(&entry.value, rest, entry.key.span, found);
            }
        }
        _ => {}
    }
}

/// Whether an older form of the configuration tells what is missing.
///
/// Source: patroni/config.py, `Config._build_effective_configuration`, "special treatment for old config", 4.1.5.
fn is_in_an_older_place(document: &Node, section: &Mapping, path: &[&str]) -> bool {
    match path {
        ["name"] => document.at(&["postgresql", "name"]).is_some(),
        ["postgresql", "authentication"] => {
            ["replication", "superuser", "pg_rewind"].iter().any(|name| section.get(name).is_some())
        }
        _ => false,
    }
}

/// The variable that sets a path.
fn variable(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('.').collect();
    let key = model::find(Document::Local, &segments)?;
    key.variables().into_iter().find(|(_, sets)| *sets == segments).map(|(name, _)| name)
}

fn faults(subject: &Subject<'_>, pick: impl Fn(Fault) -> Option<(&'static str, String)>) -> Vec<Hit> {
    let mut hits = Vec::new();
    schema::visit(subject, &mut |spot| {
        let Some(key) = spot.key else { return };
        let mut found = Vec::new();
        judge(subject, spot, key, &mut found);
        for (node, fault) in found {
            let is_whole = std::ptr::eq(node, &spot.entry.value);
            let is_fatal =
                matches!(key.kind, Kind::Section | Kind::Integer(_)) || matches!(key.kind, Kind::Map(_)) && is_whole;
            if let Some((name, text)) = pick(fault) {
                let span = place::beginning(subject.scene, node, spot.entry);
                let hit = Hit::at(span, "").with("path", spot.shown()).with("value", shown(node)).with(name, text);
                hits.push(hit.with("is_fatal", is_fatal).with("type", described(&node.value)));
            }
        }
    });
    hits
}

/// What is wrong with a key's value, each fault with its part of the value.
fn judge<'a>(subject: &Subject<'_>, spot: &Spot<'a, '_>, key: &'static Key, found: &mut Vec<(&'a Node, Fault)>) {
    let node = &spot.entry.value;
    let is_dynamic = spot.document == Document::Dynamic;
    let is_parameter = matches!(spot.section(), ["postgresql", "parameters"]);
    let is_list_of_rules = matches!(spot.path, ["postgresql", "pg_hba" | "pg_ident"]);
    let before = found.len();
    match node.value {
        // Whether a parameter is of its type is another rule's; the smallest values are, too.
        _ if is_dynamic && is_parameter => {
            if let (Kind::Integer(number), Some(value)) = (key.kind, python::parse_int(&node.value, None))
                && number.maximum.is_some_and(|maximum| value > i128::from(maximum))
            {
                found.push((node, Fault::Range(Number { minimum: None, ..number }.limits())));
            }
        }
        // The validator looks at texts alone.
        Value::Null if spot.path == ["postgresql", "bin_dir"] => {}
        Value::Null => found.push((node, Fault::Validator("it is empty".to_owned()))),
        Value::Bool(true) if is_dynamic && spot.path == ["loop_wait"] => {
            found.push((node, Fault::Validator("it is true or false".to_owned())));
        }
        _ if is_dynamic && JUDGED_ELSEWHERE.contains(&spot.name()) => {}
        // PTL315 tells what it does in synchronous mode.
        _ if is_dynamic && spot.path == ["synchronous_node_count"] && is_synchronous(subject) => {}
        // PTL203: Patroni rejects the whole configuration.
        _ if is_dynamic
            && is_rejected_as_a_whole(spot.path)
            && python::truthy(&node.value)
            && node.as_mapping().is_none() => {}
        Value::String(ref text)
            if text.is_empty() && matches!(spot.path, ["postgresql", "data_dir"] | ["postgresql", "bin_name", _]) =>
        {
            found.push((node, Fault::Range(key.kind.asked())));
        }
        _ => fault(&key.kind, node, found),
    }
    if let (["log", "format"], Value::Sequence(items)) = (spot.path, &node.value) {
        let has_one = |item: &&Node| item.as_mapping().is_none_or(|mapping| mapping.effective().count() == 1);
        let wrong = items.iter().filter(|item| !has_one(item));
        found.extend(wrong.map(|item| (item, Fault::Range("a text, or a mapping with one key".to_owned()))));
        let fields = items.iter().filter_map(Node::as_mapping).flat_map(Mapping::effective);
        let empty = fields.filter(|field| field.value.value == Value::Null);
        found.extend(empty.map(|field| (&field.key, Fault::Validator("a field has no name".to_owned()))));
    }
    let kept = found.split_off(before).into_iter().filter(|(at, fault)| match fault {
        Fault::Validator(_) => key.is_validated,
        // PTL109 tells which default counts instead of a number that cannot be read; PTL112, of lines that are no texts.
        Fault::Type(_) => {
            let is_number = is_dynamic && spot.section().is_empty() && matches!(key.kind, Kind::Integer(_));
            let is_line = is_list_of_rules && (!std::ptr::eq(*at, node) || node.as_str().is_some());
            !is_number && !is_line
        }
        _ => true,
    });
    found.extend(kept);
}

fn is_synchronous(subject: &Subject<'_>) -> bool {
    subject.global.as_ref().is_some_and(|global| global.synchronous_mode)
}

/// Whether a value of another type there makes Patroni reject the dynamic configuration.
fn is_rejected_as_a_whole(path: &[&str]) -> bool {
    matches!(path, ["postgresql"] | ["standby_cluster"] | ["postgresql", "parameters"])
}

fn fault<'a>(kind: &Kind, node: &'a Node, found: &mut Vec<(&'a Node, Fault)>) {
    let value = match &node.value {
        Value::Secret(secret) => secret.expose(),
        value => value,
    };
    let mut tell = |fault: Fault| found.push((node, fault));
    let mismatch = || Fault::Type(kind.asked());
    match (kind, value) {
        (Kind::Any, _) | (Kind::Section | Kind::Map(Kind::Any), Value::Mapping(_)) => {}
        (Kind::Map(item), Value::Mapping(mapping)) => {
            // The validator looks at no value of such a mapping.
            let mut faults = Vec::new();
            mapping.effective().for_each(|entry| fault(item, &entry.value, &mut faults));
            found.extend(faults.into_iter().filter(|(_, fault)| !matches!(fault, Fault::Validator(_))));
        }
        (Kind::List(item), Value::Sequence(items)) if items.is_empty() => {
            // The validator looks at each address of a list, and takes none for good.
            if !matches!(item, Kind::Address { .. }) {
                tell(Fault::Validator("it is an empty list".to_owned()));
            }
        }
        (Kind::List(item), Value::Sequence(items)) => items.iter().for_each(|node| fault(item, node, found)),
        (Kind::Boolean(truth), value) => {
            if let Some(fault) = boolean(*truth, value) {
                tell(fault);
            }
        }
        (Kind::Integer(number), value) => {
            if let Some(fault) = integer(number, value) {
                tell(fault);
            }
        }
        // Numbers, booleans and dates where a name or a secret is asked for are another rule's.
        (Kind::Name, Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Timestamp(_)) => {}
        (Kind::Text, _) if matches!(node.value, Value::Secret(_)) => {}
        (Kind::Text | Kind::Name | Kind::Path, Value::String(_)) => {}
        (Kind::Enum { values, any_case, also }, value) => {
            if let Some(fault) = one_of(values, *any_case, also, value) {
                tell(fault);
            }
        }
        (Kind::Ip, Value::String(text)) if is_ip(text) => {}
        (Kind::Ip, Value::String(_)) => tell(Fault::Address("is no IPv4 or IPv6 address".to_owned())),
        (Kind::Address { needs_port }, Value::String(text)) => {
            if let Some(fault) = address_fault(text, None, *needs_port) {
                tell(fault);
            }
        }
        // The REST API listens on all addresses then: patroni/api.py, `RestApiServer.__httpserver_init`.
        (Kind::Listen { several: false, .. }, Value::String(text)) if is_bare_port(text) => {
            tell(Fault::Validator("it has no host".to_owned()));
        }
        (Kind::Listen { several, needs_port }, Value::String(text)) => {
            if let Some(fault) = address_fault(text, Some(*several), *needs_port) {
                tell(fault);
            }
        }
        (Kind::Addresses, Value::String(text)) => {
            if let Some(fault) = text.split(',').find_map(|part| address_fault(part.trim(), None, false)) {
                tell(fault);
            }
        }
        (Kind::Addresses, Value::Sequence(items)) if items.is_empty() => {
            tell(Fault::Validator("it is an empty list".to_owned()));
        }
        (Kind::Addresses, Value::Sequence(_)) => fault(&Kind::List(&Kind::Address { needs_port: false }), node, found),
        (Kind::Or(kinds), _) => alternatives(kinds, node, kind, found),
        (Kind::Lenient(strict, others), _) => {
            let mut strictly = Vec::new();
            fault(strict, node, &mut strictly);
            let is_taken = others.iter().any(|other| {
                let mut faults = Vec::new();
                fault(other, node, &mut faults);
                faults.is_empty()
            });
            match is_taken && strictly.iter().any(|(_, fault)| matches!(fault, Fault::Type(_))) {
                true => tell(Fault::Validator(format!("it is {}", described(value)))),
                false => found.extend(strictly),
            }
        }
        (_, Value::Null) => tell(Fault::Validator("it is empty".to_owned())),
        _ => tell(mismatch()),
    }
}

/// The faults by the one of several kinds that comes nearest: none, or none of the type.
fn alternatives<'a>(kinds: &'static [Kind], node: &'a Node, all: &Kind, found: &mut Vec<(&'a Node, Fault)>) {
    let mut nearest: Option<Vec<(&Node, Fault)>> = None;
    for kind in kinds {
        let mut faults = Vec::new();
        fault(kind, node, &mut faults);
        let is_of_type = !faults.iter().any(|(at, fault)| std::ptr::eq(*at, node) && matches!(fault, Fault::Type(_)));
        if faults.is_empty() {
            return;
        }
        if is_of_type && nearest.is_none() {
            nearest = Some(faults);
        }
    }
    found.extend(nearest.unwrap_or_else(|| vec![(node, Fault::Type(all.asked()))]));
}

fn boolean(truth: Truth, value: &Value) -> Option<Fault> {
    let meant = python::parse_bool(value);
    let validator = || Some(Fault::Validator(format!("it is {}", described(value))));
    match (truth, value) {
        (_, Value::Bool(_)) => None,
        (_, Value::Null) => Some(Fault::Validator("it is empty".to_owned())),
        // A text that says no and counts as yes is another rule's.
        (Truth::Python, Value::String(text)) if meant != Some(true) && !text.is_empty() => None,
        (Truth::Python, Value::String(_) | Value::Int(_) | Value::Float(_)) => validator(),
        (Truth::Parsed, _) if meant.is_some() => validator(),
        _ => Some(Fault::Type(Kind::Boolean(truth).asked())),
    }
}

fn integer(number: &Number, value: &Value) -> Option<Fault> {
    let read = match (number.reading, value) {
        (Reading::AsIs, Value::Int(_) | Value::Bool(_) | Value::Float(_)) => python::int(value),
        (Reading::AsIs, _) => None,
        (Reading::Int, _) => python::int(value),
        (Reading::Float, Value::String(text)) => text.trim().parse::<f64>().ok().map(|number| number as i128),
        (Reading::Float, Value::Null) => Some(0),
        (Reading::Float, _) => python::int(value),
        (Reading::Parsed, _) => python::parse_int(value, number.base_unit),
    };
    let Some(read) = read else {
        return Some(match (value, number.reading) {
            (Value::Null, Reading::Parsed) => Fault::Validator("it is empty".to_owned()),
            _ => Fault::Type(Kind::Integer(*number).asked()),
        });
    };
    let is_below = number.minimum.is_some_and(|minimum| read < i128::from(minimum));
    let is_above = number.maximum.is_some_and(|maximum| read > i128::from(maximum));
    let is_odd = number.multiple_of.is_some_and(|multiple| read % i128::from(multiple) != 0);
    if is_below || is_above || is_odd {
        return Some(Fault::Range(number.limits()));
    }
    // To Python `True` is the integer 1, but `parse_int`, which looks at the limits, does not know it.
    let is_refused = match value {
        Value::Int(_) => false,
        Value::Bool(_) => number.minimum.is_some() || number.maximum.is_some(),
        _ => number.exact,
    };
    is_refused.then(|| Fault::Validator(format!("it is {}", described(value))))
}

fn one_of(values: &[&str], any_case: bool, also: &[&str], value: &Value) -> Option<Fault> {
    let list = || values.join(", ");
    match value {
        Value::String(text) => {
            let is_one = values.iter().any(|known| *known == text || any_case && known.eq_ignore_ascii_case(text));
            if is_one {
                return None;
            }
            let is_taken = also.iter().any(|known| known.eq_ignore_ascii_case(text));
            Some(match is_taken {
                true => Fault::Validator(format!("it is none of {}", list())),
                false => Fault::Range(format!("one of {}", list())),
            })
        }
        Value::Bool(false) if values.contains(&"off") => None,
        Value::Null => Some(Fault::Validator("it is empty".to_owned())),
        _ => Some(Fault::Type(format!("one of {}", list()))),
    }
}

/// Whether an address is `:port`.
fn is_bare_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

/// What is wrong with an address, as [`address`] reads it.
fn address_fault(text: &str, several: Option<bool>, needs_port: bool) -> Option<Fault> {
    let portless = portless_ipv6(text).map(|address| Fault::Portless(address.to_owned()));
    portless.or_else(|| address(text, several, needs_port).map(Fault::Address))
}

/// The last host of an address, if it is an IPv6 address without brackets that is none without its last part.
fn portless_ipv6(text: &str) -> Option<&str> {
    let last = text.rsplit(',').next().unwrap_or(text).trim();
    let (head, _) = last.rsplit_once(':')?;
    (is_ipv6(last) && !is_ipv6(head)).then_some(last)
}

/// What is wrong with `host:port`; `several` tells whether an address to listen on may have several hosts.
///
/// Source: patroni/utils.py, `split_host_port`, and patroni/validator.py, `validate_host_port`, 4.1.5.
fn address(text: &str, several: Option<bool>, needs_port: bool) -> Option<String> {
    if text.contains("://") {
        return Some("is a URL; host:port is asked for".to_owned());
    }
    let (hosts, port) = match text.rsplit_once(':') {
        Some((hosts, port)) => (hosts, Some(port)),
        None => (text, None),
    };
    match port.map(|port| python::int(&Value::String(port.to_owned()))) {
        None if needs_port => return Some("has no port".to_owned()),
        Some(None) => return Some("has a port that is no number".to_owned()),
        Some(Some(port)) if !(1..=65_535).contains(&port) => {
            return Some(format!("has the port {port}; the largest is 65535"));
        }
        _ => {}
    }
    let hosts: Vec<&str> = match several {
        Some(true) => hosts.split(',').map(str::trim).collect(),
        _ => vec![hosts.trim()],
    };
    if hosts.iter().any(|host| host.is_empty()) {
        return Some("has no host".to_owned());
    }
    if hosts.contains(&"*") && hosts.len() > 1 {
        return Some("names * beside other hosts".to_owned());
    }
    if several == Some(false) && hosts[0].contains(',') {
        return Some("names several hosts; one is asked for".to_owned());
    }
    // What a template left is another rule's.
    let hosts = hosts.iter().filter(|host| !host.contains(['{', '$', '<']));
    let strange =
        hosts.into_iter().find_map(|host| host.find([' ', '\t', ',', ';', '"', '\'']).map(|at| &host[at..=at]));
    strange.map(|letter| format!("has '{letter}' in the name of a host; items of a list, or commas, separate hosts"))
}

/// Whether `socket.inet_aton` or `inet_pton` takes it.
pub(super) fn is_ip(text: &str) -> bool {
    let part = |part: &str| match part.strip_prefix("0x").or(part.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u64::from_str_radix(part, 8).ok(),
        None => part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten(),
    };
    let parts: Option<Vec<u64>> = text.split('.').map(part).collect();
    let is_ipv4 = parts.is_some_and(|parts| match parts.as_slice() {
        [leading @ .., last] if leading.len() < 4 => {
            leading.iter().all(|part| *part < 256) && *last < 1 << (8 * (4 - leading.len()))
        }
        _ => false,
    });
    is_ipv4 || is_ipv6(text)
}

/// Groups of up to four hexadecimal digits; the last two may be an IPv4 address, and `::` stands for any number of zeros.
fn is_ipv6(text: &str) -> bool {
    let is_byte = |part: &str| part.len() < 4 && part.parse::<u8>().is_ok();
    let width = |group: &str| match group.contains('.') {
        true => (group.split('.').count() == 4 && group.split('.').all(is_byte)).then_some(2),
        false => {
            let is_hex = group.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_hex && (1..=4).contains(&group.len())).then_some(1)
        }
    };
    let groups = |side: &str| -> Option<usize> {
        if side.is_empty() {
            return Some(0);
        }
        let all: Vec<&str> = side.split(':').collect();
        let has_early_ipv4 = all[..all.len() - 1].iter().any(|group| group.contains('.'));
        if has_early_ipv4 { None } else { all.iter().map(|group| width(group)).sum() }
    };
    match text.split_once("::") {
        Some((before, after)) => {
            groups(before).zip(groups(after)).is_some_and(|(one, two)| one + two < 8) && !before.contains('.')
        }
        None => groups(text) == Some(8),
    }
}

/// The type of a value, for people.
fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::String(_) => "a text",
        Value::Timestamp(_) => "a date",
        Value::Binary(_) => "binary",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Secret(secret) => described(secret.expose()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_addresses() {
        let check = |text: &str, several, expected: Option<&str>| {
            assert_eq!(address(text, several, true).as_deref(), expected, "{text}");
        };
        check("10.0.0.1:8008", None, None);
        check("[fe80::1]:8008", None, None);
        check("*:5432", Some(true), None);
        check("10.0.0.1,127.0.0.1:5432", Some(true), None);
        check("*,127.0.0.1:5432", Some(true), Some("names * beside other hosts"));
        check("10.0.0.1,127.0.0.1:8008", Some(false), Some("names several hosts; one is asked for"));
        check("10.0.0.1", None, Some("has no port"));
        check("10.0.0.1:x", None, Some("has a port that is no number"));
        check("10.0.0.1:80080", None, Some("has the port 80080; the largest is 65535"));
        check(":8008", None, Some("has no host"));
        check("http://10.0.0.1:8008", None, Some("is a URL; host:port is asked for"));
        let separate = "in the name of a host; items of a list, or commas, separate hosts";
        check("10.0.0.1:2379 10.0.0.2:2379", None, Some(&format!("has ' ' {separate}")));
        check("10.0.0.1:2379;10.0.0.2:2379", None, Some(&format!("has ';' {separate}")));
    }

    #[test]
    fn knows_ipv6_addresses_without_a_port() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(portless_ipv6(text), expected, "{text}");
        check("fe80::1", Some("fe80::1"));
        check("::1", Some("::1"));
        check("2001:db8:0:0:0:0:0:1", Some("2001:db8:0:0:0:0:0:1"));
        check("10.0.0.1,fe80::1", Some("fe80::1"));
        check("2001:db8::1:8008", None);
        check("[fe80::1]:8008", None);
        check(":::8008", None);
        check("10.0.0.1:8008", None);
        check("*:5432", None);
    }

    #[test]
    fn knows_ip_addresses_as_python_does() {
        for text in
            ["10.0.0.1", "10.1", "1", "0x7f.0.0.1", "017.0.0.1", "::1", "fe80::1", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8"]
        {
            assert!(is_ip(text), "{text}");
        }
        for text in [
            "",
            "10.0.0.256",
            "10.0.0.1.2",
            "host",
            "10..1",
            "-1",
            "1:2",
            "09.0.0.1",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "12345::",
            "::1.2.3",
        ] {
            assert!(!is_ip(text), "{text}");
        }
    }
}
