//! `patrolint schema`: what it accepts and refuses, and the documentation that comes from the same table.

mod schema;

use std::path::{Path, PathBuf};
use std::process::Command;

use patrolint::input::source_map::SourceId;
use patrolint::model::config::schema::Document;
use patrolint::model::version::{KNOWN_RELEASES, PatroniVersion};
use patrolint::parse::tree::{Node, Value};
use patrolint::parse::yaml;
use patrolint::report::json_schema::json_schema;
use serde_json::{Value as Json, json};

/// A configuration with what samples and packages use.
const SAMPLE: &str = r#"
x-common: &auth {username: replicator, password: rep-pass}
scope: batman
namespace: /service/
name: postgresql0
restapi:
  listen: 127.0.0.1:8008
  connect_address: 127.0.0.1:8008
  authentication: {username: username, password: password}
  http_extra_headers: {'X-Frame-Options': 'SAMEORIGIN'}
ctl: {insecure: false}
log: {level: INFO, dir: /var/log/patroni, loggers: {patroni.postmaster: WARNING, urllib3: DEBUG}}
etcd:
  host: 127.0.0.1:2379
bootstrap:
  dcs:
    ttl: 30
    loop_wait: 10
    retry_timeout: 10
    maximum_lag_on_failover: 1048576
    synchronous_mode: "on"
    standby_cluster: {host: 127.0.0.1, port: 1111, primary_slot_name: patroni, create_replica_methods: [basebackup]}
    slots: {mine: {type: logical, database: app, plugin: pgoutput}, other: {type: physical}}
    ignore_slots: [{name: theirs, type: physical}]
    postgresql:
      use_pg_rewind: true
      pg_hba: [host replication replicator 127.0.0.1/32 md5, host all all 0.0.0.0/0 md5]
      parameters: {wal_level: hot_standby, hot_standby: "on", max_connections: 100, "pg_stat_statements.max": 5000}
  method: restore
  restore: {command: /usr/bin/restore, keep_existing_recovery_conf: true, recovery_conf: {restore_command: cp}, level: 3}
  initdb: [encoding: UTF8, data-checksums]
  post_init: /usr/local/bin/setup_cluster.sh
postgresql:
  listen: 127.0.0.1,::1:5432
  connect_address: 127.0.0.1:5432
  proxy_address: 127.0.0.1:5433
  data_dir: data/postgresql0
  pgpass: /tmp/pgpass0
  authentication:
    replication: *auth
    superuser: {username: postgres, password: zalando, sslmode: verify-full}
    rewind: {username: rewind_user, password: rewind_password}
  create_replica_methods: [pgbackrest, basebackup]
  pgbackrest: {command: /usr/bin/pgbackrest --stanza=x restore, keep_data: true, no_params: true}
  basebackup: [verbose, max-rate: 100M]
  callbacks: {on_start: /bin/true}
  parameters: {unix_socket_directories: '..'}
watchdog: {mode: off, device: /dev/watchdog, safety_margin: -1}
tags: {failover_priority: 1, noloadbalance: false, clonefrom: false, nostream: false, rack: r1}
"#;

fn parsed(text: &str) -> Json {
    plain(&yaml::parse(SourceId(0), text).expect("valid YAML"))
}

fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(i64::try_from(*value).expect("a small number")),
        Value::Float(value) => json!(value),
        Value::String(text) | Value::Timestamp(text) => json!(text),
        Value::Sequence(items) => items.iter().map(plain).collect(),
        Value::Mapping(mapping) => {
            let entries =
                mapping.effective().map(|entry| (entry.key.as_str().expect("a text").to_owned(), plain(&entry.value)));
            Json::Object(entries.collect())
        }
        Value::Binary(_) | Value::Secret(_) => unreachable!("no file holds it, and nothing was concealed"),
    }
}

fn errors(document: Document, version: PatroniVersion, json: &Json) -> Vec<String> {
    let schema = json_schema(document, version);
    let mut errors = Vec::new();
    schema::validate(&schema, &schema, json, "", &mut errors);
    errors
}

