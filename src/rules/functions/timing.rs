//! Times of the cluster that do not fit those of the watchdog or of the DCS.

use crate::model::snapshot::DcsKind;
use crate::parse::python;
use crate::parse::tree::{Node, Value};
use crate::rules::facts::Subject;
use crate::rules::finding::Label;
use crate::rules::functions::Hit;
use crate::rules::place;

type Found = Result<Vec<Hit>, Vec<String>>;

/// What the default timings leave, in seconds.
const USUAL_BUDGET_SECONDS: i128 = 5;
const DEFAULT_SAFETY_MARGIN_SECONDS: i128 = 5;

/// A watchdog that leaves little time, or none, between a loop that waits for the DCS and the reset of the host.
///
/// Source: patroni/watchdog/base.py, `WatchdogConfig` and `Watchdog._activate`, 2.0.0 to 4.1.5; docs/watchdog.rst.
pub fn watchdog_budget(subject: &Subject<'_>) -> Found {
    let document = subject.configuration.and_then(|file| file.document.as_ref());
    let (Some(document), Some(global)) = (document, &subject.global) else { return Ok(Vec::new()) };
    let Some(watchdog) = document.get("watchdog").and_then(Node::as_mapping) else { return Ok(Vec::new()) };
    let mode = match watchdog.get("mode").map(|node| &node.value) {
        Some(Value::Bool(false)) => return Ok(Vec::new()),
        Some(mode) => python::str(mode).to_lowercase(),
        None => "automatic".to_owned(),
    };
    let is_required = matches!(mode.as_str(), "require" | "required");
    if !is_required && !matches!(mode.as_str(), "auto" | "automatic") {
        return Ok(Vec::new());
    }
    let (ttl, loop_wait) = (global.ttl_seconds, global.loop_wait_seconds);
    let margin = match watchdog.get("safety_margin").map(|node| &node.value) {
        Some(Value::Int(margin)) => *margin,
        Some(_) => return Ok(Vec::new()),
        None => DEFAULT_SAFETY_MARGIN_SECONDS,
    };
    let is_half = margin == -1;
    let timeout = if is_half { ttl / 2 } else { ttl.saturating_sub(margin) };
    let slack = timeout.saturating_sub(loop_wait);
    let budget = slack.saturating_sub(global.retry_timeout_seconds);
    if USUAL_BUDGET_SECONDS <= budget {
        return Ok(Vec::new());
    }
    let mut hit = Hit::at(place::within(subject.scene, document, &["watchdog", "safety_margin"]), "");
    if let Some(dynamic) = subject.dynamic.filter(|dynamic| dynamic.node.get("ttl").is_some()) {
        let span = place::within(subject.scene, dynamic.node, &["ttl"]);
        hit.labels.push(Label { span, text: format!("the watchdog gets {timeout} s of it") });
    }
    let number = |seconds: i128| i64::try_from(seconds).unwrap_or(i64::MIN);
    let hit = hit
        .with("is_required", is_required)
        .with("is_half", is_half)
        .with("ttl", number(ttl))
        .with("timeout", number(timeout));
    let hit = hit.with("loop_wait", number(loop_wait)).with("retry_timeout", number(global.retry_timeout_seconds));
    Ok(vec![hit.with("slack", number(slack)).with("budget", number(budget))])
}

/// What ZooKeeper grants to a session at most, with the `tickTime` of 2 s that its documentation and packages have.
const ZOOKEEPER_SESSION_SECONDS: i128 = 20 * 2;

/// A `ttl` that ZooKeeper cuts short.
///
/// Source: ZooKeeper Administrator's Guide, `maxSessionTimeout`; patroni/dcs/zookeeper.py, `ZooKeeper.set_ttl`, 4.1.5.
pub fn shortened_sessions(subject: &Subject<'_>) -> Found {
    let (Some(dynamic), Some(global)) = (subject.dynamic, &subject.global) else { return Ok(Vec::new()) };
    let of_dump = subject.scene.cluster.and_then(|cluster| cluster.dcs.as_ref()).map(|dcs| dcs.kind);
    let names_zookeeper = subject.scene.configurations.iter().any(|file| {
        let document = file.document.as_ref();
        ["zookeeper", "exhibitor"].iter().any(|name| document.and_then(|document| document.get(name)).is_some())
    });
    let is_zookeeper = match of_dump {
        None | Some(DcsKind::Unknown) => names_zookeeper,
        Some(kind) => kind == DcsKind::ZooKeeper,
    };
    if !is_zookeeper || global.ttl_seconds <= ZOOKEEPER_SESSION_SECONDS {
        return Ok(Vec::new());
    }
    let needed = global.loop_wait_seconds.saturating_add(global.retry_timeout_seconds.saturating_mul(2));
    let number = |seconds: i128| i64::try_from(seconds).unwrap_or(i64::MAX);
    let hit = Hit::at(place::within(subject.scene, dynamic.node, &["ttl"]), "");
    let hit = hit.with("ttl", number(global.ttl_seconds)).with("limit", number(ZOOKEEPER_SESSION_SECONDS));
    Ok(vec![hit.with("needed", number(needed)).with("is_too_short", ZOOKEEPER_SESSION_SECONDS < needed)])
}
