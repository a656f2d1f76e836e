//! Live clusters, played by servers inside of the test: a recorded cluster behind etcd's gateway and the members' REST APIs.
//!
//! `tests/live` does the same with real servers.
#![cfg(feature = "online")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A capture in which a switchover to a named candidate is refused, and one without is accepted.
const CAPTURE: &str = "fixtures/captured/quorum-405-3n-nc1";

/// What nobody may see.
const PASSWORD: &str = "planted-secret";

/// All that may be asked of a DCS and of members: nothing here writes.
const READS: [&str; 9] = [
    "GET /version",
    "POST /v3/auth/authenticate",
    "POST /v3/kv/range",
    "POST /v3/lease/timetolive",
    "POST /v3/cluster/member/list",
    "POST /v3/maintenance/status",
    "GET /patroni",
    "GET /cluster",
    "GET /config",
];

/// A recorded cluster that answers on loopback.
struct Cluster {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct State {
    port: u16,
    /// Paths and values.
    keys: Vec<(String, String)>,
    /// `METHOD /path` of every request.
    requests: BTreeSet<String>,
    /// Whether the users' passwords count.
    has_users: bool,
    /// Answers to this many more requests for keys, then `/sync` asks for no vote.
    flips_after: Option<usize>,
    /// Whether the leader's key is another one each time.
    is_restless: bool,
}

impl Cluster {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(Mutex::new(State::recorded(port)));
        let shared = Arc::clone(&state);
        // The thread ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { port, state }
    }

    fn url(&self) -> String {
        format!("etcd3://127.0.0.1:{}", self.port)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("no panic while it was held"))
    }
}

impl State {
    fn recorded(port: u16) -> Self {
        let dump = std::fs::read(top().join(CAPTURE).join("dcs/etcdctl-get.json")).expect("the capture holds a dump");
        let dump: Value = serde_json::from_slice(&dump).expect("it is JSON");
        let text = |node: &Value| {
            let bytes = STANDARD.decode(node.as_str().expect("a string")).expect("base64");
            String::from_utf8(bytes).expect("Patroni writes UTF-8")
        };
        let keys = dump["kvs"].as_array().expect("keys").iter().map(|item| (text(&item["key"]), text(&item["value"])));
        // Every member answers here, below its own name.
        let keys = keys.map(|(path, value)| {
            let Some(name) = path.rsplit_once("/members/").map(|(_, name)| name.to_owned()) else {
                return (path, value);
            };
            let mut member: Value = serde_json::from_str(&value).expect("a member is JSON");
            member["api_url"] = json!(format!("http://127.0.0.1:{port}/patroni?{name}"));
            (path, member.to_string())
        });
        Self {
            port,
            keys: keys.collect(),
            requests: BTreeSet::new(),
            has_users: false,
            flips_after: None,
            is_restless: false,
        }
    }

