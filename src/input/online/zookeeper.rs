//! ZooKeeper, as Patroni's section `zookeeper` uses it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zookeeper_client::{Client, Connector, Error, SaslOptions, Stat, TlsOptions};

use crate::input::dcs_server::DcsServer;
use crate::input::online::clock::Stopwatch;
use crate::input::online::http::{endpoint as shown, innermost, read, use_ring};
use crate::input::online::settings::{Limits, Tls, ZooKeeper as Settings};
use crate::input::online::{DcsReader, Keys, OnlineError, Pending, StoredKey, first};

/// The most nodes that are read, each counted as itself and as a child.
const MAX_NODES: usize = 200_000;

/// How many nodes are asked for at once.
const AT_ONCE: usize = 200;

/// How long to wait until a session is closed.
const CLOSING: Duration = Duration::from_secs(1);

/// Until when the servers keep a session that could not be closed.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// Reads ZooKeeper.
pub struct ZooKeeper {
    limits: Limits,
    /// One URL for each server.
    endpoints: Vec<String>,
    /// What precedes all paths.
    chroot: String,
    connector: Connector,
    has_tls: bool,
}

impl ZooKeeper {
    /// # Errors
    ///
    /// A file that the settings name is of no use, or they ask for what the client cannot do.
    pub fn new(settings: &Settings, limits: Limits) -> Result<Self, OnlineError> {
        let mut connector = Client::connector().with_session_timeout(SESSION_TIMEOUT).with_fail_eagerly();
        if let Some(tls) = &settings.tls {
            connector = connector.with_tls(tls_options(tls)?);
        }
        for (scheme, data) in &settings.auth {
            // What the client of Patroni makes of this scheme, which is none of ZooKeeper's.
            connector = match (scheme.as_str(), data.expose().split_once(':')) {
                ("sasl", Some((user, password))) => {
                    connector.with_sasl(SaslOptions::digest_md5(user.to_owned(), password.to_owned()))
                }
                _ => connector.with_auth(scheme, data.expose().as_bytes()),
            };
        }
        // The last host may end in a path.
        let hosts = settings.hosts.join(",");
        let (hosts, chroot) = hosts.split_at(hosts.find('/').unwrap_or(hosts.len()));
        let endpoints = hosts.split(',').filter(|host| !host.is_empty()).map(url).collect::<Result<_, _>>()?;
        let chroot = chroot.trim_end_matches('/').to_owned();
        Ok(Self { limits, endpoints, chroot, connector, has_tls: settings.tls.is_some() })
    }

    async fn keys_from(&self, endpoint: &str, prefix: &str) -> Result<Keys, OnlineError> {
        // Says why when a server does not answer, which the client does not.
        let address = address(endpoint);
        drop(TcpStream::connect(address).await.map_err(|error| failure(endpoint, &innermost(&error)))?);
        let connector = self.connector.clone();
        let cluster = format!("{address}{}", self.chroot);
        let session = match self.has_tls {
            true => connector.secure_connect(&cluster).await,
            false => connector.connect(&cluster).await,
        };
        let client = session.map_err(|error| match error {
            Error::NoHosts if self.has_tls => {
                failure(endpoint, "no session can be opened: TLS fails, or it serves nobody")
            }
            Error::NoHosts => failure(endpoint, "no session can be opened: it serves nobody, or is no ZooKeeper"),
            error => told(endpoint, &error, "a session"),
        })?;
        let mut watcher = client.state_watcher();
        let keys = self.keys_of(&client, endpoint, prefix).await;
        drop(client);
        let closed = async { while !watcher.changed().await.is_terminated() {} };
        let _ = timeout(CLOSING, closed).await;
        keys
    }

