//! The environment of the daemon: variables from a file, and the configuration that Patroni makes of them.

use std::collections::{HashMap, HashSet};

use crate::input::source_map::{SourceId, SourceMap};
use crate::model::behaviour::{ALL, Behaviour, Releases, holds, v};
use crate::model::cluster::Raised;
use crate::model::config::effective::merge::{CONNECTION_PARAMETERS, Merger};
use crate::model::config::effective::section::{Content, Layer, Origin, Section, Setting};
use crate::model::config::effective::{Because, Unused};
use crate::parse::environment::{Assignment, assignments};
use crate::parse::tree::{Entry, Mapping, Node, Span, Style, Value};
use crate::parse::yaml::{self, YamlError};
use crate::parse::{python, secrets};

/// What every variable of Patroni begins with.
const PREFIX: &str = "PATRONI_";

/// The variable that holds a whole configuration.
const CONFIGURATION: &str = "PATRONI_CONFIGURATION";

/// The environment that a node's Patroni runs in.
#[derive(Clone)]
pub struct Environment {
    /// The variables by name, in the order in which they were first set.
    variables: Vec<Variable>,
    index: HashMap<String, usize>,
    /// The document in `PATRONI_CONFIGURATION`, if it is not empty.
    document: Option<Result<Node, YamlError>>,
}

#[derive(Clone)]
struct Variable {
    name: String,
    /// As it is, secrets included.
    value: String,
    span: Span,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.variables.iter().map(|variable| &variable.name)).finish()
    }
}

/// What a variable's text becomes.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bool,
    Int,
    List,
    Mapping,
    /// The format of log lines: a list, unless it holds `%(name)`.
    Format,
}

/// A variable named after a setting: `PATRONI_<SECTION>_<KEY>`.
struct Named {
    section: &'static str,
    key: &'static str,
    /// The releases that read it.
    releases: Releases,
    kind: Kind,
    /// The releases that read it as this kind; for others it is a text.
    typed: Releases,
}

/// A variable named after a section of any name: `PATRONI_<SECTION>_<SUFFIX>`.
struct Suffixed {
    suffix: &'static str,
    releases: Releases,
    kind: Kind,
    typed: Releases,
}

const SINCE_2_1_0: Releases = &[(v(2, 1, 0), None)];
const SINCE_3_0_0: Releases = &[(v(3, 0, 0), None)];
const SINCE_3_1_0: Releases = &[(v(3, 1, 0), None)];
const SINCE_3_3_0: Releases = &[(v(3, 3, 0), None)];
const SINCE_4_1_0: Releases = &[(v(4, 1, 0), None)];
const WITH_THREAD_POOL: Releases =
    &[(v(3, 3, 9), Some(v(4, 0, 0))), (v(4, 0, 8), Some(v(4, 1, 0))), (v(4, 1, 1), None)];

/// Variables of settings outside of any section.
const TOP: [(&str, Releases); 5] = [
    ("name", ALL),
    ("namespace", ALL),
    ("scope", ALL),
    ("thread_pool_size", WITH_THREAD_POOL),
    ("thread_stack_size", WITH_THREAD_POOL),
];

const fn text(section: &'static str, key: &'static str, releases: Releases) -> Named {
    Named { section, key, releases, kind: Kind::Text, typed: ALL }
}

const fn typed(section: &'static str, key: &'static str, releases: Releases, kind: Kind, typed: Releases) -> Named {
    Named { section, key, releases, kind, typed }
}

