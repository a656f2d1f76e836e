//! The configuration that the running daemon uses, each value with its origin and what it overrode.
//!
//! [`effective`] follows Patroni's own way, release by release: the configuration files one after the other, the
//! environment over them, all of that over the dynamic configuration and the defaults; then what Patroni derives.

mod environment;
mod merge;
mod node;
mod parameters;
mod section;

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::Raised;
use crate::model::config::effective::merge::Merger;
use crate::model::config::global::GlobalConfig;
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Mapping, Node, Value};

pub use crate::model::config::effective::environment::{Environment, Variable};
pub use crate::model::config::effective::merge::COPIED;
pub use crate::model::config::effective::node::{NodeConfiguration, nodes};
pub use crate::model::config::effective::parameters::{CONTROLLED, Check, Controlled, Fixed, Judged};
pub use crate::model::config::effective::section::{Content, Layer, Origin, Section, Setting};

/// What a node's configuration is made of.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The documents of the configuration files in the order in which Patroni reads them; `None` without any.
    pub files: Option<&'a [&'a Node]>,
    /// The environment of the daemon, if it is known.
    pub environment: Option<&'a Environment>,
    /// The value of `/config` in the DCS, if it is known.
    pub dynamic: Option<&'a Node>,
    /// The node's release.
    pub version: PatroniVersion,
    /// What that release does.
    pub behaviours: Behaviours,
}

/// The configuration that the daemon uses.
#[derive(Clone, Debug)]
pub struct Effective {
    /// Every setting.
    pub settings: Section,
    /// What is written somewhere and not used, the innermost first.
    pub unused: Vec<Unused>,
    /// Which dynamic configuration is part of it.
    pub dynamic: DynamicUse,
}

/// Which dynamic configuration counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DynamicUse {
    /// That in `/config`.
    Stored,
    /// `bootstrap.dcs`: `/config` is not known, or empty.
    Bootstrap,
    /// None is known: the defaults count.
    Unknown,
    /// Patroni raises this on it, and uses the defaults, or what it used before.
    Rejected(Raised),
}

/// A value that is written somewhere and not used.
#[derive(Clone, Debug)]
pub struct Unused {
    /// The setting that it would be, as a route of keys; of an environment variable that is none, its name.
    pub path: Vec<String>,
    /// The value.
    pub setting: Setting,
    /// Why it is not used.
    pub because: Because,
}

/// Why a value is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because {
    /// Another value takes its place.
    Overridden(Origin),
    /// Another place says the same, and came first.
    Repeated(Origin),
    /// A null takes it away.
    Removed(Origin),
    /// Only the dynamic configuration can set it.
    DynamicOnly,
    /// Only the local configuration can set it.
    LocalOnly,
    /// Patroni does not read it there.
    Unread,
    /// The value does not do; this is what Patroni wants.
    Refused(String),
    /// Patroni adjusts it; this is the rule.
    Adjusted(String),
    /// Patroni sets it from this other setting.
    SetFrom(String),
    /// The dynamic configuration as a whole is rejected.
    Rejected,
    /// The cluster is initialized: `/config` counts, and `bootstrap.dcs` no more.
    Initialized,
    /// It is no connection parameter that Patroni passes on.
    NoConnectionParameter,
    /// Without `postgresql.authentication` Patroni decides by `postgresql.pg_rewind`.
    OldAuthentication,
    /// A configuration file is given.
    FileGiven,
    /// `PATRONI_CONFIGURATION` is the whole configuration.
    VariableGiven,
    /// No release reads a variable of this name, or not this one.
    UnknownVariable,
    /// It has a new name, under which it is set as well.
    RenamedVariable(String),
    /// Patroni cannot make sense of the variable's text.
    Unparsable,
}

/// The configuration that the daemon uses.
///
/// # Errors
///
/// Patroni raises an exception, and does not start.
pub fn effective(given: &Given<'_>) -> Result<Effective, Raised> {
    let mut merger = Merger::new(given.version, given.behaviours);
    let local = local_configuration(given, &mut merger)?;
    let stored = given.dynamic.and_then(Node::as_mapping).map(|mapping| Section::read(mapping, &Layer::Dynamic));
    let stored = stored.filter(|stored| !stored.is_empty());
    let bootstrap = bootstrap(&at_start(given, &local)?);
    let asked = match (&stored, bootstrap.is_empty()) {
        (Some(_), _) => DynamicUse::Stored,
        (None, false) => DynamicUse::Bootstrap,
        (None, true) => DynamicUse::Unknown,
    };
    if stored.is_some() {
        leave_all(&mut merger, &mut Vec::new(), &bootstrap, &Because::Initialized);
    }
    let dynamic = stored.unwrap_or(bootstrap);
    let (mut settings, used) = merge(&mut merger, &dynamic, &local)?;
    let known = used.is_none().then_some(&dynamic);
    add_global(&mut merger, &mut settings, known);
    add_server_parameters(&mut merger, &mut settings);
    let dynamic = used.map_or(asked, DynamicUse::Rejected);
    merger.unused.sort_by_key(|unused| rank(&unused.setting.origin));
    Ok(Effective { settings, unused: merger.unused, dynamic })
}

