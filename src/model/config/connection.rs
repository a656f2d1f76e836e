//! Where a configuration says that the DCS and the members' REST APIs are, as the daemon and patronictl read it.

use crate::input::RawFile;
use crate::input::online::settings::{Consul, Credentials, Dcs, Etcd, Hidden, Kubernetes, RestApi, Tls, ZooKeeper};
use crate::input::source_map::SourceId;
use crate::model::behaviour::Behaviours;
use crate::model::config::effective::{Environment, Given, Section, Setting, merged};
use crate::model::version::PatroniVersion;
use crate::parse::tree::{Node, Value};
use crate::parse::{python, yaml};

/// The source of trees that belong to no source map.
const NOWHERE: SourceId = SourceId(u32::MAX);

/// What a configuration tells of the way to its cluster.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The DCS.
    pub dcs: Dcs,
    /// `namespace` without slashes at the ends.
    pub namespace: String,
    /// `scope`
    pub scope: Option<String>,
    /// How to ask the REST APIs.
    pub rest_api: RestApi,
    /// URL of the own REST API, when the configuration is that of a node.
    pub own_api_url: Option<String>,
}

impl Connection {
    /// Takes any certificate for good.
    pub fn trust_any(&mut self) {
        let tls = match &mut self.dcs {
            Dcs::Etcd3(etcd) | Dcs::Etcd2(etcd) => Some(&mut etcd.tls),
            Dcs::Consul(consul) => Some(&mut consul.tls),
            Dcs::ZooKeeper(zookeeper) => zookeeper.tls.as_mut(),
            // The kubeconfig decides.
            Dcs::Kubernetes(_) => None,
        };
        tls.into_iter().chain([&mut self.rest_api.tls]).for_each(|tls| tls.insecure = true);
    }
}

