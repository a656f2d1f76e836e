//! Tells what a file is, by its content first and its name second, and decodes it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::input::source_map::{Position, SourceId, SourceMap};
use crate::input::{RawFile, Unread};
use crate::parse::dump::paths::{self, Stat};
use crate::parse::dump::{
    DcsKind, DcsServer, KeyDump, KeyPath, MAX_VALUES, Malformed, consul, etcd2, etcd3, kubernetes, reading,
};
use crate::parse::tree::{Mapping, Node, Value};
use crate::parse::{json, secrets, yaml};

/// The source of trees that belong to no [`SourceMap`] yet; see [`Node::rebase`].
const NOWHERE: SourceId = SourceId(u32::MAX);

/// The largest text that is taken for a configuration, in bytes.
const MAX_CONFIGURATION_BYTES: usize = 4 << 20;

/// A file that is understood.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file's name as in [`RawFile::name`].
    pub name: String,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// Keys of a DCS.
    Keys(KeyDump),
    /// Stats of ZooKeeper's nodes by path.
    Stats(BTreeMap<String, Stat>),
    /// Leases of etcd.
    Leases(Vec<etcd3::Lease>),
    /// Servers of the DCS.
    Servers(Vec<DcsServer>),
    /// The answer of `GET /patroni`.
    Member(MemberAnswer),
    /// The members whose REST API was asked for `/patroni` and did not answer, each with the reason.
    Silent(Vec<(String, String)>),
    /// Another member's view of the cluster.
    View(View),
    /// A local configuration, or a part of one.
    Configuration(Configuration),
    /// The description of a capture.
    Capture(Capture),
    /// The DCS was asked and did not answer, for this reason.
    DcsUnreachable(String),
    /// What `patronictl version` says of itself.
    PatronictlVersion(String),
    /// Something known that tells nothing more; this is what it is.
    Unused(&'static str),
    /// Something that was not read, for this reason.
    Unread(String),
}

/// A text and what it means; its spans belong to no source map yet.
#[derive(Clone)]
pub struct Body {
    /// The text, secrets included.
    pub text: String,
    /// The tree.
    pub tree: Node,
}

/// The answer of `GET /patroni`.
#[derive(Clone, Debug)]
pub struct MemberAnswer {
    /// The body.
    pub body: Body,
    /// `patroni.scope`
    pub scope: Option<String>,
    /// `patroni.name`, which releases before 3.2.0 do not tell.
    pub name: Option<String>,
}

/// A view of the whole cluster that is not the DCS.
#[derive(Clone, Debug)]
pub struct View {
    /// Which one.
    pub kind: ViewKind,
    /// The body.
    pub body: Body,
    /// `scope`, if it tells.
    pub scope: Option<String>,
}

/// The views of a cluster that are not the DCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViewKind {
    /// `GET /cluster`
    Cluster,
    /// `GET /config` or `patronictl show-config`: the dynamic configuration.
    Config,
    /// `GET /history`
    History,
}

/// A local configuration.
#[derive(Clone)]
pub struct Configuration {
    /// The text, secrets included.
    pub text: String,
    /// The tree, or why PyYAML would refuse the text.
    pub tree: Result<Node, yaml::YamlError>,
}

/// What `capture.json` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// `scope`
    pub scope: String,
    /// `dcs`: the section of Patroni's configuration.
    pub dcs: DcsKind,
    /// `capture_started`, as written.
    pub started: Option<String>,
    /// The names of the nodes.
    pub nodes: Vec<String>,
}

/// Why a file is not understood; whoever made the file is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("cannot understand {name}: {problem}")]
#[diagnostic(help(
    "expected patroni.yml, a dump of the DCS (etcdctl get --prefix -w json, etcd v2, ZooKeeper, consul kv export, kubectl \
     get endpoints,configmaps,pods -o json, or a JSON object of paths and values) or the answer of GET /patroni"
))]
pub struct DocumentError {
    /// The file's name as in [`RawFile::name`].
    pub name: String,
    /// What is wrong.
    pub problem: Problem,
    /// Whether it looks like one of the forms that are known, but broken; otherwise it is likely something else.
    pub is_known_form: bool,
}

