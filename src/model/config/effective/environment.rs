//! The environment of the daemon: variables from a file, and the configuration that Patroni makes of them.

use std::collections::{HashMap, HashSet};

use crate::input::source_map::{SourceId, SourceMap};
use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::Raised;
use crate::model::config::effective::merge::Merger;
use crate::model::config::effective::section::{Content, Layer, Origin, Section, Setting};
use crate::model::config::effective::{Because, Unused};
use crate::model::config::schema::{self, Document, Environment as Name, Key, VariableKind};
use crate::model::version::PatroniVersion;
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
    /// The text of the variables.
    source: SourceId,
    /// The variables by name, in the order in which they were first set.
    variables: Vec<Variable>,
    index: HashMap<String, usize>,
    /// The document in `PATRONI_CONFIGURATION`, if it is not empty.
    document: Option<Result<Node, YamlError>>,
}

/// An environment variable.
#[derive(Clone)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// As it is, secrets included.
    value: String,
    /// Where the value stands.
    pub span: Span,
}

impl Variable {
    /// Whether its value is empty.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.variables.iter().map(|variable| &variable.name)).finish()
    }
}

impl Environment {
    /// Reads the variables of a file (`KEY=value` lines, as `EnvironmentFile=` of systemd and `--env-file` of Docker take
    /// them) and adds its text to `sources`, secrets masked.
    pub fn read(sources: &mut SourceMap, name: &str, content: &str) -> Self {
        let source = sources.add(name, content);
        let mut environment = Self { source, variables: Vec::new(), index: HashMap::new(), document: None };
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

    /// The text of the variables.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// Says that the ids of its sources have grown by so much.
    pub fn renumber(&mut self, by: u32) {
        self.source = self.source.renumbered(by);
        self.variables.iter_mut().for_each(|variable| variable.span.renumber(by));
        match &mut self.document {
            Some(Ok(document)) => document.renumber(by),
            Some(Err(error)) => error.span.renumber(by),
            None => {}
        }
    }

    /// The configuration that a release makes of the variables, as a tree: what it reads from variables that it knows,
    /// every value and its keys at the place of the variable's value.
    ///
    /// # Errors
    ///
    /// Patroni raises an exception, and does not start.
    pub fn tree(&self, version: PatroniVersion) -> Result<Node, Raised> {
        let mut merger = Merger::new(version, Behaviours::of(version));
        let mut tree = self.configuration(&mut merger)?.tree(self.source);
        keep_known(&mut tree, &mut Vec::new());
        Ok(tree)
    }

    /// The document in `PATRONI_CONFIGURATION`, or why PyYAML refuses it.
    pub fn document(&self) -> Option<&Result<Node, YamlError>> {
        self.document.as_ref()
    }

    /// The variables that are Patroni's by their name.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter().filter(|variable| variable.name.starts_with(PREFIX))
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
            older: HashMap::new(),
            config: Section::default(),
        };
        reader.take_older_names();
        reader.take_named(|key| matches!(key.environment, Name::Path(_) | Name::Prefixed(_)))?;
        reader.take_suffixed()?;
        reader.take_named(|key| key.environment == Name::Beside)?;
        reader.take_bootstrap_users()?;
        reader.leave_the_rest();
        Ok(reader.config)
    }
}

/// Takes out of a tree what no release reads there, such as the section that a misspelt variable makes, and sections that
/// hold nothing else.
fn keep_known(node: &mut Node, path: &mut Vec<String>) {
    let Value::Mapping(mapping) = &mut node.value else { return };
    mapping.entries.retain_mut(|entry| {
        path.push(python::str(&entry.key.value));
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let known = schema::find(Document::Local, &names).filter(|key| !key.path.ends_with(".*"));
        let is_user = matches!(names.as_slice(), ["bootstrap", "users", ..]);
        if known.is_some_and(|key| key.kind == schema::Kind::Section) && !is_user {
            keep_known(&mut entry.value, path);
        }
        path.pop();
        let is_empty = entry.value.as_mapping().is_some_and(|mapping| mapping.entries.is_empty());
        known.is_some() && !is_empty || is_user
    });
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
    /// Variables under their older names, by the newer ones.
    older: HashMap<&'static str, &'a Variable>,
    config: Section,
}

