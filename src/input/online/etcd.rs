//! What the two APIs of etcd have in common: which servers to ask, and one after the other until one answers.

use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::input::online::OnlineError;
use crate::input::online::http::{Http, innermost};
use crate::input::online::settings::{Etcd, Limits, Tls};

/// The servers that the settings name: by SRV records if there are any.
///
/// Source: patroni/dcs/etcd.py, `AbstractEtcdClientWithFailover._get_machines_cache_from_config`, 4.1.5.
///
/// # Errors
///
/// They name none.
pub async fn endpoints(settings: &Etcd, limits: Limits) -> Result<Vec<String>, OnlineError> {
    let mut none = "the settings name no server of etcd".to_owned();
    if let Some(domain) = &settings.srv {
        let discovery = Discovery::new(limits)?;
        let suffix = settings.srv_suffix.as_deref();
        let ask = from_srv(domain, suffix, |name| discovery.records(name), |url| discovery.client_urls(url));
        match tokio::time::timeout(limits.dcs, ask).await {
            Ok(Ok(endpoints)) => return Ok(endpoints),
            Ok(Err(reason)) => none = format!("the SRV records of {domain} name no server of etcd{reason}"),
            Err(_) => none = format!("the SRV records of {domain} cannot be looked up in time"),
        }
    }
    let mut endpoints: Vec<String> =
        settings.endpoints.iter().map(|endpoint| endpoint.trim_end_matches('/').to_owned()).collect();
    endpoints.dedup();
    if endpoints.is_empty() { Err(OnlineError::Settings(none)) } else { Ok(endpoints) }
}

/// The servers that SRV records name: those of the first kind of record that leads to any. Records of servers, rather than
/// of clients, lead to a peer, which tells the URLs for clients.
///
/// Source: patroni/dcs/etcd.py, `AbstractEtcdClientWithFailover._get_machines_cache_from_srv`, 4.1.5.
///
/// # Errors
///
/// There are none; the text tells why the last look-up failed.
async fn from_srv<'a, Records, Urls>(
    domain: &str,
    suffix: Option<&str>,
    records: impl Fn(String) -> Records,
    client_urls: impl Fn(String) -> Urls,
) -> Result<Vec<String>, String>
where
    Records: Future<Output = Result<Vec<(String, u16)>, String>> + 'a,
    Urls: Future<Output = Option<Vec<String>>> + 'a,
{
    let mut reason = String::new();
    for kind in ["-client-ssl", "-client", "-ssl", "", "-server-ssl", "-server"] {
        let kind = suffix.map_or_else(|| kind.to_owned(), |suffix| format!("{kind}-{suffix}"));
        let protocol = if kind.contains("-ssl") { "https" } else { "http" };
        let mut endpoints: Vec<String> = Vec::new();
        let found = records(format!("_etcd{kind}._tcp.{domain}")).await.unwrap_or_else(|error| {
            reason = format!(": {error}");
            Vec::new()
        });
        for (host, port) in found {
            let url = format!("{protocol}://{host}:{port}");
            if !kind.contains("-server") {
                endpoints.push(url);
            } else if let Some(urls) = client_urls(format!("{url}/members")).await {
                endpoints.extend(urls.into_iter().map(|url| url.trim_end_matches('/').to_owned()));
                break;
            }
        }
        if !endpoints.is_empty() {
            endpoints.sort();
            endpoints.dedup();
            return Ok(endpoints);
        }
    }
    Err(reason)
}

/// Looks up SRV records, and asks peers.
struct Discovery {
    resolver: TokioResolver,
    http: Http,
}

impl Discovery {
    /// Asks the name servers that the system asks.
    fn new(limits: Limits) -> Result<Self, OnlineError> {
        let resolver = TokioResolver::builder_tokio().and_then(hickory_resolver::ResolverBuilder::build);
        let resolver = resolver
            .map_err(|error| OnlineError::Settings(format!("no name server can be asked: {}", innermost(&error))))?;
        // As Patroni: what the peer tells is asked with the settings' own authorities.
        let tls = Tls { insecure: true, ..Tls::default() };
        Ok(Self { resolver, http: Http::new(&tls, limits.dcs, limits.answer_bytes)? })
    }

