//! etcd's API v3 through its JSON gateway, as Patroni uses it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use crate::input::dcs_server::DcsServer;
use crate::input::online::etcd::{self, Api, Member};
use crate::input::online::http::{Answer, Http, clock_ahead, endpoint as shown, secret};
use crate::input::online::settings::{Etcd, Hidden, Limits};
use crate::input::online::{Keys, OnlineError, StoredKey};

/// The oldest etcd whose gateway Patroni uses.
///
/// Source: patroni/dcs/etcd3.py, `Etcd3Client._ensure_version_prefix`, 4.1.5.
const OLDEST: [u64; 3] = [3, 0, 4];

/// Reads etcd.
#[derive(Debug)]
pub struct Etcd3 {
    settings: Etcd,
    http: Http,
    /// What the last server to let us in gave.
    token: RefCell<Option<Hidden>>,
}

/// Where a server's gateway begins.
struct Gateway<'a> {
    endpoint: &'a str,
    prefix: &'static str,
    /// The version of the server.
    version: String,
    /// The version that all servers of the cluster have.
    cluster_version: [u64; 3],
    /// Of the answer that told it.
    latency_ms: u64,
    clock_ahead_seconds: Option<i64>,
}

impl Etcd3 {
    /// # Errors
    ///
    /// A file that the settings name is of no use.
    pub fn new(settings: &Etcd, limits: Limits) -> Result<Self, OnlineError> {
        let http = Http::new(&settings.tls, limits.dcs, limits.answer_bytes)?;
        Ok(Self { settings: settings.clone(), http, token: RefCell::default() })
    }

    /// Source: patroni/dcs/etcd3.py, `Etcd3Client._ensure_version_prefix`, 4.1.5.
    async fn gateway<'a>(&self, endpoint: &'a str) -> Result<Gateway<'a>, OnlineError> {
        let answer = self.http.get(&format!("{endpoint}/version"), HeaderMap::new()).await?;
        let failed = |reason: &str| failure(endpoint, reason);
        let body: Value =
            serde_json::from_slice(&answer.body).map_err(|_| failed("its /version is no JSON: is it etcd?"))?;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let (version, cluster) = (text("etcdserver"), text("etcdcluster"));
        let number = numbers(&version).ok_or_else(|| failed("its /version tells no version: is it etcd?"))?;
        let cluster_version = numbers(&cluster).unwrap_or(number);
        if number < OLDEST || cluster_version < [3, 0, 0] {
            return Err(failed(&format!("etcd {version} is older than 3.0.4, and has no such API")));
        }
        let prefix = match cluster_version {
            [3, 0..=2, _] => "/v3alpha",
            [3, 3, _] => "/v3beta",
            _ => "/v3",
        };
        let (latency_ms, clock_ahead_seconds) = (answer.latency_ms, clock_ahead(&answer));
        Ok(Gateway { endpoint, prefix, version, cluster_version, latency_ms, clock_ahead_seconds })
    }

    /// Calls a method that reads; asks for a token first if the settings hold a user, and again if it is worn out.
    async fn call(&self, gateway: &Gateway<'_>, method: &str, body: &Value) -> Result<Value, OnlineError> {
        let has_old_token = self.token.borrow().is_some();
        if !has_old_token {
            self.authenticate(gateway).await?;
        }
        match self.send(gateway, method, body).await {
            Err(OnlineError::Denied { .. }) if has_old_token => {
                self.token.replace(None);
                self.authenticate(gateway).await?;
                self.send(gateway, method, body).await
            }
            other => other,
        }
    }

    /// Source: patroni/dcs/etcd3.py, `Etcd3Client.authenticate`, 4.1.5: without a user, or before etcd 3.3, there is no token.
    async fn authenticate(&self, gateway: &Gateway<'_>) -> Result<(), OnlineError> {
        let Some(credentials) = &self.settings.credentials else { return Ok(()) };
        if gateway.cluster_version < [3, 3, 0] {
            return Ok(());
        }
        let body = json!({ "name": credentials.user, "password": credentials.password.expose() });
        match self.send(gateway, "/auth/authenticate", &body).await {
            Ok(answer) => {
                self.token.replace(answer["token"].as_str().map(Hidden::new));
                Ok(())
            }
            // Not an error to Patroni either: it goes on without a token.
            Err(OnlineError::Server { reason, .. }) if reason.contains("authentication is not enabled") => Ok(()),
            Err(OnlineError::Server { reason, .. }) if reason.contains("authentication failed") => {
                let reason = format!("{reason} (user {})", credentials.user);
                Err(OnlineError::Denied { endpoint: shown(gateway.endpoint), reason })
            }
            Err(error) => Err(error),
        }
    }

    async fn send(&self, gateway: &Gateway<'_>, method: &str, body: &Value) -> Result<Value, OnlineError> {
        let url = format!("{}{}{method}", gateway.endpoint, gateway.prefix);
        let mut headers = HeaderMap::new();
        if let Some(token) = self.token.borrow().as_ref() {
            headers.insert(AUTHORIZATION, secret(token.expose()));
        }
        let answer = self.http.post(&url, headers, body).await?;
        decode(gateway.endpoint, &answer)
    }
}

