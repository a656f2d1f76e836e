//! How Patroni merges its configurations into one.

use crate::model::behaviour::{Behaviour, Behaviours};
use crate::model::cluster::Raised;
use crate::model::config::effective::parameters::{CONTROLLED, Controlled, Judged, int};
use crate::model::config::effective::section::{Content, Origin, Section, Setting};
use crate::model::config::effective::{Because, Unused};
use crate::model::config::schema::{self, Document};
use crate::model::version::PatroniVersion;
use crate::parse::python;
use crate::parse::tree::{Secret, Value};

/// Settings of the section `postgresql` that the dynamic configuration cannot change.
const LOCAL_POSTGRESQL: [&str; 5] = ["connect_address", "listen", "data_dir", "pgpass", "authentication"];

/// The same, for releases with [`Behaviour::ProxyAddressIsLocal`].
const MORE_LOCAL_POSTGRESQL: [&str; 2] = ["proxy_address", "config_dir"];

/// Settings of `standby_cluster` that Patroni reads.
const STANDBY_CLUSTER: [&str; 7] = [
    "create_replica_methods",
    "host",
    "port",
    "primary_slot_name",
    "restore_command",
    "archive_cleanup_command",
    "recovery_min_apply_delay",
];

/// Settings that Patroni copies into `postgresql`.
///
/// Source: patroni/config.py, `Config._build_effective_configuration`, 2.0.0 to 4.1.5.
pub const COPIED: [&str; 8] = [
    "name",
    "scope",
    "retry_timeout",
    "synchronous_mode",
    "synchronous_mode_strict",
    "synchronous_node_count",
    "maximum_lag_on_syncnode",
    "citus",
];

/// Those of [`COPIED`] that releases with lenient limits do not copy.
const COPIED_BY_STRICT_READERS: [&str; 4] =
    ["synchronous_mode", "synchronous_mode_strict", "synchronous_node_count", "maximum_lag_on_syncnode"];

/// Takes notes while Patroni's way is followed.
pub(super) struct Merger {
    /// The release that is followed.
    pub version: PatroniVersion,
    /// What it does.
    pub behaviours: Behaviours,
    /// What is written and not used, in the order in which that turns out.
    pub unused: Vec<Unused>,
    /// Whether it is noted.
    is_noting: bool,
}

impl Merger {
    pub fn new(version: PatroniVersion, behaviours: Behaviours) -> Self {
        Self { version, behaviours, unused: Vec::new(), is_noting: true }
    }

    /// For what depends on a release's behaviours alone, when nobody asks what is left unused.
    pub fn of(behaviours: Behaviours) -> Self {
        Self { is_noting: false, ..Self::new(PatroniVersion::newest(), behaviours) }
    }

    pub fn leave(&mut self, path: &[&str], setting: &Setting, because: Because) {
        if !self.is_noting {
            return;
        }
        let path = path.iter().map(|&name| name.to_owned()).collect();
        self.unused.push(Unused { path, setting: setting.clone(), because });
    }

    /// Puts `data` over `config`.
    ///
    /// Source: patroni/utils.py, `patch_config`, 2.0.0 to 4.1.5.
    pub fn patch(&mut self, config: &mut Section, data: Section, path: &mut Vec<String>) {
        for (key, setting) in data.into_entries() {
            path.push(python::str(&key));
            if setting.is_null() {
                if let Some(old) = config.take(&key) {
                    self.override_at(path, old, Because::Removed(setting.origin));
                }
            } else if let Some(old) = config.find_mut(&key) {
                match (&mut old.content, setting.content) {
                    (Content::Section(old), Content::Section(new)) => self.patch(old, new, path),
                    // Python leaves a value alone that reads like the new one.
                    (Content::Value(known), Content::Value(new)) if python::str(known) == python::str(&new) => {
                        let same = Setting { content: Content::Value(new), origin: setting.origin };
                        let by = old.origin.clone();
                        self.override_at(path, same, Because::Repeated(by));
                    }
                    (_, content) => {
                        let new = Setting { content, origin: setting.origin.clone() };
                        let old = std::mem::replace(old, new);
                        self.override_at(path, old, Because::Overridden(setting.origin));
                    }
                }
            } else {
                config.insert(key, setting);
            }
            path.pop();
        }
    }

