//! Configurations of several nodes, compared with one another and with the DCS.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::cluster::slot_name_from_member_name;
use crate::model::config::effective::{Controlled, Origin};
use crate::model::config::schema::DCS_SECTIONS;
use crate::model::postgresql::version::PostgresVersion;
use crate::model::snapshot::LocalConfiguration;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Span, Style, Value};
use crate::rules::facts::{Scene, Subject};
use crate::rules::finding::Label;
use crate::rules::functions::placement::{host, is_loopback};
use crate::rules::functions::values::is_ip;
use crate::rules::functions::{Hit, shown};
use crate::rules::place;

type Found = Result<Vec<Hit>, Vec<String>>;

/// One node's configuration file.
struct NodeFile<'a> {
    /// The node's name, or the file's where it has none.
    name: &'a str,
    scope: Option<&'a str>,
    document: &'a Node,
    configuration: &'a LocalConfiguration,
}

/// A setting's place: keys from the root.
type Path = Vec<String>;

/// So many keys of a file are looked at.
const MAX_KEYS: usize = 2000;

/// Two files with one name.
pub fn duplicate_names(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let named = nodes(scene).into_iter().filter_map(|node| Some((node.document.get("name")?, node)));
    let mut by_name: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for (name, _) in named {
        by_name.entry(python::str(&name.value)).or_default().push(name.span);
    }
    let twice = by_name.into_iter().filter(|(_, spans)| 1 < spans.len());
    Ok(twice.map(|(name, spans)| Hit { labels: labels(spans), values: Vec::new() }.with("name", name)).collect())
}

/// Addresses that two nodes advertise, in files and in member keys.
pub fn shared_addresses(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let mut hits = Vec::new();
    let files = nodes(scene);
    for (section, port) in [("restapi", 8008), ("postgresql", 5432)] {
        let of_files = files.iter().filter_map(|node| {
            let address = node.document.at(&[section, "connect_address"])?;
            Some((node.name, host_and_port(address.as_str()?, port), address.span))
        });
        hits.extend(shared(&format!("{section}.connect_address"), of_files.collect()));
    }
    for (field, port) in [("api_url", 8008), ("conn_url", 5432)] {
        let of_members = scene.member_names().into_iter().filter_map(|name| {
            let key = format!("members/{name}");
            let url = scene.key_json(&key)?.get(field)?.as_str()?;
            let address = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next()?;
            let address = address.rsplit_once('@').map_or(address, |(_, address)| address);
            Some((name, host_and_port(address, port), place::key(scene, &key, &[field])?))
        });
        hits.extend(shared(field, of_members.collect()));
    }
    Ok(hits)
}

fn shared(what: &str, addresses: Vec<(&str, String, Span)>) -> Vec<Hit> {
    let mut by_address: BTreeMap<&str, Vec<(&str, Span)>> = BTreeMap::new();
    for (name, address, span) in &addresses {
        by_address.entry(address).or_default().push((name, *span));
    }
    let mut hits = Vec::new();
    for (address, owners) in by_address {
        let names: BTreeSet<&str> = owners.iter().map(|(name, _)| *name).collect();
        if 1 < names.len() {
            let labels = labels(owners.iter().map(|(_, span)| *span).collect());
            let hit = Hit { labels, values: Vec::new() }.with("what", what).with("address", address);
            hits.push(hit.with("names", owned(names)));
        }
    }
    hits
}

fn host_and_port(address: &str, default_port: u16) -> String {
    let address = address.trim().to_lowercase();
    let tail = address.rsplit_once(']').map_or(address.as_str(), |(_, tail)| tail);
    if tail.contains(':') { address } else { format!("{address}:{default_port}") }
}