/// What the dynamic configuration alone decides, for a node whose own configuration is not known.
pub fn dynamic_alone(dynamic: Option<&Node>, version: PatroniVersion, behaviours: Behaviours) -> Effective {
    let mut merger = Merger::new(version, behaviours);
    let stored = dynamic.and_then(Node::as_mapping).map(|mapping| Section::read(mapping, &Layer::Dynamic));
    let stored = stored.unwrap_or_default();
    let (mut settings, used) = match merger.dynamic(&stored) {
        Ok(settings) => (settings, if stored.is_empty() { DynamicUse::Unknown } else { DynamicUse::Stored }),
        Err(raised) => {
            merger = Merger::new(version, behaviours);
            leave_all(&mut merger, &mut Vec::new(), &stored, &Because::Rejected);
            let defaults = merger.dynamic(&Section::default()).expect("the defaults are in order");
            (defaults, DynamicUse::Rejected(raised))
        }
    };
    let known = (used == DynamicUse::Stored).then_some(&stored);
    add_global(&mut merger, &mut settings, known);
    Effective { settings, unused: merger.unused, dynamic: used }
}

/// How far from the defaults an origin lies.
fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::Default => 0,
        Origin::Computed(_) => 2,
        Origin::Written { layer, .. } => match layer {
            Layer::Bootstrap => 1,
            Layer::Dynamic => 2,
            Layer::File => 3,
            Layer::ConfigurationVariable => 4,
            Layer::Environment(_) => 5,
        },
    }
}

/// `Config` with a local configuration and a dynamic one, and why the latter is rejected, if it is.
///
/// Source: patroni/config.py, `Config.__init__` and `Config.set_dynamic_configuration`, 2.0.0 to 4.1.5.
fn merge(merger: &mut Merger, dynamic: &Section, local: &Section) -> Result<(Section, Option<Raised>), Raised> {
    let noted = merger.unused.len();
    match merger.dynamic(dynamic).and_then(|merged| merger.local(merged, local)) {
        Ok(settings) => Ok((settings, None)),
        Err(raised) if dynamic.is_empty() => Err(raised),
        Err(raised) => {
            merger.unused.truncate(noted);
            leave_all(merger, &mut Vec::new(), dynamic, &Because::Rejected);
            let (settings, _) = merge(merger, &Section::default(), local)?;
            Ok((settings, Some(raised)))
        }
    }
}

/// The merged configuration of `Config`, for comparing with it.
///
/// # Errors
///
/// As [`effective`].
pub fn merged(given: &Given<'_>) -> Result<Section, Raised> {
    let mut merger = Merger::new(given.version, given.behaviours);
    let local = local_configuration(given, &mut merger)?;
    at_start(given, &local)?;
    let dynamic = given.dynamic.and_then(Node::as_mapping).map(|mapping| Section::read(mapping, &Layer::Dynamic));
    merge(&mut merger, &dynamic.unwrap_or_default(), &local).map(|(merged, _)| merged)
}

/// The settings that the value of `/config` decides, over their defaults; the defaults alone where Patroni rejects it.
///
/// Source: patroni/config.py, `Config.set_dynamic_configuration`, 2.0.0 to 4.1.5.
pub fn dynamic_settings(dynamic: Option<&Mapping>, behaviours: Behaviours) -> Section {
    let mut merger = Merger::of(behaviours);
    let dynamic = dynamic.map(|mapping| Section::read(mapping, &Layer::Dynamic)).unwrap_or_default();
    let merged = merger.dynamic(&dynamic).or_else(|_| merger.dynamic(&Section::default()));
    merged.expect("the defaults are in order")
}