    /// Puts `data` over the whole configuration. What an alias repeats is one dictionary in Python: a change of one place
    /// shows at the others.
    pub fn patch_all(&mut self, config: &mut Section, data: Section) {
        let shared = config.repeated_sections();
        let changed = if shared.is_empty() { Vec::new() } else { data.section_paths() };
        self.patch(config, data, &mut Vec::new());
        for path in changed {
            let route: Vec<&str> = path.iter().map(String::as_str).collect();
            let Some(setting) = config.at(&route).cloned() else { continue };
            if shared.contains(&setting.origin) {
                config.replace_alike(&setting);
            }
        }
    }

    fn override_at(&mut self, path: &[String], setting: Setting, because: Because) {
        self.unused.push(Unused { path: path.to_vec(), setting, because });
    }

    /// The defaults of the settings that the dynamic configuration can change.
    ///
    /// Source: patroni/config.py, `Config.__DEFAULT_CONFIG`, 2.0.0 to 4.1.5.
    fn defaults(&self) -> Section {
        let has = |behaviour| self.behaviours.has(behaviour);
        let mut config = Section::default();
        let mut put = |name: &str, value: Value| {
            config.set(name, Setting::default_value(value));
        };
        put("ttl", Value::Int(30));
        put("loop_wait", Value::Int(10));
        put("retry_timeout", Value::Int(10));
        if !has(Behaviour::LimitsAreReadLeniently) {
            put("maximum_lag_on_failover", Value::Int(1_048_576));
            if has(Behaviour::SyncNodeLagIsLimited) {
                put("maximum_lag_on_syncnode", Value::Int(-1));
            }
            put("check_timeline", Value::Bool(false));
            let [start, stop] = timeouts(self.behaviours);
            put(start, Value::Int(300));
            put(stop, Value::Int(0));
            put("synchronous_mode", Value::Bool(false));
            put("synchronous_mode_strict", Value::Bool(false));
            put("synchronous_node_count", Value::Int(1));
            if has(Behaviour::FailsafeRace) {
                put("failsafe_mode", Value::Bool(false));
            }
            let mut watchdog = Section::default();
            watchdog.set("mode", Setting::default_value(Value::String("automatic".to_owned())));
            config.set("watchdog", section(watchdog));
        }
        let mut standby_cluster = Section::default();
        for name in STANDBY_CLUSTER {
            standby_cluster.set(name, Setting::default_value(Value::String(String::new())));
        }
        config.set("standby_cluster", section(standby_cluster));
        let mut postgresql = Section::default();
        if has(Behaviour::EmptyDefaultsExist) {
            postgresql.set("bin_dir", Setting::default_value(Value::String(String::new())));
        }
        postgresql.set("use_slots", Setting::default_value(Value::Bool(true)));
        let mut parameters = Section::ignoring_case();
        for controlled in CONTROLLED.iter().filter(|controlled| controlled.is_preset) {
            match controlled.default {
                Some(default) => parameters.set(controlled.name, Setting::default_value(default.value())),
                None if has(Behaviour::EmptyDefaultsExist) => {
                    parameters.set(controlled.name, Setting::default_value(Value::Null))
                }
                None => None,
            };
        }
        postgresql.set("parameters", section(parameters));
        config.set("postgresql", section(postgresql));
        config
    }

    /// The dynamic configuration over the defaults.
    ///
    /// Source: patroni/config.py, `Config.set_dynamic_configuration`, `_validate_and_adjust_timeouts` and
    /// `_safe_copy_dynamic_configuration`, 2.0.0 to 4.1.5.
    ///
    /// # Errors
    ///
    /// Patroni raises an exception, logs it, and goes on as if there were no dynamic configuration.
    pub fn dynamic(&mut self, dynamic: &Section) -> Result<Section, Raised> {
        let mut dynamic = dynamic.clone();
        if self.behaviours.has(Behaviour::TimingIsAdjusted) && !dynamic.is_empty() {
            self.adjust_timeouts(&mut dynamic)?;
        }
        let mut config = self.defaults();
        let [start, stop] = timeouts(self.behaviours);
        let renamed = [("master_start_timeout", start), ("master_stop_timeout", stop)];
        let merges_all = !self.behaviours.has(Behaviour::LimitsAreReadLeniently);
        for (key, setting) in dynamic.iter() {
            let Value::String(name) = key else { continue };
            let new_name = renamed.iter().find(|(old, new)| merges_all && old == name && dynamic.get(new).is_none());
            let name = new_name.map_or(name.as_str(), |(_, new)| new);
            match name {
                "postgresql" => self.dynamic_postgresql(setting, &mut config)?,
                "standby_cluster" => {
                    let Some(given) = section_or_empty(setting)? else { continue };
                    for (key, value) in given.iter() {
                        match key {
                            Value::String(name) if STANDBY_CLUSTER.contains(&name.as_str()) => {
                                let standby_cluster = config.get_mut("standby_cluster").and_then(Setting::section_mut);
                                let old = standby_cluster.and_then(|section| section.set(name, value.clone()));
                                self.replaced(&["standby_cluster", name], old, value);
                            }
                            other => self.leave(&["standby_cluster", &python::str(other)], value, Because::Unread),
                        }
                    }
                }
                "synchronous_mode" | "synchronous_mode_strict" | "failsafe_mode" if config.get(name).is_some() => {
                    let old = config.set(name, setting.clone());
                    self.replaced(&[name], old, setting);
                }
                _ if config.get(name).is_some() => {
                    let number = Content::Value(Value::Int(int(&setting.value())?));
                    let new = Setting { content: number, origin: setting.origin.clone() };
                    let old = config.set(name, new);
                    self.replaced(&[name], old, setting);
                }
                _ => {}
            }
        }
        Ok(config)
    }