/// What is wrong with a file. Positions count lines and characters from 1, offsets bytes from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// No text.
    #[error("it is {0}")]
    Binary(&'static str),
    /// Text in another encoding, or damaged.
    #[error("it is not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// JSON without its end.
    #[error("its JSON is cut off at line {}, column {}", .0.line, .0.column)]
    CutOff(Position),
    /// No JSON.
    #[error("it is not JSON at line {}, column {}: {message}", .position.line, .position.column)]
    Json {
        /// Where.
        position: Position,
        /// What Python's parser minds.
        message: String,
    },
    /// No YAML.
    #[error("it is not YAML at line {}, column {}: {message}", .position.line, .position.column)]
    Yaml {
        /// Where.
        position: Position,
        /// What PyYAML minds.
        message: String,
    },
    /// More values than [`MAX_VALUES`].
    #[error("it holds more than {MAX_VALUES} values")]
    TooManyValues,
    /// A dump that is broken.
    #[error("it is {form}, but {reason}")]
    Malformed {
        /// The form, with its article.
        form: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Well-formed, but something else; the text says what.
    #[error("it is {0}, which is none of the known forms")]
    Unknown(&'static str),
    /// A known form that is of no use, for this reason.
    #[error("{0}")]
    Unusable(String),
    /// The operating system refuses to read it.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Body({} bytes)", self.text.len())
    }
}

impl std::fmt::Debug for Configuration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Configuration({} bytes)", self.text.len())
    }
}

/// Tells what a file is and decodes it.
///
/// # Errors
///
/// The file is none of the known forms, or a broken one.
pub fn identify(file: RawFile) -> Result<Document, DocumentError> {
    let RawFile { name, bytes, named, unread } = file;
    let fail = |problem, is_known_form| DocumentError { name: name.clone(), problem, is_known_form };
    match unread {
        Some(Unread::Skipped(reason)) => return Ok(Document { name, content: Content::Unread(reason) }),
        Some(Unread::Failed(reason)) => return Err(fail(Problem::Unreadable(reason), true)),
        None => {}
    }
    let hints = Hints { name: &name, named, is_large: MAX_CONFIGURATION_BYTES < bytes.len() };
    if let Some(kind) = magic(&bytes) {
        return Err(fail(Problem::Binary(kind), hints.has_known_name()));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let lossy = String::from_utf8_lossy(error.as_bytes());
            return match not_utf8_configuration(&hints, &lossy, error.as_bytes()) {
                Some(configuration) => Ok(Document { name, content: Content::Configuration(configuration) }),
                None => Err(fail(Problem::NotUtf8(offset), hints.has_known_name())),
            };
        }
    };
    let looks_known = hints.has_known_name() || has_known_mark(&text);
    match content(&hints, text) {
        Ok(content) => Ok(Document { name, content }),
        Err(problem) => Err(fail(problem, looks_known)),
    }
}

fn content(hints: &Hints<'_>, text: String) -> Result<Content, Problem> {
    let plain = text.trim_start_matches('\u{feff}');
    let trimmed = plain.trim();
    if trimmed.is_empty() {
        return Err(Problem::Empty);
    }
    if trimmed.starts_with(['{', '[']) {
        match documents(plain) {
            Ok(trees) => return of_json(hints, plain, trees),
            // Braces are also YAML.
            Err(problem) if !hints.may_be_yaml() => return Err(problem),
            Err(_) if hints.has_yaml_name() => {}
            Err(problem) => {
                let tree = yaml::parse(NOWHERE, &text).ok();
                return tree.and_then(|tree| of_yaml(hints, &text, tree)).ok_or(problem);
            }
        }
    }
    if let Some(dump) = etcd3::read_fields(plain) {
        return keys("the output of etcdctl -w fields", plain, dump);
    }
    if let Some(dump) = etcd3::read_simple(plain) {
        return keys("the output of etcdctl -w simple", plain, dump);
    }
    if let Some(version) = trimmed.strip_prefix("patronictl version ") {
        return Ok(Content::PatronictlVersion(version.split_whitespace().next().unwrap_or_default().to_owned()));
    }
    if trimmed.starts_with("# HELP patroni_") {
        return Ok(Content::Unused("the metrics of a member"));
    }
    if trimmed.starts_with("+ Cluster: ") || trimmed.starts_with("+-") {
        return Ok(Content::Unused("a table of patronictl"));
    }
    if is_log(plain) {
        return Ok(Content::Unused("a log of Patroni"));
    }
    if trimmed.starts_with("Error: ") {
        return Err(Problem::Unknown("the error message of a command"));
    }
    if hints.file_name() == "UNREACHABLE.txt" {
        return Ok(Content::DcsUnreachable(secrets::mask(trimmed, &[])));
    }
    if !hints.may_be_yaml() {
        return Err(Problem::Unknown("text"));
    }
    match yaml::parse(NOWHERE, &text) {
        Ok(tree) if matches!(tree.value, Value::Null) => Err(Problem::Empty),
        Ok(tree) => {
            let kind = if tree.as_mapping().is_some() { "YAML" } else { "text" };
            of_yaml(hints, &text, tree).ok_or(Problem::Unknown(kind))
        }
        Err(error) if has_configuration_line(&text) || hints.named && hints.has_yaml_name() => {
            Ok(Content::Configuration(Configuration { text, tree: Err(error) }))
        }
        Err(error) if hints.has_yaml_name() => {
            Err(Problem::Yaml { position: position(&text, error.span.start), message: error.message })
        }
        Err(_) => Err(Problem::Unknown("text")),
    }
}