/// Source: patroni/config.py, `Config._build_environment_configuration`, 2.0.0 to 4.1.5.
const NAMED: &[Named] = &[
    text("restapi", "listen", ALL),
    text("restapi", "connect_address", ALL),
    text("restapi", "certfile", ALL),
    text("restapi", "keyfile", ALL),
    text("restapi", "keyfile_password", &[(v(2, 0, 2), None)]),
    text("restapi", "cafile", ALL),
    text("restapi", "ciphers", &[(v(2, 0, 2), None)]),
    text("restapi", "verify_client", ALL),
    typed("restapi", "http_extra_headers", ALL, Kind::Mapping, SINCE_2_1_0),
    typed("restapi", "https_extra_headers", ALL, Kind::Mapping, SINCE_2_1_0),
    typed("restapi", "allowlist", SINCE_2_1_0, Kind::List, ALL),
    typed("restapi", "allowlist_include_members", SINCE_2_1_0, Kind::Bool, ALL),
    typed("restapi", "request_queue_size", &[(v(3, 0, 3), None)], Kind::Int, ALL),
    text("restapi", "server_tokens", SINCE_4_1_0),
    typed("ctl", "insecure", ALL, Kind::Bool, SINCE_2_1_0),
    text("ctl", "cacert", ALL),
    text("ctl", "certfile", ALL),
    text("ctl", "keyfile", ALL),
    text("ctl", "keyfile_password", &[(v(2, 1, 3), None)]),
    text("postgresql", "listen", ALL),
    text("postgresql", "connect_address", ALL),
    text("postgresql", "proxy_address", &[(v(2, 1, 5), None)]),
    text("postgresql", "config_dir", ALL),
    text("postgresql", "data_dir", ALL),
    text("postgresql", "pgpass", ALL),
    text("postgresql", "bin_dir", ALL),
    text("log", "type", SINCE_3_3_0),
    text("log", "level", ALL),
    text("log", "traceback_level", ALL),
    typed("log", "format", ALL, Kind::Format, SINCE_3_3_0),
    text("log", "dateformat", ALL),
    typed("log", "static_fields", SINCE_3_3_0, Kind::Mapping, ALL),
    typed("log", "max_queue_size", ALL, Kind::Int, SINCE_2_1_0),
    text("log", "dir", ALL),
    typed("log", "mode", &[(v(4, 0, 0), None)], Kind::Int, ALL),
    typed("log", "file_size", ALL, Kind::Int, SINCE_2_1_0),
    typed("log", "file_num", ALL, Kind::Int, SINCE_2_1_0),
    typed("log", "loggers", ALL, Kind::Mapping, ALL),
    typed("log", "deduplicate_heartbeat_logs", SINCE_4_1_0, Kind::Bool, ALL),
    text("raft", "data_dir", ALL),
    text("raft", "self_addr", ALL),
    typed("raft", "partner_addrs", ALL, Kind::List, ALL),
    text("raft", "password", &[(v(2, 0, 1), None)]),
    text("raft", "bind_addr", &[(v(2, 0, 1), None)]),
];

/// Programs of PostgreSQL that may have another name: `PATRONI_POSTGRESQL_BIN_<PROGRAM>`.
const PROGRAMS: [&str; 7] =
    ["pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind"];

/// The releases that read [`PROGRAMS`].
const WITH_PROGRAMS: Releases = &[(v(3, 0, 3), None)];

const fn suffixed(suffix: &'static str, releases: Releases, kind: Kind) -> Suffixed {
    Suffixed { suffix, releases, kind, typed: ALL }
}

