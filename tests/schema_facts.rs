//! The schema compared with the code of every release, as `tests/python/record_schema.py` recorded it.

use std::collections::{BTreeMap, BTreeSet};

use patrolint::model::config::schema::{Document, Key, Kind, Place, Standing, find, keys};
use patrolint::model::version::{KNOWN_RELEASES, PatroniVersion};
use serde_json::{Value as Json, json};

const FACTS: &str = include_str!("../fixtures/schema/facts.jsonl");

/// Keys that validators know and Patroni does not read.
const NEVER_READ: &[(&str, &str)] =
    &[("exhibitor.pool_interval", "the validator's misspelling of poll_interval, to 3.1.2")];

/// Where the schema asks for something else than the validator of the newest release, and why.
const OTHER_KINDS: &[(&str, &str)] = &[
    ("bootstrap.dcs.postgresql.parameters.max_connections", "Patroni replaces less than 25 by its default"),
    ("bootstrap.dcs.postgresql.parameters.max_locks_per_transaction", "Patroni replaces less than 32 by its default"),
    ("bootstrap.dcs.postgresql.parameters.max_replication_slots", "Patroni replaces less than 4 by its default"),
    ("bootstrap.dcs.postgresql.parameters.max_wal_senders", "Patroni replaces less than 3 by its default"),
    ("bootstrap.dcs.postgresql.parameters.max_worker_processes", "Patroni replaces less than 2 by its default"),
    ("bootstrap.dcs.standby_cluster.port", "there is no port below 1"),
    ("consul.port", "there is no port below 1"),
    ("consul.scheme", "there are two protocols"),
    ("etcd.protocol", "there are two protocols"),
    ("etcd3.protocol", "there are two protocols"),
    ("exhibitor.port", "there is no port below 1"),
    ("kubernetes.ports[].port", "there is no port below 1"),
    ("postgresql.parameters", "any parameter may stand there; the validator looks at one"),
    ("bootstrap.dcs.postgresql.parameters", "any parameter may stand there; the validator looks at six"),
];

/// Keys whose releases their last word does not tell, and the reason.
const COMMON_WORDS: &[(&str, &str)] = &[
    ("log.type", "a common word; patroni/log.py since 3.3.0"),
    (
        "postgresql.bin_name.pg_ctl|initdb|pg_controldata|pg_basebackup|postgres|pg_isready|pg_rewind",
        "names of programs; with bin_name",
    ),
    ("bootstrap.users", "the word goes on in a message that says that it is not supported"),
    ("bootstrap.users.*", "a name of its own"),
    ("bootstrap.users.*.password", "password is a word of other sections"),
    ("bootstrap.users.*.options", "options is a word of other sections"),
    ("restapi.keyfile_password", "2.0.0 has the word for ZooKeeper; patroni/api.py since 2.0.2"),
    ("ctl.keyfile_password", "the word of restapi; patroni/request.py since 2.1.3"),
    ("ctl.authentication", "the word of restapi; patroni/config.py since 3.1.0"),
    ("ctl.authentication.username", "the word of restapi; patroni/config.py since 3.1.0"),
    ("ctl.authentication.password", "the word of restapi; patroni/config.py since 3.1.0"),
    ("ctl.auth", "the word of restapi; patroni/config.py since 3.1.0"),
    ("citus.database", "the word of postgresql"),
    ("log.mode", "the word of watchdog; patroni/log.py since 4.0.0"),
    ("raft.password", "patroni/dcs/raft.py since 2.0.1"),
    ("ignore_slots.[].name", "a common word; with ignore_slots"),
    ("ignore_slots.[].type", "a common word; with ignore_slots"),
    ("ignore_slots.[].database", "a common word; with ignore_slots"),
    ("ignore_slots.[].plugin", "a common word; with ignore_slots"),
];

#[derive(Debug)]
struct Fact {
    what: String,
    name: String,
    fact: Json,
    releases: BTreeSet<PatroniVersion>,
}

