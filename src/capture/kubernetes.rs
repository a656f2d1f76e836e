//! Kubernetes as a DCS: the objects that its API lists, as the keys that the offline path makes of the same objects.

use jiff::Timestamp;

use crate::input::dcs_server::DcsServer;
use crate::input::online::kubernetes::{Kubernetes as Api, Lists};
use crate::input::online::settings::{Kubernetes as Settings, Limits};
use crate::input::online::{DcsReader, Keys, OnlineError, Pending, StoredKey};
use crate::input::source_map::SourceId;
use crate::parse::dump::kubernetes::{self, Layout};
use crate::parse::dump::{DumpedKey, StoredValue};
use crate::parse::json;
use crate::parse::tree::Node;

/// The source of trees that belong to no source map.
const NOWHERE: SourceId = SourceId(u32::MAX);

/// Reads the state of clusters from Kubernetes.
pub struct Kubernetes {
    settings: Settings,
    api: Api,
}

impl Kubernetes {
    /// Asks nothing yet.
    pub fn new(settings: &Settings, limits: Limits) -> Self {
        Self { settings: settings.clone(), api: Api::new(settings, limits) }
    }
}

impl DcsReader for Kubernetes {
    fn keys<'a>(&'a self, prefix: &'a str) -> Pending<'a, Result<Keys, OnlineError>> {
        Box::pin(async move {
            let scope = prefix.trim_matches('/').strip_prefix(&self.settings.namespace).map(|it| it.trim_matches('/'));
            let lists = self.api.lists(scope.filter(|scope| !scope.is_empty())).await?;
            translate(&lists, &self.settings)
        })
    }

    fn servers(&self) -> Pending<'_, Vec<DcsServer>> {
        Box::pin(async move { vec![self.api.server().await] })
    }
}

fn translate(lists: &Lists, settings: &Settings) -> Result<Keys, OnlineError> {
    let malformed = |reason: String| OnlineError::Server { endpoint: lists.endpoint.clone(), reason };
    let documents = lists.texts.iter().map(|text| json::parse(NOWHERE, text)).collect::<Result<Vec<_>, _>>();
    let documents = documents.map_err(|_| malformed("its answer is no JSON: is it Kubernetes?".to_owned()))?;
    let mut keys = Keys { endpoint: lists.endpoint.clone(), revision: one_revision(&documents), ..Keys::default() };
    let layout = Layout { scope_label: Some(&settings.scope_label), use_endpoints: Some(settings.use_endpoints) };
    let dump = match kubernetes::read(&documents, layout) {
        Some(dump) => dump.map_err(|error| malformed(error.reason))?,
        None => return Ok(keys),
    };
    for (path, key) in dump.keys {
        let ttl_seconds = seconds_left(&key, lists.now);
        let StoredValue::Text(value) = key.value else { continue };
        if let Some(ttl) = ttl_seconds.filter(|ttl| *ttl < 0) {
            // It stays when the leader is gone. Members count it while they see it change, and have not for this long.
            keys.doubts.push(format!(
                "{value} has not renewed {path}, which ended {} s ago by the clock of the API server: if the clock of its node \
                 is right, no member counts it as the leader, and it is left out here",
                -ttl
            ));
            continue;
        }
        let revision = key.revision;
        keys.keys.push(StoredKey { path, value: value.into_bytes(), revision, lease: None, ttl_seconds });
    }
    Ok(keys)
}

/// How long a leader's record counts from now on, in seconds.
fn seconds_left(key: &DumpedKey, now: f64) -> Option<i64> {
    let expiration: Timestamp = key.expiration.as_deref()?.parse().ok()?;
    Some((expiration.as_microsecond() as f64 / 1e6 - now).floor() as i64)
}

/// The revision of both lists, if nothing changed between them.
fn one_revision(lists: &[Node]) -> Option<u64> {
    let revision = |list: &Node| list.at(&["metadata", "resourceVersion"])?.as_str()?.parse().ok();
    let mut revisions = lists.iter().map(revision);
    let first = revisions.next()?;
    revisions.all(|revision| revision == first).then_some(first)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(now: &str) -> Keys {
        let kinds = r#"{"apiVersion":"v1","kind":"EndpointsList","metadata":{"resourceVersion":"9"},"items":[
            {"metadata":{"name":"demo","namespace":"pg","labels":{"cluster-name":"demo"},"resourceVersion":"7",
             "annotations":{"leader":"demo-0","ttl":"30","renewTime":"2026-11-26T05:10:20.500000+00:00"}}}]}"#;
        let pods = r#"{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"9"},"items":[]}"#;
        let settings = Settings {
            namespace: "pg".to_owned(),
            scope_label: "cluster-name".to_owned(),
            use_endpoints: true,
            ..Settings::default()
        };
        let now = now.parse::<Timestamp>().expect("a time").as_second() as f64;
        let texts = [pods.to_owned(), kinds.to_owned()];
        translate(&Lists { endpoint: "https://api".to_owned(), texts, now }, &settings).expect("well-formed")
    }

    #[test]
    fn a_leader_that_renews_its_record_counts() {
        let keys = read("2026-11-26T05:10:30Z");
        assert_eq!(
            keys.keys.iter().map(|key| (key.path.as_str(), key.ttl_seconds)).collect::<Vec<_>>(),
            [("/pg/demo/leader", Some(20))]
        );
        assert_eq!((keys.revision, keys.doubts.len()), (Some(9), 0));
    }

    #[test]
    fn a_leader_that_does_not_is_none_and_told_of() {
        let keys = read("2026-11-26T05:12:00Z");
        assert_eq!(keys.keys, []);
        assert!(
            keys.doubts[0].starts_with("demo-0 has not renewed /pg/demo/leader, which ended 70 s ago"),
            "{:?}",
            keys.doubts
        );
    }
}
