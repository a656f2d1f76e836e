//! `patrolint show config` as users meet it.

mod folder;
mod schema;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use patrolint::input::source_map::SourceId;
use patrolint::parse::tree::{Node, Value};
use patrolint::parse::yaml;
use serde_json::Value as Json;

use folder::folder;

/// What came of one run: exit code, standard output, standard error.
fn show_config(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patrolint"));
    command.args(["show", "config"]).args(arguments).env_clear().current_dir(env!("CARGO_MANIFEST_DIR"));
    // An environment of one's own must not be taken for that of a node.
    command.env("PATRONI_SCOPE", "of-the-shell").stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code().expect("the program ends by itself"), text(output.stdout), text(output.stderr))
}

const BASE: (&str, &str) = (
    "10-base.yml",
    "\
scope: demo
name: pg1
postgresql:
  listen: '*:5432'
  data_dir: /data
  parameters:
    max_connections: 500
    Work_Mem: 8MB
    datestyle: 'iso, mdy'
  authentication:
    superuser: {username: postgres, password: planted-1, foo: bar}
bootstrap:
  dcs:
    ttl: 10
    postgresql:
      listen: 1.2.3.4
      parameters:
        max_connections: 20
tags: {nofailover: off, weight: 1.5, since: 2026-01-02, text: 'on'}
ttl: 99
",
);
const MORE: (&str, &str) = ("20-more.yml", "postgresql:\n  data_dir: /other\ntags:\n  nofailover: yes\n");
const ENVIRONMENT: (&str, &str) = (
    "node.env",
    "\
# of the unit
export PATRONI_RESTAPI_LISTEN=\"0.0.0.0:8008\"
PATRONI_ETCD3_HOSTS=a:2379,b:2379
PATRONI_SUPERUSER_PASSWORD='planted-2'
PATRONI_RESTAPI_USERNAME=u
PATRONI_RESTAPI_PASSWORD=planted-3
PATRONI_LOG_FILE_NUM=many
PATRONI_FOO=1
",
);

/// A folder of a test's own, since tests run side by side.
fn whole(test: &str) -> PathBuf {
    folder("show", &format!("whole-{test}"), &[BASE, MORE, ENVIRONMENT])
}