    /// Notes that a default gave way.
    fn replaced(&mut self, path: &[&str], old: Option<Setting>, by: &Setting) {
        if let Some(old) = old.filter(|old| !old.is_null()) {
            self.leave(path, &old, Because::Overridden(by.origin.clone()));
        }
    }

    fn dynamic_postgresql(&mut self, given: &Setting, config: &mut Section) -> Result<(), Raised> {
        let Some(given) = section_or_empty(given)? else { return Ok(()) };
        let postgresql = config.get_mut("postgresql").and_then(Setting::section_mut);
        let postgresql = postgresql.expect("the defaults have this section");
        let more = self.behaviours.has(Behaviour::ProxyAddressIsLocal);
        for (key, value) in given.iter() {
            let name = python::str(key);
            let is_text = matches!(key, Value::String(_));
            if is_text && name == "parameters" {
                let taken = self.parameters(value, false)?;
                self.update_parameters(postgresql, taken);
            } else if is_text
                && (LOCAL_POSTGRESQL.contains(&name.as_str()) || more && MORE_LOCAL_POSTGRESQL.contains(&name.as_str()))
            {
                self.leave(&["postgresql", &name], value, Because::LocalOnly);
            } else {
                let old = postgresql.insert(key.clone(), value.clone());
                self.replaced(&["postgresql", &name], old, value);
            }
        }
        Ok(())
    }

    fn update_parameters(&mut self, postgresql: &mut Section, taken: Vec<(Value, Setting)>) {
        let Some(parameters) = postgresql.get_mut("parameters").and_then(Setting::section_mut) else { return };
        for (key, value) in taken {
            let origin = value.origin.clone();
            let name = python::str(&key);
            if let Some(old) = parameters.insert(key, value).filter(|old| !old.is_null()) {
                self.leave(&["postgresql", "parameters", &name], &old, Because::Overridden(origin));
            }
        }
    }

    /// The parameters of PostgreSQL that count.
    ///
    /// Source: patroni/config.py, `Config._process_postgresql_parameters`, 2.0.0 to 4.1.5.
    fn parameters(&mut self, given: &Setting, is_local: bool) -> Result<Vec<(Value, Setting)>, Raised> {
        let given = match section_or_empty(given) {
            Ok(None) => return Ok(Vec::new()),
            Ok(Some(given)) => given,
            Err(_) if self.behaviours.has(Behaviour::ParametersMustBeMapping) => {
                return Err(Raised::new("ConfigParseError", "postgresql.parameters is not a dictionary"));
            }
            Err(raised) => return Err(raised),
        };
        let mut taken = Vec::new();
        for (key, setting) in given.iter() {
            let Value::String(name) = key else { return Err(Raised::no_attribute(key, "lower")) };
            let path = ["postgresql", "parameters", name.as_str()];
            match Controlled::find(name) {
                None => taken.push((key.clone(), setting.clone())),
                Some(_) if is_local => self.leave(&path, setting, Because::DynamicOnly),
                Some(controlled) => match controlled.judge(&setting.value(), self.behaviours)? {
                    Judged::Used(value) => {
                        let used = Setting { content: Content::Value(value), origin: setting.origin.clone() };
                        taken.push((key.clone(), used));
                    }
                    Judged::Refused => {
                        let wants = controlled.check.wants(self.behaviours);
                        self.leave(&path, setting, Because::Refused(wants));
                    }
                },
            }
        }
        Ok(taken)
    }

