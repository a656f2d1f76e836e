//! What the two APIs of etcd have in common: which servers to ask, and one after the other until one answers.

use std::time::Duration;

use crate::input::online::OnlineError;
use crate::input::online::settings::Etcd;

/// The servers that the settings name.
///
/// Source: patroni/dcs/etcd.py, `AbstractEtcdClientWithFailover._get_machines_cache_from_config`, 4.1.5.
///
/// # Errors
///
/// They name none.
pub async fn endpoints(settings: &Etcd) -> Result<Vec<String>, OnlineError> {
    let mut endpoints: Vec<String> =
        settings.endpoints.iter().map(|endpoint| endpoint.trim_end_matches('/').to_owned()).collect();
    endpoints.dedup();
    match (endpoints.is_empty(), &settings.srv) {
        (false, _) => Ok(endpoints),
        (true, Some(domain)) => {
            Err(OnlineError::Settings(format!("this build cannot look up the SRV records of {domain}")))
        }
        (true, None) => Err(OnlineError::Settings("the settings name no server of etcd".to_owned())),
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