/// Why a configuration leads nowhere; whoever wrote it is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum ConnectionError {
    /// No section of a DCS.
    #[error("it names no DCS")]
    #[diagnostic(help("patronictl needs a section etcd3, etcd, consul, zookeeper or kubernetes as well, or --dcs"))]
    NoDcs,
    /// A DCS that nobody but Patroni can read.
    #[error("its DCS is {0}, which cannot be read from outside")]
    #[diagnostic(help("ask the members' REST APIs instead: GET /cluster and GET /patroni of each, saved as files"))]
    Closed(&'static str),
    /// A file that is no YAML to PyYAML.
    #[error("cannot understand {name}: {message}")]
    Unreadable {
        /// The file.
        name: String,
        /// What is wrong.
        message: String,
    },
    /// Patroni does not start with it.
    #[error("Patroni does not start with this configuration: {0}")]
    Rejected(String),
    /// The section names no server.
    #[error("its section {0} names no server")]
    NoServer(&'static str),
    /// A setting that is of no use.
    #[error("{setting} is no {expected}")]
    Odd {
        /// Its route.
        setting: String,
        /// What is needed.
        expected: &'static str,
    },
    /// A URL as patronictl takes it that is none.
    #[error("{0} is no URL of a DCS")]
    #[diagnostic(help("for example etcd3://10.0.0.1:2379, consul://localhost:8500/service, zookeeper://zk1"))]
    Url(String),
}

/// Reads configuration files, one over the other, and the environment over them.
///
/// # Errors
///
/// A file is not what Patroni can read, or all of it leads nowhere.
pub fn read(
    files: &[RawFile],
    environment: Option<&Environment>,
    dcs_url: Option<&str>,
) -> Result<Connection, ConnectionError> {
    let mut documents = Vec::new();
    for file in files {
        let unreadable = |message: String| ConnectionError::Unreadable { name: file.name.clone(), message };
        let text = yaml::decode(NOWHERE, &file.bytes).map_err(|error| unreadable(error.message))?;
        // Secrets are not hidden here, for they are what a server asks for; nothing of this tree is kept.
        documents.push(yaml::parse(NOWHERE, text).map_err(|error| unreadable(error.message))?);
    }
    let documents: Vec<&Node> = documents.iter().collect();
    let version = PatroniVersion::newest();
    let settings = match documents.is_empty() && environment.is_none() {
        true => Section::default(),
        false => merged(&Given {
            files: (!documents.is_empty()).then_some(&documents),
            environment,
            dynamic: None,
            version,
            behaviours: Behaviours::of(version),
        })
        .map_err(|raised| ConnectionError::Rejected(raised.to_string()))?,
    };
    connection(&settings, dcs_url)
}

/// What the merged configuration tells.
///
/// Of several sections the one counts whose name comes first; a URL as patronictl's `--dcs-url` takes the place of all.
///
/// Source: patroni/dcs/__init__.py, `get_dcs` and `iter_dcs_classes`; patroni/ctl.py, `load_config`, 4.1.5.
///
/// # Errors
///
/// It leads nowhere.
fn connection(settings: &Section, dcs_url: Option<&str>) -> Result<Connection, ConnectionError> {
    let (dcs, namespace) = match dcs_url {
        Some(url) => dcs_of_url(url)?,
        None => (dcs(settings)?, None),
    };
    let namespace = match &dcs {
        Dcs::Kubernetes(kubernetes) => kubernetes.namespace.clone(),
        _ => namespace.or_else(|| text(settings, "namespace")).unwrap_or_else(|| "service".to_owned()),
    };
    Ok(Connection {
        dcs,
        namespace: namespace.trim_matches('/').to_owned(),
        scope: text(settings, "scope"),
        rest_api: rest_api(settings),
        own_api_url: own_api_url(settings),
    })
}

fn dcs(settings: &Section) -> Result<Dcs, ConnectionError> {
    let section = |name: &str| settings.get(name).and_then(Setting::section);
    Ok(if let Some(section) = section("consul") {
        Dcs::Consul(consul(section)?)
    } else if let Some(section) = section("etcd") {
        Dcs::Etcd2(etcd(section, "etcd")?)
    } else if let Some(section) = section("etcd3") {
        Dcs::Etcd3(etcd(section, "etcd3")?)
    } else if section("exhibitor").is_some() {
        return Err(ConnectionError::Closed("ZooKeeper by way of Exhibitor"));
    } else if let Some(section) = section("kubernetes") {
        Dcs::Kubernetes(kubernetes(section, settings)?)
    } else if section("raft").is_some() {
        return Err(ConnectionError::Closed("Raft"));
    } else if let Some(section) = section("zookeeper") {
        Dcs::ZooKeeper(zookeeper(section)?)
    } else {
        return Err(ConnectionError::NoDcs);
    })
}

/// A DCS as patronictl's `--dcs-url` names it, and the namespace if the URL tells one.
///
/// Source: patroni/ctl.py, `parse_dcs`, 4.1.5.
///
/// # Errors
///
/// It is no such URL.
fn dcs_of_url(url: &str) -> Result<(Dcs, Option<String>), ConnectionError> {
    let odd = || ConnectionError::Url(crate::parse::secrets::mask(url, &[]));
    let (scheme, rest) = url.split_once("//").unwrap_or(("", url));
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = address.rsplit_once('@').map_or(address, |(_, address)| address);
    let (host, port) = match split_host_port(address) {
        Some((host, port)) => (host, port),
        None => return Err(odd()),
    };
    let host = if host.is_empty() { "localhost".to_owned() } else { host };
    let scheme = match (scheme, port) {
        ("", Some(2181)) => "zookeeper",
        ("", Some(8500)) => "consul",
        ("", _) => "etcd",
        (scheme, _) => scheme.strip_suffix(':').ok_or_else(odd)?,
    };
    let etcd = |protocol: &str| Etcd { endpoints: vec![uri(protocol, &host, port.unwrap_or(2379))], ..Etcd::default() };
    let dcs = match scheme {
        "etcd" => Dcs::Etcd2(etcd("http")),
        "etcd3" => Dcs::Etcd3(etcd("http")),
        // What patronictl does not know, but whoever has a URL of etcd at hand.
        "http" | "https" => Dcs::Etcd3(etcd(scheme)),
        "consul" => Dcs::Consul(Consul::at(uri("http", &host, port.unwrap_or(8500)))),
        "zookeeper" => Dcs::ZooKeeper(ZooKeeper {
            hosts: vec![format!("{host}:{}", port.unwrap_or(2181))],
            ..ZooKeeper::default()
        }),
        _ => return Err(odd()),
    };
    Ok((dcs, Some(path.trim().trim_matches('/').to_owned()).filter(|path| !path.is_empty())))
}

/// Source: patroni/dcs/etcd.py, `AbstractEtcd.get_etcd_client`, 4.1.5.
fn etcd(section: &Section, name: &'static str) -> Result<Etcd, ConnectionError> {
    let mut etcd = Etcd {
        srv: text(section, "srv_domain").or_else(|| text(section, "discovery_srv")).or_else(|| text(section, "srv")),
        srv_suffix: text(section, "srv_suffix"),
        use_proxies: is_true(section, "use_proxies"),
        credentials: credentials(section),
        tls: Tls {
            authorities: text(section, "cacert").or_else(|| text(section, "ca_cert")),
            certificate: text(section, "cert"),
            key: text(section, "key"),
            ..Tls::default()
        },
        ..Etcd::default()
    };
    let protocol = text(section, "protocol").unwrap_or_else(|| "http".to_owned());
    let proxy = text(section, "proxy");
    if proxy.is_some() {
        (etcd.use_proxies, etcd.srv) = (true, None);
    }
    if let Some(url) = proxy.or_else(|| text(section, "url")) {
        let (endpoint, credentials) = url_parts(&url, 2379).ok_or_else(|| odd(name, "url", "URL"))?;
        // Those of the section are lost with it.
        (etcd.endpoints, etcd.credentials) = (vec![endpoint], credentials);
    } else if let Some(hosts) = section.get("hosts") {
        let default = port(section).unwrap_or(2379);
        for host in list(hosts) {
            let (host, port) = split_host_port(&host).ok_or_else(|| odd(name, "hosts", "list of host:port"))?;
            etcd.endpoints.push(uri(&protocol, &host, port.unwrap_or(default)));
        }
    } else if let Some(host) = text(section, "host") {
        let (host, own) = split_host_port(&host).ok_or_else(|| odd(name, "host", "host:port"))?;
        etcd.endpoints.push(uri(&protocol, &host, port(section).or(own).unwrap_or(2379)));
    }
    match etcd.endpoints.is_empty() && etcd.srv.is_none() {
        true => Err(ConnectionError::NoServer(name)),
        false => Ok(etcd),
    }
}

/// Source: patroni/dcs/consul.py, `Consul.__init__`, 4.1.5.
fn consul(section: &Section) -> Result<Consul, ConnectionError> {
    let odd = |setting| odd("consul", setting, "address");
    let endpoint = if let Some(url) = text(section, "url") {
        url_parts(&url, 8500).ok_or_else(|| odd("url"))?.0
    } else {
        let host = text(section, "host").unwrap_or_else(|| "127.0.0.1:8500".to_owned());
        let (host, own) = split_host_port(&host).ok_or_else(|| odd("host"))?;
        let scheme = text(section, "scheme").unwrap_or_else(|| "http".to_owned());
        uri(&scheme, &host, port(section).or(own).unwrap_or(8500))
    };
    let verify = section.get("verify").and_then(|setting| python::parse_bool(&setting.value()));
    Ok(Consul {
        token: text(section, "token").map(Hidden::new),
        datacenter: text(section, "dc"),
        consistency: text(section, "consistency").unwrap_or_else(|| "default".to_owned()),
        tls: Tls {
            authorities: text(section, "cacert"),
            certificate: text(section, "cert"),
            key: text(section, "key"),
            insecure: verify == Some(false),
            ..Tls::default()
        },
        ..Consul::at(endpoint)
    })
}

/// Source: patroni/dcs/zookeeper.py, `ZooKeeper.__init__`, 4.1.5.
fn zookeeper(section: &Section) -> Result<ZooKeeper, ConnectionError> {
    let hosts: Vec<String> = section.get("hosts").map(list).unwrap_or_default();
    if hosts.is_empty() {
        return Err(ConnectionError::NoServer("zookeeper"));
    }
    let verify = section.get("verify").is_none_or(Setting::is_truthy);
    let tls = is_true(section, "use_ssl").then(|| Tls {
        authorities: text(section, "cacert"),
        certificate: text(section, "cert"),
        key: text(section, "key"),
        key_password: text(section, "key_password").map(Hidden::new),
        insecure: !verify,
        any_name: false,
    });
    let auth = section.get("auth_data").and_then(Setting::section).into_iter().flat_map(Section::iter);
    let auth = auth.map(|(scheme, data)| (python::str(scheme), Hidden::new(python::str(&data.value()))));
    Ok(ZooKeeper { hosts, tls, auth: auth.collect() })
}

/// Source: patroni/dcs/kubernetes.py, `Kubernetes.__init__`, 4.1.5; the `namespace` at the top goes before that of the section.
fn kubernetes(section: &Section, settings: &Section) -> Result<Kubernetes, ConnectionError> {
    let labels = section.get("labels").and_then(Setting::section).into_iter().flat_map(Section::iter);
    let or = |name: &str, default: &str| text(section, name).unwrap_or_else(|| default.to_owned());
    let namespace = text(settings, "namespace").or_else(|| text(section, "namespace"));
    Ok(Kubernetes {
        namespace: namespace.filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| "default".to_owned()),
        labels: labels.map(|(name, value)| (python::str(name), python::str(&value.value()))).collect(),
        scope_label: or("scope_label", "cluster-name"),
        use_endpoints: section.get("use_endpoints").is_some_and(Setting::is_truthy),
        context: section.get("context").and_then(Setting::as_str).map(str::to_owned),
        authorities: text(section, "cacert"),
    })
}

