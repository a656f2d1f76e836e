//! What the APIs of etcd have in common: which servers to ask, one after the other until one answers, and what to do without a
//! majority.

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::input::dcs_server::DcsServer;
use crate::input::online::http::{Http, endpoint as shown, innermost};
use crate::input::online::settings::{Etcd, Limits, Tls};
use crate::input::online::{DcsReader, Keys, OnlineError, Pending, first};

/// One of the APIs.
pub(super) trait Api {
    /// Every key below a path, as a server has it: after asking the others, or of itself alone.
    async fn keys(&self, endpoint: &str, prefix: &str, agreed: bool) -> Result<Keys, OnlineError>;

    /// The servers that a server knows, itself among them; one that has not started yet has no URL.
    async fn members(&self, endpoint: &str) -> Result<Vec<Member>, OnlineError>;

    /// Adds what a server tells of itself.
    async fn ask(&self, endpoint: &str, server: &mut DcsServer) -> Result<(), OnlineError>;
}

/// A server as another one knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub name: Option<String>,
    pub url: String,
}

/// Reads etcd by one of its APIs.
struct Reader<A> {
    settings: Etcd,
    limits: Limits,
    api: A,
}

/// A reader by this API.
pub(super) fn reader(settings: &Etcd, limits: Limits, api: impl Api + 'static) -> Box<dyn DcsReader> {
    Box::new(Reader { settings: settings.clone(), limits, api })
}

impl<A: Api> Reader<A> {
    /// The servers that etcd itself names; those of the settings if it names none, or is behind proxies.
    async fn members(&self) -> Result<Vec<Member>, OnlineError> {
        let endpoints = endpoints(&self.settings, self.limits).await?;
        let told = match self.settings.use_proxies {
            true => Vec::new(),
            false => {
                let ask = async |endpoint| self.api.members(endpoint).await;
                first(&endpoints, self.limits.dcs, ask).await.unwrap_or_default()
            }
        };
        let given = || endpoints.into_iter().map(|url| Member { name: None, url }).collect();
        Ok(if told.is_empty() { given() } else { told })
    }

    async fn server(&self, Member { name, url }: Member) -> DcsServer {
        if url.is_empty() {
            return DcsServer { name, error: Some("it has not started yet".to_owned()), ..DcsServer::default() };
        }
        let url = url.trim_end_matches('/');
        let mut server = DcsServer { endpoint: shown(url), name, ..DcsServer::default() };
        let asked = tokio::time::timeout(self.limits.dcs, self.api.ask(url, &mut server)).await;
        match asked.unwrap_or_else(|_| Err(OnlineError::no_answer(url, self.limits.dcs))) {
            Ok(()) => {}
            Err(OnlineError::Server { reason, .. } | OnlineError::Denied { reason, .. }) => server.error = Some(reason),
            Err(error) => server.error = Some(error.to_string()),
        }
        server
    }
}

impl<A: Api> DcsReader for Reader<A> {
    fn keys<'a>(&'a self, prefix: &'a str) -> Pending<'a, Result<Keys, OnlineError>> {
        Box::pin(async move {
            let endpoints = endpoints(&self.settings, self.limits).await?;
            let ask = async |agreed| {
                let ask = async |endpoint| self.api.keys(endpoint, prefix, agreed).await;
                first(&endpoints, self.limits.dcs / 2, ask).await
            };
            match ask(true).await {
                // Without a majority a server still tells what it has, if it is not asked to make sure.
                Err(error @ (OnlineError::Server { .. } | OnlineError::NoServer(_))) => match ask(false).await {
                    Ok(keys) => Ok(Keys { stale: Some(error.to_string()), ..keys }),
                    Err(_) => Err(error),
                },
                other => other,
            }
        })
    }

    fn servers(&self) -> Pending<'_, Vec<DcsServer>> {
        Box::pin(async move {
            let members = self.members().await.unwrap_or_default();
            join_all(members.into_iter().map(async |member| self.server(member).await)).await
        })
    }
}

/// The servers that the settings name: by SRV records if there are any.
///
/// Source: patroni/dcs/etcd.py, `AbstractEtcdClientWithFailover._get_machines_cache_from_config`, 4.1.5.
///
/// # Errors
///
/// They name none.
async fn endpoints(settings: &Etcd, limits: Limits) -> Result<Vec<String>, OnlineError> {
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

/// Why a server is of no use though it answers.
pub(super) const NO_LEADER: &str = "it knows no leader of etcd";

/// The servers of an answer with `members`, which both HTTP APIs write alike.
pub(super) fn listed(answer: &Value) -> Vec<Member> {
    let member = |member: &Value| Member {
        name: member["name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned),
        url: member["clientURLs"].as_array().and_then(|urls| urls.first()?.as_str()).unwrap_or_default().to_owned(),
    };
    answer["members"].as_array().into_iter().flatten().map(member).collect()
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