    /// Raises timings below their minimum, and shortens `loop_wait` and then `retry_timeout` to fit into `ttl`.
    ///
    /// Source: patroni/config.py, `Config._validate_and_adjust_timeouts`, 3.2.0 to 4.1.5.
    fn adjust_timeouts(&mut self, dynamic: &mut Section) -> Result<(), Raised> {
        let mut at_least = |merger: &mut Self, name: &str, default: i128, min: i128| -> Result<i128, Raised> {
            let asked = dynamic.get(name).map_or(Ok(default), |setting| int(&setting.value()))?;
            if min <= asked {
                return Ok(asked);
            }
            merger.adjust(dynamic, name, min, format!("{name} cannot be less than {min}"));
            Ok(min)
        };
        let loop_wait = at_least(self, "loop_wait", 10, 1)?;
        let retry_timeout = at_least(self, "retry_timeout", 10, 3)?;
        let ttl = at_least(self, "ttl", 30, 20)?;
        let rule = format!("loop_wait + 2 × retry_timeout has to fit into ttl, which is {ttl}");
        let twice = retry_timeout.saturating_mul(2);
        if ttl <= twice {
            self.adjust(dynamic, "loop_wait", 1, rule.clone());
            self.adjust(dynamic, "retry_timeout", (ttl - 1).div_euclid(2), rule);
        } else if ttl < twice.saturating_add(loop_wait) {
            self.adjust(dynamic, "loop_wait", ttl - twice, rule);
        }
        Ok(())
    }

    fn adjust(&mut self, dynamic: &mut Section, name: &str, value: i128, reason: String) {
        let adjusted = Setting {
            content: Content::Value(Value::Int(value)),
            origin: Origin::Computed(format!("adjusted: {reason}")),
        };
        if let Some(old) = dynamic.set(name, adjusted) {
            self.leave(&[name], &old, Because::Adjusted(reason));
        }
    }

    /// The local configuration over the dynamic one.
    ///
    /// Source: patroni/config.py, `Config._build_effective_configuration`, 2.0.0 to 4.1.5.
    ///
    /// # Errors
    ///
    /// Patroni raises an exception, and does not start.
    pub fn local(&mut self, mut config: Section, local: &Section) -> Result<Section, Raised> {
        for (key, setting) in local.iter() {
            let name = match key {
                Value::String(name) => name.as_str(),
                _ => "",
            };
            match name {
                "citus" if self.behaviours.has(Behaviour::CitusExists) => {
                    let field = |name| setting.section().and_then(|citus| citus.get(name)).map(Setting::value);
                    let is_valid = matches!(field("group"), Some(Value::Int(_) | Value::Bool(_)))
                        && matches!(field("database"), Some(Value::String(_)));
                    if is_valid {
                        config.set(name, setting.clone());
                    } else {
                        let wants = "group has to be a whole number and database a string";
                        self.leave(&[name], setting, Because::Refused(wants.to_owned()));
                    }
                }
                "postgresql" => self.local_postgresql(setting, &mut config)?,
                _ if config.find(key).is_none() || name == "watchdog" => {
                    let old = config.find(key).cloned();
                    let empty = Setting::empty_section(setting.origin.clone());
                    config.insert(key.clone(), if setting.is_truthy() { setting.clone() } else { empty });
                    self.replaced(&[name], old, setting);
                }
                _ => self.leave(&[name], setting, Because::DynamicOnly),
            }
        }
        self.normalise(&mut config)?;
        Ok(config)
    }

    fn local_postgresql(&mut self, given: &Setting, config: &mut Section) -> Result<(), Raised> {
        let Some(given) = section_or_empty(given)? else { return Ok(()) };
        let postgresql = config.get_mut("postgresql").and_then(Setting::section_mut);
        let postgresql = postgresql.expect("the defaults have this section");
        for (key, value) in given.iter() {
            let name = python::str(key);
            let is_text = matches!(key, Value::String(_));
            if is_text && name == "parameters" {
                let taken = self.parameters(value, true)?;
                self.update_parameters(postgresql, taken);
            } else if is_text && name == "use_slots" {
                self.leave(&["postgresql", &name], value, Because::DynamicOnly);
            } else {
                let old = postgresql.insert(key.clone(), value.clone());
                self.replaced(&["postgresql", &name], old, value);
            }
        }
        Ok(())
    }

