//! etcd's API v2, as Patroni's section `etcd` uses it.

use serde_json::Value;

use crate::input::dcs_server::DcsServer;
use crate::input::online::etcd::{self, Api, Member};
use crate::input::online::http::{Answer, Http, basic, clock_ahead, endpoint as shown};
use crate::input::online::settings::{Etcd, Limits};
use crate::input::online::{Keys, OnlineError, StoredKey};

/// The code of etcd for a key that is not there.
const KEY_NOT_FOUND: u64 = 100;

/// Reads etcd.
#[derive(Debug)]
pub struct Etcd2 {
    settings: Etcd,
    http: Http,
}

impl Etcd2 {
    /// # Errors
    ///
    /// A file that the settings name is of no use.
    pub fn new(settings: &Etcd, limits: Limits) -> Result<Self, OnlineError> {
        let http = Http::new(&settings.tls, limits.dcs, limits.answer_bytes)?;
        Ok(Self { settings: settings.clone(), http })
    }

    async fn get(&self, endpoint: &str, path: &str) -> Result<Answer, OnlineError> {
        self.http.get(&format!("{endpoint}{path}"), basic(self.settings.credentials.as_ref())).await
    }

    async fn json(&self, endpoint: &str, path: &str) -> Result<Value, OnlineError> {
        let answer = self.get(endpoint, path).await?;
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match (answer.status, body) {
            (200, Some(body)) => Ok(body),
            _ => Err(failure(endpoint, &format!("HTTP status {} to GET {path}", answer.status))),
        }
    }
}

impl Api for Etcd2 {
    async fn keys(&self, endpoint: &str, prefix: &str, agreed: bool) -> Result<Keys, OnlineError> {
        let path = format!("/v2/keys{}?recursive=true&quorum={agreed}", escaped(prefix.trim_end_matches('/')));
        let answer = self.get(endpoint, &path).await?;
        let revision = answer.headers.get("x-etcd-index").and_then(|index| index.to_str().ok()?.parse().ok());
        let mut keys = Keys { endpoint: shown(endpoint), revision, ..Keys::default() };
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let message = body.as_ref().and_then(|body| body["message"].as_str()).map(str::to_owned);
        match (answer.status, body) {
            (200, Some(body)) => collect(&body["node"], &mut keys.keys),
            (404, Some(body)) if body["errorCode"] == KEY_NOT_FOUND => {}
            (404, _) => {
                let reason = "it has no API v2 (etcd 3.4 and 3.5 need --enable-v2, later ones have none); is it etcd3?";
                return Err(failure(endpoint, reason));
            }
            (401 | 403, _) => {
                let reason = message.unwrap_or_else(|| "not allowed".to_owned());
                return Err(OnlineError::Denied { endpoint: shown(endpoint), reason });
            }
            (status, _) => return Err(failure(endpoint, &message.unwrap_or_else(|| format!("HTTP status {status}")))),
        }
        keys.keys.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(keys)
    }

    async fn members(&self, endpoint: &str) -> Result<Vec<Member>, OnlineError> {
        Ok(etcd::listed(&self.json(endpoint, "/v2/members").await?))
    }

    async fn ask(&self, endpoint: &str, server: &mut DcsServer) -> Result<(), OnlineError> {
        let answer = self.get(endpoint, "/version").await?;
        server.latency_ms = Some(answer.latency_ms);
        server.clock_ahead_seconds = clock_ahead(&answer);
        let version: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        server.version = version["etcdserver"].as_str().map(str::to_owned);
        let stats = self.json(endpoint, "/v2/stats/self").await?;
        server.is_leader = stats["state"].as_str().map(|state| state == "StateLeader");
        Ok(())
    }
}

/// The keys of a node and of those below it; directories are none.
fn collect(node: &Value, keys: &mut Vec<StoredKey>) {
    node["nodes"].as_array().into_iter().flatten().for_each(|node| collect(node, keys));
    if let (Some(path), Some(value)) = (node["key"].as_str(), node["value"].as_str()) {
        keys.push(StoredKey {
            path: path.to_owned(),
            value: value.as_bytes().to_vec(),
            revision: node["modifiedIndex"].as_u64(),
            lease: None,
            ttl_seconds: node["ttl"].as_i64(),
        });
    }
}

fn failure(endpoint: &str, reason: &str) -> OnlineError {
    OnlineError::Server { endpoint: shown(endpoint), reason: reason.to_owned() }
}

/// A path as it stands in a URL.
fn escaped(path: &str) -> String {
    let mut url = reqwest::Url::parse("http://localhost").expect("it is a URL");
    url.set_path(path);
    url.path().to_owned()
}