/// Names, of files and member keys, that lead to one replication slot.
pub fn shared_slots(subject: &Subject<'_>) -> Found {
    if subject.dynamic.is_some_and(|dynamic| uses_no_slots(dynamic.node)) {
        return Ok(Vec::new());
    }
    let mut by_slot: BTreeMap<String, BTreeMap<&str, Span>> = BTreeMap::new();
    let known = names(subject.scene);
    for (name, span) in &known {
        by_slot.entry(slot_name_from_member_name(name)).or_default().entry(name).or_insert(*span);
    }
    let mut hits = Vec::new();
    for (slot, owners) in by_slot {
        if 1 < owners.len() {
            let labels = labels(owners.values().copied().collect());
            hits.push(Hit { labels, values: Vec::new() }.with("slot", slot).with("names", owned(owners.into_keys())));
        }
    }
    Ok(hits)
}

/// Whether a dynamic configuration does without replication slots.
pub(super) fn uses_no_slots(dynamic: &Node) -> bool {
    let setting = dynamic.at(&["postgresql", "use_slots"]);
    setting.is_some_and(|node| python::parse_bool(&node.value) == Some(false))
}

/// Permanent slots with the name of a member's slot.
///
/// Source: patroni/dcs/__init__.py, `Cluster._merge_permanent_slots`, 4.1.5.
pub fn permanent_slots_of_members(subject: &Subject<'_>) -> Found {
    let Some(dynamic) = subject.dynamic else { return Ok(Vec::new()) };
    let slots = ["slots", "permanent_slots", "permanent_replication_slots"];
    let slots = slots.iter().find_map(|name| dynamic.node.get(name)?.as_mapping());
    let members = names(subject.scene);
    let mut hits = Vec::new();
    for entry in slots.into_iter().flat_map(Mapping::effective) {
        let Some(slot) = entry.key.as_str() else { continue };
        let Some((member, span)) = members.iter().find(|(name, _)| slot_name_from_member_name(name) == slot) else {
            continue;
        };
        let has = |name: &str| entry.value.get(name).is_some_and(|node| python::truthy(&node.value));
        let is_logical = match entry.value.get("type") {
            Some(kind) => kind.as_str() == Some("logical"),
            None => has("database") && has("plugin"),
        };
        let mut hit = Hit::at(entry.key.span, "");
        hit.labels.push(Label { span: *span, text: "the member with this slot".to_owned() });
        hits.push(hit.with("slot", slot).with("member", *member).with("is_logical", is_logical));
    }
    Ok(hits)
}

/// Members of the DCS without a file, where others have one.
pub fn members_without_file(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let with_file: BTreeSet<&str> = nodes(scene).iter().map(|node| node.name).collect();
    let members = scene.member_names();
    let (known, unknown): (Vec<&str>, Vec<&str>) = members.into_iter().partition(|name| with_file.contains(name));
    if known.len() < 2 || known.len() < unknown.len() {
        return Ok(Vec::new());
    }
    let hit = |name: &str| Some(Hit::at(place::key(scene, &format!("members/{name}"), &[])?, "").with("name", name));
    Ok(unknown.into_iter().filter_map(hit).collect())
}

/// Where files look for their cluster: one scope and namespace.
struct ClusterOfFiles<'a> {
    scope: &'a str,
    namespace: String,
    /// The scope without separators, in lower case.
    bare_scope: String,
    first: NodeFile<'a>,
    names: BTreeSet<&'a str>,
    endpoints: BTreeSet<String>,
}

/// So many clusters are compared with one another.
const MAX_CLUSTERS: usize = 1000;

/// Clusters that are probably meant to be one: the same DCS, and a scope that differs in case and separators alone, or
/// another namespace.
pub fn almost_one_cluster(subject: &Subject<'_>) -> Found {
    let clusters = clusters(subject.scene);
    let mut hits = Vec::new();
    for (index, one) in clusters.iter().enumerate() {
        for other in &clusters[index + 1..] {
            let what = if one.namespace == other.namespace && one.bare_scope == other.bare_scope {
                "scope"
            } else if one.scope == other.scope && one.names.is_disjoint(&other.names) {
                "namespace"
            } else {
                continue;
            };
            if one.endpoints.is_disjoint(&other.endpoints) {
                continue;
            }
            let value = |cluster: &ClusterOfFiles<'_>| match what {
                "scope" => cluster.scope.to_owned(),
                _ => cluster.namespace.clone(),
            };
            let spans = [one, other].map(|cluster| place::within(subject.scene, cluster.first.document, &[what]));
            let hit = Hit { labels: labels(spans.to_vec()), values: Vec::new() }.with("what", what);
            let names = owned([one.first.name, other.first.name]);
            hits.push(hit.with("one", value(one)).with("other", value(other)).with("names", names));
        }
    }
    Ok(hits)
}