/// Source: patroni/config.py, `Config._build_environment_configuration`, 2.0.0 to 4.1.5.
const SUFFIXED: &[Suffixed] = &[
    suffixed("HOST", ALL, Kind::Text),
    suffixed("HOSTS", ALL, Kind::List),
    suffixed("PORT", ALL, Kind::Int),
    suffixed("USE_PROXIES", ALL, Kind::Bool),
    suffixed("PROTOCOL", ALL, Kind::Text),
    suffixed("SRV", ALL, Kind::Text),
    suffixed("SRV_SUFFIX", &[(v(2, 1, 1), None)], Kind::Text),
    suffixed("URL", ALL, Kind::Text),
    suffixed("PROXY", ALL, Kind::Text),
    suffixed("CACERT", ALL, Kind::Text),
    suffixed("CERT", ALL, Kind::Text),
    suffixed("KEY", ALL, Kind::Text),
    Suffixed { typed: SINCE_2_1_0, ..suffixed("VERIFY", ALL, Kind::Bool) },
    suffixed("TOKEN", ALL, Kind::Text),
    suffixed("CHECKS", ALL, Kind::List),
    suffixed("DC", ALL, Kind::Text),
    suffixed("CONSISTENCY", ALL, Kind::Text),
    suffixed("REGISTER_SERVICE", ALL, Kind::Bool),
    suffixed("SERVICE_CHECK_INTERVAL", ALL, Kind::Text),
    suffixed("SERVICE_CHECK_TLS_SERVER_NAME", &[(v(2, 1, 4), None)], Kind::Text),
    suffixed("SERVICE_TAGS", SINCE_3_0_0, Kind::List),
    suffixed("NAMESPACE", ALL, Kind::Text),
    suffixed("CONTEXT", ALL, Kind::Text),
    Suffixed { typed: &[(v(2, 0, 2), None)], ..suffixed("USE_ENDPOINTS", ALL, Kind::Bool) },
    suffixed("SCOPE_LABEL", ALL, Kind::Text),
    suffixed("ROLE_LABEL", ALL, Kind::Text),
    suffixed("POD_IP", ALL, Kind::Text),
    suffixed("PORTS", ALL, Kind::List),
    suffixed("LABELS", ALL, Kind::Mapping),
    suffixed("BYPASS_API_SERVICE", ALL, Kind::Bool),
    suffixed("RETRIABLE_HTTP_CODES", &[(v(3, 0, 2), None)], Kind::List),
    suffixed("KEY_PASSWORD", ALL, Kind::Text),
    suffixed("USE_SSL", ALL, Kind::Text),
    suffixed("SET_ACLS", &[(v(2, 1, 2), None)], Kind::Mapping),
    suffixed("GROUP", SINCE_3_0_0, Kind::Text),
    suffixed("DATABASE", SINCE_3_0_0, Kind::Text),
    suffixed("LEADER_LABEL_VALUE", SINCE_3_1_0, Kind::Text),
    suffixed("FOLLOWER_LABEL_VALUE", SINCE_3_1_0, Kind::Text),
    suffixed("STANDBY_LEADER_LABEL_VALUE", SINCE_3_1_0, Kind::Text),
    suffixed("TMP_ROLE_LABEL", SINCE_3_1_0, Kind::Text),
    suffixed("AUTH_DATA", SINCE_3_3_0, Kind::Mapping),
    suffixed("BOOTSTRAP_LABELS", SINCE_4_1_0, Kind::Mapping),
];

impl Environment {
    /// Reads the variables of a file (`KEY=value` lines, as `EnvironmentFile=` of systemd and `--env-file` of Docker take
    /// them) and adds its text to `sources`, secrets masked.
    pub fn read(sources: &mut SourceMap, name: &str, content: &str) -> Self {
        let source = sources.add(name, content);
        let mut environment = Self { variables: Vec::new(), index: HashMap::new(), document: None };
        let mut hidden = Vec::new();
        for Assignment { name, value, range } in assignments(content) {
            let span = Span::new(source, range.start, range.end);
            if holds_secret(&name, &value) {
                hidden.push(span);
            }
            let variable = Variable { name: name.clone(), value, span };
            match environment.index.get(&name) {
                Some(at) => environment.variables[*at] = variable,
                None => {
                    environment.index.insert(name, environment.variables.len());
                    environment.variables.push(variable);
                }
            }
        }
        sources.mask(source, secrets::mask(content, &hidden));
        environment.read_document(sources);
        environment
    }

