//! Dumps of a DCS: every form in which its keys, leases and servers leave it, decoded to the same few types.
//!
//! Text or JSON trees in; keys with their values as stored out. Which key belongs to which cluster is told by
//! [`KeyPath`]; what a value means is not known here.

pub mod consul;
pub mod etcd2;
pub mod etcd3;
pub mod kubernetes;
pub mod paths;
pub mod reading;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use crate::input::dcs_server::DcsServer;
use crate::parse::tree::{Node, Value};

/// The largest number of values (list items, dictionary entries) that one input may hold in all.
pub const MAX_VALUES: usize = 4_000_000;

/// The kinds of DCS that a snapshot can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DcsKind {
    /// etcd, API v3
    Etcd3,
    /// etcd, API v2
    Etcd2,
    /// ZooKeeper
    ZooKeeper,
    /// Consul
    Consul,
    /// Kubernetes
    Kubernetes,
    /// Keys and values without a sign of where they come from
    Unknown,
}

impl DcsKind {
    /// The kind that a section of Patroni's configuration stands for.
    pub fn of_section(name: &str) -> Option<Self> {
        match name {
            "etcd3" => Some(Self::Etcd3),
            "etcd" => Some(Self::Etcd2),
            "zookeeper" | "exhibitor" => Some(Self::ZooKeeper),
            "consul" => Some(Self::Consul),
            "kubernetes" => Some(Self::Kubernetes),
            _ => None,
        }
    }
}

/// How a dump is written; of two forms of the same dump the greater one tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `etcdctl get -w simple`: keys and values alone.
    Simple,
    /// A JSON object of paths and values.
    Paths,
    /// `etcdctl get -w fields`
    Fields,
    /// JSON as the store or its own tool writes it.
    Native,
}

/// Keys of a DCS, not yet told apart by cluster.
#[derive(Clone, Debug)]
pub struct KeyDump {
    /// Which store it comes from.
    pub kind: DcsKind,
    /// How it is written.
    pub form: Form,
    /// The store's revision when the keys were read, when the dump tells.
    pub revision: Option<u64>,
    /// Keys by absolute path, with one slash at the start and none at the end.
    pub keys: BTreeMap<String, DumpedKey>,
    /// What is known to be missing in it, in words.
    pub incomplete: Option<String>,
    /// Why what it holds may not be so, in words.
    pub doubts: Vec<String>,
    /// Values counted so far, to keep below [`MAX_VALUES`].
    values: usize,
}

/// One key of a [`KeyDump`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedKey {
    /// What is stored.
    pub value: StoredValue,
    /// Revision of the last change, when the dump tells.
    pub revision: Option<u64>,
    /// Lease or session that keeps the key alive.
    pub lease: Option<String>,
    /// Seconds until the key expires, when the dump tells.
    pub ttl_seconds: Option<i64>,
    /// When the key expires, as written, when the dump tells.
    pub expiration: Option<String>,
}

/// A value as far as the dump holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum StoredValue {
    /// A text.
    Text(String),
    /// Bytes that are not UTF-8, from this offset on; Patroni stores no such thing.
    NotUtf8(usize),
    /// The dump names the key alone.
    Missing,
}

impl std::fmt::Debug for StoredValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::NotUtf8(offset) => write!(formatter, "NotUtf8({offset})"),
            Self::Missing => formatter.write_str("Missing"),
        }
    }
}

/// What is wrong with a dump whose form is clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// In lower case, without a final period, naming the key if it is known.
    pub reason: String,
    /// Byte offset in the text, if known.
    pub offset: Option<usize>,
}

impl KeyDump {
    fn new(kind: DcsKind, form: Form) -> Self {
        Self { kind, form, revision: None, keys: BTreeMap::new(), incomplete: None, doubts: Vec::new(), values: 0 }
    }

    /// Adds a key; `path` may lack the slash at the start. A path that ends in a slash is a directory and left out.
    fn insert(&mut self, path: &str, key: DumpedKey) -> Result<(), Malformed> {
        if path.ends_with('/') {
            return Ok(());
        }
        if let StoredValue::Text(text) = &key.value {
            self.values += text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
            if MAX_VALUES < self.values {
                return Err(Malformed::new(format!("it holds more than {MAX_VALUES} values")));
            }
        }
        let path = format!("/{}", path.trim_start_matches('/'));
        match self.keys.get(&path) {
            Some(earlier) if earlier.value != key.value => {
                Err(Malformed::new(format!("it holds {path} twice, with different values")))
            }
            Some(_) => Ok(()),
            None => {
                self.keys.insert(path, key);
                Ok(())
            }
        }
    }

    /// Whether it holds keys but the value of none (`--keys-only`).
    pub fn has_only_names(&self) -> bool {
        !self.keys.is_empty() && self.keys.values().all(|key| key.value == StoredValue::Missing)
    }

    /// Takes every value for missing if all are empty: this is what a dump of names alone looks like.
    fn without_empty_values(mut self) -> Self {
        if self.keys.values().all(|key| key.value == StoredValue::Text(String::new())) {
            self.keys.values_mut().for_each(|key| key.value = StoredValue::Missing);
        }
        self
    }
}

impl DumpedKey {
    fn new(value: StoredValue) -> Self {
        Self { value, revision: None, lease: None, ttl_seconds: None, expiration: None }
    }
}

