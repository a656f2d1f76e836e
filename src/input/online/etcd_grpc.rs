//! etcd's API v3 through gRPC, for servers whose JSON gateway is turned off or out of reach.

use std::collections::BTreeMap;

use etcd_client::{Certificate, Client, ConnectOptions, Error, GetOptions, Identity, TlsOptions};
use tokio::net::TcpStream;

use crate::input::dcs_server::DcsServer;
use crate::input::online::clock::Stopwatch;
use crate::input::online::etcd::{self, Api, Member};
use crate::input::online::etcd3::{alarm, is_denial};
use crate::input::online::http::{self, endpoint as shown, innermost};
use crate::input::online::settings::{Etcd, Limits, Tls};
use crate::input::online::{Keys, OnlineError, StoredKey};

/// The code of gRPC for credentials that are missing or wrong.
const UNAUTHENTICATED: i32 = 16;

/// The code of gRPC for what the user may not do.
const PERMISSION_DENIED: i32 = 7;

/// Reads etcd.
pub struct EtcdGrpc {
    settings: Etcd,
    limits: Limits,
    options: ConnectOptions,
}

impl EtcdGrpc {
    /// # Errors
    ///
    /// A file that the settings name is of no use, or they ask for what the client cannot do.
    pub fn new(settings: &Etcd, limits: Limits) -> Result<Self, OnlineError> {
        let options = ConnectOptions::new().with_connect_timeout(limits.dcs).with_timeout(limits.dcs);
        Ok(Self { settings: settings.clone(), limits, options })
    }

    /// A client that is let in.
    async fn client(&self, endpoint: &str) -> Result<Client, OnlineError> {
        // Says why when a server does not answer, which the client does not.
        let address = reqwest::Url::parse(endpoint).ok();
        let address = address.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
        let (host, port) = address.ok_or_else(|| failure(endpoint, "its address is no URL"))?;
        let connected = TcpStream::connect((host.trim_matches(['[', ']']), port)).await;
        drop(connected.map_err(|error| failure(endpoint, &innermost(&error)))?);
        let mut options = self.options.clone();
        if endpoint.starts_with("https://") {
            options = options.with_tls(tls_options(&self.settings.tls)?);
        }
        let Some(credentials) = &self.settings.credentials else {
            return Client::connect([endpoint], Some(options)).await.map_err(|error| told(endpoint, &error));
        };
        let with_user = options.clone().with_user(&credentials.user, credentials.password.expose());
        match Client::connect([endpoint], Some(with_user)).await {
            // Not an error to Patroni either: it goes on without a token.
            Err(Error::GRpcStatus(status)) if status.message().contains("authentication is not enabled") => {
                Client::connect([endpoint], Some(options)).await.map_err(|error| told(endpoint, &error))
            }
            Err(Error::GRpcStatus(status)) if status.message().contains("authentication failed") => {
                let reason = format!("{} (user {})", words(status.message()), credentials.user);
                Err(OnlineError::Denied { endpoint: shown(endpoint), reason })
            }
            client => client.map_err(|error| told(endpoint, &error)),
        }
    }
}

impl Api for EtcdGrpc {
    async fn keys(&self, endpoint: &str, prefix: &str, agreed: bool) -> Result<Keys, OnlineError> {
        let mut client = self.client(endpoint).await?;
        let options = GetOptions::new().with_prefix();
        let options = if agreed { options } else { options.with_serializable() };
        let mut kv = client.kv_client().max_decoding_message_size(self.limits.answer_bytes);
        let answer = kv.get(prefix, Some(options)).await.map_err(|error| told(endpoint, &error))?;
        let mut keys = Keys { endpoint: shown(endpoint), ..Keys::default() };
        keys.revision = answer.header().and_then(|header| u64::try_from(header.revision()).ok());
        let mut ttls = BTreeMap::new();
        for item in answer.kvs() {
            let path = item.key_str().map_err(|_| failure(endpoint, "its answer holds an odd key"))?;
            let lease = item.lease();
            if lease != 0 && !ttls.contains_key(&lease) {
                // It only completes the picture: who may not ask for it can do without.
                let ttl = client.lease_time_to_live(lease, None).await.ok().map(|answer| answer.ttl());
                ttls.insert(lease, ttl);
            }
            keys.keys.push(StoredKey {
                path: path.to_owned(),
                value: item.value().to_vec(),
                revision: u64::try_from(item.mod_revision()).ok(),
                lease: (lease != 0).then(|| lease.to_string()),
                ttl_seconds: ttls.get(&lease).copied().flatten(),
            });
        }
        keys.keys.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(keys)
    }

