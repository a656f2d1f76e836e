//! `patrolint diff` as users meet it, and that nothing changes where nothing is changed.

mod folder;
mod schema;

use std::path::Path;
use std::process::{Command, Stdio};

use patrolint::decision::change::cluster::cluster_changes;
use patrolint::input::offline;
use patrolint::model::snapshot::Snapshot;
use patrolint::report::diff::Report;
use patrolint::rules::comparison::compare;
use patrolint::rules::registry::Registry;
use patrolint::rules::{Options, check};

use folder::folder;

const CAPTURE: &str = "fixtures/captured/quorum-405-3n-nc1";

/// What came of one run: exit code, standard output, standard error.
fn diff(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patrolint"));
    command.arg("diff").args(arguments).env_clear().current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code().expect("the program ends by itself"), text(output.stdout), text(output.stderr))
}

/// The report, and the exit code before it.
fn report(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = diff(arguments);
    assert_eq!(stderr, "", "{stdout}");
    format!("exit code {code}\n{stdout}")
}

#[test]
fn an_input_does_not_differ_from_itself() {
    let registry = Registry::builtin();
    let mut compared = 0;
    for fixtures in ["fixtures/captured", "fixtures/config"] {
        let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(fixtures)).expect("it is there");
        for folder in folders.flatten() {
            let path = folder.path().display().to_string();
            let files = offline::read(std::slice::from_ref(&path)).expect("it can be read");
            let Ok(before) = Snapshot::assemble(files) else { continue };
            let after = before.overlaid(&before.clone()).unwrap_or_else(|error| panic!("{path}: {error}"));
            let judged = |snapshot: &Snapshot| check(&registry, snapshot, &Options::default());
            let (old, new) = (judged(&before), judged(&after.snapshot));
            let findings = compare((&before, &old), (&after.snapshot, &new));
            let cluster = cluster_changes(&before, &after, None, None);
            let names = ["before".to_owned(), "after".to_owned()];
            let report = Report::new(names, &before, &after, cluster, findings, None);
            assert!(report.is_empty(), "{path}: {:?} {:?}", report.rows(), report.findings);
            assert!(report.steps.is_empty(), "{path}: {:?}", report.steps);
            assert!(report.transition().is_none(), "{path}: {:?}", report.transition());
            compared += 1;
        }
    }
    assert!(60 < compared, "{compared}");
}

#[test]
fn the_dynamic_configuration_is_edited_as_by_patronictl() {
    insta::assert_snapshot!("set_node_count", report(&[CAPTURE, "--set", "synchronous_node_count=2"]));
    insta::assert_snapshot!("max_connections", report(&[CAPTURE, "-p", "max_connections=100", "-p", "work_mem=8MB"]));
    let (code, stdout, _) = diff(&[CAPTURE, "-s", "ttl=20"]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("NOTHING CHANGES"), "{stdout}");
    let (code, _, stderr) = diff(&[CAPTURE, "-s", "ttl"]);
    assert_eq!((code, stderr.as_str()), (2, "error: a setting without =: write KEY=VALUE\n"));
    let (code, ..) = diff(&[CAPTURE]);
    assert_eq!(code, 2);
    let (code, ..) = diff(&[CAPTURE, CAPTURE, "-s", "ttl=20"]);
    assert_eq!(code, 2);
}

#[test]
fn restarts_come_in_the_order_that_parameters_ask_for() {
    let steps = |pair: &str| {
        let (_, stdout, _) = diff(&[CAPTURE, "-p", pair]);
        stdout.split_once("What to do").map(|(_, steps)| steps.to_owned()).unwrap_or_default()
    };
    let comes_first = |steps: &str, first: &str, second: &str| {
        let place = |node: &str| steps.find(&format!("patronictl restart demo {node}"));
        assert!(place(first).is_some() && place(first) < place(second), "{steps}");
    };
    comes_first(&steps("max_connections=50"), "pg2 pg3", "pg1");
    comes_first(&steps("max_connections=30"), "pg1", "pg2 pg3");
    comes_first(&steps("shared_buffers=32MB"), "pg2 pg3", "pg1");
}

