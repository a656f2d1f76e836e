//! What the schema tells of one key, and how its rows are written.

pub(super) use crate::model::behaviour::v;
use crate::model::behaviour::{ALL, Releases, holds};
use crate::model::version::PatroniVersion;
use crate::parse::secrets;

/// Which configuration a key is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The node's own: its file, its directory of files, or its environment.
    Local,
    /// The cluster's: `/config` in the DCS, which `bootstrap.dcs` fills once.
    Dynamic,
    /// Either; what the node's own says counts.
    Both,
}

/// How Patroni tells true from false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// As Python does: every text but the empty one is true, `"off"` as well.
    Python,
    /// With `parse_bool`: `on`, `off`, `yes`, `no`, `true`, `false`, `1` and `0`, in any case of letters.
    Parsed,
}

/// How Patroni reads a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As it stands: text fails when it is used.
    AsIs,
    /// With Python's `int()`: a text of digits will do, a unit will not.
    Int,
    /// With Python's `float()`.
    Float,
    /// With `parse_int`: a text of digits, or a quantity in units that convert to the base unit.
    Parsed,
}

/// A whole number and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// How it is read.
    pub reading: Reading,
    /// The smallest value.
    pub minimum: Option<i64>,
    /// The largest value.
    pub maximum: Option<i64>,
    /// What it has to be a multiple of.
    pub multiple_of: Option<i64>,
    /// The unit that it is in, as `parse_int` takes it; then other units convert to it.
    pub base_unit: Option<&'static str>,
    /// The unit for people, where there is no base unit: `s`, `bytes`.
    pub unit: &'static str,
    /// Whether `patroni --validate-config` takes a number only, no text that Patroni reads as one.
    pub exact: bool,
}