    async fn members(&self, endpoint: &str) -> Result<Vec<Member>, OnlineError> {
        let mut client = self.client(endpoint).await?;
        let answer = client.member_list().await.map_err(|error| told(endpoint, &error))?;
        let member = |member: &etcd_client::Member| Member {
            name: Some(member.name().to_owned()).filter(|name| !name.is_empty()),
            url: member.client_urls().first().cloned().unwrap_or_default(),
        };
        Ok(answer.members().iter().map(member).collect())
    }

    async fn ask(&self, endpoint: &str, server: &mut DcsServer) -> Result<(), OnlineError> {
        let watch = Stopwatch::start();
        let mut client = self.client(endpoint).await?;
        let status = client.status().await.map_err(|error| told(endpoint, &error))?;
        let own = status.header().map(etcd_client::ResponseHeader::member_id);
        server.latency_ms = Some(watch.milliseconds());
        server.version = Some(status.version().to_owned());
        server.is_leader = Some(own == Some(status.leader()));
        server.database_bytes = u64::try_from(status.db_size()).ok();
        server.database_bytes_in_use = u64::try_from(status.raft_used_db_size()).ok();
        server.alarms = status.errors().iter().map(|text| alarm(text)).collect();
        match status.leader() {
            0 => Err(failure(endpoint, etcd::NO_LEADER)),
            _ => Ok(()),
        }
    }
}

fn tls_options(tls: &Tls) -> Result<TlsOptions, OnlineError> {
    if tls.insecure {
        let reason = "the gRPC client of etcd cannot leave certificates unchecked: name the authorities in cacert";
        return Err(OnlineError::Settings(reason.to_owned()));
    }
    http::use_ring();
    let options = match &tls.authorities {
        Some(name) => TlsOptions::new().ca_certificate(Certificate::from_pem(http::read(name)?)),
        None => TlsOptions::new().with_native_roots(),
    };
    Ok(match &tls.certificate {
        Some(name) => {
            let key = tls.key.as_ref().unwrap_or(name);
            options.identity(Identity::from_pem(http::read(name)?, http::read(key)?))
        }
        None => options,
    })
}

fn told(endpoint: &str, error: &Error) -> OnlineError {
    // A connection that fails is told of as a request that is given up.
    let of_tls = |reason: &str| match endpoint.starts_with("https://") {
        true => format!("TLS fails, or it speaks no gRPC ({reason})"),
        false => reason.to_owned(),
    };
    let Error::GRpcStatus(status) = error else { return failure(endpoint, &of_tls(&innermost(error))) };
    let reason = match status.message().starts_with("etcdserver: ") || is_denial(status.message()) {
        true => words(status.message()),
        false => of_tls(status.message()),
    };
    let is_denied = [UNAUTHENTICATED, PERMISSION_DENIED].contains(&(status.code() as i32)) || is_denial(&reason);
    match is_denied {
        true => OnlineError::Denied { endpoint: shown(endpoint), reason },
        false => failure(endpoint, &reason),
    }
}

/// etcd's own words.
fn words(message: &str) -> String {
    message.trim_start_matches("etcdserver: ").to_owned()
}

fn failure(endpoint: &str, reason: &str) -> OnlineError {
    OnlineError::Server { endpoint: shown(endpoint), reason: reason.to_owned() }
}