/// The clusters that the files of the whole input name.
fn clusters<'a>(scene: &Scene<'a>) -> Vec<ClusterOfFiles<'a>> {
    let mut clusters: BTreeMap<(&str, String), ClusterOfFiles<'a>> = BTreeMap::new();
    for file in scene.snapshot.configurations.iter().filter_map(|file| node(scene, file)) {
        let Some(scope) = file.scope else { continue };
        let namespace = namespace(file.document);
        let (name, endpoints) = (file.name, endpoints(file.document));
        let cluster = clusters.entry((scope, namespace.clone())).or_insert_with(|| {
            let bare_scope = scope.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect();
            let (names, endpoints) = (BTreeSet::new(), BTreeSet::new());
            ClusterOfFiles { scope, namespace, bare_scope, first: file, names, endpoints }
        });
        cluster.names.insert(name);
        cluster.endpoints.extend(endpoints);
    }
    let mut clusters: Vec<_> = clusters.into_values().collect();
    clusters.sort_by_key(|cluster| cluster.first.document.span);
    clusters.truncate(MAX_CLUSTERS);
    clusters
}

fn namespace(document: &Node) -> String {
    let namespace = document.get("namespace").and_then(Node::as_str);
    namespace.map_or("service", |text| text.trim_matches('/')).to_owned()
}

/// The addresses under which a file reaches the DCS, the kind of the DCS left aside.
fn endpoints(document: &Node) -> BTreeSet<String> {
    let mut endpoints = BTreeSet::new();
    for section in DCS_SECTIONS.iter().filter_map(|name| document.get(name)) {
        for name in ["host", "hosts", "url", "srv", "proxy", "partner_addrs", "self_addr"] {
            let servers = section.get(name).map(servers).unwrap_or_default();
            endpoints.extend(servers.into_iter().map(str::to_lowercase));
        }
    }
    endpoints
}

/// The servers that a setting names, as a list or with commas between, without schemes.
fn servers(setting: &Node) -> Vec<&str> {
    let items: Vec<&str> = match &setting.value {
        Value::Sequence(items) => items.iter().filter_map(Node::as_str).collect(),
        Value::String(text) => text.split(',').collect(),
        _ => Vec::new(),
    };
    let trimmed = items.into_iter().map(|item| item.trim().trim_end_matches('/'));
    trimmed.map(|item| item.rsplit_once("//").map_or(item, |(_, server)| server)).collect()
}

/// Nodes that keep their state in different kinds of DCS.
pub fn different_dcs_sections(subject: &Subject<'_>) -> Found {
    let files = nodes(subject.scene);
    let sections = |node: &NodeFile<'_>| {
        let present = DCS_SECTIONS.iter().filter(|name| node.document.get(name).is_some());
        present.copied().collect::<Vec<_>>().join(" and ")
    };
    let with_dcs: Vec<&NodeFile<'_>> = files.iter().filter(|node| !sections(node).is_empty()).collect();
    let values: Vec<String> = with_dcs.iter().map(|node| sections(node)).collect();
    let span = |index: usize| {
        let document = with_dcs[index].document.as_mapping();
        let entry = DCS_SECTIONS.iter().find_map(|name| document?.entry(name));
        entry.map_or(with_dcs[index].document.span, |entry| entry.key.span)
    };
    Ok(split(&with_dcs, &values, span).into_iter().collect())
}