#[test]
fn files_are_put_over_the_configuration_or_replace_it() {
    let files = folder("diff", "edits", &[("edit.yml", "ttl: 30\npostgresql: {parameters: {max_wal_size: null}}\n")]);
    let file = files.join("edit.yml").display().to_string();
    let (_, applied, _) = diff(&[CAPTURE, "--apply", &file]);
    assert!(applied.starts_with("2 CHANGES  2 live"), "{applied}");
    let (_, replaced, _) = diff(&[CAPTURE, "--replace", &file]);
    assert!(replaced.contains("synchronous_mode  ") && replaced.contains("quorum → false (default)"), "{replaced}");
}

#[test]
fn synchronous_mode_is_followed_state_by_state() {
    insta::assert_snapshot!("quorum_to_on", report(&[CAPTURE, "--set", "synchronous_mode=on"]));
    insta::assert_snapshot!("quorum_to_off", report(&[CAPTURE, "--set", "synchronous_mode=off"]));
    let asynchronous = "fixtures/captured/async-415-3n";
    insta::assert_snapshot!("off_to_on", report(&[asynchronous, "--set", "synchronous_mode=on"]));
    insta::assert_snapshot!("off_to_quorum", report(&[asynchronous, "--set", "synchronous_mode=quorum"]));
    let synchronous = "fixtures/captured/sync-415-3n";
    insta::assert_snapshot!("on_to_quorum", report(&[synchronous, "--set", "synchronous_mode=quorum"]));
}

#[test]
fn without_the_state_of_the_cluster_the_way_is_not_known() {
    let (code, stdout, _) = diff(&["fixtures/diff/dynamic.yml", "--set", "synchronous_mode=off"]);
    assert_eq!(code, 0);
    assert!(stdout.contains("not known whether commits and failover are weaker on the way"), "{stdout}");
}

#[test]
fn a_part_of_the_cluster_may_change() {
    insta::assert_snapshot!("nodes", report(&[CAPTURE, "fixtures/diff/nodes"]));
    insta::assert_snapshot!("dynamic", report(&[CAPTURE, "fixtures/diff/dynamic.yml"]));
    insta::assert_snapshot!(
        "one_file",
        report(&[&format!("{CAPTURE}/config/pg2/patroni.yml"), "fixtures/diff/nodes/pg2.yml"])
    );
}

#[test]
fn findings_keep_their_identity_when_their_lines_move() {
    let file = format!("{}/fixtures/config/nodes-and-dcs/pg1.yml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).expect("the fixture is there");
    let (above, tags) = text.split_once("tags:\n").expect("the last section");
    let moved = folder("diff", "moved", &[("pg1.yml", &format!("# moved\ntags:\n{tags}\n{above}"))]);
    let (code, stdout, _) = diff(&["fixtures/config/nodes-and-dcs", &moved.display().to_string(), "--fail-on", "info"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.starts_with("NOTHING CHANGES\n"), "{stdout}");
}

#[test]
fn what_patroni_refuses_is_told() {
    let broken = folder("diff", "broken", &[("pg2.yml", "scope: demo\nname: pg2\npostgresql:\n  listen: [\n")]);
    let (code, stdout, _) = diff(&[CAPTURE, &broken.display().to_string()]);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.starts_with("REFUSED  Patroni does not take it on pg2"), "{stdout}");
    let good = format!("{CAPTURE}/config/pg2/patroni.yml");
    let (code, stdout, _) = diff(&[&broken.join("pg2.yml").display().to_string(), &good, "--fail-on", "never"]);
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.starts_with("NOT COMPARED  see the remarks"), "{stdout}");
    let (code, stdout, _) = diff(&[CAPTURE, "--set", "loop_wait=soon"]);
    assert_eq!(code, 1, "{stdout}");
    assert!(stdout.starts_with("REFUSED  Patroni does not take it on pg1, pg2, pg3"), "{stdout}");
}

#[test]
fn findings_that_appear_decide_the_exit_code() {
    let edit = &[CAPTURE, "--set", "ttl=15"][..];
    let exit = |fail_on: &str| diff(&[edit, &["--fail-on", fail_on]].concat()).0;
    assert_eq!((exit("never"), exit("info")), (0, 1), "{}", report(edit));
}