/// What a value has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// True or false.
    Boolean(Truth),
    /// A whole number.
    Integer(Number),
    /// A text.
    Text,
    /// A text that names something; YAML makes a number of `1.5`.
    Name,
    /// A path on the node's disk.
    Path,
    /// One of these texts; `off` is also `false`, which is what YAML makes of it.
    Enum {
        /// The texts, the default first if there is one.
        values: &'static [&'static str],
        /// Whether the case of letters does not count.
        any_case: bool,
        /// Further texts that Patroni takes in any case of letters and `patroni --validate-config` refuses.
        also: &'static [&'static str],
    },
    /// `host:port`, to connect to.
    Address {
        /// Whether there is no default port.
        needs_port: bool,
    },
    /// A list of `host:port`, or a text with commas between them.
    Addresses,
    /// `host:port`, to listen on.
    Listen {
        /// Whether there may be several hosts, with commas between.
        several: bool,
        /// Whether there is no default port.
        needs_port: bool,
    },
    /// An IPv4 or IPv6 address.
    Ip,
    /// A list of these.
    List(&'static Kind),
    /// A mapping whose keys are rows of the table.
    Section,
    /// A mapping of any names to these.
    Map(&'static Kind),
    /// Any of these.
    Or(&'static [Kind]),
    /// This, and others that Patroni takes and `patroni --validate-config` refuses.
    Lenient(&'static Kind, &'static [Kind]),
    /// Whatever stands there.
    Any,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apply {
    /// In the next HA loop of each node.
    Live,
    /// With a reload of Patroni, which a change of the dynamic configuration brings by itself.
    Reload,
    /// With a restart of Patroni.
    Restart,
    /// With a restart of PostgreSQL.
    RestartPostgresql,
    /// When a cluster is initialised or a replica is created.
    Bootstrap,
}

/// Whether a key has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No.
    Optional,
    /// Patroni does not work without it.
    Patroni,
    /// `patroni --validate-config` asks for it, Patroni does not.
    Validator,
}

/// Whether a key ought to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Current,
    /// It is an older name of this one.
    Renamed(&'static str),
    /// It works and will go; what to use instead.
    Deprecated(&'static str),
}

/// The names in the environment, all behind `PATRONI_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// None.
    No,
    /// The path from this segment on, in capitals, with `_` for each dot.
    Path(usize),
    /// This, with the last segment of the path behind it.
    Prefixed(&'static str),
    /// The section and the key; Patroni takes the key for a section of any name, whether anything reads it there or not.
    AnySection,
    /// The section and the key; it counts only where other variables make the section.
    Beside,
}

/// What Patroni makes of a variable's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// The text.
    Text,
    /// What `parse_bool` makes of it.
    Bool,
    /// What `parse_int` makes of it.
    Int,
    /// A list in YAML; the brackets may be missing.
    List,
    /// A mapping in YAML; the braces may be missing.
    Mapping,
    /// A format of log lines: a list, unless it holds `%(name)`.
    Format,
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Its place below the root of its configuration: names with dots between. `a|b` is either of two names, `*` any name,
    /// and `[]` the items of a list.
    pub path: &'static str,
    /// Which configuration it is read from.
    pub place: Place,
    /// What its value has to be.
    pub kind: Kind,
    /// What counts when it is not there, as YAML; empty: nothing, or it depends on something else.
    pub default: &'static str,
    /// When a change takes effect.
    pub apply: Apply,
    /// The releases that read it.
    pub releases: Releases,
    /// Whether the node's own configuration has to hold it, where the section above it is.
    pub need: Need,
    /// Whether it ought to be used.
    pub standing: Standing,
    /// Its names in the environment.
    pub environment: Environment,
    /// The releases that read it from the environment, where these are others.
    pub environment_releases: Option<Releases>,
    /// The releases that read the variable as a value of the key's kind; for others it is a text.
    pub variable_is_typed: Releases,
    /// Whether `patroni --validate-config` of the newest release looks at it.
    pub is_validated: bool,
    /// A sentence for people.
    pub summary: &'static str,
}

impl Key {
    /// Whether the value is a secret; [`secrets::is_secret_key`] decides for every input, whatever reads it.
    pub fn is_secret(&self) -> bool {
        self.path.split(['.', '|']).any(secrets::is_secret_key)
    }

    /// Whether a release reads the key.
    pub fn is_in(&self, version: PatroniVersion) -> bool {
        holds(self.releases, version)
    }

    /// Whether every release reads the key.
    pub fn is_in_all(&self) -> bool {
        self.releases == ALL
    }

    /// Its names in the environment, each with the segments of the path that it sets.
    pub fn variables(&self) -> Vec<(String, Vec<&'static str>)> {
        if self.environment == Environment::No {
            return Vec::new();
        }
        let name = |path: &[&str]| match self.environment {
            Environment::Prefixed(prefix) => format!("{prefix}{}", path.last().copied().unwrap_or_default()),
            Environment::Path(from) => path[from.min(path.len())..].join("_"),
            Environment::AnySection | Environment::Beside => path.join("_"),
            Environment::No => String::new(),
        };
        let paths = self.expansions().into_iter();
        paths.map(|path| (format!("PATRONI_{}", name(&path).to_uppercase()), path)).collect()
    }

    /// Whether a release reads the key from the environment.
    pub fn variable_is_in(&self, version: PatroniVersion) -> bool {
        self.environment != Environment::No && holds(self.environment_releases.unwrap_or(self.releases), version)
    }

    /// What a release makes of the variable's text.
    pub fn variable_kind(&self, version: PatroniVersion) -> VariableKind {
        match holds(self.variable_is_typed, version) {
            true => self.kind.in_a_variable(),
            false => VariableKind::Text,
        }
    }

    /// The paths that the path stands for, as segments.
    pub fn expansions(&self) -> Vec<Vec<&'static str>> {
        self.path.split('.').fold(vec![Vec::new()], |paths, segment| {
            let names = || segment.split('|');
            paths.iter().flat_map(|path| names().map(move |name| [path.as_slice(), &[name]].concat())).collect()
        })
    }
}

/// The releases with thread pools of a set size.
pub(super) const THREADS: Releases =
    &[(v(3, 3, 9), Some(v(4, 0, 0))), (v(4, 0, 8), Some(v(4, 1, 0))), (v(4, 1, 1), None)];

/// A key of the node's own configuration.
pub(super) const fn local(path: &'static str, kind: Kind, summary: &'static str) -> Key {
    Key {
        path,
        place: Place::Local,
        kind,
        default: "",
        apply: Apply::Reload,
        releases: ALL,
        need: Need::Optional,
        standing: Standing::Current,
        environment: Environment::No,
        environment_releases: None,
        variable_is_typed: ALL,
        is_validated: true,
        summary,
    }
}

/// A key of the dynamic configuration.
pub(super) const fn dynamic(path: &'static str, kind: Kind, summary: &'static str) -> Key {
    Key { place: Place::Dynamic, apply: Apply::Live, ..local(path, kind, summary) }
}

/// A key of either.
pub(super) const fn both(path: &'static str, kind: Kind, summary: &'static str) -> Key {
    Key { place: Place::Both, ..local(path, kind, summary) }
}

impl Key {
    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn apply(self, apply: Apply) -> Self {
        Self { apply, ..self }
    }

    pub(super) const fn releases(self, releases: Releases) -> Self {
        Self { releases, ..self }
    }

    pub(super) const fn need(self, need: Need) -> Self {
        Self { need, ..self }
    }

    pub(super) const fn standing(self, standing: Standing) -> Self {
        Self { standing, ..self }
    }

    /// Not looked at by `patroni --validate-config`.
    pub(super) const fn unchecked(self) -> Self {
        Self { is_validated: false, ..self }
    }

    /// In the environment by its whole path.
    pub(super) const fn env(self) -> Self {
        self.env_as(Environment::Path(0))
    }

    pub(super) const fn env_as(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }

    /// In the environment as a key that counts in any section.
    pub(super) const fn env_any(self) -> Self {
        self.env_as(Environment::AnySection)
    }

    /// The releases that read the variable as more than a text.
    pub(super) const fn env_typed(self, releases: Releases) -> Self {
        Self { variable_is_typed: releases, ..self }
    }

    pub(super) const fn env_releases(self, releases: Releases) -> Self {
        Self { environment_releases: Some(releases), ..self }
    }
}

impl Kind {
    fn in_a_variable(&self) -> VariableKind {
        match self {
            Self::Boolean(_) => VariableKind::Bool,
            Self::Integer(_) => VariableKind::Int,
            Self::List(_) | Self::Addresses => VariableKind::List,
            Self::Map(_) => VariableKind::Mapping,
            Self::Or([Self::Text, Self::List(_)]) => VariableKind::Format,
            Self::Or([.., last]) => last.in_a_variable(),
            Self::Lenient(kind, _) => kind.in_a_variable(),
            _ => VariableKind::Text,
        }
    }
}

impl Number {
    const fn read(reading: Reading) -> Self {
        Self { reading, minimum: None, maximum: None, multiple_of: None, base_unit: None, unit: "", exact: false }
    }

    pub(super) const fn minimum(self, minimum: i64) -> Self {
        Self { minimum: Some(minimum), ..self }
    }

    pub(super) const fn maximum(self, maximum: i64) -> Self {
        Self { maximum: Some(maximum), ..self }
    }

    pub(super) const fn multiple_of(self, multiple_of: i64) -> Self {
        Self { multiple_of: Some(multiple_of), ..self }
    }

    pub(super) const fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    pub(super) const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub(super) const fn base(self, unit: &'static str) -> Self {
        Self { base_unit: Some(unit), unit, ..self }
    }

    /// The kind.
    pub(super) const fn kind(self) -> Kind {
        Kind::Integer(self)
    }
}

/// A number that is used as it stands.
pub(super) const AS_IS: Number = Number::read(Reading::AsIs);
/// A number that `int()` reads.
pub(super) const INT: Number = Number::read(Reading::Int);
/// A number that `parse_int` reads.
pub(super) const PARSED: Number = Number::read(Reading::Parsed);
/// A number that `float()` reads.
pub(super) const FLOAT: Number = Number::read(Reading::Float);
/// True or false as Python tells.
pub(super) const TRUTHY: Kind = Kind::Boolean(Truth::Python);
/// True or false as `parse_bool` tells.
pub(super) const SWITCH: Kind = Kind::Boolean(Truth::Parsed);
/// A list of texts.
pub(super) const TEXTS: Kind = Kind::List(&Kind::Text);

/// One of `values`.
pub(super) const fn one_of(values: &'static [&'static str], any_case: bool) -> Kind {
    Kind::Enum { values, any_case, also: &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_expand_and_name_variables() {
        let variables = |key: Key| key.variables().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(
            variables(local("etcd|etcd3.host", Kind::Text, "").env()),
            ["PATRONI_ETCD_HOST", "PATRONI_ETCD3_HOST"]
        );
        let prefixed =
            local("restapi.authentication.username", Kind::Text, "").env_as(Environment::Prefixed("RESTAPI_"));
        assert_eq!(variables(prefixed), ["PATRONI_RESTAPI_USERNAME"]);
        assert_eq!(variables(local("tags", Kind::Section, "")), [""; 0]);
    }
}