    fn answer(&mut self, method: &str, target: &str, head: &str, body: &str) -> (u16, String) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.requests.insert(format!("{method} {path}"));
        let header = json!({ "cluster_id": "1", "member_id": "2", "revision": "29", "raft_term": "2" });
        let has_token = head.to_lowercase().contains("authorization: the-token");
        if self.has_users && path.starts_with("/v3/") && path != "/v3/auth/authenticate" && !has_token {
            return (400, json!({ "error": "etcdserver: user name is empty", "code": 3 }).to_string());
        }
        let asked: Value = serde_json::from_str(body).unwrap_or_default();
        let answer = match path {
            "/version" => json!({ "etcdserver": "3.5.9", "etcdcluster": "3.5.0" }),
            "/v3/auth/authenticate" if asked["password"] == PASSWORD => {
                json!({ "header": header, "token": "the-token" })
            }
            "/v3/auth/authenticate" => {
                let error = "etcdserver: authentication failed, invalid user ID or password";
                return (400, json!({ "error": error, "code": 3 }).to_string());
            }
            "/v3/kv/range" => {
                if let Some(left) = &mut self.flips_after {
                    if *left == 0 {
                        let sync = self.keys.iter_mut().find(|(path, _)| path.ends_with("/sync")).expect("it has one");
                        sync.1 = sync.1.replace("\"quorum\":1", "\"quorum\":0");
                    }
                    *left = left.saturating_sub(1);
                }
                if self.is_restless {
                    let leader = self.keys.iter_mut().find(|(path, _)| path.ends_with("/leader")).expect("it has one");
                    leader.1 = if leader.1 == "pg1" { "pg2".to_owned() } else { "pg1".to_owned() };
                }
                let range = |name: &str| STANDARD.decode(asked[name].as_str().unwrap_or_default()).expect("base64");
                let (start, end) = (range("key"), range("range_end"));
                let kept = self
                    .keys
                    .iter()
                    .filter(|(path, _)| start.as_slice() <= path.as_bytes() && path.as_bytes() < end.as_slice());
                let kvs: Vec<Value> = kept
                    .map(|(path, value)| {
                        json!({ "key": STANDARD.encode(path), "value": STANDARD.encode(value), "mod_revision": "7", "lease": "77" })
                    })
                    .collect();
                json!({ "header": header, "count": kvs.len().to_string(), "kvs": kvs })
            }
            "/v3/lease/timetolive" => json!({ "header": header, "ID": "77", "TTL": "14", "grantedTTL": "20" }),
            "/v3/cluster/member/list" => {
                let url = format!("http://127.0.0.1:{}", self.port);
                json!({ "header": header, "members": [{ "ID": "2", "name": "e1", "clientURLs": [url] }] })
            }
            "/v3/maintenance/status" => {
                json!({ "header": header, "version": "3.5.9", "dbSize": "36864", "leader": "2" })
            }
            "/patroni" => {
                let file = top().join(CAPTURE).join("rest").join(query).join("patroni.json");
                return match std::fs::read_to_string(file) {
                    Ok(body) => (200, body),
                    Err(_) => (404, "no such member".to_owned()),
                };
            }
            _ => {
                let kind = if path == "/metrics" { "txt" } else { "json" };
                let file = top().join(CAPTURE).join(format!("rest/pg1{path}.{kind}"));
                return (200, std::fs::read_to_string(file).expect("the capture holds it"));
            }
        };
        (200, answer.to_string())
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let mut words = head.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let body = String::from_utf8_lossy(&body);
        let (status, answer) = state.lock().expect("no panic while it was held").answer(method, target, &head, &body);
        let length = answer.len();
        write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{answer}").ok()?;
    }
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("online").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the folder can be made");
    path
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_patrolint"));
    command.args(arguments).current_dir(top()).env_clear();
    command
}

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = command(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code().expect("it ends by itself"), text(output.stdout), text(output.stderr))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_live_cluster_is_predicted_as_its_capture_and_only_read() {
    let cluster = Cluster::start();
    let url = cluster.url();
    for action in
        [&["switchover", "--candidate", "pg2"][..], &["switchover"], &["failover", "--candidate", "pg3"], &["crash"]]
    {
        let online = [&["predict"], action, &["--dcs", &url, "--scope", "demo", "--format", "json"]].concat();
        let offline = [&["predict"], action, &[CAPTURE, "--format", "json"]].concat();
        let (online, offline) = (run(&online), run(&offline));
        assert_eq!((online.0, online.2.as_str()), (offline.0, ""));
        let (online, offline) = (parsed(&online.1), parsed(&offline.1));
        for field in ["verdict", "gate", "http_status", "http_body", "winners", "gates", "depends_on"] {
            assert_eq!(online[field], offline[field], "{action:?}: {field}");
        }
    }
    assert_eq!(run(&["quorum", "--dcs", &url, "--scope", "demo"]).0, 0);
    assert_eq!(run(&["check", "--dcs", &url, "--all-scopes"]).0, 1);
    let requests = cluster.change(|state| state.requests.clone());
    let reads: BTreeSet<String> = READS.map(str::to_owned).into();
    assert!(requests.is_subset(&reads), "{requests:?}");
    assert!(requests.contains("POST /v3/kv/range") && requests.contains("GET /patroni"), "{requests:?}");
}