/// The releases that were recorded, and what they know.
fn facts() -> (BTreeSet<PatroniVersion>, Vec<Fact>) {
    let mut lines = FACTS.lines().map(|line| serde_json::from_str::<Json>(line).expect("every line is JSON"));
    let version = |text: &Json| text.as_str().expect("a text").parse().expect("a release");
    let head = lines.next().expect("the fixture has a head");
    let recorded: BTreeSet<PatroniVersion> = head["releases"].as_array().expect("a list").iter().map(version).collect();
    let facts = lines.map(|line| {
        let ranges = line["ranges"].as_array().expect("a list").iter();
        let ranges: Vec<(PatroniVersion, PatroniVersion)> =
            ranges.map(|range| (version(&range[0]), version(&range[1]))).collect();
        let is_in = |release: &&PatroniVersion| ranges.iter().any(|(from, to)| (from..=to).contains(release));
        Fact {
            what: line["what"].as_str().expect("a text").to_owned(),
            name: line["name"].as_str().expect("a text").to_owned(),
            fact: line["fact"].clone(),
            releases: recorded.iter().filter(is_in).copied().collect(),
        }
    });
    let facts = facts.collect();
    (recorded, facts)
}

/// The row of a path as the validator writes it.
fn row(path: &str) -> Option<&'static Key> {
    let path = path.replace("[].", ".[].");
    let segments: Vec<&str> = path.split('.').collect();
    match segments.as_slice() {
        ["bootstrap", "dcs", below @ ..] if !below.is_empty() => find(Document::Dynamic, below),
        all => find(Document::Local, all),
    }
}

fn newest() -> PatroniVersion {
    PatroniVersion::newest()
}

#[test]
fn the_recording_covers_the_known_releases() {
    let (recorded, _) = facts();
    let missing: Vec<String> =
        KNOWN_RELEASES.iter().filter(|version| !recorded.contains(version)).map(ToString::to_string).collect();
    // Two that were taken back from the package index.
    assert_eq!(missing, ["3.0.0", "4.0.0"]);
}

