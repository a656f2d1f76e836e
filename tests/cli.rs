//! The program as users meet it: help, exit codes, formats, bad inputs, secrets.

mod schema;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// What came of one run.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// Everything that the run let anybody see.
    fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// The program with an empty environment, in the repository's folder.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patrolint"));
    command.args(arguments).env_clear().current_dir(env!("CARGO_MANIFEST_DIR"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn finish(command: &mut Command) -> Run {
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let code = output.status.code().expect("the program ends by itself");
    Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn patrolint(arguments: &[&str]) -> Run {
    finish(&mut program(arguments))
}

fn patrolint_with_stdin(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = program(arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("stdin is piped").write_all(input).expect("the program reads its input");
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    let code = output.status.code().expect("the program ends by itself");
    Run { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the folder can be made");
    path
}

/// Writes a file below a folder and returns its path.
fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder can be made");
    std::fs::write(&path, content).expect("the file can be written");
    path.to_str().expect("the path is UTF-8").to_owned()
}

/// The recorded clusters.
fn captures() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/captured");
    let folders =
        std::fs::read_dir(root).expect("there are captures").map(|entry| entry.expect("a folder").file_name());
    let mut names: Vec<_> =
        folders.map(|name| format!("fixtures/captured/{}", name.to_str().expect("an ASCII name"))).collect();
    names.sort();
    names
}

/// The names of the commands that the help of a command lists.
fn commands(of: &[&str]) -> Vec<String> {
    let help = patrolint(&[of, &["--help"]].concat()).exits(0).stdout;
    let Some(list) = help.split("Commands:\n").nth(1) else { return Vec::new() };
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// A configuration that no rule has anything against.
const GOOD: &str = "\
scope: demo
namespace: /service/
name: pg1
restapi:
  listen: 0.0.0.0:8008
  connect_address: 192.0.2.1:8008
  authentication: {username: patroni, password: correct horse}
etcd3:
  hosts: [192.0.2.11:2379, 192.0.2.12:2379, 192.0.2.13:2379]
postgresql:
  listen: 0.0.0.0:5432
  connect_address: 192.0.2.1:5432
  authentication: {superuser: {username: postgres}, replication: {username: replicator}}
  data_dir: /var/lib/postgresql/15/main
";

/// The same with a line that YAML refuses.
fn broken_yaml() -> String {
    format!("{GOOD}  bin_dir: [/usr/lib\n")
}

#[test]
fn help_is_as_reviewed() {
    fn check(command: &[&str]) {
        let name = [&["help"], command].concat().join("-");
        insta::assert_snapshot!(name, patrolint(&[command, &["--help"]].concat()).exits(0).stdout);
        for subcommand in commands(command) {
            check(&[command, &[subcommand.as_str()]].concat());
        }
    }
    check(&[]);
}

#[test]
fn version_is_that_of_the_package() {
    let version = patrolint(&["--version"]).exits(0).stdout;
    assert_eq!(version, format!("patrolint {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_an_error() {
    let check = |arguments: &[&str], expected: &str| {
        let run = patrolint(arguments).exits(2);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
    };
    check(&[], "Usage: patrolint");
    check(&["no-such-command"], "no-such-command");
    check(&["check"], "error: no input: name a file or directory, or - for standard input");
    check(&["check", "--format", "xml", "x"], "possible values: text, json");
    check(&["check", "--patroni-version", "new", "x"], "'new' is not a Patroni release");
    check(&["check", "-q", "-v", "x"], "cannot be used with");
    check(&["check", "no-such-file.yml"], "error: cannot read no-such-file.yml: ");
    check(&["check", "-", "-"], "standard input");
}

#[test]
fn exit_code_tells_what_was_found() {
    let folder = folder("exit-codes");
    let good = file(&folder, "good.yml", GOOD);
    let bad = file(&folder, "bad.yml", broken_yaml());
    patrolint(&["check", &good]).exits(0);
    patrolint(&["check", "--fail-on", "info", &good]).exits(0);
    patrolint(&["check", &bad]).exits(1);
    patrolint(&["check", "--fail-on", "never", &bad]).exits(0);
    patrolint(&["check", "--format", "json", &bad]).exits(1);
    patrolint(&["check", &good, &bad]).exits(1);
}

#[test]
fn standard_input_is_read() {
    let run = patrolint_with_stdin(&["check", "-"], broken_yaml().as_bytes()).exits(1);
    assert!(run.stdout.contains("╭─[-:"), "{}", run.stdout);
    patrolint_with_stdin(&["check", "-"], GOOD.as_bytes()).exits(0);
}

#[test]
fn colors_are_used_when_asked_for() {
    let file = file(&folder("colors"), "patroni.yml", broken_yaml());
    let is_colored = |command: &mut Command| {
        let run = finish(command).exits(1);
        assert!(!run.stderr.contains('\u{1b}'));
        run.stdout.contains('\u{1b}')
    };
    let check = |when: &[&str]| program(&[&["check", &file], when].concat());
    assert!(!is_colored(&mut check(&[])));
    assert!(!is_colored(&mut check(&["--color", "auto"])));
    assert!(!is_colored(&mut check(&["--color", "never"])));
    assert!(is_colored(&mut check(&["--color", "always"])));
    assert!(is_colored(check(&["--color", "always"]).env("NO_COLOR", "1")));
    assert!(!is_colored(check(&[]).env("NO_COLOR", "1")));
    assert!(!is_colored(&mut check(&["--color", "always", "--format", "json"])));
}

#[test]
fn json_follows_its_schema() {
    for capture in captures() {
        let run = patrolint(&["check", "--format", "json", "--fail-on", "never", &capture]);
        assert_eq!(run.stderr, "", "{capture}");
        let document: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{capture}: {error}"));
        schema::assert_valid("check.schema.json", &document);
        let count = |name: &str| document["summary"][name].as_u64().expect("a number") as usize;
        let findings = document["findings"].as_array().expect("a list");
        assert_eq!(findings.len(), count("errors") + count("warnings") + count("infos"), "{capture}");
        assert_eq!(document["unknown"].as_array().expect("a list").len(), count("unknown"), "{capture}");
    }
    let rules = serde_json::from_str(&patrolint(&["rules", "--format", "json"]).exits(0).stdout).expect("JSON");
    schema::assert_valid("rules.schema.json", &rules);
}

#[test]
fn same_input_gives_same_output() {
    for capture in captures() {
        for arguments in [&["check", "--verbose"][..], &["check", "--format", "json"]] {
            let run = || patrolint(&[arguments, &[&capture]].concat()).output();
            assert_eq!(run(), run(), "{capture}");
        }
    }
}

#[test]
fn report_goes_into_a_file() {
    let folder = folder("output");
    let config = file(&folder, "patroni.yml", broken_yaml());
    let report = folder.join("report.txt").to_str().expect("UTF-8").to_owned();
    let run = patrolint(&["check", "-o", &report, &config]).exits(1);
    assert_eq!(run.output(), "");
    let on_screen = patrolint(&["check", &config]).exits(1).stdout;
    assert_eq!(std::fs::read_to_string(&report).expect("the report"), on_screen);

    let nowhere = folder.join("no/such/folder").to_str().expect("UTF-8").to_owned();
    let run = patrolint(&["check", "-o", &nowhere, &config]).exits(2);
    assert!(run.stderr.starts_with(&format!("error: cannot write {nowhere}: ")), "{}", run.stderr);
}

#[test]
fn quiet_and_verbose_frame_the_findings() {
    let file = file(&folder("detail"), "patroni.yml", broken_yaml());
    let usual = patrolint(&["check", &file]).exits(1).stdout;
    let quiet = patrolint(&["check", "-q", &file]).exits(1).stdout;
    let verbose = patrolint(&["check", "-v", &file]).exits(1).stdout;
    assert!(usual.starts_with(&quiet) && quiet.len() < usual.len());
    assert!(verbose.starts_with(&quiet) && usual.len() < verbose.len());
    assert!(!quiet.contains("checked") && usual.contains("checked") && verbose.contains("Read:"));
}

#[test]
fn reader_that_goes_away_is_no_error() {
    let mut child = program(&["check", "-"]).stdin(Stdio::piped()).spawn().expect("the program starts");
    drop(child.stdout.take());
    child.stdin.take().expect("piped").write_all(broken_yaml().as_bytes()).expect("the program reads its input");
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
    assert_eq!((child.wait().expect("it ends").code(), stderr.as_str()), (Some(1), ""));
}

#[test]
fn explains_every_rule_that_it_lists() {
    let list = patrolint(&["rules"]).exits(0).stdout;
    assert!(!list.is_empty());
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let (code, slug) = (words.next().expect("a code"), words.next().expect("a slug"));
        let by_code = patrolint(&["explain", code]).exits(0);
        let by_slug = patrolint(&["explain", &slug.to_uppercase()]).exits(0);
        assert!(by_code.stdout.starts_with(&format!("{code} {slug} (")), "{code}: {}", by_code.stdout);
        assert_eq!(by_code.stdout, by_slug.stdout, "{code}");
        let colored = patrolint(&["explain", "--color", "always", code]).exits(0).stdout;
        assert!(colored.starts_with("\u{1b}[1m"), "{code}: {colored}");
    }
}

#[test]
fn unknown_rule_brings_suggestions() {
    let list = patrolint(&["rules"]).exits(0).stdout;
    let slug = list.split_whitespace().nth(1).expect("a slug");
    let run = patrolint(&["explain", &slug[..slug.len() - 1]]).exits(2);
    assert!(run.stderr.starts_with("error: there is no rule ") && run.stderr.contains(slug), "{}", run.stderr);
    let run = patrolint(&["explain", "%%%"]).exits(2);
    assert_eq!(run.output(), "error: there is no rule %%%\nhelp: `patrolint rules` lists them all\n");
}

#[test]
fn rules_of_a_folder_are_added() {
    let folder = folder("own-rules");
    let page = "---\ncode: OWN001\nslug: name-too-plain\nseverity: warning\nconfidence: high\nneeds: [configurations]\n\
        each: configurations\nwhen: configuration.name == 'pg1'\nat: configuration.name\nmessage: a plain name\n---\n\
        # A plain name\n\nIt is plain.\n";
    file(&folder, "pages/own/OWN001-name-too-plain.md", page);
    let pages = folder.join("pages").to_str().expect("UTF-8").to_owned();
    let config = file(&folder, "patroni.yml", GOOD);
    let run = patrolint(&["check", "--rules", &pages, "--fail-on", "warning", &config]).exits(1);
    assert!(run.stdout.contains("warning[OWN001] name-too-plain: a plain name"), "{}", run.stdout);
    let list = patrolint(&["rules", "--rules", &pages]).exits(0).stdout;
    assert!(list.contains("OWN001") && list.lines().count() == 1 + patrolint(&["rules"]).stdout.lines().count());
    assert_eq!(
        patrolint(&["explain", "--rules", &pages, "OWN001"]).exits(0).stdout,
        "OWN001 name-too-plain (warning)\n\n# A plain name\n\nIt is plain.\n"
    );

    file(&folder, "pages/own/OWN001-name-too-plain.md", page.replace("high", "total"));
    let run = patrolint(&["check", "--rules", &pages, &config]).exits(2);
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains("OWN001-name-too-plain.md:"), "{}", run.stderr);
    let run = patrolint(&["check", "--rules", "schemas", &config]).exits(2);
    assert_eq!(run.output(), "error: no rule page (*.md) in schemas\n");
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = patrolint(&["completions", shell]).exits(0).stdout;
        assert!(commands(&[]).iter().all(|command| script.contains(command.as_str())), "{shell}");
    }
    patrolint(&["completions", "cmd"]).exits(2);
}

#[test]
fn scope_selects_a_cluster() {
    let folder = folder("scope");
    let one = file(&folder, "one.yml", GOOD);
    let two = file(&folder, "two.yml", broken_yaml().replace("demo", "other"));
    let run = patrolint(&["check", "--scope", "nowhere", &one, &two]).exits(2);
    assert!(run.stderr.starts_with("error: no cluster nowhere in the input\nhelp: it holds demo"), "{}", run.stderr);
    patrolint(&["check", "--scope", "demo", "--format", "json", &one]).exits(0);
}

/// The start of a dump that breaks off in the middle.
const TRUNCATED: &str = "{\"header\":{\"revision\":29},\"kvs\":[{\"key\":\"L3NlcnZpY2UvZGVtby9zeW5j\",\"val";

#[test]
fn input_that_is_none_is_one_clear_error() {
    let folder = folder("bad-inputs");
    let check = |name: &str, content: &[u8]| {
        let path = file(&folder, name, content);
        let commands = [
            &["check"][..],
            &["check", "--verbose"],
            &["check", "--format", "json"],
            &["predict", "switchover"],
            &["quorum", "--format", "json"],
        ];
        for command in commands {
            let run = patrolint(&[command, &[&path]].concat()).exits(2);
            assert_eq!(run.stdout, "", "{name}");
            assert_eq!(run.stderr.matches("error: ").count(), 1, "{name}: {}", run.stderr);
            assert!(run.stderr.starts_with("error: ") && run.stderr.contains(&path), "{name}: {}", run.stderr);
            assert!(run.stderr.len() < 1000, "{name}: {}", run.stderr);
            assert!(!run.stderr.contains("panicked") && !run.stderr.contains('\u{1b}'), "{name}: {}", run.stderr);
        }
        let stdin = patrolint_with_stdin(&["check", "-"], content).exits(2);
        assert_eq!(stdin.stdout, "", "{name}");
        assert!(stdin.stderr.starts_with("error: ") && stdin.stderr.contains('-'), "{name}: {}", stdin.stderr);
    };
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(GOOD.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    check("empty.json", b"");
    check("blank.txt", b" \n\n");
    check("truncated.json", TRUNCATED.as_bytes());
    check("binary.db", &[0x7f, b'E', b'L', b'F', 0, 1, 2, 0xff, 0xfe, 0, 0]);
    check("gzip.json", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
    check("utf16.txt", &utf16);
    check("unrelated.json", b"{\"id\": 7, \"version\": \"1.3.0\"}");
    check("number.json", b"42");
    check("unrelated.txt", b"Dear operator,\n\nplease find the dump attached.\n");
    check("unrelated", b"services:\n  web:\n    image: nginx\n");
    check("escape.txt", b"\x1b[2J\x1b[31mhello");
}

#[test]
fn folder_without_input_is_an_error() {
    let folder = folder("bad-folders");
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("the folder can be made");
    let other = folder.join("other");
    file(&other, "README.txt", "nothing here\n");
    for path in [&empty, &other] {
        let path = path.to_str().expect("UTF-8");
        let run = patrolint(&["check", path]).exits(2);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(path), "{}", run.stderr);
    }
}

#[test]
fn broken_dump_beside_good_files_fails_and_the_rest_is_reported() {
    let folder = folder("broken-beside-good");
    file(&folder, "patroni.yml", GOOD);
    file(&folder, "dcs/etcdctl-get.json", TRUNCATED);
    let run = patrolint(&["check", folder.to_str().expect("UTF-8")]).exits(2);
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains("etcdctl-get.json"), "{}", run.stderr);
    assert!(run.stdout.contains("1 configuration file"), "{}", run.stdout);
}

/// What must not be seen anywhere.
const PLANTED: &str = "Zq7-planted-Secret";

#[test]
fn secrets_are_never_shown() {
    let folder = folder("secrets");
    let good =
        GOOD.replace("  authentication: {superuser: {username: postgres}, replication: {username: replicator}}\n", "");
    let config = format!(
        "{good}  authentication:
    superuser: {{username: postgres, password: {PLANTED}1}}
    replication:
      username: replicator
      password: '{PLANTED}2'
      pasword: {PLANTED}3
  parameters: {{primary_conninfo: 'host=pg1 password={PLANTED}4 user=replicator'}}
  ttl: 30
bootstrap:
  users:
    admin:
      password: {PLANTED}6
consul:
  token: {PLANTED}7
etcd:
  url: https://root:{PLANTED}8@192.0.2.11:2379
"
    );
    file(&folder, "good/patroni.yml", &config);
    file(&folder, "unclosed/patroni.yml", config.replace(&format!("'{PLANTED}2'"), &format!("'{PLANTED}2")));
    file(&folder, "tab/patroni.yml", config.replace("  ttl: 30", &format!("\tpassword: {PLANTED}9")));
    file(&folder, "twice/patroni.yml", format!("{config}  password: {PLANTED}a\n  password: {PLANTED}b\n"));
    let keys = serde_json::json!({
        "/service/demo/config": format!("{{\"ttl\": \"thirty\", \"postgresql\": {{\"authentication\": {{\"superuser\": {{\"password\": \"{PLANTED}c\"}}}}}}}}"),
        "/service/demo/members/pg1": format!("{{\"conn_url\": \"postgres://admin:{PLANTED}d@192.0.2.1:5432/postgres\", \"api_url\": \"http://user:{PLANTED}e@192.0.2.1:8008/patroni\", \"state\": \"running\", \"role\": \"primary\"}}"),
        "/service/demo/leader": "pg1",
        "/service/demo/initialize": "7656",
        "/service/demo/sync": format!("{{\"leader\": \"pg1\", \"password\": \"{PLANTED}f\""),
    });
    let dump = file(&folder, "dump.json", keys.to_string());
    let broken_dump = file(&folder, "broken.json", &keys.to_string()[..keys.to_string().len() - 9]);
    let inputs: Vec<Vec<String>> = ["good", "unclosed", "tab", "twice"]
        .iter()
        .map(|name| vec![folder.join(name).join("patroni.yml").to_str().expect("UTF-8").to_owned(), dump.clone()])
        .chain([vec![dump.clone()], vec![broken_dump], vec![folder.to_str().expect("UTF-8").to_owned()]])
        .collect();
    let commands: [&[&str]; 9] = [
        &["check", "--fail-on", "never"],
        &["check", "--verbose", "--color", "always"],
        &["check", "--quiet", "--fail-on", "info"],
        &["check", "--format", "json"],
        &["predict", "switchover", "--candidate", "pg2", "--verbose"],
        &["predict", "switchover", "--via", "api", "--format", "json"],
        &["predict", "crash", "--verbose"],
        &["quorum"],
        &["quorum", "--format", "json"],
    ];
    for input in &inputs {
        for command in commands {
            let arguments: Vec<&str> = command.iter().copied().chain(input.iter().map(String::as_str)).collect();
            let output = patrolint(&arguments).output();
            assert!(!output.is_empty());
            let shown =
                output.find("planted").map(|at| output[at.saturating_sub(200)..].chars().take(300).collect::<String>());
            assert_eq!(shown, None, "{arguments:?}");
        }
    }
}

#[test]
fn places_are_right_in_any_text() {
    let folder = folder("places");
    let lines = [
        "\u{feff}scope: démo",
        "name: pg1  # € and\ta tab in a comment",
        "restapi: {listen: \"127.0.0.1:8008\", connect_address: \"0.0.0.0:8008\"}",
        "etcd3: {hosts: [\"a:2379\", \"b:2379\", \"c:2379\"]}",
        "postgresql:",
        "  listen: 10.0.0.1:5432",
        "  connect_address: 10.0.0.1:5432",
        "  data_dir: /donn\u{e9}es",
        "  synchronous_mode: quorum",
        "  authentication:",
        "    superuser: {username: pöstgres, password: 01234}",
        "    replication: {username: rep, password: \"漢字\"}",
        "tags: {ÿ: \"漢\", nofailover: \"false\"}",
        "",
    ];
    for (name, line_break) in [("lf.yml", "\n"), ("crlf.yml", "\r\n")] {
        let path = file(&folder, name, lines.join(line_break));
        let run = patrolint(&["check", "--format", "json", &path]).exits(1);
        let report: Value = serde_json::from_str(&run.stdout).expect("the report is JSON");
        let mut places: Vec<String> = Vec::new();
        for finding in report["findings"].as_array().expect("findings") {
            let label = &finding["labels"][0];
            places.push(format!(
                "{} {}:{}-{}:{}",
                finding["code"].as_str().expect("a code"),
                label["line"],
                label["column"],
                label["end_line"],
                label["end_column"]
            ));
        }
        places.sort();
        assert_eq!(
            places,
            ["PTL006 11:47-11:52", "PTL010 13:28-13:35", "PTL102 3:54-3:68", "PTL107 9:3-9:19",],
            "{name}"
        );
    }
}