impl StoredValue {
    fn from_bytes(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::NotUtf8(error.utf8_error().valid_up_to()), Self::Text)
    }
}

impl Malformed {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), offset: None }
    }

    fn at(node: &Node, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), offset: Some(node.span.start) }
    }
}

/// Where a key of Patroni lies: `/<namespace>/<scope>/[<group>/]<key>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPath<'a> {
    /// `namespace`, without slashes at the ends; may be empty.
    pub namespace: &'a str,
    /// `scope`
    pub scope: &'a str,
    /// Citus group.
    pub group: Option<u32>,
    /// The key below, for example `members/pg1`.
    pub key: &'a str,
}

impl<'a> KeyPath<'a> {
    /// Takes an absolute path apart if it ends in a key that Patroni writes.
    ///
    /// A number before the key is a Citus group, unless `is_scope` says that it is a cluster's name.
    ///
    /// Source: patroni/dcs/__init__.py, the `_INITIALIZE` … `_FAILSAFE` constants and `AbstractDCS.client_path`, 4.1.5;
    /// `citus_group_re` of the DCS modules.
    pub fn parse(path: &'a str, is_scope: impl Fn(&str) -> bool) -> Option<Self> {
        const PLAIN: [&str; 8] =
            ["config", "failover", "failsafe", "history", "initialize", "leader", "status", "sync"];
        let path = path.strip_prefix('/')?;
        let (rest, last) = path.rsplit_once('/')?;
        let (base, key) = match rest.rsplit_once('/') {
            Some((base, "members")) if !last.is_empty() => (base, &path[base.len() + 1..]),
            Some((base, "optime")) if last == "leader" => (base, &path[base.len() + 1..]),
            _ if PLAIN.contains(&last) => (rest, last),
            _ => return None,
        };
        let (above, scope) = base.rsplit_once('/').unwrap_or(("", base));
        if let Some(group) = citus_group(scope)
            && !above.is_empty()
            && !is_scope(scope)
        {
            let (namespace, scope) = above.rsplit_once('/').unwrap_or(("", above));
            return Some(Self { namespace, scope, group: Some(group), key });
        }
        (!scope.is_empty()).then_some(Self { namespace: above, scope, group: None, key })
    }
}

/// A whole number without leading zeros.
fn citus_group(text: &str) -> Option<u32> {
    is_whole_number(text).then(|| text.parse().ok())?
}

fn is_whole_number(text: &str) -> bool {
    text == "0" || !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A number, also one written as a string, as the gRPC gateways do.
fn integer(node: &Node) -> Option<i128> {
    match &node.value {
        Value::Int(number) => Some(*number),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn unsigned(node: Option<&Node>) -> Option<u64> {
    u64::try_from(integer(node?)?).ok()
}

/// The bytes of a base64 string; `what` names it in the error.
fn base64(node: &Node, what: &str) -> Result<Vec<u8>, Malformed> {
    let text = node.as_str().ok_or_else(|| Malformed::at(node, format!("{what} is not a string")))?;
    STANDARD.decode(text).map_err(|_| Malformed::at(node, format!("{what} is not base64")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_where_a_key_lies() {
        fn check(path: &str, expect: Option<(&str, &str, Option<u32>, &str)>) {
            let found = KeyPath::parse(path, |scope| scope == "17");
            let found = found.map(|found| (found.namespace, found.scope, found.group, found.key));
            assert_eq!(found, expect, "{path}");
        }
        check("/service/demo/config", Some(("service", "demo", None, "config")));
        check("/service/demo/members/pg1", Some(("service", "demo", None, "members/pg1")));
        check("/service/demo/members/leader", Some(("service", "demo", None, "members/leader")));
        check("/service/demo/optime/leader", Some(("service", "demo", None, "optime/leader")));
        check("/a/b/c/demo/sync", Some(("a/b/c", "demo", None, "sync")));
        check("/demo/status", Some(("", "demo", None, "status")));
        check("/service/demo/0/leader", Some(("service", "demo", Some(0), "leader")));
        check("/service/demo/12/members/w1", Some(("service", "demo", Some(12), "members/w1")));
        check("/service/demo/012/leader", Some(("service/demo", "012", None, "leader")));
        check("/service/17/leader", Some(("service", "17", None, "leader")));
        check("/17/leader", Some(("", "17", None, "leader")));
        check("/service/demo", None);
        check("/service/demo/members", None);
        check("/service/demo/members/", None);
        check("/service/demo/optime", None);
        check("/leader", None);
        check("//leader", None);
        check("leader", None);
        check("", None);
    }

    #[test]
    fn the_same_key_twice_must_be_the_same() {
        let mut dump = KeyDump::new(DcsKind::Unknown, Form::Paths);
        let key = |text: &str| DumpedKey::new(StoredValue::Text(text.to_owned()));
        assert_eq!(dump.insert("/service/demo/leader", key("pg1")), Ok(()));
        assert_eq!(dump.insert("service/demo/leader", key("pg1")), Ok(()));
        let error = dump.insert("/service/demo/leader", key("pg2")).expect_err("they differ");
        assert_eq!(error.reason, "it holds /service/demo/leader twice, with different values");
        assert_eq!(dump.keys.len(), 1);
    }

    #[test]
    fn values_do_not_show_in_debug_output() {
        let dump = format!("{:?}", DumpedKey::new(StoredValue::Text("hunter2".to_owned())));
        assert!(!dump.contains("hunter2"), "{dump}");
    }
}