/// The configuration files with the environment over them, or what takes their place.
///
/// Source: patroni/config.py, `Config.__init__` and `_load_config_path`, 2.0.0 to 4.1.5.
fn local_configuration(given: &Given<'_>, merger: &mut Merger) -> Result<Section, Raised> {
    let environment = given.environment.map(|environment| environment.configuration(merger)).transpose()?;
    let environment = environment.unwrap_or_default();
    let document = given.environment.and_then(Environment::document);
    let local = match (given.files, document) {
        (Some(files), document) => {
            let mut local = Section::default();
            for file in files {
                let Some(mapping) = file.as_mapping() else { return Err(no_mapping(file, merger.behaviours)) };
                merger.patch_all(&mut local, Section::read(mapping, &Layer::File));
            }
            merger.patch_all(&mut local, environment);
            if let Some(Ok(document)) = document {
                let setting = Setting::read(document, &Layer::ConfigurationVariable);
                merger.leave(&["PATRONI_CONFIGURATION"], &setting, Because::FileGiven);
            }
            local
        }
        (None, Some(Err(error))) => return Err(Raised::new("YAMLError", error.message.clone())),
        (None, Some(Ok(document))) if python::truthy(&document.value) => {
            leave_all(merger, &mut Vec::new(), &environment, &Because::VariableGiven);
            match document.as_mapping() {
                Some(mapping) => Section::read(mapping, &Layer::ConfigurationVariable),
                None => return Err(Raised::no_attribute(&document.value, "items")),
            }
        }
        (None, _) => environment,
    };
    if local.is_empty() {
        return Err(Raised::new("ConfigParseError", "Config is empty."));
    }
    Ok(local)
}

fn no_mapping(file: &Node, behaviours: Behaviours) -> Raised {
    match behaviours.has(Behaviour::FilesMustBeMappings) {
        true => Raised::new("ConfigParseError", "invalid config file"),
        false => Raised::no_attribute(&file.value, "items"),
    }
}

/// The configuration before any dynamic one is known, as the daemon starts with it.
///
/// Source: patroni/config.py, `Config.__init__`, 2.0.0 to 4.1.5.
fn at_start(given: &Given<'_>, local: &Section) -> Result<Section, Raised> {
    let mut merger = Merger::new(given.version, given.behaviours);
    let (settings, _) = merge(&mut merger, &Section::default(), local)?;
    if let Some(folder) = settings.at(&["postgresql", "data_dir"])
        && folder.as_str().is_none()
    {
        let class = python::type_name(&folder.value()).to_owned();
        return Err(Raised::new("TypeError", format!("postgresql.data_dir is no string but {class}")));
    }
    merger.compare_tags(&settings)?;
    Ok(settings)
}

/// `bootstrap.dcs`, the dynamic configuration of a cluster that is not initialized.
fn bootstrap(settings: &Section) -> Section {
    let mut dcs = settings.at(&["bootstrap", "dcs"]).and_then(Setting::section).cloned().unwrap_or_default();
    dcs.change_layer(&Layer::Bootstrap);
    dcs
}

/// Notes every value of a section as unused.
fn leave_all(merger: &mut Merger, path: &mut Vec<String>, section: &Section, because: &Because) {
    for (key, setting) in section.iter() {
        path.push(python::str(key));
        match setting.section().filter(|section| !section.is_empty()) {
            Some(section) => leave_all(merger, path, section, because),
            None => {
                merger.unused.push(Unused { path: path.clone(), setting: setting.clone(), because: because.clone() })
            }
        }
        path.pop();
    }
}

/// Settings that Patroni reads from the dynamic configuration as they are, since they have no default worth showing.
const RAW_DYNAMIC: [&str; 7] = [
    "ignore_slots",
    "max_timelines_history",
    "member_slots_ttl",
    "permanent_replication_slots",
    "permanent_slots",
    "slots",
    "standby_cluster",
];

/// Adds what decisions read from the dynamic configuration itself.
///
/// Source: patroni/global_config.py, `GlobalConfig`, 4.1.5.
fn add_global(merger: &mut Merger, settings: &mut Section, dynamic: Option<&Section>) {
    let value = dynamic.map(Section::value);
    let mapping = match &value {
        Some(Value::Mapping(mapping)) => Some(mapping),
        _ => None,
    };
    let global = GlobalConfig::read(mapping, merger.behaviours);
    for (name, value, default) in global.settings() {
        let given = dynamic.and_then(|dynamic| dynamic.get(name));
        let origin = match given {
            Some(given) if value != default || python::str(&given.value()) == python::str(&value) => {
                given.origin.clone()
            }
            Some(given)
                if python::parse_bool(&given.value()).is_some()
                    || python::parse_int(&given.value(), None).is_some() =>
            {
                given.origin.clone()
            }
            Some(given) => {
                let wants = format!("it reads as {}", python::str(&value));
                merger.leave(&[name], given, Because::Refused(wants));
                Origin::Default
            }
            None => Origin::Default,
        };
        let setting = Setting { content: Content::Value(value), origin };
        replace_local(merger, settings, name, setting);
    }
    for (key, given) in dynamic.into_iter().flat_map(Section::iter) {
        let name = python::str(key);
        let is_raw = RAW_DYNAMIC.contains(&name.as_str());
        if is_raw && name != "standby_cluster" {
            replace_local(merger, settings, &name, given.clone());
        } else if !is_raw && !is_read(&name, settings) {
            merger.leave(&[&name], given, Because::Unread);
        }
    }
}

