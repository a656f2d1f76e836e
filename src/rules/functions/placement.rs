//! Keys that Patroni does not know, or not there.

use core::net::IpAddr;
use std::collections::BTreeSet;

use crate::model::config::schema as model;
use crate::parse::python;
use crate::parse::tree::{Entry, Node, Span, Value};
use crate::rules::facts::{Scene, Subject, bootstrap};
use crate::rules::finding::Label;
use crate::rules::functions::schema::{self, Home};
use crate::rules::functions::{Hit, shown};

type Found = Result<Vec<Hit>, Vec<String>>;

/// Keys of no section, with the nearest known name.
pub fn unknown_keys(subject: &Subject<'_>) -> Found {
    Ok(strangers(subject)
        .into_iter()
        .filter(|stranger| stranger.home.is_none())
        .map(|stranger| {
            let nearest = schema::nearest(&stranger.key, &stranger.siblings).unwrap_or_default();
            let hit = Hit::at(stranger.span, "").with("key", stranger.key).with("section", stranger.section);
            hit.with("nearest", nearest)
        })
        .collect())
}

/// Known keys below a section that does not read them.
pub fn misplaced_keys(subject: &Subject<'_>) -> Found {
    let mut hits = Vec::new();
    for stranger in strangers(subject) {
        let Some(home) = stranger.home else { continue };
        let text = match home {
            Home::Dynamic => "Patroni reads this key from the dynamic configuration only".to_owned(),
            Home::Below(section) => format!("Patroni reads this key below {section} only"),
        };
        let in_effect = match home {
            Home::Dynamic => subject.scene.dynamic().and_then(|dynamic| dynamic.node.get(&stranger.key)),
            Home::Below(_) => None,
        };
        let value = match &stranger.value.value {
            Value::String(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_) => shown(&stranger.value),
            _ => String::new(),
        };
        hits.push(
            Hit::at(stranger.span, text)
                .with("key", stranger.key.clone())
                .with("section", stranger.section)
                .with("home", if let Home::Below(section) = home { section } else { "" })
                .with("is_dynamic", matches!(home, Home::Dynamic))
                .with("value", value)
                .with("weighty", schema::protects(&stranger.key))
                .with("knows_dynamic", subject.scene.dynamic().is_some())
                .with("in_effect", in_effect.map(shown).unwrap_or_default()),
        );
    }
    Ok(hits)
}

/// After so many strangers a text is something else than a configuration, and the rest of it is not looked at.
const MAX_STRANGERS: usize = 200;
/// So many settings of a section are compared.
const MAX_COMPARED: usize = 2000;

/// A key that its section does not know.
struct Stranger {
    span: Span,
    key: String,
    /// The section's path; empty for the root.
    section: String,
    value: Node,
    siblings: Vec<&'static str>,
    home: Option<Home>,
}

fn strangers(subject: &Subject<'_>) -> Vec<Stranger> {
    let mut strangers = Vec::new();
    schema::visit(subject, &mut |spot| {
        let is_anchor = spot.section().is_empty() && may_have_any_name(spot.name());
        if spot.key.is_some() || is_anchor || MAX_STRANGERS <= strangers.len() {
            return;
        }
        strangers.push(Stranger {
            span: spot.entry.key.span,
            key: spot.name().to_owned(),
            section: spot.shown_section(),
            value: spot.entry.value.clone(),
            siblings: model::names_below(spot.document, spot.section()),
            home: schema::home(spot.document, spot.section(), spot.name()),
        });
    });
    strangers
}

/// Names at the root that people give to anchors that are merged elsewhere.
fn may_have_any_name(name: &str) -> bool {
    name.starts_with(['x', '_', '.']) && !name.starts_with("xl")
}

/// Settings of `bootstrap.dcs` that the dynamic configuration contradicts.
pub fn bootstrap_drift(subject: &Subject<'_>) -> Found {
    let (Some(dynamic), Some(file)) = (subject.scene.dynamic(), subject.configuration.and_then(bootstrap)) else {
        return Ok(Vec::new());
    };
    let mut hit = Hit::default();
    let mut keys = Vec::new();
    compare(file.node, Some(dynamic.node), "", &mut |path, entry, in_effect| {
        let text = match in_effect {
            Some(node) => format!("in effect: {}", shown(node)),
            None => "in effect: not set".to_owned(),
        };
        keys.push(path.to_owned());
        hit.labels.push(Label { span: entry.key.span, text });
    });
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    hit.labels.truncate(8);
    Ok(vec![hit.with("keys", keys)])
}

fn compare<'a>(
    file: &'a Node,
    in_effect: Option<&'a Node>,
    path: &str,
    differs: &mut dyn FnMut(&str, &'a Entry, Option<&'a Node>),
) {
    let Value::Mapping(mapping) = &file.value else { return };
    for entry in mapping.effective().take(MAX_COMPARED) {
        let Some(key) = entry.key.as_str() else { continue };
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let other = in_effect.and_then(|node| node.get(key));
        match (&entry.value.value, other.map(|node| &node.value)) {
            (Value::Mapping(_), Some(Value::Mapping(_))) => compare(&entry.value, other, &path, differs),
            (Value::Null, None) => {}
            _ if other.is_some_and(|other| is_same(&entry.value, other)) => {}
            _ => differs(&path, entry, other),
        }
    }
}

/// Whether two settings mean the same: equal, or the same boolean or number to Patroni.
fn is_same(one: &Node, two: &Node) -> bool {
    let both = |read: &dyn Fn(&Value) -> Option<i128>| {
        read(&one.value).zip(read(&two.value)).is_some_and(|(one, two)| one == two)
    };
    one == two
        || python::str(&one.value) == python::str(&two.value)
        || both(&|value| python::parse_bool(value).map(i128::from))
        || both(&|value| python::parse_int(value, None))
}

