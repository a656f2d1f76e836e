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

pub use key::{Apply, Environment, Key, Kind, Need, Number, Place, Reading, Releases, Standing, Truth};

/// Variables of older releases that still work, each with the one that replaced it.
///
/// Source: patroni/config.py, `Config._build_environment_configuration`, all releases to 4.1.5.
pub const OLDER_VARIABLES: [(&str, &str); 3] = [
    ("PATRONI_LOGLEVEL", "PATRONI_LOG_LEVEL"),
    ("PATRONI_LOGFORMAT", "PATRONI_LOG_FORMAT"),
    ("PATRONI_LOG_DATEFMT", "PATRONI_LOG_DATEFORMAT"),
];

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
    let named = |key: &&Key| !key.path.split('.').any(|segment| segment == "*");
    let mut fitting = keys_of(document).filter(|key| key.matches(path));
    let first = fitting.next()?;
    if named(&first) { Some(first) } else { fitting.find(named).or(Some(first)) }
}

/// The names that a section knows, in order of the table; `*` among them if it takes any. Empty: it is no section.
pub fn names_below(document: Document, section: &[&str]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for name in keys_of(document).filter_map(|key| key.names_below(section)).flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