    /// What Patroni derives from other settings, old forms among them.
    fn normalise(&mut self, config: &mut Section) -> Result<(), Raised> {
        let sections: &[&str] = match self.behaviours.has(Behaviour::CtlAuthenticates) {
            true => &["ctl", "restapi"],
            false => &["restapi"],
        };
        for name in sections {
            if let Some(setting) = config.get_mut(name) {
                set_auth(name, setting)?;
            }
        }
        if let Some(zookeeper) = config.get_mut("zookeeper")
            && contains(zookeeper, "exhibitor")?
        {
            let Some(section) = zookeeper.section_mut() else { return Err(no_attribute(zookeeper, "pop")) };
            let exhibitor = section.remove("exhibitor").unwrap_or_else(|| Setting::default_value(Value::Null));
            config.set("exhibitor", exhibitor);
            config.remove("zookeeper");
        }
        self.authentication(config)?;
        let postgresql = |config: &Section, name: &str| config.at(&["postgresql", name]).cloned();
        if config.get("name").is_none()
            && let Some(name) = postgresql(config, "name")
        {
            config.set("name", name);
        }
        if self.behaviours.has(Behaviour::CitusExists) && config.get("citus").is_some() {
            self.citus_defaults(config)?;
        }
        let is_lenient = self.behaviours.has(Behaviour::LimitsAreReadLeniently);
        let copied = COPIED.iter().filter(|name| !(is_lenient && COPIED_BY_STRICT_READERS.contains(name)));
        for name in copied {
            let Some(value) = config.get(name).cloned() else { continue };
            let is_unknown = *name == "citus" && !self.behaviours.has(Behaviour::CitusExists);
            if !is_unknown && let Some(section) = config.get_mut("postgresql").and_then(Setting::section_mut) {
                section.set(name, value);
            }
        }
        Ok(())
    }

    fn authentication(&mut self, config: &mut Section) -> Result<(), Raised> {
        let postgresql = config.get_mut("postgresql").and_then(Setting::section_mut);
        let postgresql = postgresql.expect("the defaults have this section");
        let rewind = postgresql.get("pg_rewind").cloned();
        if postgresql.get("authentication").is_none() {
            let origin = Origin::Computed("without postgresql.authentication the old form counts".to_owned());
            let use_rewind = Setting { content: Content::Value(Value::Bool(rewind.is_some())), origin: origin.clone() };
            if let Some(old) = postgresql.set("use_pg_rewind", use_rewind) {
                self.leave(&["postgresql", "use_pg_rewind"], &old, Because::OldAuthentication);
            }
            let mut authentication = Section::default();
            for user in ["replication", "superuser"] {
                if let Some(setting) = postgresql.get(user) {
                    authentication.set(user, setting.clone());
                }
            }
            postgresql.set("authentication", Setting { content: Content::Section(authentication), origin });
        }
        let Some(authentication) = postgresql.get_mut("authentication") else { return Ok(()) };
        if !contains(authentication, "superuser")?
            && let Some(rewind) = rewind
        {
            let Some(section) = authentication.section_mut() else {
                let class = python::type_name(&authentication.value());
                return Err(Raised::new("TypeError", format!("'{class}' object does not support item assignment")));
            };
            section.set("superuser", rewind);
        }
        let Some(users) = authentication.section_mut() else { return Err(no_attribute(authentication, "items")) };
        let version = self.version;
        let mut refused = Vec::new();
        for (user, setting) in users.iter_mut() {
            let Some(given) = setting.section_mut() else { return Err(no_attribute(setting, "items")) };
            let is_unknown =
                |key: &Value| !matches!(key, Value::String(name) if is_connection_parameter(name, version));
            let unknown: Vec<Value> = given.iter().map(|(key, _)| key).filter(|key| is_unknown(key)).cloned().collect();
            for key in unknown {
                if let Some(old) = given.take(&key) {
                    refused.push((python::str(user), python::str(&key), old));
                }
            }
        }
        for (user, name, old) in refused {
            self.leave(&["postgresql", "authentication", &user, &name], &old, Because::NoConnectionParameter);
        }
        Ok(())
    }

    /// Looks for tags that contradict each other, which fails on what is no mapping.
    ///
    /// Source: patroni/config.py, `Config._validate_failover_tags`, 3.2.0 to 4.0.11, `_validate_contradictory_tags` since.
    pub fn compare_tags(&self, config: &Section) -> Result<(), Raised> {
        let Some(tags) = config.get("tags").filter(|_| self.behaviours.has(Behaviour::TagsAreCompared)) else {
            return Ok(());
        };
        let mut names = vec!["nofailover"];
        if self.behaviours.has(Behaviour::SyncPriority) {
            names.push("nosync");
        }
        for name in names {
            let asks_for_value = !self.behaviours.has(Behaviour::TagsAreLookedFor) || contains(tags, name)?;
            if asks_for_value && tags.section().is_none() {
                return Err(no_attribute(tags, "get"));
            }
        }
        Ok(())
    }