/// The output with the folder taken out.
fn shown(arguments: &[&str], folder: &Path) -> String {
    let (code, stdout, stderr) = show_config(arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    stdout.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn every_value_tells_its_origin_and_what_it_overrode() {
    let folder = whole("origins");
    let (path, environment) = (folder.display().to_string(), folder.join("node.env").display().to_string());
    insta::assert_snapshot!(shown(&["-c", &path, "--env-file", &environment], &folder));
}

#[test]
fn a_key_is_explained_fully() {
    let folder = whole("key");
    let path = folder.display().to_string();
    let explain = |key: &str, version: &str| shown(&["-c", &path, "--key", key, "--patroni-version", version], &folder);
    let pages = [
        explain("postgresql.parameters.max_connections", "4.1.5"),
        explain("postgresql.parameters.work_mem", "4.1.5"),
        explain("ttl", "4.1.5"),
        explain("ttl", "3.1.2"),
        explain("tags", "4.1.5"),
        explain("postgresql.use_pg_rewind", "4.1.5"),
    ];
    insta::assert_snapshot!(pages.join("\n"));
}

#[test]
fn dynamic_configuration_comes_from_the_dcs() {
    let capture = "fixtures/captured/quorum-405-3n-nc1";
    let (code, stdout, stderr) = show_config(&["--node", "pg2", capture]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stdout);
    let (code, _, stderr) = show_config(&["--node", "pg9", capture]);
    assert_eq!(code, 2);
    assert!(stderr.contains("they are of pg1, pg2, pg3"), "{stderr}");
}

#[test]
fn a_directory_of_parts_is_told_from_a_folder_of_nodes() {
    let folder_of_parts = folder("show", "parts", &[BASE, MORE]);
    let path = folder_of_parts.display().to_string();
    assert_eq!(shown(&[&path], &folder_of_parts), shown(&["-c", &path], &folder_of_parts));
    let node = |name: &str| format!("scope: demo\nname: {name}\nrestapi:\n  listen: 0.0.0.0:8008\n");
    let nodes = folder("show", "nodes", &[("a.yml", &node("a")), ("b.yml", &node("b"))]);
    let path = nodes.display().to_string();
    let (code, stdout, _) = show_config(&["--format", "yaml", &path]);
    assert_eq!((code, stdout.matches("\n---\n").count()), (0, 1), "{stdout}");
    let (code, stdout, _) = show_config(&["--node", "b", "--key", "name", &path]);
    assert_eq!(code, 0);
    assert!(stdout.contains("name: b  # b.yml:2"), "{stdout}");
}

#[test]
fn what_keeps_patroni_from_starting_is_told() {
    let cases = [
        ("tags: x\nscope: [\n", "line 3, column 1"),
        ("postgresql: 5\n", "AttributeError: 'int' object has no attribute 'items'"),
        ("restapi:\n  authentication: {username: u}\n", "KeyError: 'password'"),
    ];
    for (content, expect) in cases {
        let folder = folder("show", "refused", &[("patroni.yml", content)]);
        let (code, stdout, _) = show_config(&["-c", &folder.join("patroni.yml").display().to_string()]);
        assert_eq!(code, 1, "{stdout}");
        assert!(stdout.contains(expect), "{stdout}");
    }
    let dump = r#"{"/service/demo/config": {"ttl": "soon"}, "/service/demo/leader": "pg1"}"#;
    let folder = folder("show", "rejected", &[("patroni.yml", "scope: demo\nname: pg1\n"), ("dump.json", dump)]);
    let (code, stdout, _) = show_config(&[&folder.display().to_string()]);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.contains("rejects the dynamic configuration"), "{stdout}");
    assert!(stdout.contains("ttl: 30"), "{stdout}");
}

#[test]
fn the_environment_alone_may_be_the_configuration() {
    let file = "PATRONI_SCOPE=demo\nPATRONI_NAME=pg7\nPATRONI_ETCD_HOST=e:2379\n";
    let folder = folder("show", "environment", &[("node.env", file)]);
    let path = folder.join("node.env").display().to_string();
    let (code, stdout, _) = show_config(&["--env-file", &path, "--key", "etcd.host"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("etcd.host: e:2379  # PATRONI_ETCD_HOST in "), "{stdout}");
    let (code, _, stderr) = show_config(&[]);
    assert_eq!(code, 2, "{stderr}");
}

/// Secrets at all kinds of places, in right and wrong forms.
const PLANTED: [(&str, &str); 2] = [
    (
        "node.env",
        r#"PATRONI_ETCD_URL=http://u:planted1@h:2379
PATRONI_CONSUL_TOKEN=planted2
PATRONI_KUBERNETES_LABELS={password: planted3, a: b}
PATRONI_ZOOKEEPER_AUTH_DATA={user: planted4}
PATRONI_ADMIN_PASSWORD=planted5
PATRONI_RESTAPI_HTTP_EXTRA_HEADERS={Authorization: "Basic planted6"}
PATRONI_RAFT_PASSWORD=planted7
PATRONI_UNKNOWN_SECRET=planted8
PATRONI_FOO_URL=x://a:planted9@b
PATRONI_CONFIGURATION="scope: x
postgresql:
  authentication:
    superuser:
      password: planted10
  parameters:
    primary_conninfo: host=x password=planted11
"
PATRONI_SUPERUSER_SSLPASSWORD=planted12
OTHER_PASSWORD=planted13
PATRONI_ETCD_USERNAME=joe
PATRONI_ETCD_PASSWORD=planted14
PATRONI_LOG_LOGGERS="password: planted15
  broken: ["
PATRONI_EXHIBITOR_HOSTS="[a, {password: planted16}]"
"#,
    ),
    (
        "patroni.yml",
        r#"scope: x
name: y
standby_cluster: {password: planted20}
postgresql:
  pg_hba: ["host all password=planted21"]
  superuser: {username: u, password: planted22}
  pg_rewind: {password: [planted23]}
ctl: {authentication: {username: a, password: planted24, x: y}}
"#,
    ),
];

#[test]
fn no_secret_is_shown() {
    let whole = whole("yaml");
    let planted = folder("show", "with-secrets", &PLANTED);
    let path = |folder: &Path, name: &str| folder.join(name).display().to_string();
    let inputs = [
        vec!["-c".to_owned(), whole.display().to_string(), "--env-file".to_owned(), path(&whole, "node.env")],
        vec!["-c".to_owned(), path(&planted, "patroni.yml"), "--env-file".to_owned(), path(&planted, "node.env")],
        vec!["--env-file".to_owned(), path(&planted, "node.env")],
    ];
    for input in &inputs {
        let input: Vec<&str> = input.iter().map(String::as_str).collect();
        for (format, version) in [("text", "2.0.0"), ("yaml", "3.0.4"), ("json", "4.1.5"), ("text", "4.1.5")] {
            let options = ["--format", format, "--patroni-version", version];
            let (_, stdout, stderr) = show_config(&[input.as_slice(), &options].concat());
            assert!(stdout.contains("***"), "{stdout}{stderr}");
            assert!(!stdout.contains("planted") && !stderr.contains("planted"), "{stdout}{stderr}");
        }
    }
}

#[test]
fn yaml_reads_back_as_the_values_that_json_tells() {
    let folder = whole("secrets");
    let (path, environment) = (folder.display().to_string(), folder.join("node.env").display().to_string());
    let mut runs = vec![vec!["-c".to_owned(), path, "--env-file".to_owned(), environment]];
    for capture in ["quorum-405-3n-nc1", "sync-3311-etcd2", "zookeeper-415-quorum", "failsafe-415-etcd-down"] {
        runs.push(vec![format!("fixtures/captured/{capture}")]);
    }
    for run in &runs {
        let run: Vec<&str> = run.iter().map(String::as_str).collect();
        let with = |format| show_config(&[run.as_slice(), &["--format", format]].concat());
        let (_, text, _) = with("yaml");
        let text = text.split("\n---\n").next().unwrap_or_default();
        let (_, document, stderr) = with("json");
        let document: Json = serde_json::from_str(&document).unwrap_or_else(|error| panic!("{error}: {stderr}"));
        schema::assert_valid("show-config.schema.json", &document);
        let tree = yaml::parse(SourceId(0), text).unwrap_or_else(|error| panic!("{}: {text}", error.message));
        let settings = document["nodes"][0]["settings"].as_array().expect("a list");
        assert!(20 < settings.len());
        for setting in settings {
            let route = setting["path"].as_array().expect("a list").iter().map(|name| name.as_str().expect("a name"));
            let node =
                tree.at(&route.collect::<Vec<_>>()).unwrap_or_else(|| panic!("{} is missing: {text}", setting["key"]));
            assert_eq!(json(node), setting["value"], "{}", setting["key"]);
        }
    }
}

/// A value as the report writes it in JSON.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => i64::try_from(*number).expect("a small number").into(),
        Value::Float(number) => (*number).into(),
        Value::String(text) | Value::Timestamp(text) => text.as_str().into(),
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(mapping) => Json::Object(
            mapping
                .effective()
                .map(|entry| (entry.key.as_str().expect("a name").to_owned(), json(&entry.value)))
                .collect(),
        ),
        Value::Binary(_) | Value::Secret(_) => unreachable!("there is none"),
    }
}