/// Nodes that do not share all endpoints of the DCS.
pub fn different_endpoints(subject: &Subject<'_>) -> Found {
    let files = nodes(subject.scene);
    let with_dcs: Vec<&NodeFile<'_>> = files.iter().filter(|node| !endpoints(node.document).is_empty()).collect();
    let sets: Vec<BTreeSet<String>> = with_dcs.iter().map(|node| endpoints(node.document)).collect();
    let sections = |node: &&NodeFile<'_>| DCS_SECTIONS.iter().find(|name| node.document.get(name).is_some());
    let is_one_kind = with_dcs.windows(2).all(|pair| sections(&pair[0]) == sections(&pair[1]));
    let is_local = with_dcs.iter().any(|node| {
        // An agent on each node, or a member of the store itself, as raft has it.
        node.document.get("raft").is_some() || node.document.get("consul").is_some()
    });
    let loopback =
        |set: &BTreeSet<String>| set.iter().all(|host| host.starts_with("127.") || host.starts_with("localhost"));
    if !is_one_kind || is_local || sets.iter().any(loopback) {
        return Ok(Vec::new());
    }
    let values: Vec<String> = sets.iter().map(|set| set.iter().cloned().collect::<Vec<_>>().join(", ")).collect();
    let is_disjoint = sets.iter().any(|one| sets.iter().any(|other| one.is_disjoint(other)));
    let span = |index: usize| {
        let document = with_dcs[index].document;
        let route = DCS_SECTIONS.iter().find_map(|section| {
            let found = document.get(section)?;
            let name = ["hosts", "host", "url", "srv", "proxy"].into_iter().find(|name| found.get(name).is_some())?;
            Some([*section, name])
        });
        route.map_or(document.span, |route| place::within(subject.scene, document, &route))
    };
    Ok(split(&with_dcs, &values, span).map(|hit| hit.with("is_disjoint", is_disjoint)).into_iter().collect())
}

/// Nodes with different majors of PostgreSQL.
pub fn different_majors(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let files = nodes(scene);
    let of_files = scene.configurations.iter().filter_map(|file| {
        let node =
            files.iter().find(|node| file.document.as_ref().is_some_and(|own| std::ptr::eq(own, node.document)))?;
        Some((node, scene.node_postgres(file.node.as_deref(), Some(file))?.to_string()))
    });
    let (known, majors): (Vec<&NodeFile<'_>>, Vec<String>) = of_files.unzip();
    let span = |index: usize| {
        let document = known[index].document;
        let name = ["bin_dir", "data_dir"].into_iter().find(|name| document.at(&["postgresql", name]).is_some());
        place::within(scene, document, &["postgresql", name.unwrap_or("bin_dir")])
    };
    Ok(split(&known, &majors, span).into_iter().collect())
}

/// Members that run different minor releases of one major of PostgreSQL.
pub fn different_minors(subject: &Subject<'_>) -> Found {
    let scene = subject.scene;
    let answers = scene.cluster.into_iter().flat_map(|cluster| cluster.rest.keys());
    let known: Vec<(&str, PostgresVersion, Span)> = answers
        .filter_map(|name| {
            let told = scene.rest_json(name)?.get("server_version")?;
            let Value::Int(number) = told.value else { return None };
            Some((name.as_str(), PostgresVersion::of_number(number)?, told.span))
        })
        .collect();
    let is_one_major = known.windows(2).all(|pair| pair[0].1.major_number() == pair[1].1.major_number());
    let mut by_minor: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for (name, version, _) in &known {
        by_minor.entry(version.number()).or_default().push(name);
    }
    if !is_one_major || by_minor.len() < 2 {
        return Ok(Vec::new());
    }
    let primary = known.iter().find(|(name, ..)| scene.leader() == Some(name)).map(|(_, version, _)| version.number());
    let is_ahead = primary.is_some_and(|primary| by_minor.keys().any(|number| *number < primary));
    let parts = by_minor.iter().map(|(number, names)| format!("{} on {}", full_version(*number), names.join(", ")));
    let what = parts.collect::<Vec<_>>().join("; ");
    let labels = known.iter().map(|(name, version, span)| {
        let text = format!("{name}: {}", full_version(version.number()));
        Label { span: *span, text }
    });
    Ok(vec![Hit { labels: labels.collect(), values: Vec::new() }.with("what", what).with("is_ahead", is_ahead)])
}

/// `16.4` or `9.6.24` of a `server_version_num`.
fn full_version(number: u32) -> String {
    match number {
        ..100_000 => format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100),
        _ => format!("{}.{}", number / 10_000, number % 10_000),
    }
}