impl Api for Etcd3 {
    async fn keys(&self, endpoint: &str, prefix: &str, agreed: bool) -> Result<Keys, OnlineError> {
        let gateway = self.gateway(endpoint).await?;
        let body = json!({
            "key": STANDARD.encode(prefix),
            "range_end": STANDARD.encode(after(prefix)),
            "serializable": !agreed,
        });
        let answer = self.call(&gateway, "/kv/range", &body).await?;
        let malformed = |what: &str| failure(endpoint, &format!("its answer holds {what}"));
        let mut keys = Vec::new();
        for item in answer["kvs"].as_array().into_iter().flatten() {
            let bytes = |name: &str| match &item[name] {
                // What is empty is left out.
                Value::Null => Some(Vec::new()),
                value => STANDARD.decode(value.as_str()?).ok(),
            };
            let path =
                bytes("key").and_then(|key| String::from_utf8(key).ok()).ok_or_else(|| malformed("an odd key"))?;
            keys.push(StoredKey {
                path,
                value: bytes("value").ok_or_else(|| malformed("a value that is no base64"))?,
                revision: number(&item["mod_revision"]),
                lease: number(&item["lease"]).filter(|lease| *lease != 0).map(|lease| lease.to_string()),
                ttl_seconds: None,
            });
        }
        keys.sort_by(|one, other| one.path.cmp(&other.path));
        let mut ttls = BTreeMap::new();
        for lease in keys.iter().filter_map(|key| key.lease.clone()).collect::<BTreeSet<_>>() {
            // It only completes the picture: who may not ask for it can do without.
            let answer = self.call(&gateway, lease_method(&gateway), &json!({ "ID": lease })).await.ok();
            let ttl = answer.and_then(|answer| answer["TTL"].as_str().and_then(|text| text.parse::<i64>().ok()));
            ttls.insert(lease, ttl);
        }
        for key in &mut keys {
            key.ttl_seconds = key.lease.as_ref().and_then(|lease| ttls.get(lease).copied().flatten());
        }
        let revision = number(&answer["header"]["revision"]);
        Ok(Keys { endpoint: shown(endpoint), revision, keys, ..Keys::default() })
    }

    async fn members(&self, endpoint: &str) -> Result<Vec<Member>, OnlineError> {
        let gateway = self.gateway(endpoint).await?;
        Ok(etcd::listed(&self.call(&gateway, "/cluster/member/list", &json!({})).await?))
    }