/// A file's name and how it came in.
struct Hints<'a> {
    name: &'a str,
    named: bool,
    /// Whether it is larger than [`MAX_CONFIGURATION_BYTES`].
    is_large: bool,
}

impl Hints<'_> {
    fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    fn has_yaml_name(&self) -> bool {
        self.name.ends_with(".yml") || self.name.ends_with(".yaml")
    }

    fn may_be_yaml(&self) -> bool {
        (self.named || self.has_yaml_name()) && !self.is_large
    }

    /// Whether a file of this name ought to be one of the known forms.
    fn has_known_name(&self) -> bool {
        let file_name = self.file_name();
        let (stem, extension) = file_name.split_once('.').unwrap_or((file_name, ""));
        let is_json = matches!(extension, "json" | "jsonl");
        let starts_with = |starts: &[&str]| starts.iter().any(|start| stem.starts_with(start));
        let is_below = |directory: &str| self.name.split('/').rev().skip(1).any(|part| part == directory);
        starts_with(&["etcd", "zookeeper", "consul"]) && extension != "log"
            || is_json && (starts_with(&["patroni", "capture"]) || is_below("dcs") || is_below("rest"))
            || self.has_yaml_name() && (stem.contains("patroni"))
    }
}

/// Whether a text that cannot be parsed was one of the known forms once.
fn has_known_mark(text: &str) -> bool {
    const MARKS: [&str; 12] = [
        "\"kvs\"",
        "\"create_revision\"",
        "\"modifiedIndex\"",
        "\"ModifyIndex\"",
        "\"granted-ttl\"",
        "\"ephemeralOwner\"",
        "\"capture_started\"",
        "\"dcs_last_seen\"",
        "\"database_system_identifier\"",
        "\"patroni\":",
        "/members/",
        "/initialize\"",
    ];
    let is_structured = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[', '/', '"']);
    is_structured && MARKS.iter().any(|mark| text.contains(mark))
}

/// Sections and settings of `patroni.yml` that hardly stand at the top of any other file.
const LOCAL_KEYS: [&str; 13] = [
    "bootstrap",
    "citus",
    "consul",
    "etcd",
    "etcd3",
    "exhibitor",
    "kubernetes",
    "postgresql",
    "raft",
    "restapi",
    "scope",
    "watchdog",
    "zookeeper",
];

/// What else may stand at the top of `patroni.yml`, and in many other files.
const COMMON_LOCAL_KEYS: [&str; 5] = ["ctl", "log", "name", "namespace", "tags"];

/// Whether a setting stands at the top of `patroni.yml`.
pub fn is_local_key(name: &str) -> bool {
    LOCAL_KEYS.contains(&name) || COMMON_LOCAL_KEYS.contains(&name)
}

/// Settings that stand at the top of the dynamic configuration alone.
const DYNAMIC_KEYS: [&str; 20] = [
    "check_timeline",
    "failsafe_mode",
    "ignore_slots",
    "loop_wait",
    "master_start_timeout",
    "master_stop_timeout",
    "max_timelines_history",
    "maximum_lag_on_failover",
    "maximum_lag_on_syncnode",
    "member_slots_ttl",
    "pause",
    "primary_start_timeout",
    "primary_stop_timeout",
    "retry_timeout",
    "slots",
    "standby_cluster",
    "synchronous_mode",
    "synchronous_mode_strict",
    "synchronous_node_count",
    "ttl",
];

/// A configuration, local or dynamic, if the tree is one.
fn of_yaml(hints: &Hints<'_>, text: &str, tree: Node) -> Option<Content> {
    let mapping = tree.as_mapping()?;
    let count = |keys: &[&str]| keys.iter().filter(|key| mapping.get(key).is_some()).count();
    let (local, common, dynamic) = (count(&LOCAL_KEYS), count(&COMMON_LOCAL_KEYS), count(&DYNAMIC_KEYS));
    let local_beside_postgresql = local - usize::from(mapping.get("postgresql").is_some());
    if 0 < dynamic && local_beside_postgresql + common == 0 {
        return Some(Content::View(View { kind: ViewKind::Config, body: Body::new(text, tree), scope: None }));
    }
    let is_local = if hints.name.contains("patroni") {
        0 < local + common
    } else if hints.named {
        // A lone `name` beside keys that are not Patroni's is anybody's file.
        0 < local || 0 < common && local + common + dynamic == mapping.effective().count()
    } else {
        mapping.get("scope").is_some() && 1 < local + common || 0 < local && 1 < local + dynamic
    };
    is_local.then(|| Content::Configuration(Configuration { text: text.to_owned(), tree: Ok(tree) }))
}

/// Whether a line at the left margin begins with a key of `patroni.yml`.
fn has_configuration_line(text: &str) -> bool {
    text.lines().any(|line| {
        let key = line.split(':').next().unwrap_or_default().trim_end();
        line.contains(':') && LOCAL_KEYS.contains(&key)
    })
}

/// A configuration with a byte somewhere that is not UTF-8: Patroni does not start with it, and a rule says so.
fn not_utf8_configuration(hints: &Hints<'_>, lossy: &str, bytes: &[u8]) -> Option<Configuration> {
    let mut error = yaml::decode(NOWHERE, bytes).err()?;
    // The bad byte has become U+FFFD, three bytes long.
    error.span.end = error.span.start + '\u{fffd}'.len_utf8();
    let is_configuration = hints.may_be_yaml() && has_configuration_line(lossy);
    is_configuration.then(|| Configuration { text: lossy.to_owned(), tree: Err(error) })
}

fn of_json(hints: &Hints<'_>, text: &str, mut trees: Vec<Node>) -> Result<Content, Problem> {
    if let Some(dump) = etcd3::read_json(&trees) {
        return keys("the output of etcdctl -w json", text, dump);
    }
    if let Some(leases) = etcd3::read_leases(&trees) {
        return Ok(Content::Leases(leases));
    }
    if let Some(dump) = kubernetes::read(&trees, kubernetes::Layout::default()) {
        return keys("a list of Kubernetes objects", text, dump);
    }
    let tree = match trees.pop() {
        Some(tree) if trees.is_empty() => tree,
        _ => return Err(Problem::Unknown("a row of JSON documents")),
    };
    if let Some(dump) = etcd2::read(&tree) {
        return keys("an answer of etcd v2", text, dump);
    }
    if let Some(dump) = consul::read(&tree) {
        return keys("a dump of Consul", text, dump);
    }
    if let Some(servers) = etcd3::read_servers(&tree) {
        return Ok(Content::Servers(servers));
    }
    if let Some(dump) = reading::read_keys(&tree) {
        return keys("what patrolint read from a DCS", text, dump);
    }
    if let Some(servers) = reading::read_servers(&tree) {
        return Ok(Content::Servers(servers));
    }
    if let Some(stats) = paths::read_stats(&tree) {
        return Ok(Content::Stats(stats));
    }
    if let Some(dump) = paths::read_values(&tree, text) {
        return match keys("a JSON object of paths and values", text, dump)? {
            Content::Keys(dump) if dump.keys.keys().any(|path| KeyPath::parse(path, |_| false).is_some()) => {
                Ok(Content::Keys(dump))
            }
            _ => Err(Problem::Unknown("a JSON object of paths, none of which is a key of Patroni")),
        };
    }
    match &tree.value {
        Value::Sequence(_) => of_list(hints, text, tree),
        _ => of_object(hints, text, tree),
    }
}

fn of_object(hints: &Hints<'_>, text: &str, tree: Node) -> Result<Content, Problem> {
    let Some(mapping) = tree.as_mapping() else { return Err(Problem::Unknown("JSON")) };
    let string = |route: &[&str]| tree.at(route).and_then(Node::as_str).map(str::to_owned);
    if let Some(patroni) = mapping.get("patroni")
        && patroni.get("version").or_else(|| patroni.get("scope")).is_some()
    {
        let (scope, name) = (string(&["patroni", "scope"]), string(&["patroni", "name"]));
        return Ok(Content::Member(MemberAnswer { body: Body::new(text, tree), scope, name }));
    }
    if mapping.get("capture_started").is_some()
        && let Some(scope) = string(&["scope"])
    {
        return Ok(match mapping.get("actions") {
            Some(_) => Content::Unused("the record of what was tried after a capture"),
            None => Content::Capture(capture(mapping, scope)),
        });
    }
    if let Some(members) = mapping.get("members").and_then(Node::as_sequence)
        && members.iter().all(|member| member.get("name").is_some() && member.get("role").is_some())
    {
        let scope = string(&["scope"]);
        return Ok(Content::View(View { kind: ViewKind::Cluster, body: Body::new(text, tree), scope }));
    }
    if let Some(silent) = silent_members(mapping) {
        return Ok(Content::Silent(silent));
    }
    let is_command = |value: &Node| value.get("argv").is_some() && value.get("exit_code").is_some();
    if !mapping.entries.is_empty() && mapping.entries.iter().all(|entry| is_command(&entry.value)) {
        return Ok(Content::Unused("a list of commands that were run"));
    }
    if mapping.get("leases").is_some() {
        return Ok(Content::Unused("a list of leases of etcd"));
    }
    if mapping.get("apiVersion").is_some() && mapping.get("kind").is_some() {
        return Err(Problem::Unknown("a Kubernetes object, or objects, and none that Patroni wrote to"));
    }
    of_yaml(hints, text, tree).ok_or(Problem::Unknown("JSON"))
}

fn of_list(hints: &Hints<'_>, text: &str, tree: Node) -> Result<Content, Problem> {
    let items = tree.as_sequence().unwrap_or_default();
    let all = |is_so: &dyn Fn(&Node) -> bool| !items.is_empty() && items.iter().all(is_so);
    if all(&|item| item.get("Cluster").is_some() && item.get("Member").is_some()) {
        return Ok(Content::Unused("the output of patronictl list"));
    }
    if all(&|item| item.get("TL").is_some() && item.get("LSN").is_some()) {
        return Ok(Content::Unused("the output of patronictl history"));
    }
    let is_history_line = |item: &Node| {
        item.as_sequence().is_some_and(|line| matches!(line.first(), Some(Node { value: Value::Int(_), .. })))
    };
    if all(&is_history_line) {
        return Ok(Content::View(View { kind: ViewKind::History, body: Body::new(text, tree), scope: None }));
    }
    if items.is_empty() && hints.file_name().starts_with("history") {
        return Ok(Content::Unused("an empty history"));
    }
    Err(Problem::Unknown("a JSON list"))
}

fn capture(mapping: &Mapping, scope: String) -> Capture {
    let string = |name: &str| mapping.get(name).and_then(Node::as_str);
    let dcs = string("dcs").and_then(DcsKind::of_section).unwrap_or(DcsKind::Unknown);
    let nodes = mapping.get("nodes").and_then(Node::as_mapping);
    let nodes = nodes.into_iter().flat_map(Mapping::effective).filter_map(|entry| entry.key.as_str());
    let nodes = nodes.map(str::to_owned).collect();
    Capture { scope, dcs, started: string("capture_started").map(str::to_owned), nodes }
}

/// Reads `rest/status.json`: node → path → status, which is null when there was no answer.
fn silent_members(mapping: &Mapping) -> Option<Vec<(String, String)>> {
    let mut silent = Vec::new();
    for entry in mapping.effective() {
        let status = entry.value.get("/patroni")?.as_mapping()?;
        if matches!(status.get("status")?.value, Value::Null) {
            let reason = status.get("error").and_then(Node::as_str).unwrap_or("no answer");
            silent.push((entry.key.as_str()?.to_owned(), secrets::mask(reason, &[])));
        }
    }
    (!mapping.entries.is_empty()).then_some(silent)
}

fn keys(form: &'static str, text: &str, dump: Result<KeyDump, Malformed>) -> Result<Content, Problem> {
    dump.map(Content::Keys).map_err(|Malformed { reason, offset }| {
        let place = offset.map(|offset| position(text, offset));
        let place = place.map(|place| format!(" (line {}, column {})", place.line, place.column));
        Problem::Malformed { form, reason: reason + &place.unwrap_or_default() }
    })
}

impl Body {
    fn new(text: &str, tree: Node) -> Self {
        Self { text: text.to_owned(), tree }
    }
}

/// Parses the JSON documents of a text, which stand one after another; messages that etcdctl puts between them are left
/// out. Spans point into the whole text.
fn documents(text: &str) -> Result<Vec<Node>, Problem> {
    let (pieces, is_cut_off) = pieces(text)?;
    let mut trees = Vec::with_capacity(pieces.len());
    for piece in &pieces {
        let mut tree = json::parse(NOWHERE, &text[piece.clone()]).map_err(|error| {
            let rest = text[piece.start + error.span.start..].trim_end();
            let is_at_end = rest.len() <= "\\u0000".len() || error.message.starts_with("a string is never closed");
            if is_cut_off && is_at_end {
                return Problem::CutOff(position(text, text.trim_end().len()));
            }
            Problem::Json { position: position(text, piece.start + error.span.start), message: error.message }
        })?;
        tree.shift(piece.start);
        trees.push(tree);
    }
    if 1 < trees.len() {
        trees.retain(|tree| tree.get("level").is_none() || tree.get("msg").is_none());
    }
    Ok(trees)
}

/// The places of the JSON documents of a text, and whether the last one lacks its end.
fn pieces(text: &str) -> Result<(Vec<Range<usize>>, bool), Problem> {
    let mut pieces = Vec::new();
    let mut start = None;
    let (mut depth, mut values) = (0_usize, 0_usize);
    let (mut in_string, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = is_escaped || byte != b'"';
            is_escaped = !is_escaped && byte == b'\\';
            continue;
        }
        if byte.is_ascii_whitespace() {
            if depth == 0
                && let Some(start) = start.take()
            {
                pieces.push(start..at);
            }
            continue;
        }
        let piece_start = *start.get_or_insert(at);
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    pieces.push(piece_start..at + 1);
                    start = None;
                }
            }
            b'"' => in_string = true,
            _ => {}
        }
        values += usize::from(matches!(byte, b',' | b'{' | b'['));
        if MAX_VALUES < values {
            return Err(Problem::TooManyValues);
        }
    }
    pieces.extend(start.map(|start| start..text.len()));
    Ok((pieces, 0 < depth || in_string))
}

