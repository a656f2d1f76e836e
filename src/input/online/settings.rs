//! Where live systems are, and what they ask for: plain data, which the model fills from Patroni's configuration.

use std::time::Duration;

/// A text that no output shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the wire alone.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// A user and the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Hidden,
}

/// How a server's certificate is judged and which one is shown to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// File of certificates that are trusted, in PEM; `None`: those that the system trusts.
    pub authorities: Option<String>,
    /// File of the own certificate, in PEM.
    pub certificate: Option<String>,
    /// File of the certificate's key, in PEM; `None`: it is in the certificate's file.
    pub key: Option<String>,
    /// Password of the key.
    pub key_password: Option<Hidden>,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// Whether the name in the certificate does not matter.
    pub any_name: bool,
}

/// What to wait for, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For reading the DCS once, from whichever of its servers answers.
    pub dcs: Duration,
    /// For the answer of one member's REST API.
    pub rest_api: Duration,
    /// The largest answer, in bytes.
    pub answer_bytes: usize,
}

impl Default for Limits {
    /// A member's answer as long as Patroni itself waits for it.
    ///
    /// Source: patroni/ha.py, `Ha.fetch_node_status`, 2.0.0 to 4.1.5: 2 seconds.
    fn default() -> Self {
        Self { dcs: Duration::from_secs(10), rest_api: Duration::from_secs(2), answer_bytes: 64 << 20 }
    }
}

/// A DCS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dcs {
    /// etcd, API v3: `etcd3`
    Etcd3(Etcd),
    /// etcd, API v2: `etcd`
    Etcd2(Etcd),
    /// `consul`
    Consul(Consul),
    /// `zookeeper`
    ZooKeeper(ZooKeeper),
    /// `kubernetes`
    Kubernetes(Kubernetes),
}

/// Where etcd is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Etcd {
    /// URLs of servers, such as `http://127.0.0.1:2379`.
    pub endpoints: Vec<String>,
    /// Domain whose SRV records name the servers.
    pub srv: Option<String>,
    /// What ends the names of these records.
    pub srv_suffix: Option<String>,
    /// Whether the endpoints are proxies, so that the servers behind are not to be asked for.
    pub use_proxies: bool,
    /// The user.
    pub credentials: Option<Credentials>,
    /// TLS
    pub tls: Tls,
    /// Whether to ask through gRPC instead of the JSON gateway; for API v3 alone.
    pub grpc: bool,
}

/// Where Consul is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consul {
    /// URL of the agent.
    pub endpoint: String,
    /// `token`
    pub token: Option<Hidden>,
    /// `dc`
    pub datacenter: Option<String>,
    /// `consistency`: `default`, `consistent` or `stale`.
    pub consistency: String,
    /// TLS
    pub tls: Tls,
}

/// Where ZooKeeper is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZooKeeper {
    /// `host:port` of each server.
    pub hosts: Vec<String>,
    /// Whether to use TLS, and how.
    pub tls: Option<Tls>,
    /// Scheme and credential of each of `auth_data`, and of SASL.
    pub auth: Vec<(String, Hidden)>,
}

/// Where Kubernetes keeps a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kubernetes {
    /// `namespace`
    pub namespace: String,
    /// `labels` that the cluster's objects have.
    pub labels: Vec<(String, String)>,
    /// `scope_label`
    pub scope_label: String,
    /// Whether Endpoints hold the state, rather than ConfigMaps.
    pub use_endpoints: bool,
    /// `context` of the kubeconfig; empty: the current one; `None`: the one that Patroni takes then.
    pub context: Option<String>,
    /// `cacert`: the authorities of the API, inside of a pod.
    pub authorities: Option<String>,
}

/// How the members' REST APIs are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestApi {
    /// `ctl.authentication`, or that of `restapi`.
    pub credentials: Option<Credentials>,
    /// TLS
    pub tls: Tls,
}
