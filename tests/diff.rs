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