impl<'a> Reader<'a, '_> {
    /// The variable, which counts as taken, if it is not empty.
    fn pop(&mut self, name: &str) -> Option<&'a Variable> {
        let variable = self.environment.find(name).filter(|variable| !self.taken.contains(variable.name.as_str()));
        let variable = variable.or_else(|| self.older.remove(name))?;
        self.taken.insert(&variable.name);
        Some(variable).filter(|variable| !variable.value.is_empty())
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
    fn section(&mut self, path: &[&str], variable: &Variable) -> Result<&mut Section, Raised> {
        let origin = Origin::Written { layer: Layer::Environment(variable.name.clone()), span: variable.span };
        path.iter().try_fold(&mut self.config, |section, name| {
            let setting = section.or_insert(name, || Setting::empty_section(origin.clone()));
            let class = python::type_name(&setting.value()).to_owned();
            setting
                .section_mut()
                .ok_or_else(|| Raised::new("TypeError", format!("'{class}' object does not support item assignment")))
        })
    }

    fn put(&mut self, section: &[&str], key: &str, value: Value, variable: &Variable) -> Result<(), Raised> {
        let setting = self.setting(key, value, variable);
        self.section(section, variable)?.set(key, setting);
        Ok(())
    }

    fn take_older_names(&mut self) {
        for (older, name) in schema::OLDER_VARIABLES {
            if let Some(variable) = self.pop(older) {
                if self.environment.find(name).is_none() {
                    self.older.insert(name, variable);
                } else {
                    self.leave(variable, Because::RenamedVariable(name.to_owned()));
                }
            }
        }
    }

    /// Takes the variables that have the name of their key.
    fn take_named(&mut self, is_taken: impl Fn(&Key) -> bool) -> Result<(), Raised> {
        let version = self.merger.version;
        for key in schema::keys().filter(|key| is_taken(key) && key.variable_is_in(version)) {
            for (name, path) in key.variables() {
                let Some((last, section)) = path.split_last() else { continue };
                let has_no_company = key.environment == Name::Beside && self.config.at(section).is_none();
                if has_no_company {
                    continue;
                }
                let Some(variable) = self.pop(&name) else { continue };
                let kind = key.variable_kind(version);
                // The section exists even if the value turns out to be of no use.
                self.section(section, variable)?;
                let value = self.read(kind, variable);
                let is_list_or_null = matches!(kind, VariableKind::List)
                    && self.merger.behaviours.has(Behaviour::EnvironmentListMayBeNull);
                let is_used = match (&value, kind) {
                    (Some(value), VariableKind::List | VariableKind::Mapping) => python::truthy(value),
                    (value, _) => value.is_some(),
                };
                if is_used || is_list_or_null {
                    self.put(section, last, value.unwrap_or(Value::Null), variable)?;
                } else {
                    self.leave(variable, Because::Unparsable);
                }
            }
        }
        Ok(())
    }

    /// Takes `PATRONI_<section>_<key>` for the keys that count in a section of any name.
    fn take_suffixed(&mut self) -> Result<(), Raised> {
        let has_citus = self.merger.behaviours.has(Behaviour::CitusExists);
        for variable in &self.environment.variables {
            let Some(rest) = variable.name.strip_prefix(PREFIX) else { continue };
            let Some((section, suffix)) = rest.split_once('_') else { continue };
            let known = schema::key_of_any_section(suffix, self.merger.version);
            let Some(known) = known.filter(|_| !section.is_empty() && !self.taken.contains(variable.name.as_str()))
            else {
                continue;
            };
            self.taken.insert(&variable.name);
            let is_of_citus = known.path.starts_with("citus.");
            let kind = match section == "CITUS" && has_citus {
                true if !is_of_citus => {
                    self.leave(variable, Because::UnknownVariable);
                    continue;
                }
                false if is_of_citus => VariableKind::Text,
                _ => known.variable_kind(self.merger.version),
            };
            let is_empty_text = variable.value.is_empty()
                && section != "CITUS"
                && matches!(kind, VariableKind::Int | VariableKind::List);
            let value = match is_empty_text {
                true => Some(Value::String(String::new())),
                false => self.read(kind, variable),
            };
            let counts_empty = self.merger.behaviours.has(Behaviour::EmptyVariableCounts);
            match value.filter(|value| counts_empty && *value != Value::Null || python::truthy(value)) {
                Some(value) => self.put(&[&section.to_lowercase()], &suffix.to_lowercase(), value, variable)?,
                None => self.leave(variable, Because::Unparsable),
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
            if let Some(options) = self.pop(&format!("{PREFIX}{name}_OPTIONS"))
                && let Some(list) = self.read(VariableKind::List, options).filter(python::truthy)
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
    fn read(&self, kind: VariableKind, variable: &Variable) -> Option<Value> {
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
            VariableKind::Text => Some(as_text()),
            VariableKind::Bool => python::parse_bool(&as_text()).map(Value::Bool),
            VariableKind::Int => python::parse_int(&as_text(), None).map(Value::Int),
            VariableKind::List => list(),
            VariableKind::Mapping if python::strip(text).starts_with('{') => parse(text),
            VariableKind::Mapping => parse(&format!("{{{text}}}")),
            VariableKind::Format if has_field(text) => Some(as_text()),
            VariableKind::Format => Some(list().filter(python::truthy).unwrap_or_else(as_text)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_holds_what_is_read_and_no_section_of_a_misspelt_variable() {
        let text = "PATRONI_RESTAPI_HTTP_EXTRA_HEADERS='X-Frame-Options: deny'\nPATRONI_ECTD3_HOSTS=a:1\nPATRONI_LOG_MODE=0600\n\
                    PATRONI_POSTGRESQL_HOST=b\n";
        let environment = Environment::read(&mut SourceMap::default(), "node.env", text);
        let tree = environment.tree(PatroniVersion::newest()).expect("Patroni takes it");
        assert_eq!(
            format!("{tree:?}"),
            r#"{"log": {"mode": 384}, "restapi": {"http_extra_headers": {"X-Frame-Options": "deny"}}}"#
        );
    }
}
