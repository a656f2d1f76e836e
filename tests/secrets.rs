//! A secret planted at any place that the schema calls secret, in any form, appears in no output.

use std::path::PathBuf;
use std::process::Command;

use patrolint::input::RawFile;
use patrolint::model::config::schema::keys;
use patrolint::model::snapshot::Snapshot;
use patrolint::report::check::{Report, json, text};
use patrolint::report::terminal::Look;
use patrolint::rules::registry::Registry;
use patrolint::rules::{Options, check_and_count};

const SECRET: &str = "hunter2hunter2";
/// The same, as YAML reads a number.
const NUMBER: &str = "48151623424815";

/// A configuration around `lines`.
fn file(lines: &str) -> String {
    format!("name: pg1\nscope: demo\netcd3:\n  hosts: [10.0.0.1:2379]\n{lines}\n")
}

/// `path: value` as nested mappings.
fn nested(path: &[&str], value: &str) -> String {
    let (last, above) = path.split_last().expect("a path is not empty");
    let mut text = String::new();
    for (depth, name) in above.iter().enumerate() {
        text.push_str(&format!("{}{}:\n", "  ".repeat(depth), any_name(name)));
    }
    let blanks = "  ".repeat(above.len());
    format!("{text}{blanks}{}: {value}\n", any_name(last))
}

fn any_name(name: &str) -> &str {
    if name == "*" { "mine" } else { name }
}

/// The forms that a value can have by mistake.
fn forms() -> Vec<String> {
    vec![
        SECRET.to_owned(),
        format!("'{SECRET}'"),
        format!("\"{SECRET}\""),
        NUMBER.to_owned(),
        format!("[{SECRET}, {NUMBER}]"),
        format!("{{a: {SECRET}, b: {{c: [{SECRET}]}}}}"),
        format!("{{{SECRET}: 1}}"),
        format!("!!binary {SECRET}=="),
        format!("&anchor {SECRET}"),
    ]
}

/// Every file with a secret in it.
fn planted() -> Vec<String> {
    let mut texts = Vec::new();
    for key in keys().filter(|key| key.is_secret()) {
        for path in key.expansions() {
            for form in forms() {
                texts.push(file(&nested(&path, &form)));
                // In other sections, and in none.
                let name = path[path.len() - 1];
                for section in [&["tags"][..], &["bootstrap", "dcs"], &["postgresql", "parameters"], &["log"], &[]] {
                    texts.push(file(&nested(&[section, &[name]].concat(), &form)));
                }
            }
            let block = format!("|\n        {SECRET}\n        {SECRET}");
            texts.push(file(&nested(&path, &block)));
            // In the neighbourhood: misspelt, in a comment, repeated, in a text that is no YAML.
            let good = nested(&path, "x");
            let name = path[path.len() - 1];
            texts.push(file(&good).replace(name, &format!("{name}s")).replace(": x", &format!(": {SECRET}")));
            texts.push(file(&good) + &format!("# {name}: {SECRET}\n"));
            texts.push(file(&nested(&path, SECRET)) + &nested(&path, "other"));
            texts.push(file(&nested(&path, SECRET)) + "broken: [\n\t}\n");
            for (variable, _) in key.variables() {
                texts.push(file("") + &format!("# {variable}={SECRET}\n"));
                texts.push(file(&format!("bootstrap:\n  post_init: env {variable}={SECRET} setup")));
            }
        }
    }
    // Whole sections of credentials in another form.
    for section in [
        &["restapi", "authentication"][..],
        &["ctl", "authentication"],
        &["postgresql", "authentication", "superuser"],
        &["postgresql", "authentication", "replication"],
        &["postgresql", "authentication", "rewind"],
        &["postgresql", "authentication"],
        &["postgresql", "superuser"],
        &["bootstrap", "users"],
    ] {
        for form in
            [format!("admin:{SECRET}"), format!("{{admin: {SECRET}}}"), format!("[admin, {SECRET}]"), NUMBER.to_owned()]
        {
            texts.push(file(&nested(section, &form)));
        }
    }
    for lines in [
        format!("etcd:\n  url: https://user:{SECRET}@10.0.0.1:2379"),
        format!("etcd:\n  proxy: http://user:{SECRET}@10.0.0.1:2379"),
        format!("postgresql:\n  pg_hba:\n  - host all all all ldap ldapbindpasswd={SECRET}"),
        format!("postgresql:\n  recovery_conf:\n    primary_conninfo: host=h password={SECRET}"),
        format!("postgresql:\n  callbacks:\n    on_start: run --password {SECRET}"),
        format!("bootstrap:\n  post_init: psql postgresql://user:{SECRET}@h/db"),
        format!("restapi:\n  http_extra_headers: {{Authorization: Basic {SECRET}}}"),
    ] {
        texts.push(file(&lines));
    }
    texts
}