/// Addresses for others that lead everybody to their own host.
pub fn forbidden_addresses(subject: &Subject<'_>) -> Found {
    let Some(document) = subject.configuration.and_then(|configuration| configuration.document.as_ref()) else {
        return Ok(Vec::new());
    };
    let mut hits = Vec::new();
    for path in ADVERTISED {
        let Some(node) = document.at(path) else { continue };
        let Some(address) = node.as_str() else { continue };
        let host = host(address);
        let is_wildcard = matches!(host, "0.0.0.0" | "*" | "::");
        if !is_wildcard && (!is_loopback(host) || lives_on_one_host(subject.scene)) {
            continue;
        }
        let hit = Hit::at(node.span, "").with("path", path.join(".")).with("host", host.to_owned());
        hits.push(hit.with("is_wildcard", is_wildcard));
    }
    Ok(hits)
}

/// Ports in `postgresql.listen` that do not stand at its end.
///
/// Source: patroni/utils.py, `split_host_port`, 4.1.5.
pub fn ports_of_several_hosts(subject: &Subject<'_>) -> Found {
    let document = subject.configuration.and_then(|configuration| configuration.document.as_ref());
    let Some(node) = document.and_then(|document| document.at(&["postgresql", "listen"])) else {
        return Ok(Vec::new());
    };
    let Some((hosts, port)) = node.as_str().and_then(|listen| listen.rsplit_once(':')) else { return Ok(Vec::new()) };
    let has_port = |part: &&str| match part.rsplit_once(':') {
        // An IPv6 address without brackets has colons, too.
        Some((host, port)) => (!host.contains(':') || host.ends_with(']')) && port.parse::<u16>().is_ok(),
        None => false,
    };
    let parts: Vec<&str> = hosts.split(',').map(str::trim).collect();
    let Some(wrong) = parts.iter().find(|part| 1 < parts.len() && has_port(part)) else { return Ok(Vec::new()) };
    let bare = |part: &&str| match has_port(part) {
        true => part.rsplit_once(':').map_or(*part, |(host, _)| host).to_owned(),
        false => (*part).to_owned(),
    };
    let remedy = format!("{}:{port}", parts.iter().map(bare).collect::<Vec<_>>().join(","));
    Ok(vec![Hit::at(node.span, "").with("host", (*wrong).to_owned()).with("remedy", remedy)])
}

/// Listeners that do not have the address under which others connect.
pub fn unreachable_listeners(subject: &Subject<'_>) -> Found {
    let document = subject.configuration.and_then(|configuration| configuration.document.as_ref());
    let mut hits = Vec::new();
    for section in ["restapi", "postgresql"] {
        let setting = |name: &str| document.and_then(|document| document.at(&[section, name]));
        let (Some(listen), Some(connect)) = (setting("listen"), setting("connect_address")) else { continue };
        let (Some(text), Some(connect)) = (listen.as_str(), connect.as_str()) else { continue };
        let connect = host(connect);
        let hosts = text.rsplit_once(':').map_or(text, |(hosts, _)| hosts);
        let listening = hosts.split(',').map(|host| host.trim().trim_matches(['[', ']']).parse::<IpAddr>());
        // Names may lead anywhere.
        let (Ok(listening), Ok(address)) = (listening.collect::<Result<Vec<_>, _>>(), connect.parse::<IpAddr>()) else {
            continue;
        };
        let is_reached = |host: &IpAddr| *host == address || host.is_unspecified();
        // A loopback address for others is another rule's.
        if !address.is_loopback() && !address.is_unspecified() && !listening.iter().any(is_reached) {
            let hit = Hit::at(listen.span, "").with("section", section).with("listen", hosts.to_owned());
            let any = if address.is_ipv6() { "::" } else { "0.0.0.0" };
            hits.push(hit.with("connect", connect.to_owned()).with("any", any));
        }
    }
    Ok(hits)
}

/// The settings that other nodes read.
const ADVERTISED: [&[&str]; 4] = [
    &["restapi", "connect_address"],
    &["postgresql", "connect_address"],
    &["postgresql", "proxy_address"],
    &["raft", "self_addr"],
];

/// Whether every known node of the cluster advertises a loopback address, each with a port of its own: a trial on one
/// machine, where this works.
fn lives_on_one_host(scene: &Scene<'_>) -> bool {
    let of_files = scene.configurations.iter().filter_map(|configuration| {
        let document = configuration.document.as_ref()?;
        let name = configuration.node.clone().unwrap_or_default();
        Some((name, document.at(&["restapi", "connect_address"])?.as_str()?))
    });
    let of_keys = scene.member_names().into_iter().filter_map(|name| {
        let url = scene.key_json(&format!("members/{name}"))?.get("api_url")?.as_str()?;
        Some((name.to_owned(), url.split("//").nth(1)?.split('/').next()?))
    });
    let addresses: BTreeSet<(String, &str)> = of_files.chain(of_keys).collect();
    let distinct: BTreeSet<&str> = addresses.iter().map(|(_, address)| *address).collect();
    distinct.len() > 1 && addresses.len() == distinct.len() && distinct.iter().all(|address| is_loopback(host(address)))
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// The host of `host:port`, without brackets.
pub(super) fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim().trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_hosts() {
        let check = |address: &str, expected: &str| assert_eq!(host(address), expected, "{address}");
        check("10.0.0.1:8008", "10.0.0.1");
        check("[::1]:8008", "::1");
        check("*:5432", "*");
        check("localhost", "localhost");
    }
}