/// Source: patroni/request.py, `PatroniRequest.reload_config`, 4.1.5: of `restapi` only the CA and the credentials count, and
/// with an own certificate `insecure` spares the name alone.
fn rest_api(settings: &Section) -> RestApi {
    let at = |section: &str, name: &str| settings.get(section).and_then(Setting::section).and_then(|it| text(it, name));
    let auth = at("ctl", "auth").or_else(|| at("restapi", "auth"));
    let credentials = auth.map(|auth| {
        let (user, password) = auth.split_once(':').unwrap_or((&auth, ""));
        Credentials { user: user.to_owned(), password: Hidden::new(password) }
    });
    let ctl = settings.get("ctl").and_then(Setting::section);
    let insecure = ctl.is_some_and(|ctl| is_true(ctl, "insecure"));
    let certificate = at("ctl", "certfile");
    RestApi {
        credentials,
        tls: Tls {
            authorities: at("ctl", "cacert").or_else(|| at("restapi", "cafile")),
            key: certificate.as_ref().and_then(|_| at("ctl", "keyfile")),
            key_password: at("ctl", "keyfile_password").map(Hidden::new),
            insecure: insecure && certificate.is_none(),
            any_name: insecure && certificate.is_some(),
            certificate,
        },
    }
}

/// Source: patroni/api.py, `RestApiServer.__get_ssl_listen…` by way of `connection_string`, 4.1.5.
fn own_api_url(settings: &Section) -> Option<String> {
    let section = settings.get("restapi").and_then(Setting::section)?;
    let address = text(section, "connect_address").or_else(|| text(section, "listen"))?;
    let protocol = if section.get("certfile").is_some_and(Setting::is_truthy) { "https" } else { "http" };
    let (host, port) = split_host_port(&address)?;
    (host != "0.0.0.0" && host != "::").then(|| format!("{}/patroni", uri(protocol, &host, port.unwrap_or(8008))))
}