#[test]
fn a_capture_says_what_the_live_cluster_said() {
    let cluster = Cluster::start();
    let folder = folder("capture");
    let configuration = folder.join("patroni.yml");
    let text = format!(
        "scope: demo\nname: pg1\netcd3: {{host: '127.0.0.1:{}'}}\npostgresql: {{listen: '10.0.0.1:5432', connect_address: \
         '10.0.0.1:5432', data_dir: /data, authentication: {{superuser: {{username: a, password: {PASSWORD}}}, replication: \
         {{username: b, password: {PASSWORD}}}}}}}\nrestapi: {{listen: '10.0.0.1:8008', connect_address: '10.0.0.1:8008'}}\n",
        cluster.port
    );
    std::fs::write(&configuration, text).expect("the folder is writable");
    let configuration = configuration.to_str().expect("UTF-8");
    let bundle = folder.join("demo.tar.zst");
    let bundle = bundle.to_str().expect("UTF-8");
    let (code, stdout, stderr) = run(&["capture", "-c", configuration, "-o", bundle]);
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert!(stderr.starts_with(&format!("{bundle}: ")), "{stderr}");
    let report = |arguments: &[&str]| {
        let (_, stdout, stderr) = run(arguments);
        assert!(!stdout.contains(PASSWORD) && !stderr.contains(PASSWORD));
        let mut report = parsed(&stdout);
        let findings = report["findings"].as_array_mut().expect("it has findings");
        for label in findings.iter_mut().flat_map(|finding| finding["labels"].as_array_mut()).flatten() {
            // The same file goes by its name in the bundle.
            let is_configuration = label["file"].as_str().is_some_and(|file| file.ends_with("patroni.yml"));
            if is_configuration {
                label["file"] = json!("patroni.yml");
            }
        }
        (report["findings"].clone(), report["unknown"].clone())
    };
    let online = report(&["check", "--online", "-c", configuration, "--format", "json"]);
    assert_eq!(online, report(&["check", bundle, "--format", "json"]));
    assert_ne!(online.0, json!([]), "the known bug is found at least");
    let unpacked = zstd::decode_all(std::fs::File::open(bundle).expect("it was written")).expect("it is zstd");
    let has = |text: &str| unpacked.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!has(PASSWORD) && has("demo/config/pg1/patroni.yml") && has("sha256:"));
}

#[test]
fn users_are_known_by_their_password_which_nothing_shows() {
    let cluster = Cluster::start();
    cluster.change(|state| state.has_users = true);
    let folder = folder("users");
    let configuration = |name: &str, password: &str| {
        let path = folder.join(name);
        let etcd3 = format!("{{host: '127.0.0.1:{}', username: root, password: {password}}}", cluster.port);
        std::fs::write(&path, format!("scope: demo\netcd3: {etcd3}\n")).expect("the folder is writable");
        path.to_str().expect("UTF-8").to_owned()
    };
    let predict = |path: &str| run(&["predict", "switchover", "--online", "-c", path]);
    let (code, stdout, stderr) = predict(&configuration("good.yml", PASSWORD));
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(!stdout.contains(PASSWORD));
    let (code, stdout, stderr) = predict(&configuration("bad.yml", "wrong-secret"));
    assert_eq!((code, stdout.as_str()), (2, ""));
    let expect = format!(
        "error: cannot read the cluster: http://127.0.0.1:{}: authentication failed, invalid user ID or password (user root)\n",
        cluster.port
    );
    assert!(stderr.starts_with(&expect), "{stderr}");
    assert!(!stderr.contains("wrong-secret"), "{stderr}");
}

