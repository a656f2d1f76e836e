//! Every key that a configuration of Patroni can hold: the one table that rules, JSON Schemas and documentation come from.
//!
//! The released code is the source: patroni/validator.py `schema`, patroni/config.py, patroni/global_config.py and whatever
//! reads a section (`api.py`, `log.py`, `tags.py`, `watchdog/base.py`, `postgresql/*.py`, `dcs/*.py`), releases 2.0.0 to
//! 4.1.5; `tests/schema_facts.rs` compares with what `tests/python/record_schema.py` recorded of them.

mod dynamic;
mod key;
mod local;
mod postgresql;
mod words;

use std::sync::LazyLock;

use crate::model::version::PatroniVersion;

pub use key::{Apply, Environment, Key, Kind, Need, Number, Place, Reading, Standing, Truth, VariableKind};

/// Variables of older releases that still work, each with the one that replaced it.
///
/// Source: patroni/config.py, `Config._build_environment_configuration`, all releases to 4.1.5.
pub const OLDER_VARIABLES: [(&str, &str); 3] = [
    ("PATRONI_LOGLEVEL", "PATRONI_LOG_LEVEL"),
    ("PATRONI_LOGFORMAT", "PATRONI_LOG_FORMAT"),
    ("PATRONI_LOG_DATEFMT", "PATRONI_LOG_DATEFORMAT"),
];

/// The sections that name a DCS.
pub const DCS_SECTIONS: [&str; 7] = ["consul", "etcd", "etcd3", "exhibitor", "kubernetes", "raft", "zookeeper"];

/// Of these keys of a section one has to be there.
pub const ALTERNATIVES: [(Document, &[&str], &[&str], Need); 4] = [
    (Document::Local, &["etcd"], ETCD, Need::Patroni),
    (Document::Local, &["etcd3"], ETCD, Need::Patroni),
    (Document::Local, &["consul"], &["host", "url"], Need::Validator),
    (Document::Dynamic, &["standby_cluster"], &["host", "port", "restore_command"], Need::Patroni),
];

const ETCD: &[&str] = &["host", "hosts", "srv", "srv_suffix", "url", "proxy"];

/// Of these keys of a section `patroni --validate-config` takes one at most.
pub const EXCLUSIVE: [(&[&str], [&str; 2]); 2] =
    [(&["tags"], ["nofailover", "failover_priority"]), (&["tags"], ["nosync", "sync_priority"])];

/// Keys that do nothing unless another one is there, and what that is for.
pub const DEPENDENT: [(&str, &str); 7] = [
    ("log.file_num", "log.dir"),
    ("log.file_size", "log.dir"),
    ("log.mode", "log.dir"),
    ("restapi.https_extra_headers", "restapi.certfile"),
    ("restapi.keyfile", "restapi.certfile"),
    ("restapi.cafile", "restapi.certfile"),
    ("restapi.verify_client", "restapi.certfile"),
];

/// The two configurations that a key can stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `patroni.yml` and the environment.
    Local,
    /// `/config`, and `bootstrap.dcs`.
    Dynamic,
}

/// All rows: the node's own, the dynamic configuration, and what either may hold.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    local::KEYS.iter().chain(dynamic::KEYS).chain(postgresql::KEYS)
}

/// The rows of one configuration.
pub fn keys_of(document: Document) -> impl Iterator<Item = &'static Key> {
    keys().filter(move |key| match key.place {
        Place::Local => document == Document::Local,
        Place::Dynamic => document == Document::Dynamic,
        Place::Both => true,
    })
}

/// The row of a path, given as segments (`[]` for the items of a list); a name of its own counts before `*`.
pub fn find(document: Document, path: &[&str]) -> Option<&'static Key> {
    Section::of(document).at(path)?.key
}

/// The row of the key that a variable is named after, and the path that it sets.
pub fn path_of_variable(name: &str) -> Option<(&'static Key, Vec<&'static str>)> {
    keys().find_map(|key| key.variables().into_iter().find(|(known, _)| known == name).map(|(_, path)| (key, path)))
}

/// The row of the key that a variable is named after.
pub fn key_of_variable(name: &str) -> Option<&'static Key> {
    path_of_variable(name).map(|(key, _)| key)
}