impl Consul {
    fn at(endpoint: String) -> Self {
        Self { endpoint, token: None, datacenter: None, consistency: "default".to_owned(), tls: Tls::default() }
    }
}

fn odd(section: &str, name: &str, expected: &'static str) -> ConnectionError {
    ConnectionError::Odd { setting: format!("{section}.{name}"), expected }
}

fn credentials(section: &Section) -> Option<Credentials> {
    let (user, password) = (text(section, "username")?, text(section, "password")?);
    Some(Credentials { user, password: Hidden::new(password) })
}

/// A setting as text, if it counts as set.
fn text(section: &Section, name: &str) -> Option<String> {
    let value = section.get(name).filter(|setting| setting.is_truthy())?.value();
    match value {
        Value::Sequence(_) | Value::Mapping(_) => None,
        value => Some(python::str(&value)),
    }
}

fn is_true(section: &Section, name: &str) -> bool {
    section.get(name).is_some_and(|setting| match setting.as_str() {
        Some(_) => python::parse_bool(&setting.value()).unwrap_or(true),
        None => setting.is_truthy(),
    })
}

fn port(section: &Section) -> Option<u16> {
    section.get("port").and_then(|setting| python::int(&setting.value())).and_then(|port| u16::try_from(port).ok())
}

/// A list, or a string with commas.
fn list(setting: &Setting) -> Vec<String> {
    let texts: Vec<String> = match setting.value() {
        Value::Sequence(items) => items.iter().map(|item| python::str(&item.value)).collect(),
        value => python::str(&value).split(',').map(str::to_owned).collect(),
    };
    texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

/// Host, without brackets, and port, if it tells one; `None`: the port is no number.
///
/// Source: patroni/utils.py, `split_host_port`, 4.1.5.
fn split_host_port(address: &str) -> Option<(String, Option<u16>)> {
    match address.rsplit_once(':') {
        None => Some((address.to_owned(), None)),
        Some(("", "")) => Some((String::new(), None)),
        Some((host, port)) => Some((host.trim_matches(['[', ']']).to_owned(), Some(port.parse().ok()?))),
    }
}

/// Source: patroni/utils.py, `uri`, 4.1.5.
fn uri(protocol: &str, host: &str, port: u16) -> String {
    if host.contains(':') { format!("{protocol}://[{host}]:{port}") } else { format!("{protocol}://{host}:{port}") }
}

/// The URL without user and path, and the user.
fn url_parts(url: &str, default_port: u16) -> Option<(String, Option<Credentials>)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (user.split_once(':'), address),
        None => (None, authority),
    };
    let (host, port) = split_host_port(address)?;
    let credentials =
        user.map(|(user, password)| Credentials { user: user.to_owned(), password: Hidden::new(password) });
    (!host.is_empty()).then(|| (uri(scheme, &host.to_lowercase(), port.unwrap_or(default_port)), credentials))
}
