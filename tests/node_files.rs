//! The configuration of one node from several files and its environment, as `check` and `show config` read it.

mod folder;

use std::path::Path;
use std::process::{Command, Stdio};

use folder::folder;

/// What came of one run: exit code, standard output, standard error.
fn patrolint(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patrolint"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    // An environment of one's own must not be taken for that of a node.
    command.env("PATRONI_SCOPE", "of-the-shell").env("PATRONI_TTL", "5");
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code().expect("the program ends by itself"), text(output.stdout), text(output.stderr))
}

const CLUSTER: (&str, &str) = (
    "conf.d/10-cluster.yml",
    "\
scope: demo
etcd3:
  hosts: [10.0.0.11:2379, 10.0.0.12:2379, 10.0.0.13:2379]
postgresql:
  listen: 10.0.0.1:5432
  connect_address: 10.0.0.1:5432
  data_dir: /data
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
bootstrap:
  dcs: {}
",
);
const NODE: (&str, &str) = (
    "conf.d/20-node.yml",
    "\
name: pg1
restapi:
  listen: 10.0.0.1:8008
  connect_address: 10.0.0.1:8008
  authentication: {username: u, password: planted-1}
watchdog:
  mode: automatic
  safety_margin: 1
  safety_margin: 5
",
);
const ENVIRONMENT: (&str, &str) = (
    "node.env",
    "\
PATRONI_RESTAPI_PASSWORD=planted-2
PATRONI_LOG_FILE_SIZE=25MB
PATRONI_SUPERUSER_PASSWORD=planted-3
PATRONI_SUPERUSR_PASSWORD=planted-4
PATRONI_ZOOKEEPER_USE_SSL=false
PATRONI_RESTAPI_VERIFY_CLIENT=required
",
);

/// The findings, each as `CODE file:line`.
fn findings(arguments: &[&str], folder: &Path) -> Vec<String> {
    let (_, stdout, stderr) = patrolint(&[&["check", "--format", "json"], arguments].concat());
    assert_eq!(stderr, "");
    assert!(!stdout.contains("planted"), "{stdout}");
    let report: serde_json::Value = serde_json::from_str(&stdout).expect("the report is JSON");
    let place = |finding: &serde_json::Value| {
        let label = &finding["labels"][0];
        let file = label["file"].as_str().unwrap_or_default();
        let file = file.strip_prefix(&format!("{}/", folder.display())).unwrap_or(file);
        format!("{} {file}:{}", finding["code"].as_str().unwrap_or_default(), label["line"])
    };
    let mut found: Vec<String> = report["findings"].as_array().expect("a list").iter().map(place).collect();
    found.sort();
    found
}

#[test]
fn parts_and_environment_are_one_configuration() {
    let folder = folder("node-files", "one", &[CLUSTER, NODE, ENVIRONMENT]);
    let (path, environment) =
        (folder.join("conf.d").display().to_string(), folder.join("node.env").display().to_string());
    // A key that stands twice in one part is found, and nothing is missing.
    let of_files = ["PTL003 conf.d/20-node.yml:9"];
    assert_eq!(findings(&["-c", &path], &folder), of_files);
    assert_eq!(findings(&[&path], &folder), of_files);
    let with_environment = [
        "PTL003 conf.d/20-node.yml:9",
        "PTL010 node.env:5",
        "PTL104 conf.d/10-cluster.yml:2",
        "PTL126 node.env:6",
        "PTL127 node.env:4",
        "PTL130 node.env:2",
        "PTL131 conf.d/20-node.yml:5",
    ];
    let (_, text, _) = patrolint(&["check", "--verbose", "-c", &path, "--env-file", &environment]);
    assert!(text.contains("PATRONI_LOG_FILE_SIZE=25MB") && !text.contains("planted"), "{text}");
    for arguments in [["-c", &path, "--env-file", &environment].as_slice(), &[&path, "--env-file", &environment]] {
        let found = findings(arguments, &folder);
        assert_eq!(found.iter().filter(|finding| !finding.starts_with("PTL105")).collect::<Vec<_>>(), with_environment);
    }
}

#[test]
fn an_environment_alone_is_a_configuration() {
    let text = "PATRONI_NAME=pg1\nPATRONI_SCOPE=demo\nPATRONI_ETCD3_HOSTS=10.0.0.11:2379\nPATRONI_LOG_LEVEL=loud\n";
    let folder = folder("node-files", "alone", &[("node.env", text)]);
    let environment = folder.join("node.env").display().to_string();
    let found = findings(&["--env-file", &environment], &folder);
    assert!(found.contains(&"PTL121 node.env:4".to_owned()), "{found:?}");
    assert!(!found.iter().any(|finding| finding.starts_with("PTL103")), "{found:?}");
}

#[test]
fn a_dropped_group_of_citus_is_an_error() {
    let folder = folder("node-files", "citus", &[("node.env", "PATRONI_CITUS_DATABASE=app\nPATRONI_CITUS_GROUP=w1\n")]);
    let environment = folder.join("node.env").display().to_string();
    let (_, stdout, _) = patrolint(&["check", "--env-file", &environment]);
    assert!(stdout.contains("error[PTL130]"), "{stdout}");
}

#[test]
fn an_environment_belongs_to_one_node() {
    let node = |name: &str| format!("scope: demo\nname: {name}\nrestapi:\n  listen: 0.0.0.0:8008\n");
    let folder = folder(
        "node-files",
        "two",
        &[("a.yml", &node("a")), ("b.yml", &node("b")), ("node.env", "PATRONI_LOG_LEVEL=INFO\n")],
    );
    let at = |name: &str| folder.join(name).display().to_string();
    let (code, _, stderr) = patrolint(&["check", &at("a.yml"), &at("b.yml"), "--env-file", &at("node.env")]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--env-file is that of one node"), "{stderr}");
    // -c tells which, and that file is not taken for a second node.
    let (code, stdout, stderr) =
        patrolint(&["check", "-v", &folder.display().to_string(), "-c", &at("b.yml"), "--env-file", &at("node.env")]);
    assert_ne!(code, 2, "{stderr}");
    assert_eq!(stdout.matches("b.yml: configuration of node b").count(), 1, "{stdout}");
    assert!(stdout.contains("node.env: environment of node b"), "{stdout}");
    assert!(!stdout.contains("PTL424"), "{stdout}");
}

#[test]
fn a_broken_part_is_named() {
    let folder = folder(
        "node-files",
        "broken",
        &[CLUSTER, ("conf.d/30-more.yml", "tags: {\n"), ("conf.d/40-list.yml", "- 1\n")],
    );
    let path = folder.join("conf.d").display().to_string();
    assert_eq!(findings(&["-c", &path], &folder), ["PTL001 conf.d/30-more.yml:2"]);
    std::fs::remove_file(folder.join("conf.d/30-more.yml")).expect("it can be removed");
    let found = findings(&["-c", &path], &folder);
    assert!(found.contains(&"PTL002 conf.d/40-list.yml:1".to_owned()), "{found:?}");
}