    /// Reads one level of nodes after the other.
    ///
    /// There is no reading of several nodes as of one moment: hence no revision.
    async fn keys_of(&self, client: &Client, endpoint: &str, prefix: &str) -> Result<Keys, OnlineError> {
        // So that the server has caught up with the leader of ZooKeeper.
        client.sync("/").await.map_err(|error| told(endpoint, &error, "/"))?;
        let mut keys = Keys { endpoint: shown(endpoint), ..Keys::default() };
        let (mut bytes, mut count) = (0, 0);
        let root = prefix.trim_end_matches('/');
        let mut paths = vec![if root.is_empty() { "/".to_owned() } else { root.to_owned() }];
        while !paths.is_empty() {
            let mut next = Vec::new();
            for paths in paths.chunks(AT_ONCE) {
                for (path, node) in join_all(paths.iter().map(async |path| (path, node(client, path).await))).await {
                    let Some((value, stat, children)) = node.map_err(|error| told(endpoint, &error, path))? else {
                        continue;
                    };
                    (bytes, count) = (bytes + value.len(), count + 1 + children.len());
                    if self.limits.answer_bytes < bytes || MAX_NODES < count {
                        return Err(failure(endpoint, &format!("it holds too much below {prefix}")));
                    }
                    next.extend(children.iter().map(|child| format!("{}/{child}", path.trim_end_matches('/'))));
                    if children.is_empty() || !value.is_empty() {
                        keys.keys.push(stored(path, value, &stat));
                    }
                }
            }
            // What ZooKeeper keeps for itself.
            next.retain(|path| path != "/zookeeper");
            paths = next;
        }
        // The root itself is no key below the prefix.
        keys.keys.retain(|key| key.path.starts_with(prefix));
        keys.keys.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(keys)
    }

    /// What a server tells of itself; most words of four letters are forbidden unless the servers are told otherwise, and
    /// one that is refused is no fault.
    async fn server(&self, endpoint: &str) -> DcsServer {
        let server = DcsServer { endpoint: shown(endpoint), ..DcsServer::default() };
        if self.has_tls {
            return server;
        }
        let watch = Stopwatch::start();
        let asked = async {
            let mut stream = TcpStream::connect(address(endpoint)).await?;
            stream.write_all(b"srvr").await?;
            let mut answer = String::new();
            stream.take(1 << 16).read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        match timeout(self.limits.dcs, asked).await {
            Ok(Ok(answer)) => described(&answer, DcsServer { latency_ms: Some(watch.milliseconds()), ..server }),
            Ok(Err(error)) => DcsServer { error: Some(innermost(&error)), ..server },
            Err(_) => DcsServer { error: Some("no answer in time".to_owned()), ..server },
        }
    }
}

impl DcsReader for ZooKeeper {
    fn keys<'a>(&'a self, prefix: &'a str) -> Pending<'a, Result<Keys, OnlineError>> {
        // Servers without a majority let nobody in, so that what is read is never old.
        Box::pin(async move {
            let ask = async |endpoint| self.keys_from(endpoint, prefix).await;
            first(&self.endpoints, self.limits.dcs, ask).await
        })
    }

    fn servers(&self) -> Pending<'_, Vec<DcsServer>> {
        Box::pin(join_all(self.endpoints.iter().map(async |endpoint| self.server(endpoint).await)))
    }
}

/// A node with its value and the names of its children; `None`: it is gone.
async fn node(client: &Client, path: &str) -> Result<Option<(Vec<u8>, Stat, Vec<String>)>, Error> {
    let (value, stat) = match client.get_data(path).await {
        Err(Error::NoNode) => return Ok(None),
        node => node?,
    };
    let children = match stat.num_children {
        0 => Vec::new(),
        _ => match client.list_children(path).await {
            Err(Error::NoNode) => return Ok(None),
            children => children?,
        },
    };
    Ok(Some((value, stat, children)))
}

fn stored(path: &str, value: Vec<u8>, stat: &Stat) -> StoredKey {
    StoredKey {
        path: path.to_owned(),
        value,
        revision: u64::try_from(stat.mzxid).ok(),
        lease: (stat.ephemeral_owner != 0).then(|| stat.ephemeral_owner.to_string()),
        ttl_seconds: None,
    }
}

/// Reads an answer to `srvr`.
fn described(answer: &str, mut server: DcsServer) -> DcsServer {
    let field = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if answer.contains("not currently serving requests") {
        server.error = Some("it serves no requests: it finds no majority of its servers".to_owned());
    }
    server.version = field("Zookeeper version:").map(|version| {
        let end = version.find(|character: char| character != '.' && !character.is_ascii_digit());
        version[..end.unwrap_or(version.len())].to_owned()
    });
    server.is_leader = match field("Mode:") {
        Some("leader" | "standalone") => Some(true),
        Some("follower" | "observer" | "read-only") => Some(false),
        _ => None,
    };
    server
}

