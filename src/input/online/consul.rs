//! Consul's HTTP API, as Patroni's section `consul` uses it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::input::dcs_server::DcsServer;
use crate::input::online::http::{Answer, Http, clock_ahead, endpoint as shown, secret};
use crate::input::online::settings::{Consul as Settings, Limits};
use crate::input::online::{DcsReader, Keys, OnlineError, Pending, StoredKey};

/// Reads Consul.
#[derive(Debug)]
pub struct Consul {
    settings: Settings,
    http: Http,
}

impl Consul {
    /// # Errors
    ///
    /// A file that the settings name is of no use.
    pub fn new(settings: &Settings, limits: Limits) -> Result<Self, OnlineError> {
        // Half of the time for asking whether all agree, half for what the agent has if they do not.
        let http = Http::new(&settings.tls, limits.dcs / 2, limits.answer_bytes)?;
        Ok(Self { settings: settings.clone(), http })
    }

    async fn get(&self, path: &str, query: &[&str]) -> Result<Answer, OnlineError> {
        let mut url = reqwest::Url::parse(&self.settings.endpoint)
            .map_err(|_| OnlineError::Settings("the address of Consul is no URL".to_owned()))?;
        url.set_path(path);
        let datacenter = self.settings.datacenter.as_ref().map(|datacenter| ("dc", datacenter.as_str()));
        let flags = query.iter().map(|flag| (*flag, ""));
        url.query_pairs_mut().extend_pairs(flags.chain(datacenter));
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.settings.token {
            headers.insert("x-consul-token", secret(token.expose()));
        }
        let answer = self.http.get(url.as_str(), headers).await?;
        match answer.status {
            200 | 404 => Ok(answer),
            401 | 403 => Err(OnlineError::Denied { endpoint: self.shown(), reason: text(&answer) }),
            status => Err(self.failure(&format!("HTTP status {status}: {}", text(&answer)))),
        }
    }

    async fn keys_in(&self, prefix: &str, consistency: &str) -> Result<Keys, OnlineError> {
        let answer = self.get(&format!("/v1/kv{prefix}"), &["recurse", consistency]).await?;
        let revision = answer.headers.get("x-consul-index").and_then(|index| index.to_str().ok()?.parse().ok());
        let mut keys = Keys { endpoint: self.shown(), revision, ..Keys::default() };
        // Without a single key it is 404, with nothing in it.
        if answer.status == 404 && answer.body.is_empty() {
            return Ok(keys);
        }
        let malformed = || self.failure("its answer is no list of keys: is it Consul?");
        let body: Value = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
        for item in body.as_array().ok_or_else(malformed)? {
            let value = match &item["Value"] {
                Value::Null => Some(Vec::new()),
                value => value.as_str().and_then(|value| STANDARD.decode(value).ok()),
            };
            let path = item["Key"].as_str().ok_or_else(malformed)?;
            if path.ends_with('/') {
                continue;
            }
            keys.keys.push(StoredKey {
                path: format!("/{path}"),
                value: value.ok_or_else(malformed)?,
                revision: item["ModifyIndex"].as_u64(),
                lease: item["Session"].as_str().map(str::to_owned),
                ttl_seconds: None,
            });
        }
        keys.keys.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(keys)
    }

    fn shown(&self) -> String {
        shown(&self.settings.endpoint)
    }

    fn failure(&self, reason: &str) -> OnlineError {
        OnlineError::Server { endpoint: self.shown(), reason: reason.to_owned() }
    }
}

impl DcsReader for Consul {
    fn keys<'a>(&'a self, prefix: &'a str) -> Pending<'a, Result<Keys, OnlineError>> {
        Box::pin(async move {
            // patronictl always makes sure.
            match self.keys_in(prefix, "consistent").await {
                Err(error @ OnlineError::Server { .. }) => match self.keys_in(prefix, "stale").await {
                    Ok(keys) => Ok(Keys { stale: Some(error.to_string()), ..keys }),
                    Err(_) => Err(error),
                },
                other => other,
            }
        })
    }

    fn servers(&self) -> Pending<'_, Vec<DcsServer>> {
        Box::pin(async move {
            let peers = match self.get("/v1/status/peers", &[]).await {
                Ok(peers) => peers,
                Err(error) => {
                    let (OnlineError::Server { reason, .. } | OnlineError::Denied { reason, .. }) = error else {
                        return Vec::new();
                    };
                    return vec![DcsServer { endpoint: self.shown(), error: Some(reason), ..DcsServer::default() }];
                }
            };
            let leader = self.get("/v1/status/leader", &[]).await.ok();
            let leader = leader.and_then(|answer| serde_json::from_slice::<String>(&answer.body).ok());
            let own = self.get("/v1/agent/self", &[]).await.ok();
            let own: Value = own.and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default();
            let server = |endpoint: String| DcsServer {
                is_leader: leader.as_ref().map(|leader| *leader == endpoint),
                endpoint,
                version: own["Config"]["Version"].as_str().map(str::to_owned),
                latency_ms: Some(peers.latency_ms),
                clock_ahead_seconds: clock_ahead(&peers),
                ..DcsServer::default()
            };
            let addresses: Vec<String> = serde_json::from_slice(&peers.body).unwrap_or_default();
            addresses.into_iter().map(server).collect()
        })
    }
}

/// What Consul says, which is plain text, cut short.
fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).chars().filter(|character| !character.is_control()).take(200).collect()
}