    /// A new Citus cluster starts with synchronous replication.
    fn citus_defaults(&self, config: &mut Section) -> Result<(), Raised> {
        let origin = || Origin::Computed("a Citus cluster starts with synchronous replication".to_owned());
        let bootstrap = config.or_insert("bootstrap", || Setting::empty_section(origin()));
        let Some(bootstrap) = bootstrap.section_mut() else { return Err(no_attribute(bootstrap, "setdefault")) };
        let dcs = bootstrap.or_insert("dcs", || Setting::empty_section(origin()));
        let Some(dcs) = dcs.section_mut() else { return Err(no_attribute(dcs, "setdefault")) };
        let mode = match self.behaviours.has(Behaviour::QuorumCommit) {
            true => Value::String("quorum".to_owned()),
            false => Value::Bool(true),
        };
        dcs.or_insert("synchronous_mode", || Setting { content: Content::Value(mode), origin: origin() });
        Ok(())
    }
}

/// Source: patroni/config.py, `_AUTH_ALLOWED_PARAMETERS`, 2.0.0 to 4.1.5.
fn is_connection_parameter(name: &str, version: PatroniVersion) -> bool {
    schema::find(Document::Local, &["postgresql", "authentication", "superuser", name])
        .is_some_and(|key| key.is_in(version))
}

/// `primary_start_timeout` and `primary_stop_timeout` as a release calls them.
fn timeouts(behaviours: Behaviours) -> [&'static str; 2] {
    match behaviours.has(Behaviour::TimeoutsOfPrimary) {
        true => ["primary_start_timeout", "primary_stop_timeout"],
        false => ["master_start_timeout", "master_stop_timeout"],
    }
}

fn section(section: Section) -> Setting {
    Setting { content: Content::Section(section), origin: Origin::Default }
}

/// `(value or {}).items()`
fn section_or_empty(setting: &Setting) -> Result<Option<&Section>, Raised> {
    match &setting.content {
        Content::Section(section) => Ok(Some(section)),
        Content::Value(value) if python::truthy(value) => Err(Raised::no_attribute(value, "items")),
        Content::Value(_) => Ok(None),
    }
}

fn no_attribute(setting: &Setting, name: &str) -> Raised {
    Raised::no_attribute(&setting.value(), name)
}

/// `name in value`
fn contains(setting: &Setting, name: &str) -> Result<bool, Raised> {
    let found = match &setting.content {
        Content::Section(section) => section.get(name).is_some(),
        Content::Value(Value::Sequence(items)) => items.iter().any(|item| item.as_str() == Some(name)),
        Content::Value(value) => match super::parameters::exposed(value) {
            Value::String(text) => text.contains(name),
            other => {
                let class = python::type_name(other);
                return Err(Raised::new("TypeError", format!("argument of type '{class}' is not iterable")));
            }
        },
    };
    Ok(found)
}

/// `auth` as the REST API's server and client want it.
fn set_auth(name: &str, setting: &mut Setting) -> Result<(), Raised> {
    if !contains(setting, "authentication")? {
        return Ok(());
    }
    let Some(section) = setting.section_mut() else {
        let class = python::type_name(&setting.value()).to_owned();
        return Err(Raised::new("TypeError", format!("'{class}' object is not a mapping with authentication")));
    };
    let Some(authentication) = section.get("authentication").and_then(Setting::section) else {
        return Err(Raised::new("TypeError", format!("{name}.authentication must be a mapping")));
    };
    if authentication.iter().any(|(key, _)| !matches!(key, Value::String(_))) {
        return Err(Raised::new("TypeError", "keywords must be strings"));
    }
    let mut text = Vec::new();
    for part in ["username", "password"] {
        let Some(value) = authentication.get(part) else { return Err(Raised::new("KeyError", format!("'{part}'"))) };
        text.push(python::str(&value.value()));
    }
    let auth = Value::Secret(Secret::new(Value::String(text.join(":"))));
    let origin = Origin::Computed(format!("from {name}.authentication"));
    section.set("auth", Setting { content: Content::Value(auth), origin });
    Ok(())
}