#[test]
fn json_follows_its_schema() {
    for arguments in [
        &[CAPTURE, "fixtures/diff/nodes"][..],
        &[CAPTURE, "fixtures/diff/dynamic.yml"],
        &[CAPTURE, "--set", "synchronous_mode=on"],
        &["fixtures/diff/dynamic.yml", "--set", "ttl=15"],
        &[CAPTURE, CAPTURE],
    ] {
        let (_, stdout, _) = diff(&[arguments, &["--format", "json"]].concat());
        let document = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
        schema::assert_valid("diff.schema.json", &document);
    }
    let (_, stdout, _) = diff(&[CAPTURE, "fixtures/diff/nodes", "--format", "json"]);
    insta::assert_snapshot!("json", stdout);
}

/// What the part of a node's directory says that does not change.
const BASE: &str = "\
scope: demo
etcd3: {hosts: ['10.0.0.1:2379', '10.0.0.2:2379', '10.0.0.3:2379']}
log:
  level: INFO
postgresql:
  listen: 10.0.0.1:5432
  connect_address: 10.0.0.1:5432
  data_dir: /data
  authentication:
    superuser: {username: postgres, password: planted-1}
    replication: {username: replicator, password: planted-2}
  parameters:
    log_connections: on
restapi: {listen: '10.0.0.1:8008', connect_address: '10.0.0.1:8008'}
bootstrap: {dcs: {}}
";

/// The parts of a node's directory and environments of its service, each with a secret of its own.
const PARTS: [(&str, &str); 8] = [
    ("old.d/10-base.yml", BASE),
    ("old.d/20-site.yml", "name: pg1\ntags:\n  nosync: true\n"),
    ("new.d/10-base.yml", BASE),
    (
        "new.d/20-site.yml",
        "\
name: pg1
postgresql:
  authentication:
    replication: {password: planted-3}
  parameters:
    log_connections: off
    max_connections: 500
",
    ),
    (
        "whole.yml",
        "\
name: pg1
scope: demo
etcd3: {hosts: ['10.0.0.1:2379', '10.0.0.2:2379', '10.0.0.3:2379']}
log: {level: INFO}
postgresql:
  listen: 10.0.0.1:5432
  connect_address: 10.0.0.1:5432
  data_dir: /data
  authentication:
    superuser: {username: postgres, password: planted-1}
    replication: {username: replicator, password: planted-2}
  parameters: {log_connections: on}
restapi: {listen: '10.0.0.1:8008', connect_address: '10.0.0.1:8008'}
tags: {nosync: true}
bootstrap: {dcs: {}}
",
    ),
    ("old.env", "PATRONI_LOG_FORMAT='%(message)s'\nPATRONI_SUPERUSER_PASSWORD=planted-4\n"),
    ("new.env", "PATRONI_LOG_LEVEL=DEBUG\nPATRONI_SUPERUSER_PASSWORD=planted-5\nPATRONI_SUPERUSR_PASSWORD=planted-6\n"),
    ("alone.env", "PATRONI_CONFIGURATION='{name: pg1, scope: demo, log: {level: WARNING}}'\n"),
];

/// What came of a run in a folder with [`PARTS`], in which `dump.json` is that of the recorded cluster; nothing tells a secret.
fn diff_in(topic: &str, arguments: &[&str]) -> (i32, String, String) {
    let folder = folder("diff", topic, &PARTS);
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE).join("dcs/etcdctl-get.json");
    std::fs::copy(dump, folder.join("dump.json")).expect("the folder for tests is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_patrolint"));
    command.arg("diff").args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    // The environment of a shell is not that of a node.
    command.env("PATRONI_LOG_LEVEL", "ERROR");
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(!format!("{stdout}{stderr}").contains("planted"), "{stdout}{stderr}");
    (output.status.code().expect("the program ends by itself"), stdout, stderr)
}

/// What takes what in a folder with [`PARTS`]: `key: takes`, in the order of the report.
fn takes(topic: &str, arguments: &[&str]) -> Vec<String> {
    let (code, stdout, stderr) = diff_in(topic, &[arguments, &["--format", "json", "--fail-on", "never"]].concat());
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    schema::assert_valid("diff.schema.json", &document);
    let row = |change: &serde_json::Value| {
        let place = |side: &str| {
            let place = &change["places"][0][side];
            let name = place["source"].as_str().unwrap_or("-").rsplit('/').next().unwrap_or_default();
            match place["variable"].as_str() {
                Some(variable) => format!("{name}/{variable}"),
                None if place.is_null() => "-".to_owned(),
                None => format!("{name}:{}", place["line"]),
            }
        };
        let word = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {} ({} → {})", word("key"), word("takes"), place("before"), place("after"))
    };
    document["changes"].as_array().expect("a list").iter().map(row).collect()
}