/// The one server of the DCS that a file names, if it is an address of another host.
///
/// Source: patroni/dcs/etcd.py, `AbstractEtcdClientWithFailover._load_machines_cache`, 4.1.5.
pub fn single_endpoints(subject: &Subject<'_>) -> Found {
    let Some(document) = subject.configuration.and_then(|file| file.document.as_ref()) else { return Ok(Vec::new()) };
    let addresses = [["postgresql", "connect_address"], ["restapi", "connect_address"]];
    let own: Vec<&str> = addresses.iter().filter_map(|path| Some(host(document.at(path)?.as_str()?))).collect();
    let mut hits = Vec::new();
    for section in ["etcd", "etcd3", "zookeeper"] {
        let Some(mapping) = document.get(section).and_then(Node::as_mapping) else { continue };
        if ["srv", "discovery_srv", "srv_domain", "proxy"].iter().any(|name| mapping.get(name).is_some()) {
            continue;
        }
        let Some((name, node)) = ["url", "hosts", "host"].iter().find_map(|name| Some((*name, mapping.get(name)?)))
        else {
            continue;
        };
        let endpoints = servers(node);
        let [endpoint] = endpoints.as_slice() else { continue };
        let address = host(endpoint);
        // A name may stand for many; what runs on the node itself goes with it.
        let is_elsewhere = is_ip(address) && !is_loopback(address) && !own.contains(&address);
        if is_elsewhere {
            let span = place::within(subject.scene, document, &[section, name]);
            hits.push(Hit::at(span, "").with("section", section).with("endpoint", *endpoint));
        }
    }
    Ok(hits)
}

/// Credentials that differ between nodes; what a file does not hold may come from the environment.
pub fn different_credentials(subject: &Subject<'_>) -> Found {
    let mut paths = Vec::new();
    for user in ["superuser", "replication", "rewind"] {
        for field in ["username", "password"] {
            paths.push(path(&["postgresql", "authentication", user, field]));
        }
    }
    for section in ["restapi", "ctl"] {
        for field in ["username", "password"] {
            paths.push(path(&[section, "authentication", field]));
        }
    }
    Ok(compare(subject.scene, &nodes(subject.scene), &paths, Absent::IsUnknown))
}

/// Parameters that every node should have the same, because the node that is promoted brings its own.
pub fn different_parameters(subject: &Subject<'_>) -> Found {
    let files = nodes(subject.scene);
    let paths: Vec<Path> = settings(&files).into_iter().filter(must_agree).collect();
    Ok(compare(subject.scene, &files, &paths, Absent::IsDifferent))
}

/// Whether a parameter changes what clients see or what is kept when another node is promoted.
fn must_agree(path: &Path) -> bool {
    const NAMES: [&str; 17] = [
        "archive_mode",
        "datestyle",
        "default_text_search_config",
        "fsync",
        "full_page_writes",
        "intervalstyle",
        "max_standby_streaming_delay",
        "password_encryption",
        "restore_command",
        "search_path",
        "shared_preload_libraries",
        "ssl",
        "synchronous_commit",
        "synchronous_standby_names",
        "timezone",
        "default_transaction_isolation",
        "wal_compression",
    ];
    match path.as_slice() {
        [first, second, name] => {
            first == "postgresql" && second == "parameters" && NAMES.contains(&name.to_lowercase().as_str())
        }
        _ => false,
    }
}

/// `bootstrap.dcs` of files that would initialise the cluster differently.
pub fn different_bootstrap(subject: &Subject<'_>) -> Found {
    let files: Vec<NodeFile<'_>> = nodes(subject.scene)
        .into_iter()
        .filter(|node| node.document.at(&["bootstrap", "dcs"]).is_some_and(|dcs| python::truthy(&dcs.value)))
        .collect();
    let is_dcs = |path: &Path| path.starts_with(&["bootstrap".to_owned(), "dcs".to_owned()]);
    let paths: Vec<Path> = settings(&files).into_iter().filter(is_dcs).collect();
    Ok(compare(subject.scene, &files, &paths, Absent::IsDifferent))
}