#[test]
fn a_cluster_that_is_not_there_is_told_with_those_that_are() {
    let cluster = Cluster::start();
    let (code, _, stderr) = run(&["quorum", "--dcs", &cluster.url(), "--scope", "demmo"]);
    assert_eq!(code, 2);
    assert_eq!(stderr, "error: the DCS holds no cluster demmo below /service\nhelp: it holds demo\n");
    let (code, _, stderr) = run(&["quorum", "--dcs", &format!("{}/elsewhere", cluster.url()), "--all-scopes"]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: the DCS holds no cluster below /elsewhere\n"), "{stderr}");
    let (code, _, stderr) = run(&["quorum", "--dcs", &cluster.url()]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: nothing tells which cluster to look at\n"), "{stderr}");
}

#[test]
fn a_member_that_does_not_answer_leaves_a_verdict_from_the_rest() {
    let cluster = Cluster::start();
    cluster.change(|state| {
        let member = state.keys.iter_mut().find(|(path, _)| path.ends_with("/members/pg3")).expect("it has three");
        member.1 = member.1.replace("patroni?pg3", "patroni?nobody");
    });
    let (code, stdout, stderr) = run(&["predict", "switchover", "--dcs", &cluster.url(), "--scope", "demo"]);
    // pg2 alone has no vote besides its own.
    assert!(code == 1 && stdout.starts_with("REFUSED"), "{stdout}");
    let words: Vec<&str> = stdout.split_whitespace().collect();
    assert!(words.join(" ").contains("pg3 did not answer"), "{stdout}");
    assert!(stderr.starts_with("warning: pg3, GET /patroni of http://127.0.0.1:"), "{stderr}");
}

#[test]
fn what_changes_while_it_is_read_is_read_again() {
    let predict = |cluster: &Cluster| {
        run(&["predict", "switchover", "--candidate", "pg2", "--dcs", &cluster.url(), "--scope", "demo"])
    };
    let cluster = Cluster::start();
    // The keys change before they are read a second time.
    cluster.change(|state| state.flips_after = Some(1));
    let (code, stdout, stderr) = predict(&cluster);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.starts_with("ACCEPTED"), "{stdout}");
    let cluster = Cluster::start();
    cluster.change(|state| state.is_restless = true);
    let doubt = "/service/demo/leader changed while it was read";
    let (_, stdout, stderr) = predict(&cluster);
    let words: Vec<&str> = stdout.split_whitespace().collect();
    assert!(words.join(" ").contains(doubt), "{stdout}");
    assert!(stderr.contains(doubt), "{stderr}");
    let (_, stdout, _) = run(&["check", "--dcs", &cluster.url(), "--scope", "demo"]);
    assert!(stdout.contains("[PTL509]"), "{stdout}");
}

#[test]
fn a_change_of_the_verdict_is_printed_while_watching() {
    let cluster = Cluster::start();
    // Every look reads the keys twice.
    cluster.change(|state| state.flips_after = Some(4));
    let url = cluster.url();
    let arguments = ["predict", "switchover", "--candidate", "pg2", "--dcs", &url, "--scope", "demo", "--watch=0.1"];
    let mut child = command(&arguments).stdout(Stdio::piped()).spawn().expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut verdicts = Vec::new();
    for line in lines.map_while(Result::ok) {
        let word = line.split(' ').next().unwrap_or_default().to_owned();
        if word == "REFUSED" || word == "ACCEPTED" || line.starts_with("== ") {
            verdicts.push(word);
        }
        if verdicts.len() == 3 {
            break;
        }
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_eq!(verdicts, ["REFUSED", "==", "ACCEPTED"]);
}

#[test]
fn a_verdict_is_waited_for() {
    let cluster = Cluster::start();
    cluster.change(|state| state.flips_after = Some(2));
    let url = cluster.url();
    let predict = ["predict", "switchover", "--candidate", "pg2", "--dcs", &url, "--scope", "demo"];
    let wait =
        |verdict: &str, seconds: &str| run(&[&predict[..], &["--wait-for", verdict, "--timeout", seconds]].concat());
    let (code, stdout, _) = wait("accepted", "600");
    assert_eq!(code, 0);
    assert!(stdout.starts_with("ACCEPTED"), "{stdout}");
    let (code, stdout, _) = wait("refused", "0.1");
    assert_eq!(code, 1);
    assert!(stdout.starts_with("ACCEPTED"), "{stdout}");
}

#[test]
fn monitoring_systems_are_told_in_their_own_form() {
    let cluster = Cluster::start();
    let url = cluster.url();
    let (code, stdout, _) = run(&["quorum", "--dcs", &url, "--scope", "demo", "--format", "nagios"]);
    let expect = "PATROLINT OK demo - automatic failover: any 1 may be lost, ";
    assert!(code == 0 && stdout.starts_with(expect), "{stdout}");
    let switchover = ["predict", "switchover", "--candidate", "pg2", "--dcs", &url, "--scope", "demo", "--format"];
    let (code, stdout, _) = run(&[&switchover[..], &["nagios"]].concat());
    assert!(code == 2 && stdout.starts_with("PATROLINT CRITICAL demo - switchover to pg2: refused"), "{stdout}");
    let (code, stdout, _) = run(&[&switchover[..], &["prometheus"]].concat());
    let line = "patrolint_accepted{scope=\"demo\",action=\"switchover\",candidate=\"pg2\"} 0\n";
    assert!(code == 1 && stdout.contains(line), "{stdout}");
    let (code, stdout, stderr) =
        run(&["check", "--dcs", "etcd3://127.0.0.1:1", "--scope", "demo", "--format", "nagios"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.starts_with("PATROLINT UNKNOWN - cannot read the cluster: http://127.0.0.1:1: "), "{stdout}");
}

#[test]
fn a_change_of_a_live_cluster_is_told_as_of_its_capture() {
    let cluster = Cluster::start();
    let folder = folder("diff");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("the folder is writable");
        folder.join(name).display().to_string()
    };
    let node = |more: &str| {
        let (port, password) = (cluster.port, format!("{{username: a, password: {PASSWORD}}}"));
        format!(
            "scope: demo\nname: pg1\netcd3: {{host: '127.0.0.1:{port}'}}\nrestapi: {{authentication: {password}}}\n\
             postgresql: {{data_dir: /data, authentication: {{superuser: {password}, replication: {password}}}}}\n{more}"
        )
    };
    let (file, changed) = (write("patroni.yml", &node("")), write("new.yml", &node("tags: {nosync: true}\n")));
    let environment =
        write("new.env", &format!("PATRONI_LOG_LEVEL=DEBUG\nPATRONI_REPLICATION_PASSWORD={PASSWORD}-2\n"));
    let (none, edit) = (write("none.env", ""), write("edit.yml", "ttl: 30\n"));
    let url = cluster.url();
    let capture = format!("{CAPTURE}/dcs/etcdctl-get.json");
    let rest = format!("{CAPTURE}/rest");
    // The same keys and answers, offline.
    let offline = folder.join("offline");
    std::fs::create_dir_all(&offline).expect("the folder is writable");
    std::fs::copy(top().join(&capture), offline.join("dump.json")).expect("it can be copied");
    for name in ["pg1", "pg2", "pg3"] {
        let target = offline.join("rest").join(name);
        std::fs::create_dir_all(&target).expect("the folder is writable");
        let answer = top().join(&rest).join(name).join("patroni.json");
        std::fs::copy(answer, target.join("patroni.json")).expect("it can be copied");
    }
    let offline = offline.display().to_string();
    let live = ["diff", "--online", "-c", &file, "--format", "json"];
    let still = ["diff", &offline, "-c", &file, "--format", "json"];
    let changes = [
        &["--set", "synchronous_mode=on"][..],
        &["--pg", "max_connections=100"],
        &["--apply", &edit],
        &["--replace", &edit],
        &[&edit],
        &[&changed],
        &["-c", &changed],
        &["--env-file", &none, "--env-file", &environment],
    ];
    for change in changes {
        let (online, offline) = (run(&[&live[..], change].concat()), run(&[&still[..], change].concat()));
        assert!(!format!("{online:?}{offline:?}").contains(PASSWORD));
        assert_eq!((online.0, online.2.as_str()), (offline.0, ""), "{}", online.1);
        let (online, offline) = (parsed(&online.1), parsed(&offline.1));
        assert!(online["before"].as_str().is_some_and(|name| name.starts_with("the live cluster, ")), "{online}");
        for field in ["after", "leader", "nodes", "changes", "replication", "steps"] {
            assert_eq!(online[field], offline[field], "{field}");
        }
        assert_ne!(online["changes"], json!([]));
    }
    // The DCS by itself will do, and no node's configuration is needed.
    let (code, stdout, stderr) = run(&["diff", "--dcs", &url, "--scope", "demo", "-s", "ttl=25"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(
        stdout.starts_with("1 CHANGE  1 live") && stdout.contains("the live cluster → edit-config -s ttl=25"),
        "{stdout}"
    );
    let requests = cluster.change(|state| state.requests.clone());
    assert!(requests.is_subset(&READS.map(str::to_owned).into()), "{requests:?}");
}

#[test]
fn what_makes_no_change_of_a_live_cluster_is_refused() {
    let cluster = Cluster::start();
    let folder = folder("diff-mistakes");
    let control = folder.join("patronictl.yaml");
    let text = format!("scope: demo\netcd3: {{host: '127.0.0.1:{}'}}\n", cluster.port);
    std::fs::write(&control, &text).expect("the folder is writable");
    let node = folder.join("patroni.yml");
    std::fs::write(&node, format!("{text}name: pg1\npostgresql: {{data_dir: /data}}\n"))
        .expect("the folder is writable");
    let (control, node, url) = (control.display().to_string(), node.display().to_string(), cluster.url());
    let refused = |arguments: &[&str], expected: &str| {
        let (code, stdout, stderr) = run(&[&["diff"], arguments].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.starts_with(expected), "{arguments:?}: {stderr}");
    };
    refused(&["--dcs", &url, "--scope", "demo"], "error: nothing tells the change\n");
    refused(&["--online", "-s", "ttl=25"], "error: --online needs to know where the cluster is\nhelp: name Patroni's");
    // patronictl's configuration leads to the cluster, and is no node's.
    let unknown = "error: nothing tells which node's configuration it is that changes\nhelp: name the node's configuration before";
    refused(&["--online", "-c", &control, "-c", &node], unknown);
    refused(&["--online", "-c", &control, "--env-file", &node, "--env-file", &node], unknown);
    let (code, stdout, _) = run(&["diff", "--online", "-c", &control, "-s", "ttl=25"]);
    assert!(code == 0 && stdout.starts_with("1 CHANGE"), "{stdout}");
}
