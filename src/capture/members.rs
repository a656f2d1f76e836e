//! Which members there are to ask, and what they answer.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use crate::capture::{Scale, files};
use crate::input::online::http::{Answer, endpoint};
use crate::input::online::rest_api::Members;
use crate::input::online::{Keys, OnlineError};
use crate::input::source_map::SourceId;
use crate::parse::json;
use crate::parse::tree::Node;

/// The source of trees that belong to no source map.
const NOWHERE: SourceId = SourceId(u32::MAX);

/// What verdicts need.
const STATUS: &str = "/patroni";
/// What else may help.
const MORE: [&str; 4] = ["/cluster", "/config", "/history", "/metrics"];

/// The folder of a cluster and the name of a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemberId {
    /// The scope, or scope and Citus group, as [`crate::capture::files`] names folders.
    pub cluster: String,
    /// The member.
    pub name: String,
}

/// What a member answered.
pub struct Asked {
    pub id: MemberId,
    /// Its `api_url`.
    pub url: String,
    /// The answers by path.
    pub answers: Vec<(&'static str, Result<Answer, OnlineError>)>,
}

/// The `api_url` of every member that the DCS names; empty if it tells none.
pub fn api_urls(keys: &Keys, namespace: &str) -> BTreeMap<MemberId, String> {
    let mut urls = BTreeMap::new();
    for key in &keys.keys {
        let Some((_, name)) = key.path.rsplit_once("/members/") else { continue };
        let value = std::str::from_utf8(&key.value).ok().and_then(|text| json::parse(NOWHERE, text).ok());
        let url = value.as_ref().and_then(|value| value.get("api_url")).and_then(Node::as_str).unwrap_or_default();
        let id = MemberId { cluster: files::folder(&key.path, namespace), name: name.to_owned() };
        urls.insert(id, url.to_owned());
    }
    urls
}

/// The `api_url` of every member that a member knows: what it answers to `GET /cluster`.
pub async fn api_urls_of_view(
    members: &Members,
    own: &str,
    scope: Option<&str>,
) -> Result<BTreeMap<MemberId, String>, OnlineError> {
    let answer = members.get(own, Some("/cluster")).await?;
    let tree = std::str::from_utf8(&answer.body).ok().and_then(|text| json::parse(NOWHERE, text).ok());
    let text = |node: &Node, name: &str| node.get(name).and_then(Node::as_str).map(str::to_owned);
    let cluster = scope.map(str::to_owned).or_else(|| text(tree.as_ref()?, "scope")).unwrap_or_default();
    let mut urls = BTreeMap::new();
    for member in tree.as_ref().and_then(|tree| tree.get("members")).and_then(Node::as_sequence).unwrap_or_default() {
        if let (Some(name), Some(url)) = (text(member, "name"), text(member, "api_url")) {
            urls.insert(MemberId { cluster: cluster.clone(), name }, url);
        }
    }
    if urls.is_empty() {
        // Without the DCS it may not know the others; itself it does.
        let answer = members.get(own, Some(STATUS)).await?;
        let tree = std::str::from_utf8(&answer.body).ok().and_then(|text| json::parse(NOWHERE, text).ok());
        let name = tree.as_ref().and_then(|tree| tree.at(&["patroni", "name"])).and_then(Node::as_str);
        urls.insert(MemberId { cluster, name: name.unwrap_or("self").to_owned() }, own.to_owned());
    }
    Ok(urls)
}

/// Asks a member, all at once.
pub async fn ask(members: &Members, id: MemberId, url: String, scale: Scale) -> Asked {
    if url.is_empty() {
        let error = OnlineError::Settings("the DCS tells no api_url of it".to_owned());
        return Asked { id, url, answers: vec![(STATUS, Err(error))] };
    }
    let more = if scale == Scale::Everything { MORE.as_slice() } else { &[] };
    let paths = std::iter::once(STATUS).chain(more.iter().copied());
    // Its own URL as it is, for that is what Patroni asks.
    let ask = async |path| {
        let answer = members.get(&url, (path != STATUS).then_some(path)).await;
        (path, answer.and_then(|answer| of_patroni(path, &url, answer)))
    };
    let answers = join_all(paths.map(ask)).await;
    Asked { id, url, answers }
}

/// An answer that is not Patroni's is none: to Patroni as well, such a member is not reachable.
///
/// Source: patroni/ha.py, `Ha.fetch_node_status` and `_MemberStatus.from_api_response`, 4.1.5.
fn of_patroni(path: &str, url: &str, answer: Answer) -> Result<Answer, OnlineError> {
    let tree = std::str::from_utf8(&answer.body).ok().and_then(|text| json::parse(NOWHERE, text).ok());
    let is_patroni = match (path, &tree) {
        ("/metrics", _) => true,
        (STATUS, Some(tree)) => tree.at(&["patroni", "version"]).or_else(|| tree.at(&["patroni", "scope"])).is_some(),
        (_, tree) => tree.is_some(),
    };
    if is_patroni {
        return Ok(answer);
    }
    let reason = format!("its answer with HTTP status {} is not one of Patroni", answer.status);
    Err(OnlineError::Server { endpoint: endpoint(url), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_not_of_patroni_is_none() {
        fn check(path: &str, body: &str, expect: Result<(), &str>) {
            let answer = Answer { status: 500, headers: Default::default(), body: body.into(), latency_ms: 0 };
            let kept = of_patroni(path, "http://root:hunter2@pg1:8008/patroni", answer);
            assert_eq!(kept.map(|_| ()).map_err(|error| error.to_string()), expect.map_err(str::to_owned), "{body}");
        }
        let refused = Err("http://pg1:8008: its answer with HTTP status 500 is not one of Patroni");
        check("/patroni", r#"{"state": "stopped", "patroni": {"version": "4.0.5", "scope": "demo"}}"#, Ok(()));
        check("/patroni", r#"{"state": "running"}"#, refused);
        check("/patroni", "[]", refused);
        check("/patroni", "<html>hunter2</html>", refused);
        check("/patroni", &"[".repeat(100_000), refused);
        check("/config", "", refused);
        check("/config", r#"{"ttl": 30}"#, Ok(()));
        check("/metrics", "patroni_version 40005", Ok(()));
    }
}