    fn read_document(&mut self, sources: &mut SourceMap) {
        let Some(text) = self.find(CONFIGURATION).map(|variable| variable.value.clone()) else { return };
        if text.is_empty() {
            return;
        }
        let source = sources.add(CONFIGURATION, text.as_str());
        let mut document = yaml::parse(source, &text);
        let spans = document.as_mut().map(secrets::conceal).unwrap_or_default();
        sources.mask(source, secrets::mask(&text, &spans));
        self.document = Some(document);
    }

    /// The document in `PATRONI_CONFIGURATION`, or why PyYAML refuses it.
    pub fn document(&self) -> Option<&Result<Node, YamlError>> {
        self.document.as_ref()
    }

    /// How many variables are Patroni's by their name.
    pub fn count(&self) -> usize {
        self.variables.iter().filter(|variable| variable.name.starts_with(PREFIX)).count()
    }

    fn find(&self, name: &str) -> Option<&Variable> {
        self.index.get(name).map(|at| &self.variables[*at])
    }

    /// The configuration that Patroni makes of the variables.
    ///
    /// Source: patroni/config.py, `Config._build_environment_configuration`, 2.0.0 to 4.1.5.
    ///
    /// # Errors
    ///
    /// Patroni raises an exception, and does not start.
    pub(super) fn configuration(&self, merger: &mut Merger) -> Result<Section, Raised> {
        let mut reader = Reader {
            environment: self,
            merger,
            taken: HashSet::new(),
            old_log: HashMap::new(),
            config: Section::default(),
        };
        reader.take_top();
        reader.take_old_log_names();
        reader.take_named()?;
        reader.take_programs()?;
        reader.take_authentication()?;
        reader.take_suffixed()?;
        reader.take_dcs_users()?;
        reader.take_bootstrap_users()?;
        reader.leave_the_rest();
        Ok(reader.config)
    }
}

/// Whether the value of a variable is a secret, or a text in YAML that holds one.
fn holds_secret(name: &str, value: &str) -> bool {
    let mut node = Node {
        value: Value::String(value.to_owned()),
        span: Span::new(SourceId(u32::MAX), 0, value.len()),
        style: Style::Block,
    };
    let is_secret = !secrets::conceal(&mut keyed(name, &mut node)).is_empty();
    let holds = |text: &str| {
        yaml::parse(SourceId(u32::MAX), text).is_ok_and(|mut tree| !secrets::conceal(&mut tree).is_empty())
    };
    name.starts_with(PREFIX) && (is_secret || holds(value) || holds(&format!("{{{value}}}")))
        || !name.starts_with(PREFIX) && is_secret
}

/// A mapping of one entry, for whatever judges values by their key.
fn keyed(key: &str, value: &mut Node) -> Node {
    let node = |value: Value, span: Span| Node { value, span, style: Style::Plain };
    let span = value.span;
    // Values are concealed by their place, and the key is not to be: it has none in any text.
    let key = node(Value::String(key.to_owned()), Span::new(SourceId(u32::MAX - 1), 0, 0));
    let value = std::mem::replace(value, node(Value::Null, span));
    node(Value::Mapping(Mapping { entries: vec![Entry { key, value, merged: false }] }), span)
}

struct Reader<'a, 'b> {
    environment: &'a Environment,
    merger: &'b mut Merger,
    /// The variables that Patroni has removed from its environment.
    taken: HashSet<&'a str>,
    /// Variables of log settings under their old names, by their new ones.
    old_log: HashMap<String, &'a Variable>,
    config: Section,
}