#[track_caller]
fn assert_silent(output: &str, input: &str) {
    let is_told = output.contains(SECRET) || output.contains(NUMBER);
    let line = output.lines().find(|line| line.contains(SECRET) || line.contains(NUMBER)).unwrap_or_default();
    assert!(!is_told, "of\n{input}\nthis is told: {line}");
}

#[test]
fn no_report_and_no_debug_output_tells_a_secret() {
    let registry = Registry::builtin();
    let texts = planted();
    assert!(texts.len() > 500, "{}", texts.len());
    for (index, input) in texts.iter().enumerate() {
        let raw =
            RawFile { name: "patroni.yml".to_owned(), bytes: input.clone().into_bytes(), named: true, unread: None };
        let snapshot = match Snapshot::assemble(vec![raw]) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                assert_silent(&format!("{error} {error:?}"), input);
                continue;
            }
        };
        assert_silent(&format!("{snapshot:?}"), input);
        // Every third is judged by all rules.
        if index % 3 != 0 {
            continue;
        }
        let (judgements, suppressed) = check_and_count(&registry, &snapshot, &Options::default());
        assert_silent(&format!("{judgements:?}"), input);
        let report = Report::new(&snapshot, judgements, suppressed);
        let mut out = Vec::new();
        text::write(&report, Look::new(false, None), text::Detail::Everything, &mut out)
            .expect("writing to memory does not fail");
        json::write(&report, &mut out).expect("writing to memory does not fail");
        assert_silent(&String::from_utf8_lossy(&out), input);
    }
}

#[test]
fn no_command_tells_a_secret() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("planted-secrets");
    let _ = std::fs::remove_dir_all(&folder);
    for (index, text) in planted().into_iter().enumerate().filter(|(index, _)| index % 41 == 0) {
        let node = folder.join(format!("pg{index}"));
        std::fs::create_dir_all(&node).expect("the folder can be made");
        std::fs::write(node.join("patroni.yml"), text.replace("name: pg1", &format!("name: pg{index}")))
            .expect("it can be written");
    }
    let config = format!(
        "{{\"ttl\": 30, \"postgresql\": {{\"authentication\": {{\"superuser\": {{\"password\": \"{SECRET}\"}}}}}}}}"
    );
    let member = format!(
        "{{\"conn_url\": \"postgres://u:{SECRET}@10.0.0.1/db\", \"api_url\": \"http://10.0.0.1:8008/patroni\", \"state\": \"running\", \"role\": \"primary\"}}"
    );
    let keys = serde_json::json!({
        "/service/demo/config": config, "/service/demo/leader": "pg0", "/service/demo/members/pg0": member,
    });
    std::fs::write(folder.join("dump.json"), keys.to_string()).expect("it can be written");
    let input = folder.to_str().expect("UTF-8");
    let other = folder.with_file_name("planted-other-secrets");
    let _ = std::fs::remove_dir_all(&other);
    for entry in std::fs::read_dir(&folder).expect("it has just been made").flatten().filter(|it| it.path().is_dir()) {
        let node = other.join(entry.file_name());
        std::fs::create_dir_all(&node).expect("the folder can be made");
        let text = std::fs::read_to_string(entry.path().join("patroni.yml")).expect("it has just been written");
        let changed = text.replace(SECRET, &format!("{SECRET}-2")).replace(NUMBER, &format!("{NUMBER}2"));
        std::fs::write(node.join("patroni.yml"), changed).expect("it can be written");
    }
    let other = other.to_str().expect("UTF-8");
    let secret = format!("postgresql.authentication.superuser.password={SECRET}");
    for arguments in [
        &["check"][..],
        &["check", "--format", "json"],
        &["check", "--verbose"],
        &["predict", "switchover"],
        &["predict", "switchover", "--format", "json"],
        &["predict", "crash", "pg0"],
        &["show", "config"],
        &["show", "config", "--format", "json"],
        &["show", "config", "--format", "yaml"],
        &["quorum"],
        &["quorum", "--format", "json"],
        &["diff", other],
        &["diff", other, "--format", "json"],
        &["diff", "--set", &secret],
        &["diff", "--set", &secret, "--format", "json"],
        &["diff", "--set", "ttl=20", "--pg", &format!("primary_conninfo=host=h password={SECRET}")],
    ] {
        let input_at = if arguments[0] == "diff" { 1 } else { arguments.len() };
        let output = Command::new(env!("CARGO_BIN_EXE_patrolint"))
            .args(&arguments[..input_at])
            .arg(input)
            .args(&arguments[input_at..])
            .env_clear()
            .output()
            .expect("it starts");
        let told = [output.stdout, output.stderr].concat();
        assert!(!told.is_empty(), "{arguments:?}");
        assert_silent(&String::from_utf8_lossy(&told), &format!("{arguments:?}"));
    }
}