/// Ways to initialise the cluster that differ.
pub fn different_initdb(subject: &Subject<'_>) -> Found {
    let files: Vec<NodeFile<'_>> = nodes(subject.scene)
        .into_iter()
        .filter(|node| node.document.get("bootstrap").is_some_and(|bootstrap| python::truthy(&bootstrap.value)))
        .collect();
    let paths = [path(&["bootstrap", "initdb"]), path(&["bootstrap", "method"])];
    Ok(compare(subject.scene, &files, &paths, Absent::IsDifferent))
}

/// Nodes that disagree on pg_rewind.
pub fn different_rewind(subject: &Subject<'_>) -> Found {
    let paths = [path(&["postgresql", "use_pg_rewind"])];
    Ok(compare(subject.scene, &nodes(subject.scene), &paths, Absent::IsDifferent))
}

/// Nodes that disagree on the watchdog.
pub fn different_watchdog(subject: &Subject<'_>) -> Found {
    let files = nodes(subject.scene);
    if files.len() < 2 {
        return Ok(Vec::new());
    }
    let modes: Vec<String> = files
        .iter()
        .map(|node| match used(subject.scene, node, &["watchdog", "mode"]) {
            Some(mode) if python::parse_bool(&mode.value) == Some(false) => "off".to_owned(),
            Some(mode) => shown(&mode).to_lowercase(),
            None => "automatic".to_owned(),
        })
        .collect();
    if !modes.iter().any(|mode| mode.starts_with("require")) {
        return Ok(Vec::new());
    }
    let references: Vec<&NodeFile<'_>> = files.iter().collect();
    let span = |index: usize| place::within(subject.scene, files[index].document, &["watchdog", "mode"]);
    Ok(split(&references, &modes, span).into_iter().collect())
}

/// REST APIs that speak TLS on a part of the nodes.
pub fn different_tls(subject: &Subject<'_>) -> Found {
    let files: Vec<NodeFile<'_>> =
        nodes(subject.scene).into_iter().filter(|node| node.document.get("restapi").is_some()).collect();
    let of = |node: &NodeFile<'_>| {
        let section = node.document.get("restapi");
        let has =
            |name: &str| section.and_then(|section| section.get(name)).is_some_and(|node| python::truthy(&node.value));
        if has("certfile") { "https".to_owned() } else { "http".to_owned() }
    };
    let values: Vec<String> = files.iter().map(of).collect();
    let references: Vec<&NodeFile<'_>> = files.iter().collect();
    let span = |index: usize| place::within(subject.scene, files[index].document, &["restapi", "certfile"]);
    Ok(split(&references, &values, span).into_iter().collect())
}

/// Settings that one node alone has otherwise; what other rules compare is left to them.
pub fn drifting_settings(subject: &Subject<'_>) -> Found {
    let files = nodes(subject.scene);
    if files.len() < 3 {
        return Ok(Vec::new());
    }
    let mut hits = Vec::new();
    for path in settings(&files).into_iter().filter(|path| !is_compared_elsewhere(path) && !belongs_to_node(path)) {
        let values = values_at(subject.scene, &files, &path);
        let groups = groups(&values);
        if groups.len() == 2 && groups[0].len() == 1 && values.iter().flatten().all(|node| !names_node(&files, node)) {
            hits.extend(hit(subject.scene, &files, &path, &values, &groups));
        }
    }
    Ok(hits)
}

/// Whether another rule compares this setting.
fn is_compared_elsewhere(path: &Path) -> bool {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["postgresql", "parameters", name] => must_agree(path) || Controlled::is_known(name),
        ["name" | "scope" | "namespace" | "tags", ..] => true,
        ["bootstrap", "dcs" | "initdb" | "method", ..] => true,
        ["restapi" | "ctl", "authentication", ..] | ["postgresql", "authentication", ..] => true,
        ["postgresql", "use_pg_rewind" | "bin_dir"] | ["watchdog", "mode"] => true,
        [section, "host" | "hosts" | "url" | "srv" | "proxy", ..] => DCS_SECTIONS.contains(section),
        _ => false,
    }
}