/// The row of a key that a release reads from `PATRONI_<SECTION>_<SUFFIX>` for a section of any name.
pub fn key_of_any_section(suffix: &str, version: PatroniVersion) -> Option<&'static Key> {
    keys().find(|key| {
        key.environment == Environment::AnySection
            && key.variable_is_in(version)
            && key.path.rsplit('.').next().is_some_and(|name| name.to_uppercase() == suffix)
    })
}

/// The names that a section knows, in order of the table; `*` among them if it takes any. Empty: it is no section.
pub fn names_below(document: Document, section: &[&str]) -> Vec<&'static str> {
    let section = Section::of(document).at(section);
    section.map(|section| section.below.iter().map(|(name, _)| *name).collect()).unwrap_or_default()
}

/// The table as a tree: a key, and what may stand below it.
#[derive(Default)]
pub struct Section {
    /// The row of the key itself; `None` at the root, and where the table has rows of what stands below it alone.
    pub key: Option<&'static Key>,
    below: Vec<(&'static str, Self)>,
}

impl Section {
    /// The root of a configuration.
    pub fn of(document: Document) -> &'static Self {
        static ROOTS: LazyLock<[Section; 2]> =
            LazyLock::new(|| [Document::Local, Document::Dynamic].map(Section::grown));
        match document {
            Document::Local => &ROOTS[0],
            Document::Dynamic => &ROOTS[1],
        }
    }

    /// Whether the table knows anything below the key.
    pub fn is_section(&self) -> bool {
        !self.below.is_empty()
    }

    /// What a name means here; `[]` are the items of a list.
    pub fn below(&self, name: &str) -> Option<&Self> {
        let named = |wanted: &str| self.below.iter().find(|(known, _)| *known == wanted);
        named(name).or_else(|| named("*").filter(|_| name != "[]")).map(|(_, below)| below)
    }

    fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |section, name| section.below(name))
    }

    fn grown(document: Document) -> Self {
        let mut root = Self::default();
        keys_of(document).for_each(|key| root.grow(key.path, key));
        root
    }

    fn grow(&mut self, path: &'static str, key: &'static Key) {
        let (names, rest) = split(path, b'.');
        let mut names = Some(names);
        while let Some((name, others)) = names.map(|names| split(names, b'|')) {
            names = others;
            // Rows of one section stand together.
            let index = self.below.iter().rposition(|(known, _)| *known == name).unwrap_or_else(|| {
                self.below.push((name, Self::default()));
                self.below.len() - 1
            });
            let below = &mut self.below[index].1;
            match rest {
                Some(rest) => below.grow(rest, key),
                None => below.key = Some(key),
            }
        }
    }
}

/// What stands before the first `separator`, and what behind it. The whole table goes through here at every start, and its
/// paths are short: a loop over bytes is quicker than to set up a search.
fn split(text: &'static str, separator: u8) -> (&'static str, Option<&'static str>) {
    match text.bytes().position(|byte| byte == separator) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::version::KNOWN_RELEASES;

    #[test]
    fn a_key_of_any_section_is_read_alike_in_all() {
        for key in keys().filter(|key| key.environment == Environment::AnySection) {
            for version in KNOWN_RELEASES.iter().filter(|version| key.variable_is_in(**version)) {
                let suffix = key.path.rsplit('.').next().unwrap_or_default().to_uppercase();
                let found = key_of_any_section(&suffix, *version).expect("it is one");
                assert_eq!(found.variable_kind(*version), key.variable_kind(*version), "{} {version}", key.path);
            }
        }
    }

    #[test]
    fn names_of_their_own_count_before_any_name() {
        let path = |document, path: &[&str]| find(document, path).map(|key| key.path);
        assert_eq!(
            path(Document::Dynamic, &["slots", "mine", "type"]),
            Some("slots|permanent_slots|permanent_replication_slots.*.type")
        );
        assert_eq!(path(Document::Local, &["kubernetes", "ports", "[]", "name"]), Some("kubernetes.ports.[].name"));
        assert_eq!(path(Document::Local, &["tags", "mine"]), Some("tags.*"));
        assert_eq!(path(Document::Local, &["postgresql", "callbacks", "command"]), None);
        assert_eq!(path(Document::Local, &["postgresql", "mine", "command"]), Some("postgresql.*.command"));
        assert_eq!(path(Document::Local, &["postgresql", "use_slots"]), Some("postgresql.*"));
        assert_eq!(names_below(Document::Local, &["citus"]), ["group", "database"]);
    }
}