#[test]
fn the_files_of_a_directory_are_one_node() {
    let (code, stdout, stderr) = diff_in("directory", &["-c", "old.d", "-c", "new.d", "dump.json"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    insta::assert_snapshot!("directory", stdout);
    let of_files = [
        "postgresql.authentication.replication.password: reload (10-base.yml:11 → 20-site.yml:4)",
        "postgresql.parameters.log_connections: reload (10-base.yml:13 → 20-site.yml:6)",
        "tags.nosync: reload (20-site.yml:3 → -)",
        "postgresql.parameters.max_connections: nothing (- → 20-site.yml:7)",
    ];
    assert_eq!(takes("directory-options", &["-c", "old.d", "-c", "new.d"]), of_files);
    assert_eq!(takes("directory-paths", &["old.d", "new.d"]), of_files);
    assert_eq!(takes("directory-after", &["-c", "old.d", "new.d"]), of_files);
}

#[test]
fn what_a_node_overrides_no_more_comes_from_the_dcs() {
    let folder = folder(
        "diff",
        "overrides",
        &[
            ("old.d/a.yml", "name: pg1\nscope: demo\npostgresql: {data_dir: /data}\n"),
            ("old.d/b.yml", "postgresql: {parameters: {max_wal_size: 4GB}}\n"),
            ("new.d/a.yml", "name: pg1\nscope: demo\npostgresql: {data_dir: /data}\n"),
        ],
    );
    let at = |name: &str| folder.join(name).display().to_string();
    let (_, stdout, stderr) = diff(&["-c", &at("old.d"), "-c", &at("new.d"), CAPTURE]);
    assert_eq!(stderr, "");
    let row = "postgresql.parameters.max_wal_size  4GB → 256MB (b.yml → dcs:/service/demo/config)";
    // The capture holds a configuration of pg1, too, for which that of -c stands in.
    assert!(stdout.starts_with("1 CHANGE  1 with a reload on pg1") && stdout.contains(row), "{stdout}");
}

#[test]
fn a_directory_in_place_of_a_file_takes_a_restart() {
    let (code, stdout, _) = diff_in("started", &["-c", "whole.yml", "-c", "old.d"]);
    assert_eq!(code, 0, "{stdout}");
    let remark = "pg1: Patroni was started with a file and is to be started with a directory";
    assert!(stdout.starts_with("NOTHING CHANGES\n") && stdout.contains(remark), "{stdout}");
    for arguments in [&["-c", "whole.yml", "-c", "new.d"][..], &["whole.yml", "new.d"], &["-c", "whole.yml", "new.d"]] {
        let found = takes("started", arguments);
        let restart = "tags.nosync: restart-patroni (whole.yml:14 → -)".to_owned();
        assert!(found.len() == 4 && found.contains(&restart), "{found:?}");
    }
    // A directory that loses a part is still the same argument.
    let one = folder("diff", "left", &[("d/10-base.yml", &format!("name: pg1\n{}", PARTS[0].1))]);
    let one = one.join("d").display().to_string();
    for arguments in [&["-c", "old.d", "-c", &one][..], &["old.d", &one]] {
        assert_eq!(takes("left-parts", arguments), ["tags.nosync: reload (20-site.yml:3 → -)"]);
    }
}

#[test]
fn a_changed_environment_takes_a_restart_of_patroni() {
    let both = &["-c", "old.d", "-c", "new.d", "--env-file", "old.env", "--env-file", "new.env"];
    let (code, stdout, stderr) = diff_in("environment", both);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    insta::assert_snapshot!("environment", stdout);
    let of_environment = [
        "log.format: restart-patroni (old.env/PATRONI_LOG_FORMAT → -)",
        "log.level: restart-patroni (10-base.yml:4 → new.env/PATRONI_LOG_LEVEL)",
        "postgresql.authentication.superuser.password: restart-patroni (old.env/PATRONI_SUPERUSER_PASSWORD → \
         new.env/PATRONI_SUPERUSER_PASSWORD)",
        "PATRONI_SUPERUSR_PASSWORD: nothing (- → new.env/PATRONI_SUPERUSR_PASSWORD)",
    ];
    for arguments in [&["-c", "old.d"][..], &["old.d"]] {
        let arguments = [arguments, &["--env-file", "old.env", "--env-file", "new.env"]].concat();
        assert_eq!(takes("environments", &arguments), of_environment);
    }
    // Without files a reload reads nothing.
    assert_eq!(
        takes("environment-alone", &["--env-file", "alone.env", "--env-file", "new.env", "--patroni-version", "4.1.5"])
            .first()
            .map(String::as_str),
        Some("log.level: restart-patroni (PATRONI_CONFIGURATION:1 → new.env/PATRONI_LOG_LEVEL)")
    );
}

#[test]
fn an_environment_that_stays_is_over_both() {
    let files = [
        ("a.yml", "name: pg1\nscope: demo\nlog: {level: INFO, dir: /old}\npostgresql: {data_dir: /data}\n"),
        ("b.yml", "name: pg1\nscope: demo\nlog: {level: ERROR, dir: /new}\npostgresql: {data_dir: /data}\n"),
        ("node.env", "PATRONI_LOG_LEVEL=DEBUG\n"),
        ("none.env", ""),
    ];
    let folder = folder("diff", "stays", &files);
    let at = |name: &str| folder.join(name).display().to_string();
    let takes = |arguments: &[&str]| takes("stays-parts", arguments);
    let (a, b, env, none) = (at("a.yml"), at("b.yml"), at("node.env"), at("none.env"));
    // The file's level gives way, before as after.
    let kept = ["log.dir: reload (a.yml:3 → b.yml:3)", "log.level: nothing (a.yml:3 → b.yml:3)"];
    assert_eq!(takes(&["-c", &a, "-c", &b, "--env-file", &env]), kept);
    assert_eq!(takes(&[&a, &b, "--env-file", &env]), kept);
    // It counts once the variable is gone: not with a reload, which still finds the variable.
    let gone =
        ["log.level: restart-patroni (node.env/PATRONI_LOG_LEVEL → b.yml:3)", "log.dir: reload (a.yml:3 → b.yml:3)"];
    assert_eq!(takes(&["-c", &a, "-c", &b, "--env-file", &env, "--env-file", &none]), gone);
}

#[test]
fn findings_keep_their_identity_in_another_file_of_their_node() {
    let base = PARTS[0].1;
    let node = "name: pg1\nwatchdog: {mode: 1}\n";
    let folder = folder(
        "diff",
        "identity",
        &[
            ("old.d/10-base.yml", base),
            ("old.d/20-site.yml", node),
            ("new.d/10-base.yml", base),
            ("new.d/15-empty.yml", "{}\n"),
            ("new.d/30-renamed.yml", &format!("# moved\n{node}")),
            ("node.env", "PATRONI_LOG_LEVEL=loud\n"),
            ("renamed.env", "# moved\nPATRONI_LOG_LEVEL=loud\n"),
            ("one.env", "PATRONI_LOG_LEVLE=INFO\n"),
            ("other.env", "PATRONI_LGO_LEVEL=INFO\n"),
        ],
    );
    let at = |name: &str| folder.join(name).display().to_string();
    let arguments =
        ["-c", &at("old.d"), "-c", &at("new.d"), "--env-file", &at("node.env"), "--env-file", &at("renamed.env")];
    let (_, stdout, stderr) = diff(&arguments);
    assert_eq!(stderr, "");
    assert!(stdout.starts_with("NOTHING CHANGES\n") && !stdout.contains("vanishes"), "{stdout}");
    let findings = |arguments: &[&str]| {
        let (_, stdout, _) = diff(&[arguments, &["--format", "json"]].concat());
        let document: serde_json::Value = serde_json::from_str(&stdout).expect("the report is JSON");
        let count = |name: &str| document["findings"][name].as_array().map_or(0, Vec::len);
        (count("appear"), count("vanish"), document["findings"]["remain"].as_u64().unwrap_or_default())
    };
    let (appear, vanish, remain) = findings(&arguments);
    assert!((appear, vanish) == (0, 0) && 1 < remain, "{remain}");
    // Of what Patroni does not read, each variable is a place of its own.
    let unknown = ["-c", &at("old.d"), "--env-file", &at("one.env"), "--env-file", &at("other.env")];
    let (appear, vanish, _) = findings(&unknown);
    assert_eq!((appear, vanish), (1, 1));
}

#[test]
fn a_change_may_be_told_in_several_ways_at_once() {
    let found = takes("together", &["-c", "old.d", "-c", "new.d", "dump.json", "-s", "ttl=25"]);
    assert!(found.contains(&"ttl: live (config:1 → config:1)".to_owned()), "{found:?}");
    assert!(found.iter().any(|row| row.starts_with("tags.nosync: reload")), "{found:?}");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let refused = |arguments: &[&str], expected: &str| {
        let (code, stdout, stderr) = diff_in("mistakes", arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.starts_with(expected), "{arguments:?}: {stderr}");
    };
    refused(&[], "error: no input: name what to compare, BEFORE and AFTER\nhelp: BEFORE is a file");
    refused(&["--env-file", "old.env"], "error: no input: name what to compare");
    for alone in [&["whole.yml"][..], &["-c", "old.d"], &["dump.json", "--env-file", "old.env"]] {
        refused(alone, "error: nothing tells the change\nhelp: name AFTER, give -c or --env-file a second time, or");
    }
    refused(
        &["-c", "old.d", "-c", "new.d", "-c", "x"],
        "error: -c is given 3 times\nhelp: give it once for both sides",
    );
    refused(
        &["--env-file", "a", "--env-file", "b", "--env-file", "c", "-c", "old.d"],
        "error: --env-file is given 3 times\n",
    );
    refused(
        &["-c", "old.d", "whole.yml", "dump.json"],
        "error: whole.yml is a configuration of pg1, and so is that of -c\nhelp: give it before and after with -c: -c OLD -c NEW",
    );
    refused(&["-c", "old.d", "-c", "no.d"], "error: cannot read no.d: ");
    refused(&["-c", "old.d", "--env-file", "old.env", "--env-file", "no.env"], "error: cannot read no.env: ");
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE).display().to_string();
    refused(
        &[&top, "--env-file", "old.env", "--env-file", "new.env"],
        "error: --env-file is that of one node, and the input holds several\nhelp: name its configuration with -c",
    );
}

/// Keys of a DCS as etcdctl prints them, of a cluster of these members, of which the first leads.
fn keys(config: &str, members: &[&str], more: &str) -> String {
    let mut text = format!("/service/demo/config\n{config}\n/service/demo/leader\n{}\n", members[0]);
    for (index, name) in members.iter().enumerate() {
        let role = if index == 0 { "primary" } else { "replica" };
        text.push_str(&format!(
            "/service/demo/members/{name}\n{{\"conn_url\":\"postgres://10.0.0.{index}:5432/postgres\",\"api_url\":\
             \"http://10.0.0.{index}:8008/patroni\",\"state\":\"running\",\"role\":\"{role}\",\"replication_state\":\
             \"streaming\",\"version\":\"4.1.5\",\"xlog_location\":100,\"timeline\":1}}\n"
        ));
    }
    format!("{text}/service/demo/status\n{{\"optime\":100}}\n{more}")
}

/// The report in JSON on files in a folder of their own, named by their places there.
fn document(topic: &str, files: &[(&str, &str)], arguments: &[&str]) -> serde_json::Value {
    let folder = folder("diff", topic, files);
    let of_folder = |argument: &&str| match files.iter().any(|(name, _)| name.split('/').next() == Some(argument)) {
        true => folder.join(argument).display().to_string(),
        false => (*argument).to_owned(),
    };
    let arguments: Vec<String> = arguments.iter().map(of_folder).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (_, stdout, stderr) = diff(&[&arguments[..], &["--format", "json"]].concat());
    assert!(!format!("{stdout}{stderr}").contains("planted"), "{stdout}{stderr}");
    let document = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    schema::assert_valid("diff.schema.json", &document);
    document
}

/// What changes, and what it takes: `key: takes`.
fn effects(topic: &str, files: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let document = document(topic, files, arguments);
    let text = |change: &serde_json::Value, name: &str| change[name].as_str().expect("a text").to_owned();
    let changes = document["changes"].as_array().expect("a list");
    changes.iter().map(|change| format!("{}: {}", text(change, "key"), text(change, "takes"))).collect()
}

/// The steps, in words.
fn steps(topic: &str, files: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let document = document(topic, files, arguments);
    let steps = document["steps"].as_array().expect("a list");
    let told = |name: &str, step: &serde_json::Value| step[name].as_str().unwrap_or_default().to_owned();
    steps.iter().map(|step| format!("{} | {}", told("what", step), told("command", step))).collect()
}

const FILE: &str = "scope: demo\nname: pg1\npostgresql: {data_dir: /data}\n";

#[test]
fn what_a_change_takes_is_told_by_where_it_stands() {
    let of_files = |topic: &str, before: &str, after: &str| {
        let (before, after) = (format!("{FILE}{before}"), format!("{FILE}{after}"));
        effects(topic, &[("before.yml", &before), ("after.yml", &after)], &["before.yml", "after.yml"])
    };
    let loggers = "log: {loggers: {patroni.ha: DEBUG}}\n";
    assert_eq!(of_files("loggers", "", loggers), ["log.loggers.patroni.ha: reload"]);
    let script = FILE.replace("/data", "/data, callbacks: {on_start: /bin/notify}");
    let files = [("before.yml", FILE), ("after.yml", &script)];
    let callbacks = document("callbacks", &files, &["before.yml", "after.yml"]);
    let change = &callbacks["changes"][0];
    assert_eq!(change["key"], "postgresql.callbacks.on_start");
    assert_eq!((&change["takes"], &change["remark"]), (&"reload".into(), &serde_json::Value::Null));
    // Patroni started with a directory does not look at the file again; but then nothing creates a cluster anew either.
    let initdb = format!("{FILE}bootstrap: {{initdb: [data-checksums]}}\nlog: {{level: DEBUG}}\n");
    let files = [("old.yml", FILE), ("new.d/a.yml", initdb.as_str())];
    assert_eq!(
        effects("initdb", &files, &["-c", "old.yml", "-c", "new.d"]),
        ["log.level: restart-patroni", "bootstrap.initdb: bootstrap"]
    );
    // Nothing and null are the same, and so are the names of parameters in any case.
    assert_eq!(of_files("null", "watchdog: {device: }\n", ""), [""; 0]);
    let lower = FILE.replace("/data", "/data, parameters: {work_mem: 4MB}");
    let upper = FILE.replace("/data", "/data, parameters: {WORK_MEM: 4MB}");
    assert_eq!(effects("case", &[("a.yml", &lower), ("b.yml", &upper)], &["a.yml", "b.yml"]), [""; 0]);

    let config = r#"{"ttl":30,"postgresql":{"parameters":{"work_mem":4096}}}"#;
    let keys = keys(config, &["pg1", "pg2"], "");
    let of_edit = |topic: &str, edit: &str| effects(topic, &[("keys.txt", &keys)], &["keys.txt", "--set", edit]);
    let recovery = "postgresql.recovery_conf.restore_command";
    assert_eq!(of_edit("recovery", &format!("{recovery}=cp")), [format!("{recovery}: standbys")]);
    assert_eq!(of_edit("text", "ttl='30'"), [""; 0]);
    assert_eq!(of_edit("text-of-parameter", "postgresql.parameters.work_mem='4096'"), [""; 0]);
    // Patroni adjusts a default to what is set.
    assert_eq!(of_edit("adjusted", "ttl=20"), ["loop_wait: live", "retry_timeout: live", "ttl: live"]);
}

#[test]
fn what_follows_from_the_state_of_the_cluster_is_not_put_down_to_the_change() {
    // The leader has not written /sync yet: whatever is changed, it will.
    let unsettled = keys(r#"{"synchronous_mode":true}"#, &["pg1", "pg2"], "");
    let files = [("keys.txt", unsettled.as_str())];
    let document = document("unsettled", &files, &["keys.txt", "--set", "loop_wait=9"]);
    assert_eq!(document["findings"]["vanish"].as_array().expect("a list"), &[] as &[serde_json::Value]);
    assert_eq!(document["findings"]["remain"], 1, "{document:#}");
}

#[test]
fn tags_of_a_node_change_the_margins() {
    let keys = keys("{}", &["pg1", "pg2"], "");
    let (before, after) =
        (FILE.replace("pg1", "pg2"), format!("{}tags: {{nofailover: true}}\n", FILE.replace("pg1", "pg2")));
    let files = [("before/keys.txt", keys.as_str()), ("before/pg2.yml", &before), ("after.yml", &after)];
    let document = document("tags", &files, &["before", "after.yml"]);
    let failover = |side: &str| document["replication"][side]["survives_any_loss_of"]["failover"].clone();
    assert_eq!((failover("before"), failover("after")), (serde_json::json!(1), serde_json::json!(0)), "{document:#}");
    let (_, text, _) = diff(&[
        &folder("diff", "tags-text", &files).join("before").display().to_string(),
        &folder("diff", "tags-after", &files).join("after.yml").display().to_string(),
    ]);
    assert!(text.contains("survive the loss of"), "{text}");
}

#[test]
fn a_leader_that_rejects_the_change_does_not_follow_it() {
    let keys = keys("{}", &["pg1"], "/service/demo/members/pg1/notes\n{}\n");
    let edit = ["keys.txt", "--set", "loop_wait=soon", "--set", "synchronous_mode=on"];
    let document = document("rejected", &[("keys.txt", &keys)], &edit);
    assert_eq!(document["nodes"].as_array().map(Vec::len), Some(1), "{document:#}");
    assert_eq!(document["replication"]["after"]["synchronous_mode"], "off", "{document:#}");
}

#[test]
fn secrets_within_a_text_are_told_to_be_unknown() {
    let file = |password: &str, port: u16| {
        format!(
            "{FILE}consul: {{url: 'http://user:planted-{password}@consul:8500'}}\nctl: {{}}\netcd3: {{url: 'http://user:planted@etcd:{port}'}}\n"
        )
    };
    let (before, after) = (file("1", 2379), file("2", 2380));
    let files = [("before.yml", before.as_str()), ("after.yml", &after)];
    let document = document("masked", &files, &["before.yml", "after.yml"]);
    let remarks = document["remarks"].as_array().expect("a list").iter().filter_map(|remark| remark.as_str());
    let masked: Vec<&str> =
        remarks.filter(|remark| remark.contains("consul.url") || remark.contains("etcd3.url")).collect();
    assert!(
        matches!(masked.as_slice(), [one] if one.contains("consul.url") && !one.contains("etcd3.url")),
        "{document:#}"
    );
}

#[test]
fn the_leader_is_restarted_last() {
    let keys = keys("{}", &["pg1", "pg2"], "");
    let file = |name: &str, port: u16| format!("{}etcd3: {{host: 'etcd:{port}'}}\n", FILE.replace("pg1", name));
    let (old_1, new_1, old_2, new_2) = (file("pg1", 2379), file("pg1", 2380), file("pg2", 2379), file("pg2", 2380));
    let before = [("before/keys.txt", keys.as_str()), ("before/pg1.yml", &old_1), ("before/pg2.yml", &old_2)];
    let restarts = |topic: &str, after: &[(&str, &str)], is_known: bool| {
        let before = if is_known { &before[..] } else { &before[1..] };
        steps(topic, &[before, after].concat(), &["before", "after"])
    };
    let both = [("after/pg1.yml", new_1.as_str()), ("after/pg2.yml", new_2.as_str())];
    assert_eq!(
        restarts("restart-both", &both, true),
        [
            "install the new configuration on pg1, pg2, then restart Patroni on pg1, pg2, one after the other, the leader \
             pg1 last and after a switchover; it stops PostgreSQL with it unless the cluster is paused | systemctl restart \
             patroni"
        ]
    );
    // What else changes is not installed for the restart.
    let other_keys = self::keys(r#"{"ttl":31}"#, &["pg1", "pg2"], "");
    let initdb = format!("{old_2}bootstrap: {{initdb: [data-checksums]}}\n");
    let more = [("after/keys.txt", other_keys.as_str()), both[0], ("after/pg2.yml", &initdb)];
    let steps = restarts("restart-and-more", &more, true);
    assert!(steps[1].starts_with("install the new configuration on pg1, then restart Patroni on pg1;"), "{steps:?}");
    for steps in [
        restarts("restart-leader", &both[..1], true),
        restarts("restart-standby", &both[1..], true),
        restarts("restart-unknown", &both, false),
    ] {
        assert!(steps[0].contains("restart Patroni on ") && !steps[0].contains("one after the other"), "{steps:?}");
    }
    // patronictl names the cluster, whichever file tells it.
    let reload = |topic: &str, files: &[(&str, &str)]| self::steps(topic, files, &["keys.txt", "--set", "ttl=31"]);
    let named = reload("scope", &[("keys.txt", &keys)]);
    assert!(named[0].ends_with("| patronictl edit-config demo -s ttl=31"), "{named:?}");
}