/// Whether a setting is a node's own by nature.
fn belongs_to_node(path: &Path) -> bool {
    let name = path.last().map_or("", String::as_str);
    let section = path.first().map_or("", String::as_str);
    matches!(name, "listen" | "connect_address" | "proxy_address" | "pod_ip" | "self_addr" | "bind_addr")
        || matches!(section, "raft" | "citus" | "kubernetes")
        || ["certfile", "keyfile", "cert", "key", "cafile", "cacert"].contains(&name)
}

/// Whether a value holds the name or an address of one of the nodes.
fn names_node(files: &[NodeFile<'_>], node: &Node) -> bool {
    let text = python::str(&node.value);
    files.iter().any(|file| {
        let addresses = [["postgresql", "connect_address"], ["restapi", "connect_address"]];
        let hosts = addresses.iter().filter_map(|path| file.document.at(path)?.as_str());
        let hosts = hosts.map(|address| address.rsplit_once(':').map_or(address, |(host, _)| host));
        hosts.chain([file.name]).any(|word| !word.is_empty() && text.contains(word))
    })
}

/// What a missing value means in a comparison.
#[derive(Clone, Copy, PartialEq)]
enum Absent {
    /// The environment may supply it.
    IsUnknown,
    /// The default.
    IsDifferent,
}

/// The settings of these paths that the nodes do not agree on.
fn compare(scene: &Scene<'_>, files: &[NodeFile<'_>], paths: &[Path], absent: Absent) -> Vec<Hit> {
    let mut hits = Vec::new();
    if files.len() < 2 {
        return hits;
    }
    for path in paths {
        let values = values_at(scene, files, path);
        if values.iter().flatten().next().is_none() {
            continue;
        }
        let mut groups = groups(&values);
        if absent == Absent::IsUnknown {
            let is_told = |index: &usize| files[*index].configuration.environment.is_some();
            groups.retain(|group| values[group[0]].is_some() || group.iter().any(is_told));
        }
        if 1 < groups.len() {
            hits.extend(hit(scene, files, path, &values, &groups));
        }
    }
    hits
}

fn values_at(scene: &Scene<'_>, files: &[NodeFile<'_>], path: &Path) -> Vec<Option<Node>> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    files.iter().map(|file| used(scene, file, &parts).filter(|node| node.value != Value::Null)).collect()
}

/// The setting that a node's daemon uses: that of its own configuration, else that of the cluster's, else the default.
fn used(scene: &Scene<'_>, file: &NodeFile<'_>, path: &[&str]) -> Option<Node> {
    let Some(effective) = scene.effective(file.configuration) else { return file.document.at(path).cloned() };
    let setting = effective.settings.at(path)?;
    let span = match setting.origin {
        Origin::Written { span, .. } => span,
        Origin::Default | Origin::Computed(_) => file.document.span,
    };
    Some(Node { value: setting.value(), span, style: Style::Plain })
}