    async fn ask(&self, endpoint: &str, server: &mut DcsServer) -> Result<(), OnlineError> {
        let gateway = self.gateway(endpoint).await?;
        server.version = Some(gateway.version.clone());
        server.latency_ms = Some(gateway.latency_ms);
        server.clock_ahead_seconds = gateway.clock_ahead_seconds;
        let status = self.call(&gateway, "/maintenance/status", &json!({})).await?;
        let (own, leader) = (number(&status["header"]["member_id"]), number(&status["leader"]));
        server.is_leader = Some(own.is_some() && own == leader);
        server.database_bytes = number(&status["dbSize"]);
        server.database_bytes_in_use = number(&status["dbSizeInUse"]);
        let errors = status["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
        server.alarms = errors.map(alarm).collect();
        match leader {
            None | Some(0) => Err(failure(endpoint, etcd::NO_LEADER)),
            Some(_) => Ok(()),
        }
    }
}

/// The answer's JSON, or the error that it tells.
///
/// The gateway writes errors as `{"error": …, "message": …, "code": …}`, `error` being an object in old releases.
fn decode(endpoint: &str, answer: &Answer) -> Result<Value, OnlineError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.status < 400 {
        return body.filter(Value::is_object).ok_or_else(|| failure(endpoint, "its answer is no JSON: is it etcd?"));
    }
    let body = body.unwrap_or_default();
    let text = [&body["error"], &body["message"], &body["error"]["message"]].into_iter().find_map(Value::as_str);
    let reason = match text {
        Some(text) => text.trim_start_matches("etcdserver: ").to_owned(),
        None => format!("HTTP status {}", answer.status),
    };
    Err(match is_denial(&reason) {
        true => OnlineError::Denied { endpoint: shown(endpoint), reason },
        false => failure(endpoint, &reason),
    })
}

/// Whether etcd's words mean that other credentials, or more rights, are needed.
pub(super) fn is_denial(reason: &str) -> bool {
    const DENIALS: [&str; 4] =
        ["permission denied", "invalid auth token", "user name is empty", "revision of auth store is old"];
    DENIALS.iter().any(|denial| reason.contains(denial))
}

fn failure(endpoint: &str, reason: &str) -> OnlineError {
    OnlineError::Server { endpoint: shown(endpoint), reason: reason.to_owned() }
}

/// Where `/lease/timetolive` is; before 3.4 it was below `/kv`.
fn lease_method(gateway: &Gateway<'_>) -> &'static str {
    if gateway.prefix == "/v3" { "/lease/timetolive" } else { "/kv/lease/timetolive" }
}

/// An alarm's name out of the words of a status, `memberID:… alarm:NOSPACE`.
pub(super) fn alarm(text: &str) -> String {
    text.split_once("alarm:").map_or(text, |(_, name)| name.trim()).to_owned()
}

/// The end of the range of keys that begin with `prefix`.
///
/// Source: patroni/dcs/etcd3.py, `prefix_range_end`, 4.1.5.
fn after(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

/// A number, which the gateway writes as a string.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The three numbers of a version such as `3.5.9`, or `3.6.0-rc.1`.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec(), latency_ms: 0 }
    }

    #[test]
    fn a_prefix_ends_before_its_successor() {
        assert_eq!(after("/service/demo/"), b"/service/demo0");
        assert_eq!(after(""), [0]);
    }

    #[test]
    fn versions_are_read_as_numbers() {
        assert_eq!(numbers("3.5.9"), Some([3, 5, 9]));
        assert_eq!(numbers("3.6.0-rc.1"), Some([3, 6, 0]));
        assert_eq!(numbers("3.4"), Some([3, 4, 0]));
        assert_eq!(numbers("not decided"), None);
    }

    #[test]
    fn errors_of_every_release_are_told_in_their_own_words() {
        fn check(status: u16, body: &str, expect: &str, is_denied: bool) {
            let error = decode("http://root:hunter2@etcd1:2379", &answer(status, body)).expect_err("it is an error");
            assert_eq!(error.to_string(), expect);
            assert_eq!(matches!(error, OnlineError::Denied { .. }), is_denied);
        }
        let denied = r#"{"error":"etcdserver: permission denied","message":"etcdserver: permission denied","code":7}"#;
        check(403, denied, "http://etcd1:2379: permission denied", true);
        let old = r#"{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: request timed out"}}"#;
        check(503, old, "http://etcd1:2379: request timed out", false);
        check(502, "<html>", "http://etcd1:2379: HTTP status 502", false);
        check(200, "<html>", "http://etcd1:2379: its answer is no JSON: is it etcd?", false);
    }
}
