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
    Branch::of(document).descend(path)?.key
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
    let branch = Branch::of(document).descend(section);
    branch.map(|branch| branch.below.iter().map(|(name, _)| *name).collect()).unwrap_or_default()
}

/// The table as a tree.
#[derive(Default)]
struct Branch {
    key: Option<&'static Key>,
    below: Vec<(&'static str, Self)>,
}

impl Branch {
    fn of(document: Document) -> &'static Self {
        static TREES: LazyLock<[Branch; 2]> = LazyLock::new(|| [Document::Local, Document::Dynamic].map(Branch::grown));
        match document {
            Document::Local => &TREES[0],
            Document::Dynamic => &TREES[1],
        }
    }

    fn grown(document: Document) -> Self {
        let mut root = Self::default();
        for key in keys_of(document) {
            for path in key.expansions() {
                let mut branch = &mut root;
                for name in path {
                    let index = branch.below.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                        branch.below.push((name, Self::default()));
                        branch.below.len() - 1
                    });
                    branch = &mut branch.below[index].1;
                }
                branch.key = Some(key);
            }
        }
        root
    }

    fn descend(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |branch, name| {
            let named = |wanted: &str| branch.below.iter().find(|(known, _)| *known == wanted);
            named(name).or_else(|| named("*").filter(|_| *name != "[]")).map(|(_, below)| below)
        })
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