/// Indexes with the same value, the smallest group first.
fn groups(values: &[Option<Node>]) -> Vec<Vec<usize>> {
    let is_same = |one: Option<&Node>, other: Option<&Node>| match (one, other) {
        (Some(one), Some(other)) => {
            let truth = |node: &Node| python::parse_bool(&node.value);
            one == other || truth(one).is_some() && truth(one) == truth(other)
        }
        (one, other) => one.is_none() && other.is_none(),
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        match groups.iter_mut().find(|group| is_same(values[group[0]].as_ref(), value.as_ref())) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups.sort_by_key(Vec::len);
    groups
}

/// The finding that nodes disagree on a setting, with a label on every file.
fn hit(
    scene: &Scene<'_>,
    files: &[NodeFile<'_>],
    path: &Path,
    values: &[Option<Node>],
    groups: &[Vec<usize>],
) -> Option<Hit> {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    let is_secret = values.iter().flatten().any(|node| matches!(node.value, Value::Secret(_)));
    let told = |index: usize| match &values[index] {
        None => "not set".to_owned(),
        Some(_) if is_secret => "***".to_owned(),
        Some(node) => shown(node),
    };
    let references: Vec<&NodeFile<'_>> = files.iter().collect();
    let span = |index: usize| place::within(scene, files[index].document, &parts);
    let texts: Vec<String> = (0..files.len()).map(told).collect();
    let hit = described(&references, groups, &texts, span);
    Some(hit.with("path", path.join(".")).with("is_secret", is_secret))
}

/// The finding that nodes have different values, if they have.
fn split(files: &[&NodeFile<'_>], values: &[String], span: impl Fn(usize) -> Span) -> Option<Hit> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        match groups.iter_mut().find(|group| values[group[0]] == *value) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups.sort_by_key(Vec::len);
    (1 < groups.len()).then(|| described(files, &groups, values, span))
}

/// `off on pg3, on on pg1 and pg2`: the smallest group of nodes first.
fn described(files: &[&NodeFile<'_>], groups: &[Vec<usize>], values: &[String], span: impl Fn(usize) -> Span) -> Hit {
    let mut hit = Hit::default();
    let mut parts = Vec::new();
    for group in groups {
        let names: Vec<&str> = group.iter().map(|index| files[*index].name).collect();
        let names = match names.as_slice() {
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            names => names.join(", "),
        };
        parts.push(format!("{} on {names}", values[group[0]]));
        for index in group {
            let text = format!("{}: {}", files[*index].name, values[*index]);
            hit.labels.push(Label { span: span(*index), text });
        }
    }
    let odd = owned(groups[0].iter().map(|index| files[*index].name));
    hit.with("what", parts.join(", ")).with("odd", odd)
}

/// Every setting that some file has, by its place; lists are one setting. None of a file alone.
fn settings(files: &[NodeFile<'_>]) -> BTreeSet<Path> {
    let mut paths = BTreeSet::new();
    if files.len() < 2 {
        return paths;
    }
    for file in files {
        let mut left = MAX_KEYS;
        collect(file.document, &mut Vec::new(), &mut paths, &mut left);
    }
    paths
}

fn collect(node: &Node, path: &mut Path, paths: &mut BTreeSet<Path>, left: &mut usize) {
    match &node.value {
        Value::Mapping(mapping) if !mapping.entries.is_empty() => {
            for entry in mapping.effective() {
                let Some(name) = entry.key.as_str().filter(|_| 0 < *left) else { continue };
                *left -= 1;
                path.push(name.to_owned());
                collect(&entry.value, path, paths, left);
                path.pop();
            }
        }
        _ => {
            paths.insert(path.clone());
        }
    }
}

fn path(parts: &[&str]) -> Path {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn owned<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn labels(spans: Vec<Span>) -> Vec<Label> {
    spans.into_iter().map(|span| Label { span, text: String::new() }).collect()
}

/// The files of a cluster that can be read.
fn nodes<'a>(scene: &Scene<'a>) -> Vec<NodeFile<'a>> {
    scene.configurations.iter().filter_map(|file| node(scene, file)).collect()
}

fn node<'a>(scene: &Scene<'a>, file: &'a LocalConfiguration) -> Option<NodeFile<'a>> {
    let source = &scene.snapshot.sources.get(file.source).name;
    let document = file.document.as_ref().filter(|document| document.as_mapping().is_some())?;
    let (name, scope) = (file.node.as_deref().unwrap_or(source), file.scope.as_deref());
    Some(NodeFile { name, scope, document, configuration: file })
}

/// The names of a cluster's nodes, from files and member keys.
fn names<'a>(scene: &Scene<'a>) -> Vec<(&'a str, Span)> {
    let files = nodes(scene).into_iter().filter_map(|node| {
        let name = node.document.get("name")?;
        Some((name.as_str()?, name.span))
    });
    let members = scene.member_names().into_iter();
    let members = members.filter_map(|name| Some((name, place::key(scene, &format!("members/{name}"), &[])?)));
    files.chain(members).collect()
}