    async fn records(&self, name: String) -> Result<Vec<(String, u16)>, String> {
        let answer = self.resolver.srv_lookup(name).await.map_err(|error| innermost(&error))?;
        let records = answer.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.target.to_ascii().trim_end_matches('.').to_owned(), srv.port)),
            _ => None,
        });
        Ok(records.collect())
    }

    async fn client_urls(&self, url: String) -> Option<Vec<String>> {
        let answer = self.http.get(&url, HeaderMap::new()).await.ok().filter(|answer| answer.status < 400)?;
        let members: Value = serde_json::from_slice(&answer.body).ok()?;
        let urls = members.as_array()?.iter().flat_map(|member| member["clientURLs"].as_array().into_iter().flatten());
        Some(urls.filter_map(|url| url.as_str().map(str::to_owned)).collect())
    }
}

/// Asks one server after the other until one answers, each for its share of `total`.
///
/// A server that denies ends it: the others would, too.
///
/// # Errors
///
/// None answers.
pub async fn first<'a, T>(
    endpoints: &'a [String],
    total: Duration,
    ask: impl AsyncFn(&'a str) -> Result<T, OnlineError>,
) -> Result<T, OnlineError> {
    let share = total / u32::try_from(endpoints.len().max(1)).unwrap_or(u32::MAX);
    let mut failures = Vec::new();
    for endpoint in endpoints {
        match tokio::time::timeout(share, ask(endpoint)).await {
            Ok(Err(error @ OnlineError::Server { .. })) => failures.push(error),
            Ok(other) => return other,
            Err(_) => failures.push(OnlineError::no_answer(endpoint, share)),
        }
    }
    match <[OnlineError; 1]>::try_from(failures) {
        Ok([only]) => Err(only),
        Err(failures) => Err(OnlineError::NoServer(failures)),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// What is asked for in turn, and what is found, when these are the records.
    fn check(suffix: Option<&str>, records: &[(&str, &str, u16)], asked: &[&str], expect: Result<&[&str], &str>) {
        let log = RefCell::new(Vec::new());
        let look_up = |name: String| {
            log.borrow_mut().push(name.clone());
            let found: Vec<(String, u16)> = records
                .iter()
                .filter(|(own, ..)| *own == name)
                .map(|(_, host, port)| ((*host).to_owned(), *port))
                .collect();
            let found = if found.is_empty() { Err("no such name".to_owned()) } else { Ok(found) };
            std::future::ready(found)
        };
        let ask = |url: String| {
            log.borrow_mut().push(url.clone());
            let is_up = url.contains("peer2");
            std::future::ready(is_up.then(|| vec!["https://e2:2379/".to_owned(), "https://e1:2379".to_owned()]))
        };
        let found = crate::input::online::run(from_srv("example.org", suffix, look_up, ask)).expect("it runs");
        let expect = expect.map(|urls| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>());
        assert_eq!(found, expect.map_err(str::to_owned));
        assert_eq!(log.into_inner(), asked);
    }

    #[test]
    fn records_are_asked_for_in_patronis_order() {
        let first = "_etcd-client-ssl._tcp.example.org";
        check(None, &[(first, "e2", 2379), (first, "e1", 2379)], &[first], Ok(&["https://e1:2379", "https://e2:2379"]));
        let all = [
            first,
            "_etcd-client._tcp.example.org",
            "_etcd-ssl._tcp.example.org",
            "_etcd._tcp.example.org",
            "_etcd-server-ssl._tcp.example.org",
            "_etcd-server._tcp.example.org",
        ];
        check(None, &[], &all, Err(": no such name"));
        check(None, &[(all[3], "e1", 4001)], &all[..4], Ok(&["http://e1:4001"]));
        let suffixed = ["_etcd-client-ssl-eu._tcp.example.org", "_etcd-client-eu._tcp.example.org"];
        check(Some("eu"), &[(suffixed[1], "e1", 2379)], &suffixed, Ok(&["http://e1:2379"]));
    }

    #[test]
    fn peers_are_asked_until_one_answers() {
        let name = "_etcd-server-ssl._tcp.example.org";
        let asked = [
            "_etcd-client-ssl._tcp.example.org",
            "_etcd-client._tcp.example.org",
            "_etcd-ssl._tcp.example.org",
            "_etcd._tcp.example.org",
            name,
            "https://peer1:2380/members",
            "https://peer2:2380/members",
        ];
        let records = [(name, "peer1", 2380), (name, "peer2", 2380), (name, "peer3", 2380)];
        check(None, &records, &asked, Ok(&["https://e1:2379", "https://e2:2379"]));
    }
}