fn position(text: &str, offset: usize) -> Position {
    let mut sources = SourceMap::default();
    let source = sources.add("", text);
    sources.get(source).position(offset)
}

/// Whether one of the first lines is one that Patroni logs.
fn is_log(text: &str) -> bool {
    const LEVELS: [&str; 5] = [" DEBUG: ", " INFO: ", " WARNING: ", " ERROR: ", " CRITICAL: "];
    text.lines().take(50).any(|line| {
        let bytes = line.as_bytes();
        let has_time = 24 < bytes.len() && bytes[4] == b'-' && bytes[10] == b' ' && bytes[13] == b':';
        has_time && LEVELS.iter().any(|level| line.contains(level))
    })
}

/// What binary files begin with tells, if it is no text.
fn magic(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 10] = [
        (b"\x1f\x8b", "a gzip archive"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"BZh", "a bzip2 archive"),
        (b"PK\x03\x04", "a zip archive"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x7fELF", "a program"),
        (b"PGDMP", "a dump of pg_dump"),
        (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
        (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
    ];
    if let Some((_, kind)) = MAGIC.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(kind);
    }
    // bbolt writes its magic number after the 16 bytes of the first page's header.
    if bytes.get(16..20) == Some(&[0xed, 0xda, 0x0c, 0xed]) {
        return Some("a database of etcd (etcdctl snapshot save)");
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some("a tar archive");
    }
    bytes.iter().take(8192).any(|byte| *byte == 0).then_some("binary")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8], named: bool) -> RawFile {
        RawFile { name: name.to_owned(), bytes: bytes.to_vec(), named, unread: None }
    }

    /// What a file is taken for, in one word, or why it is not understood.
    fn kind(file: RawFile) -> String {
        match identify(file) {
            Err(error) => error.problem.to_string(),
            Ok(document) => match document.content {
                Content::Keys(dump) => format!("{:?} {:?} {}", dump.kind, dump.form, dump.keys.len()),
                Content::Stats(_) => "stats".to_owned(),
                Content::Leases(leases) => format!("{} leases", leases.len()),
                Content::Servers(servers) => format!("{} servers", servers.len()),
                Content::Member(answer) => format!("member {:?} of {:?}", answer.name, answer.scope),
                Content::Silent(members) => format!("silent {members:?}"),
                Content::View(view) => format!("{:?} of {:?}", view.kind, view.scope),
                Content::Configuration(configuration) => match configuration.tree {
                    Ok(_) => "configuration".to_owned(),
                    Err(error) => format!("configuration, {} at {}", error.message, error.span.start),
                },
                Content::Capture(capture) => format!("capture of {} at {:?}", capture.scope, capture.started),
                Content::DcsUnreachable(reason) => format!("unreachable: {reason}"),
                Content::PatronictlVersion(version) => format!("patronictl {version}"),
                Content::Unused(what) => format!("unused: {what}"),
                Content::Unread(reason) => format!("unread: {reason}"),
            },
        }
    }

    /// `expect` whether the user named the file or it was found.
    fn check(name: &str, text: &str, expect: &str) {
        for named in [true, false] {
            assert_eq!(kind(file(name, text.as_bytes(), named)), expect, "{name}: {text:?}, named: {named}");
        }
    }

    const RANGE: &str =
        r#"{"header":{"cluster_id":1},"kvs":[{"key":"L3NlcnZpY2UvYS9zeW5j","value":"e30="}],"count":1}"#;

    #[test]
    fn dumps_are_told_by_their_content() {
        check("x", RANGE, "Etcd3 Native 1");
        check("x", &format!("\u{feff}{RANGE}\r\n"), "Etcd3 Native 1");
        check("x", &format!("{{\"level\":\"warn\",\"msg\":\"retrying\"}}\n{RANGE}\n"), "Etcd3 Native 1");
        check("x", r#"{"header":{"cluster_id":1}}"#, "Etcd3 Native 0");
        check("x", "\"ClusterID\" : 1\n\"Count\" : 0\n", "Etcd3 Fields 0");
        check("x", "/service/demo/leader\npg1\n", "Etcd3 Simple 1");
        check("x", r#"{"action":"get","node":{"key":"/service/demo/leader","value":"pg1"}}"#, "Etcd2 Native 1");
        check("x", r#"[{"key":"service/demo/leader","flags":0,"value":"cGcx"}]"#, "Consul Native 1");
        check("x", r#"{"/service/demo/leader":"pg1"}"#, "Unknown Paths 1");
        check("x", r#"{"/service/demo/leader":{"mzxid":1,"ephemeralOwner":2}}"#, "stats");
        check("x", "{\"id\":1,\"ttl\":2,\"granted-ttl\":3}\n{\"id\":2,\"ttl\":2,\"granted-ttl\":3}\n", "2 leases");
        check("x", r#"[{"Endpoint":"http://a","Status":{}}]"#, "1 servers");
    }

    #[test]
    fn answers_are_told_by_their_content() {
        let old = r#"{"state":"running","patroni":{"version":"2.1.0","scope":"demo"}}"#;
        check("x", old, "member None of Some(\"demo\")");
        check("x", &old.replace("}}", ",\"name\":\"pg1\"}}"), "member Some(\"pg1\") of Some(\"demo\")");
        check("x", r#"{"members":[{"name":"pg1","role":"leader"}],"scope":"demo"}"#, "Cluster of Some(\"demo\")");
        check("x", r#"{"ttl":30,"postgresql":{}}"#, "Config of None");
        check("x.yml", "loop_wait: 10\npostgresql:\n  use_slots: true\n", "Config of None");
        check("x", r#"[[1,25623960,"no recovery target specified"]]"#, "History of None");
        check("history.json", "[]", "unused: an empty history");
        check(
            "x",
            r#"{"pg1":{"/patroni":{"status":200}},"pg2":{"/patroni":{"status":null,"error":"refused"}}}"#,
            "silent [(\"pg2\", \"refused\")]",
        );
        check("x", r#"{"scope":"demo","capture_started":"2026"}"#, "capture of demo at Some(\"2026\")");
        check("dcs/UNREACHABLE.txt", "it was stopped\n", "unreachable: it was stopped");
        check("x", "patronictl version 4.1.5\n\npg1: Patroni 4.1.5\n", "patronictl 4.1.5");
        check("x", "# HELP patroni_version Patroni semver\n", "unused: the metrics of a member");
        check("x", "+ Cluster: demo (7711) ---+\n", "unused: a table of patronictl");
        check("x", "+---------+----+\n", "unused: a table of patronictl");
        check("x", r#"[{"Cluster":"demo","Member":"pg1"}]"#, "unused: the output of patronictl list");
        check(
            "x",
            "\n2026-11-23 02:59:11,597 INFO: no action. I am (pg1), the leader with the lock\n",
            "unused: a log of Patroni",
        );
    }

    #[test]
    fn configurations() {
        let check_named = |name: &str, text: &str, if_named: &str, if_found: &str| {
            assert_eq!(kind(file(name, text.as_bytes(), true)), if_named, "{text:?}, named");
            assert_eq!(kind(file(name, text.as_bytes(), false)), if_found, "{text:?}, found");
        };
        check("pg1.yml", "scope: demo\nname: pg1\n", "configuration");
        check("etc/patroni/tags.yml", "tags:\n  nosync: true\n", "configuration");
        check("pg1.yml", "{scope: demo, restapi: {listen: x}}", "configuration");
        check("pg1.yml", "\u{feff}scope: demo\nname: pg1\n", "configuration");
        let unknown = "it is YAML, which is none of the known forms";
        check("compose.yml", "name: shop\nservices: {}\n", unknown);
        check_named("a.yml", "watchdog:\n  mode: required\n", "configuration", unknown);
        check("a.yml", "on: push\njobs: {}\n", unknown);
        check_named("-", "scope: demo\nname: pg1\n", "configuration", "it is text, which is none of the known forms");
        check("a.yml", "# nothing\n", "it is empty");
        let broken = "scope: demo\nname: [\n";
        let error = yaml::parse(NOWHERE, broken).expect_err("it is broken");
        check("a.yml", broken, &format!("configuration, {} at {}", error.message, error.span.start));
        let unrelated = "{{ if .Values }}\na: [\n";
        assert!(kind(file("a.yml", unrelated.as_bytes(), false)).starts_with("it is not YAML at line 2, column 1"));
    }

    #[test]
    fn text_that_is_not_utf_8() {
        let configuration = b"scope: demo\nname: pg\xff\n";
        let message = "configuration, the file is not UTF-8: byte 0xff at offset 20 at 20";
        assert_eq!(kind(file("patroni.yml", configuration, true)), message);
        assert_eq!(kind(file("notes", b"abc\xff", true)), "it is not UTF-8 at byte 3");
    }

    #[test]
    fn other_files() {
        let check_bytes = |bytes: &[u8], expect: &str| assert_eq!(kind(file("x", bytes, true)), expect);
        check_bytes(b"", "it is empty");
        check_bytes(b" \n", "it is empty");
        check_bytes(b"\x1f\x8b\x08\0", "it is a gzip archive");
        check_bytes(b"\x28\xb5\x2f\xfdabc", "it is a zstd archive");
        check_bytes(b"PK\x03\x04abc", "it is a zip archive");
        check_bytes(b"SQLite format 3\0abc", "it is an SQLite database");
        check_bytes(b"a\0b", "it is binary");
        let mut bolt = [0; 64];
        bolt[16..20].copy_from_slice(&0xED0C_DAED_u32.to_le_bytes());
        check_bytes(&bolt, "it is a database of etcd (etcdctl snapshot save)");
        check("x", "Error: timed out\n", "it is the error message of a command, which is none of the known forms");
        check("x", "{}", "it is JSON, which is none of the known forms");
        check("x", "[]", "it is a JSON list, which is none of the known forms");
        check(
            "x",
            r#"{"apiVersion":"v1","kind":"List"}"#,
            "it is a Kubernetes object, or objects, and none that Patroni wrote to, which is none of the known forms",
        );
        check("x", "{\"a\":1}\n{\"a\":2}", "it is a row of JSON documents, which is none of the known forms");
        check(
            "x",
            r#"{"/etc/hosts":"localhost"}"#,
            "it is a JSON object of paths, none of which is a key of Patroni, which is none of the known forms",
        );
    }

    #[test]
    fn broken_forms_tell_what_and_where() {
        let check_known = |name: &str, text: &str, is_known_form: bool, expect: &str| {
            let error = identify(file(name, text.as_bytes(), false)).expect_err("it is broken");
            assert_eq!((error.to_string().as_str(), error.is_known_form), (expect, is_known_form), "{text:?}");
        };
        check_known("dump", &RANGE[..60], true, "cannot understand dump: its JSON is cut off at line 1, column 61");
        check_known(
            "dump",
            &RANGE.replace("e30=", "e30"),
            true,
            "cannot understand dump: it is the output of etcdctl -w json, but the value of /service/a/sync is not base64 \
             (line 1, column 73)",
        );
        check_known(
            "a/rest/pg1/patroni.json",
            "<html>502</html>",
            true,
            "cannot understand a/rest/pg1/patroni.json: it is text, which is none of the known forms",
        );
        check_known("dcs/etcd.json", "", true, "cannot understand dcs/etcd.json: it is empty");
        check_known(
            "package.json",
            "{\"a\": 1,\n\"b\"; 2}",
            false,
            "cannot understand package.json: it is not JSON at line 2, column 4: expected ':' after a key",
        );
        check_known(
            "README",
            "Read me",
            false,
            "cannot understand README: it is text, which is none of the known forms",
        );
    }

    #[test]
    fn too_many_values_are_refused() {
        let text = format!("[{}1]", "1,".repeat(MAX_VALUES));
        assert_eq!(kind(file("x", text.as_bytes(), true)), "it holds more than 4000000 values");
    }
}