#[test]
fn every_key_of_every_validator_is_in_the_schema() {
    let (_, facts) = facts();
    let mut wrong = Vec::new();
    for fact in facts.iter().filter(|fact| fact.what == "validator") {
        let Some(key) = row(&fact.name).filter(|key| !key.path.ends_with(".*")) else {
            if !NEVER_READ.iter().any(|(name, _)| *name == fact.name) {
                wrong.push(format!("{} is not in the schema", fact.name));
            }
            continue;
        };
        for release in fact.releases.iter().filter(|release| !key.is_in(**release)) {
            wrong.push(format!("{} is in {release}", fact.name));
        }
        let is_listed = OTHER_KINDS.iter().any(|(name, _)| *name == fact.name);
        if fact.releases.contains(&newest()) && agrees(&key.kind, &fact.fact["kind"]) == is_listed {
            wrong.push(format!("{}: {:?} and {} (listed: {is_listed})", fact.name, key.kind, fact.fact["kind"]));
        }
        if fact.releases.contains(&newest()) {
            let needs = key.need != patrolint::model::config::schema::Need::Optional;
            if needs != (fact.fact["need"] == "required") && key.place != Place::Both {
                wrong.push(format!("{}: {:?} and {}", fact.name, key.need, fact.fact["need"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_tells_what_the_validator_looks_at() {
    let (_, facts) = facts();
    let looked_at: BTreeSet<String> = facts
        .iter()
        .filter(|fact| fact.what == "validator" && fact.releases.contains(&newest()))
        .map(|fact| fact.name.replace("[].", ".[]."))
        .collect();
    for key in keys() {
        let is_looked_at = key.expansions().iter().any(|path| {
            let path = path.join(".");
            let is_local = key.place != Place::Dynamic && looked_at.contains(&path);
            is_local || key.place != Place::Local && looked_at.contains(&format!("bootstrap.dcs.{path}"))
        });
        assert_eq!(key.is_validated, is_looked_at, "{}", key.path);
    }
}

/// Whether the validator asks for this kind.
fn agrees(kind: &Kind, asked: &Json) -> bool {
    let name = asked.as_str().unwrap_or_default();
    match kind {
        Kind::Boolean(_) => name == "boolean",
        Kind::Integer(number) => {
            let limits = [
                ("min", number.minimum.map(Json::from)),
                ("max", number.maximum.map(Json::from)),
                ("aligned", number.multiple_of.map(Json::from)),
                ("base_unit", number.base_unit.map(Json::from)),
            ];
            let limits: serde_json::Map<String, Json> =
                limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), limit?))).collect();
            let is_exact = name == "integer" || asked["exact"] == true;
            (asked["integer"] == Json::from(limits.clone()) || name == "integer" && limits.is_empty())
                && is_exact == number.exact
        }
        Kind::Text | Kind::Name | Kind::Path => {
            ["string", "directory", "validate_data_dir", "validate_binary_name"].contains(&name)
        }
        Kind::Enum { values, any_case, .. } => {
            let mut values = values.to_vec();
            values.sort_unstable();
            asked["enum"] == json!(values) && asked["any_case"] == *any_case || name == "validate_watchdog_mode"
        }
        Kind::Address { .. } => ["validate_host_port", "validate_connect_address"].contains(&name),
        Kind::Addresses => asked["any"] == json!(["comma_separated_host_port", ["validate_host_port"]]),
        Kind::Listen { several: false, .. } => name == "validate_host_port_listen",
        Kind::Listen { several: true, .. } => name == "validate_host_port_listen_multiple_hosts",
        Kind::Lenient(kind, _) => agrees(kind, asked),
        Kind::Ip => asked["any"] == json!(["is_ipv4_address", "is_ipv6_address"]),
        Kind::List(item) => {
            asked.as_array().is_some_and(|items| agrees(item, &items[0])) || name == "validate_host_port_list"
        }
        Kind::Section => name == "section",
        Kind::Map(_) => name == "mapping",
        // Patroni's validator has functions of its own for these, or tries one after the other.
        Kind::Or(_) => {
            asked["any"].is_array()
                || ["validate_log_format", "validate_watchdog_mode", "validate_synchronous_mode"].contains(&name)
        }
        Kind::Any => true,
    }
}

#[test]
fn the_environment_of_every_release_is_in_the_schema_and_no_other() {
    let (recorded, facts) = facts();
    let mut known: BTreeMap<(String, String), BTreeSet<PatroniVersion>> = BTreeMap::new();
    // The loader takes PATRONI_<section>_HOST for any section; only those that a section reads are in the schema.
    let mut of_any_section: BTreeMap<String, BTreeSet<PatroniVersion>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.what == "environment") {
        let path = fact.fact["path"].as_str().expect("a text").to_owned();
        match path.strip_prefix("*.") {
            Some(suffix) => of_any_section.entry(suffix.to_owned()).or_default().extend(&fact.releases),
            None => known.entry((fact.name.clone(), path)).or_default().extend(&fact.releases),
        }
    }
    const SECTIONS: &[&str] = &["etcd", "etcd3", "consul", "zookeeper", "exhibitor", "kubernetes", "raft"];
    let mut wrong = Vec::new();
    let mut ours = BTreeSet::new();
    for key in keys() {
        for (name, path) in key.variables() {
            let releases: BTreeSet<PatroniVersion> =
                recorded.iter().filter(|release| key.variable_is_in(**release)).copied().collect();
            let of_section = path.first().filter(|section| SECTIONS.contains(section) && path.len() == 2);
            let mut theirs = known.get(&(name.clone(), path.join("."))).cloned().unwrap_or_default();
            theirs.extend(of_section.and_then(|_| of_any_section.get(path[1])).into_iter().flatten());
            theirs.retain(|release| key.is_in(*release));
            if releases != theirs {
                wrong.push(format!("{name}: {releases:?} instead of {theirs:?}"));
            }
            ours.insert((name, path.join(".")));
        }
        let sections = key.expansions().into_iter().filter(|path| path.len() == 2 && SECTIONS.contains(&path[0]));
        for path in sections.filter(|path| of_any_section.contains_key(path[1])) {
            if key.variables().is_empty() {
                wrong.push(format!("{} can be set by the environment", path.join(".")));
            }
        }
    }
    // Older names of logging's variables; `schema::OLDER_VARIABLES` has them.
    for (name, path) in known.keys().filter(|known| !ours.contains(*known)) {
        if !patrolint::model::config::schema::OLDER_VARIABLES.iter().any(|(older, _)| older == name) {
            wrong.push(format!("{name} sets {path}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn defaults_are_those_of_the_newest_release() {
    let (_, facts) = facts();
    let mut compared = 0;
    for fact in facts.iter().filter(|fact| fact.releases.contains(&newest())) {
        let (path, default) = match fact.what.as_str() {
            "default" => (fact.name.clone(), &fact.fact),
            "parameter" => (format!("postgresql.parameters.{}", fact.name), &fact.fact["default"]),
            _ => continue,
        };
        if default.is_null() || *default == "" {
            continue;
        }
        let segments: Vec<&str> = path.split('.').collect();
        let key = find(Document::Dynamic, &segments).expect("a default belongs to a key");
        let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        assert_eq!(key.default, text, "{path}");
        if let (Kind::Integer(number), Some(minimum)) = (key.kind, fact.fact["rule"]["min"].as_i64()) {
            assert_eq!(number.minimum, Some(minimum), "{path}");
            assert_eq!(number.base_unit.map(Json::from), fact.fact["rule"].get("base_unit").cloned(), "{path}");
        }
        compared += 1;
    }
    assert!(compared >= 15, "{compared} defaults were compared");
}

#[test]
fn keys_come_and_go_with_their_words() {
    let (recorded, facts) = facts();
    let mut words: BTreeMap<&str, &BTreeSet<PatroniVersion>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.what == "words") {
        words.extend(fact.name.split(' ').map(|word| (word, &fact.releases)));
    }
    let mut wrong = Vec::new();
    for key in keys() {
        let releases: BTreeSet<PatroniVersion> =
            recorded.iter().filter(|release| key.is_in(**release)).copied().collect();
        for path in key.expansions() {
            let word = path.last().copied().unwrap_or_default();
            let theirs = words.get(word).copied().unwrap_or(&recorded);
            let is_listed = COMMON_WORDS.iter().any(|(name, _)| *name == key.path);
            let later_variants = key.path.contains(".*.") && word == "*";
            if (releases != *theirs) != is_listed && !later_variants {
                wrong.push(format!("{} (listed: {is_listed}): {releases:?} and {theirs:?}", path.join(".")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_are_complete_and_alone() {
    let mut seen = BTreeSet::new();
    for key in keys() {
        assert!(key.summary.ends_with('.') && key.summary.len() < 120, "{}", key.path);
        for path in key.expansions() {
            let documents: &[Document] = match key.place {
                Place::Local => &[Document::Local],
                Place::Dynamic => &[Document::Dynamic],
                Place::Both => &[Document::Local, Document::Dynamic],
            };
            for document in documents {
                assert!(seen.insert((format!("{document:?}"), path.clone())), "{path:?} stands twice");
                if let [above @ .., _] = path.as_slice()
                    && let Some(last) = above.last()
                {
                    let is_list = *last == "[]" && find(*document, &above[..above.len() - 1]).is_some();
                    assert!(is_list || find(*document, above).is_some(), "{path:?} has a section");
                }
            }
        }
        if let Standing::Renamed(to) = key.standing {
            let known = keys().any(|other| other.path == to || other.path.ends_with(&format!(".{to}")));
            assert!(known, "{} is renamed to {to}", key.path);
        }
    }
}

#[test]
fn secrets_are_what_the_schema_calls_so() {
    let secrets: BTreeSet<&str> = keys().filter(|key| key.is_secret()).map(|key| key.path).collect();
    insta::assert_snapshot!(secrets.into_iter().collect::<Vec<_>>().join("\n"));
}