/// Whether the dynamic configuration is read for this setting.
fn is_read(name: &str, settings: &Section) -> bool {
    const MERGED: [&str; 6] =
        ["ttl", "loop_wait", "retry_timeout", "postgresql", "master_start_timeout", "master_stop_timeout"];
    MERGED.contains(&name)
        || settings.get(name).is_some_and(|setting| {
            matches!(&setting.origin, Origin::Written { layer: Layer::Dynamic | Layer::Bootstrap, .. })
        })
}

/// Sets what the dynamic configuration alone decides, whatever the local one says.
fn replace_local(merger: &mut Merger, settings: &mut Section, name: &str, setting: Setting) {
    if let Some(old) = settings.set(name, setting)
        && matches!(
            &old.origin,
            Origin::Written { layer: Layer::File | Layer::Environment(_) | Layer::ConfigurationVariable, .. }
        )
    {
        merger.leave(&[name], &old, Because::DynamicOnly);
    }
}

/// Adds the parameters of PostgreSQL that Patroni sets from other settings.
///
/// Source: patroni/postgresql/config.py, `ConfigHandler.get_server_parameters`, 4.1.5.
fn add_server_parameters(merger: &mut Merger, settings: &mut Section) {
    let scope = settings.get("scope").map(Setting::value);
    let listen = settings.at(&["postgresql", "listen"]).and_then(Setting::as_str).map(str::to_owned);
    let Some(parameters) = settings
        .get_mut("postgresql")
        .and_then(Setting::section_mut)
        .and_then(|section| section.get_mut("parameters"))
        .and_then(Setting::section_mut)
    else {
        return;
    };
    let mut put = |name: &str, value: Value, from: &str| {
        let origin = Origin::Computed(format!("set from {from}"));
        let old = parameters.set(name, Setting { content: Content::Value(value), origin });
        if let Some(old) = old.filter(|old| !old.is_null()) {
            merger.leave(&["postgresql", "parameters", name], &old, Because::SetFrom(from.to_owned()));
        }
    };
    if let Some(scope) = scope {
        put("cluster_name", scope, "scope");
    }
    if let Some((host, port)) = listen.as_deref().and_then(host_and_port) {
        put("listen_addresses", Value::String(host), "postgresql.listen");
        put("port", Value::String(port.to_string()), "postgresql.listen");
    }
}

/// Source: patroni/utils.py, `split_host_port`, 4.1.5.
fn host_and_port(listen: &str) -> Option<(String, i128)> {
    let (host, port) = listen.rsplit_once(':').unwrap_or((listen, "5432"));
    let without_brackets = |host: &str| python::strip(host).trim_matches(['[', ']']).to_owned();
    let host = match host.contains(':') {
        true => host.split(',').map(without_brackets).collect::<Vec<_>>().join(","),
        false => host.to_owned(),
    };
    Some((host, python::int(&Value::String(port.to_owned()))?))
}

impl Effective {
    /// The setting that a key such as `postgresql.parameters.max_connections` names, its route, and where it ends: names
    /// of settings may contain dots themselves.
    pub fn find(&self, key: &str) -> Option<(Vec<String>, &Setting)> {
        let parts: Vec<&str> = key.split('.').collect();
        find(&self.settings, &parts)
    }

    /// What is written for the setting at `path` and not used, innermost first.
    pub fn unused_at<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = &'a Unused> {
        self.unused.iter().filter(move |unused| is_same_path(&unused.path, path))
    }
}

fn find<'a>(section: &'a Section, parts: &[&str]) -> Option<(Vec<String>, &'a Setting)> {
    (1..=parts.len().min(MAX_DOTTED)).find_map(|length| {
        let name = parts[..length].join(".");
        let setting = section.get(&name)?;
        if length == parts.len() {
            return Some((vec![name], setting));
        }
        let (mut path, setting) = find(setting.section()?, &parts[length..])?;
        path.insert(0, name);
        Some((path, setting))
    })
}

/// How many parts between dots the name of one setting may have.
const MAX_DOTTED: usize = 4;

/// Whether two routes are one; names of PostgreSQL's parameters compare in any case.
fn is_same_path(one: &[String], other: &[String]) -> bool {
    let is_parameter = |at: usize| at == 2 && one.starts_with(&["postgresql".to_owned(), "parameters".to_owned()]);
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .enumerate()
            .all(|(at, (one, other))| one == other || is_parameter(at) && one.to_lowercase() == other.to_lowercase())
}