/// The files of this name below a folder.
fn files(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder exists").flatten() {
        match entry.path().is_dir() {
            true => files(&entry.path(), name, found),
            false if entry.file_name() == name => found.push(entry.path()),
            false => {}
        }
    }
}

#[test]
fn accepts_the_configurations_of_real_clusters_and_samples() {
    let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captured");
    let newest = PatroniVersion::newest();
    for (name, document) in [("patroni.yml", Document::Local), ("config.json", Document::Dynamic)] {
        let mut found = Vec::new();
        files(&captured, name, &mut found);
        assert!(found.len() > 20, "{} files {name}", found.len());
        for path in found {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            assert_eq!(errors(document, newest, &parsed(&text)), Vec::<String>::new(), "{}", path.display());
        }
    }
    assert_eq!(errors(Document::Local, newest, &parsed(SAMPLE)), Vec::<String>::new());
}

#[test]
fn refuses_mistakes() {
    let check = |document, text: &str| {
        assert_ne!(errors(document, PatroniVersion::newest(), &parsed(text)), Vec::<String>::new(), "{text}");
    };
    for text in [
        "synchronous_mode: on",
        "postgresql: {use_pg_rewnd: true}",
        "postgresql: {use_slots: true}",
        "postgresql: {use_pg_rewind: 'no'}",
        "restapi: {listen: 127.0.0.1}",
        "restapi: {allowlist: 10.0.0.1}",
        "restapi: {verify_client: sometimes}",
        "restapi: {request_queue_size: 5000}",
        "restapi: {authentication: 'user:password'}",
        "log: {level: verbose}",
        "log: {max_queue_size: '1000'}",
        "etcd3: {hosts: 5}",
        "etcd3: {user: root}",
        "watchdog: required",
        "thread_stack_size: 65537",
        "kubernetes: {ports: [{nam: x}]}",
        "bootstrap: {dcs: {ttl: 5}}",
        "bootstrap: {dcs: {maximum_lag_on_failver: 5}}",
        "bootstrap: {dcs: {tags: {}}}",
        "tags: {nofailover: 'false'}",
    ] {
        check(Document::Local, text);
    }
    for text in [
        "synchronous_mode: strict",
        "postgresql: {listen: '10.0.0.1:5432'}",
        "postgresql: {parameters: {max_connections: 5}}",
        "standby_cluster: {hots: x}",
        "slots: {a: {type: physical, name: 5}, b: 5}\nignore_slots: [{nam: x}]",
    ] {
        check(Document::Dynamic, text);
    }
}

#[test]
fn is_one_of_each_release() {
    let tags = parsed("postgresql: {before_stop: x}");
    let accepted = |version: &PatroniVersion| errors(Document::Local, *version, &tags).is_empty();
    let first = KNOWN_RELEASES.iter().find(|version| accepted(version));
    assert_eq!(first, Some(&PatroniVersion::new(3, 0, 3)));
    let schema = json_schema(Document::Dynamic, PatroniVersion::new(3, 2, 2));
    assert_eq!(schema["$id"], "urn:patrolint:patroni:3.2.2:dynamic");
    assert_eq!(schema["properties"]["ttl"]["default"], 30);
    assert_eq!(schema["properties"]["master_start_timeout"]["deprecated"], true);
    assert!(schema["properties"].get("member_slots_ttl").is_none());
}

#[test]
fn the_program_prints_it_and_the_documentation_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let print = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_patrolint")).args(arguments).env_clear().output().expect("it starts");
        String::from_utf8(output.stdout).expect("the output is UTF-8")
    };
    let printed: Json =
        serde_json::from_str(&print(&["schema", "dynamic", "--patroni-version", "4.0.6"])).expect("JSON");
    assert_eq!(printed, json_schema(Document::Dynamic, PatroniVersion::new(4, 0, 6)));
    let documented = std::fs::read_to_string(root.join("docs/configuration.md")).expect("the documentation exists");
    assert_eq!(print(&["schema", "table"]), documented, "run: patrolint schema table > docs/configuration.md");
}