fn tls_options(tls: &Tls) -> Result<TlsOptions, OnlineError> {
    let unable = |what: &str| Err(OnlineError::Settings(format!("the client of ZooKeeper cannot {what}")));
    if tls.insecure {
        return unable("leave certificates unchecked: name the authorities in zookeeper.cacert");
    }
    let Some(authorities) = &tls.authorities else {
        return unable("use the authorities that the system trusts: name them in zookeeper.cacert");
    };
    use_ring();
    let of_no_use = |name: &str| {
        let name = name.to_owned();
        move |_| OnlineError::File { name, reason: "it holds nothing in PEM that can be used".to_owned() }
    };
    let pem = |name: &str| Ok::<_, OnlineError>(String::from_utf8_lossy(&read(name)?).into_owned());
    let options = TlsOptions::new().with_pem_ca(&pem(authorities)?).map_err(of_no_use(authorities))?;
    let Some(certificate) = &tls.certificate else { return Ok(options) };
    let key = tls.key.as_ref().unwrap_or(certificate);
    let key_pem = pem(key)?;
    if key_pem.contains("ENCRYPTED") {
        let reason = "its key is encrypted, which is not supported; give a key without a password".to_owned();
        return Err(OnlineError::File { name: key.clone(), reason });
    }
    options.with_pem_identity(&pem(certificate)?, &key_pem).map_err(of_no_use(key))
}

/// The URL of a server, whose default port is 2181.
fn url(host: &str) -> Result<String, OnlineError> {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let url = if has_port { format!("zookeeper://{host}") } else { format!("zookeeper://{host}:2181") };
    let parsed = reqwest::Url::parse(&url).ok().filter(|url| url.port().is_some() && url.username().is_empty());
    let name = parsed.as_ref().and_then(reqwest::Url::host_str).map(|host| host.trim_matches(['[', ']']));
    match name.is_some_and(|name| rustls::pki_types::ServerName::try_from(name).is_ok()) {
        true => Ok(url),
        false => Err(OnlineError::Settings("zookeeper.hosts holds what is no address of a host".to_owned())),
    }
}

/// `host:port` of a URL that [`url`] made.
fn address(endpoint: &str) -> &str {
    endpoint.strip_prefix("zookeeper://").unwrap_or(endpoint)
}

fn told(endpoint: &str, error: &Error, what: &str) -> OnlineError {
    match error {
        Error::NoAuth | Error::AuthFailed => {
            OnlineError::Denied { endpoint: shown(endpoint), reason: format!("{what}: {error}") }
        }
        Error::NoHosts => {
            failure(endpoint, "it lets nobody in: it finds no majority of its servers, or is no ZooKeeper")
        }
        error => failure(endpoint, &format!("{what}: {error}")),
    }
}

fn failure(endpoint: &str, reason: &str) -> OnlineError {
    OnlineError::Server { endpoint: shown(endpoint), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_describes_itself() {
        fn check(answer: &str, version: Option<&str>, is_leader: Option<bool>, has_error: bool) {
            let server = described(answer, DcsServer::default());
            assert_eq!(
                (server.version.as_deref(), server.is_leader, server.error.is_some()),
                (version, is_leader, has_error)
            );
        }
        let answer = "Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC\n\
                      Latency min/avg/max: 0/0.8/3\nZxid: 0x2\nMode: follower\nNode count: 5\n";
        check(answer, Some("3.8.0"), Some(false), false);
        check("Zookeeper version: 3.4.13, built\nMode: standalone", Some("3.4.13"), Some(true), false);
        check("srvr is not executed because it is not in the whitelist.\n", None, None, false);
        check("This ZooKeeper instance is not currently serving requests\n", None, None, true);
        check("", None, None, false);
    }

    #[test]
    fn hosts_become_urls() {
        fn check(hosts: &[&str], expect: &[&str], chroot: &str) {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            let settings = Settings { hosts, ..Settings::default() };
            let found = ZooKeeper::new(&settings, Limits::default()).expect("they are hosts");
            assert_eq!(
                (found.endpoints.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), found.chroot.as_str()),
                (expect, chroot)
            );
        }
        check(&["zk1", "10.0.0.1:2281"], &["zookeeper://zk1:2181", "zookeeper://10.0.0.1:2281"], "");
        check(&["[::1]:2181/a/b/"], &["zookeeper://[::1]:2181"], "/a/b");
        for odd in ["a b", "zk1:70000", "user@zk1", ":2181"] {
            let settings = Settings { hosts: vec![odd.to_owned()], ..Settings::default() };
            assert!(ZooKeeper::new(&settings, Limits::default()).is_err(), "{odd}");
        }
    }
}