impl<'a> Reader<'a, '_> {
    /// `_popenv(name)`
    fn pop(&mut self, name: &str) -> Option<&'a Variable> {
        let name = format!("{PREFIX}{}", name.to_uppercase());
        let variable = self.environment.find(&name).filter(|variable| !self.taken.contains(variable.name.as_str()));
        let variable = variable.or_else(|| self.old_log.remove(&name))?;
        self.taken.insert(&variable.name);
        Some(variable)
    }

    /// The variable, if it is not empty.
    fn pop_filled(&mut self, name: &str) -> Option<&'a Variable> {
        self.pop(name).filter(|variable| !variable.value.is_empty())
    }

    fn is_in(&self, releases: Releases) -> bool {
        holds(releases, self.merger.version)
    }

    fn setting(&self, key: &str, value: Value, variable: &Variable) -> Setting {
        let mut node = Node { value, span: variable.span, style: Style::Block };
        let mut keyed = keyed(key, &mut node);
        secrets::conceal(&mut keyed);
        let layer = Layer::Environment(variable.name.clone());
        match Setting::read(&keyed, &layer).content {
            Content::Section(section) => section.get(key).cloned(),
            Content::Value(_) => None,
        }
        .expect("the mapping has this key")
    }

    /// The dictionary of a section, which is created.
    fn section(&mut self, name: &str, variable: &Variable) -> Result<&mut Section, Raised> {
        let origin = Origin::Written { layer: Layer::Environment(variable.name.clone()), span: variable.span };
        let setting = self.config.or_insert(name, || Setting::empty_section(origin));
        let class = python::type_name(&setting.value()).to_owned();
        setting
            .section_mut()
            .ok_or_else(|| Raised::new("TypeError", format!("'{class}' object does not support item assignment")))
    }

    fn put(&mut self, section: &str, key: &str, value: Value, variable: &Variable) -> Result<(), Raised> {
        let setting = self.setting(key, value, variable);
        self.section(section, variable)?.set(key, setting);
        Ok(())
    }

    fn take_top(&mut self) {
        for (name, releases) in TOP {
            if self.is_in(releases)
                && let Some(variable) = self.pop_filled(name)
            {
                let setting = self.setting(name, Value::String(variable.value.clone()), variable);
                self.config.set(name, setting);
            }
        }
    }

    fn take_old_log_names(&mut self) {
        for (name, old) in [("LEVEL", "loglevel"), ("FORMAT", "logformat"), ("DATEFORMAT", "log_datefmt")] {
            let name = format!("{PREFIX}LOG_{name}");
            if let Some(variable) = self.pop_filled(old) {
                if self.environment.find(&name).is_none() {
                    self.old_log.insert(name, variable);
                } else {
                    self.leave(variable, Because::RenamedVariable(name));
                }
            }
        }
    }

    fn take_named(&mut self) -> Result<(), Raised> {
        for named in NAMED {
            let Named { section, key, kind, .. } = *named;
            if !self.is_in(named.releases) {
                continue;
            }
            let Some(variable) = self.pop_filled(&format!("{section}_{key}")) else { continue };
            let kind = if self.is_in(named.typed) { kind } else { Kind::Text };
            // The section exists even if the value turns out to be of no use.
            self.section(section, variable)?;
            let value = self.read(kind, variable);
            let is_list_or_null =
                matches!(kind, Kind::List) && self.merger.behaviours.has(Behaviour::EnvironmentListMayBeNull);
            let is_used = match (&value, kind) {
                (Some(value), Kind::List | Kind::Mapping) => python::truthy(value),
                (value, _) => value.is_some(),
            };
            if is_used || is_list_or_null {
                self.put(section, key, value.unwrap_or(Value::Null), variable)?;
            } else {
                self.leave(variable, Because::Unparsable);
            }
        }
        Ok(())
    }

    fn take_programs(&mut self) -> Result<(), Raised> {
        for program in PROGRAMS {
            if !self.is_in(WITH_PROGRAMS) {
                return Ok(());
            }
            let Some(variable) = self.pop_filled(&format!("postgresql_bin_{program}")) else { continue };
            let setting = self.setting(program, Value::String(variable.value.clone()), variable);
            let origin = setting.origin.clone();
            let postgresql = self.section("postgresql", variable)?;
            let names = postgresql.or_insert("bin_name", || Setting::empty_section(origin));
            names.section_mut().expect("only this function sets it").set(program, setting);
        }
        Ok(())
    }

    /// `_get_auth(section)`
    fn authentication(&mut self, section: &str, parameters: &[(&'static str, Releases)]) -> Option<Setting> {
        let mut found: Option<Setting> = None;
        for (parameter, releases) in parameters {
            if self.is_in(releases)
                && let Some(variable) = self.pop_filled(&format!("{section}_{parameter}"))
            {
                let setting = self.setting(parameter, Value::String(variable.value.clone()), variable);
                let found = found.get_or_insert_with(|| Setting::empty_section(setting.origin.clone()));
                found.section_mut().expect("it is one").set(parameter, setting);
            }
        }
        found
    }

    fn take_authentication(&mut self) -> Result<(), Raised> {
        let credentials = &CONNECTION_PARAMETERS[..2];
        for name in ["ctl", "restapi"] {
            if name == "ctl" && !self.merger.behaviours.has(Behaviour::CtlAuthenticates) {
                continue;
            }
            if let Some(authentication) = self.authentication(name, credentials) {
                let section = self.config.or_insert(name, || Setting::empty_section(authentication.origin.clone()));
                section.section_mut().expect("no variable sets it yet").set("authentication", authentication);
            }
        }
        let mut users: Option<Setting> = None;
        for user in ["replication", "superuser", "rewind"] {
            if let Some(entry) = self.authentication(user, &CONNECTION_PARAMETERS) {
                let users = users.get_or_insert_with(|| Setting::empty_section(entry.origin.clone()));
                users.section_mut().expect("it is one").set(user, entry);
            }
        }
        if let Some(users) = users {
            let origin = users.origin.clone();
            let postgresql = self.config.or_insert("postgresql", || Setting::empty_section(origin));
            postgresql.section_mut().expect("no variable sets it yet").set("authentication", users);
        }
        Ok(())
    }

    fn take_suffixed(&mut self) -> Result<(), Raised> {
        for variable in &self.environment.variables {
            let Some(rest) = variable.name.strip_prefix(PREFIX) else { continue };
            let Some((name, suffix)) = rest.split_once('_') else { continue };
            let known = SUFFIXED.iter().find(|known| known.suffix == suffix && self.is_in(known.releases));
            let Some(known) = known.filter(|_| !name.is_empty() && !self.taken.contains(variable.name.as_str())) else {
                continue;
            };
            self.taken.insert(&variable.name);
            let kind = match (name, suffix) {
                ("CITUS", "GROUP") if self.merger.behaviours.has(Behaviour::CitusExists) => Kind::Int,
                ("CITUS", "DATABASE") => Kind::Text,
                ("CITUS", _) if self.merger.behaviours.has(Behaviour::CitusExists) => {
                    self.leave(variable, Because::UnknownVariable);
                    continue;
                }
                _ if self.is_in(known.typed) => known.kind,
                _ => Kind::Text,
            };
            let is_empty_text = variable.value.is_empty() && name != "CITUS" && matches!(kind, Kind::Int | Kind::List);
            let value = match is_empty_text {
                true => Some(Value::String(String::new())),
                false => self.read(kind, variable),
            };
            let counts_empty = self.merger.behaviours.has(Behaviour::EmptyVariableCounts);
            match value.filter(|value| counts_empty && *value != Value::Null || python::truthy(value)) {
                Some(value) => self.put(&name.to_lowercase(), &suffix.to_lowercase(), value, variable)?,
                None => self.leave(variable, Because::Unparsable),
            }
        }
        Ok(())
    }

    /// Credentials of etcd count only beside other variables of it.
    fn take_dcs_users(&mut self) -> Result<(), Raised> {
        for dcs in ["etcd", "etcd3"] {
            if self.config.get(dcs).is_none() {
                continue;
            }
            for (parameter, _) in &CONNECTION_PARAMETERS[..2] {
                if let Some(variable) = self.pop_filled(&format!("{dcs}_{parameter}")) {
                    self.put(dcs, parameter, Value::String(variable.value.clone()), variable)?;
                }
            }
        }
        Ok(())
    }

    fn take_bootstrap_users(&mut self) -> Result<(), Raised> {
        if !self.merger.behaviours.has(Behaviour::EnvironmentMakesUsers) {
            return Ok(());
        }
        let mut users: Option<Setting> = None;
        for variable in &self.environment.variables {
            let name = variable.name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix("_PASSWORD"));
            let Some(name) = name.filter(|name| !name.is_empty() && !self.taken.contains(variable.name.as_str()))
            else {
                continue;
            };
            self.taken.insert(&variable.name);
            if variable.value.is_empty() {
                continue;
            }
            let password = self.setting("password", Value::String(variable.value.clone()), variable);
            let mut user = Setting::empty_section(password.origin.clone());
            let fields = user.section_mut().expect("it is one");
            fields.set("password", password);
            if let Some(options) = self.pop_exactly(&format!("{PREFIX}{name}_OPTIONS"))
                && !options.value.is_empty()
                && let Some(list) = self.read(Kind::List, options).filter(python::truthy)
            {
                fields.set("options", self.setting("options", list, options));
            }
            let users = users.get_or_insert_with(|| Setting::empty_section(user.origin.clone()));
            users.section_mut().expect("it is one").set(name, user);
        }
        if let Some(users) = users {
            let origin = users.origin.clone();
            let bootstrap = self.config.or_insert("bootstrap", || Setting::empty_section(origin));
            bootstrap.section_mut().expect("variables set sections only").set("users", users);
        }
        Ok(())
    }

    fn pop_exactly(&mut self, name: &str) -> Option<&'a Variable> {
        let variable = self.environment.find(name).filter(|variable| !self.taken.contains(variable.name.as_str()))?;
        self.taken.insert(&variable.name);
        Some(variable)
    }

    fn leave_the_rest(&mut self) {
        for variable in &self.environment.variables {
            let is_patronis = variable.name.starts_with(PREFIX) && variable.name != CONFIGURATION;
            if is_patronis && !self.taken.contains(variable.name.as_str()) {
                self.leave(variable, Because::UnknownVariable);
            }
        }
    }

    fn leave(&mut self, variable: &Variable, because: Because) {
        let setting = self.setting(&variable.name, Value::String(variable.value.clone()), variable);
        self.merger.unused.push(Unused { path: vec![variable.name.clone()], setting, because });
    }

    /// What a text becomes; `None` where Patroni gives up on it.
    fn read(&self, kind: Kind, variable: &Variable) -> Option<Value> {
        let text = variable.value.as_str();
        let as_text = || Value::String(text.to_owned());
        let parse = |text: &str| {
            let mut tree = yaml::parse(variable.span.source, text).ok()?;
            tree.place(variable.span);
            Some(tree.value)
        };
        let list = || {
            let is_list = python::strip(text).starts_with('-') || text.contains('[');
            if is_list { parse(text) } else { parse(&format!("[{text}]")) }
        };
        match kind {
            Kind::Text => Some(as_text()),
            Kind::Bool => python::parse_bool(&as_text()).map(Value::Bool),
            Kind::Int => python::parse_int(&as_text(), None).map(Value::Int),
            Kind::List => list(),
            Kind::Mapping if python::strip(text).starts_with('{') => parse(text),
            Kind::Mapping => parse(&format!("{{{text}}}")),
            Kind::Format if has_field(text) => Some(as_text()),
            Kind::Format => Some(list().filter(python::truthy).unwrap_or_else(as_text)),
        }
    }
}

/// Whether `%(name)` stands in a text.
fn has_field(text: &str) -> bool {
    text.split("%(").skip(1).any(|tail| {
        let name = tail.split(')').next().unwrap_or_default();
        tail.contains(')') && !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}
